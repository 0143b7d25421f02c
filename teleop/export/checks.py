"""What `teleop.check` calls an error is not exported: its own checks, over the same figures."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import get_args

from teleop.export.demonstration import ExportError, Prepared
from teleop.export.recording import PreparedRecording
from teleop.quality.cross_episode import check_across_episodes
from teleop.quality.findings import Check, Finding


def option_name(check: str) -> str:
    """What `--accept` calls a check."""
    return check.replace(" ", "-")


def check_name(text: str) -> str:
    """What `--accept` calls a check, for argparse."""
    name, known = option_name(text), sorted(map(option_name, get_args(Check)))
    if name not in known:
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(known)}, got {text}")
    return name


def refuse(findings: Iterable[Finding], accepted: Collection[str]) -> None:
    """Raises ExportError for an episode with errors that nobody accepted."""
    text = _said(findings, accepted)
    if text:
        raise ExportError(text)


def refused_together(prepared: Sequence[Prepared], accepted: Collection[str]) -> dict[int, str]:
    """What is wrong with recordings beside the others of their dataset, by place in the sequence.

    Mixtures, which concern all of them, are for `run`.
    """
    datasets: dict[object, dict[int, tuple[int, PreparedRecording]]] = defaultdict(dict)
    for place, each in enumerate(prepared):
        assert isinstance(each, PreparedRecording)
        datasets[each.folder.parent][each.quality.info.index] = (place, each)
    wrong = {}
    for episodes in datasets.values():
        found = check_across_episodes([each.quality for _, each in episodes.values()])
        for index, (place, each) in episodes.items():
            text = _said((f for f in found if f.episode == index), accepted)
            if text:
                wrong[place] = f"{each.folder}: {text}"
    return wrong


def _said(findings: Iterable[Finding], accepted: Collection[str]) -> str:
    """The first error of each check: a clock that was set is found in every stream."""
    errors = [
        (option_name(finding.check), finding.text)
        for finding in findings
        if finding.severity == "error" and option_name(finding.check) not in accepted
    ]
    first: dict[str, str] = {}
    for check, text in errors:
        first.setdefault(check, text)
    more = len(errors) - len(first)
    said = [f"{check}: {text}" for check, text in first.items()]
    return "; ".join([*said, *([f"and {more} more of these kinds"] if more else [])])
