"""Statistics of trials: success rates, comparisons of policies, what a session can resolve.

    from vega_eval.statistics import PairCounts, SequentialTest, clopper_pearson, mcnemar_exact

Rates: `clopper_pearson` covers as often as it says, `wilson` only on average. Policies on the same
scenes: `mcnemar_exact` and `newcombe_paired`, or `SequentialTest` to look after every pair. On
scenes of their own: `barnard` and `newcombe`. Several tasks: `pooling`; several comparisons: `holm`
and `letters`. `python -m benches.statistics` shows by simulation that all this holds.
"""

from vega_eval.statistics.bayes import Posterior, probability_better
from vega_eval.statistics.boundary import Boundary
from vega_eval.statistics.counts import Count
from vega_eval.statistics.families import holm, letters
from vega_eval.statistics.intervals import Estimate, Interval, clopper_pearson, wilson
from vega_eval.statistics.pairs import PairCounts, mcnemar_exact, newcombe_paired
from vega_eval.statistics.pooling import (
    mantel_haenszel_exact,
    mean_difference,
    mean_paired_difference,
    pooled_mcnemar,
    pooled_rate,
)
from vega_eval.statistics.resolution import (
    mcnemar_power,
    resolution_sentences,
    smallest_resolvable,
    trials_for_power,
    wins_needed,
)
from vega_eval.statistics.sequential import Decision, Operating, SequentialState, SequentialTest
from vega_eval.statistics.unpaired import barnard, newcombe

__all__ = [
    "Boundary",
    "Count",
    "Decision",
    "Estimate",
    "Interval",
    "Operating",
    "PairCounts",
    "Posterior",
    "SequentialState",
    "SequentialTest",
    "barnard",
    "clopper_pearson",
    "holm",
    "letters",
    "mantel_haenszel_exact",
    "mcnemar_exact",
    "mcnemar_power",
    "mean_difference",
    "mean_paired_difference",
    "newcombe",
    "newcombe_paired",
    "pooled_mcnemar",
    "pooled_rate",
    "probability_better",
    "resolution_sentences",
    "smallest_resolvable",
    "trials_for_power",
    "wilson",
    "wins_needed",
]
