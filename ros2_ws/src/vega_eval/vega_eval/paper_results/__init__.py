"""The paper's own tables as data, to stand beside a lab's figures.

    >>> paper_table("3").cell("VEGA", "close_laptop").successes
    16

Rates are those that are printed; what does not add up in them is told in notes.
"""

from vega_eval.paper_results.tables import NUMBERS, PAPER, PaperTable, paper_table

__all__ = ["NUMBERS", "PAPER", "PaperTable", "paper_table"]
