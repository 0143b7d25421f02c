"""Whether a session may end before every trial was played, by the sequential test."""

from __future__ import annotations

from collections.abc import Callable

from vega_eval.statistics.resolution import resolution_sentences
from vega_eval.statistics.sequential import MOST_PAIRS, Decision, SequentialState, SequentialTest
from vega_eval.trials.folder import SessionFolder
from vega_eval.trials.session_spec import SessionSpec


class EarlyEnd:
    """Whether a session of two policies has decided: the sequential test after every pair.

    Policies stay letters.

    Args:
        session: What is played.
        allowed: Whether a decision ends the session; otherwise it is only logged.
        log: Gets a sentence when the test has decided.
    """

    def __init__(self, session: SessionFolder, allowed: bool, log: Callable[[str], None]) -> None:
        self._session, self._allowed, self._log = session, allowed, log
        self._logged = ""

    def __call__(self) -> str:
        """Why the session may end now; empty if it goes on."""
        session = self._session.session
        if len(session.policies) != 2 or session.trials_each > MOST_PAIRS:
            return ""
        rows = self._session.status.rows(session.policies)
        test = SequentialTest(session.trials_each)
        decision = test.decide([(row[0].success, row[1].success) for row in rows])
        text = self._sentence(decision) if test.fewest_pairs is not None else ""
        if text and text != self._logged:
            self._logged = text
            self._log(text if self._allowed else f"{text}; it goes on to the planned number")
        return text if self._allowed else ""

    def _sentence(self, decision: Decision) -> str:
        a, b = self._session.session.policies
        after = f"after {decision.pairs} pair{'s' * (decision.pairs != 1)}"
        if decision.state is SequentialState.A_BETTER or decision.state is SequentialState.B_BETTER:
            better, worse = (a, b) if decision.state is SequentialState.A_BETTER else (b, a)
            return (
                f"{after} policy {better} is better than {worse} (p = {decision.p_value:.3f}, "
                "sequential test)"
            )
        if decision.state is SequentialState.NO_DECISION:
            return f"{after} the trials that are left can no longer tell the two policies apart"
        return ""

    @staticmethod
    def resolution(session: SessionSpec) -> list[str]:
        """What a session of this size can tell apart, before it begins."""
        return resolution_sentences(session.trials_each, len(session.policies))
