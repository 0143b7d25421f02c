"""Writes the report of one or several sessions of trials.

    python -m vega_eval.report DIR                     # DIR/report.html, report.md, report.csv
    python -m vega_eval.report DIR DIR ... --out NEW   # several sessions in one report
    python -m vega_eval.report DIR --blinded           # a session that goes on, by letters

Sessions are mixed only where that means something: one robot kind, judge, hw_config and timing; one
task spec a task; one checkpoint a name. easy and hard are told apart. A file that is there is
replaced only if it is an earlier report that nobody has changed since: report.sha256 beside it has
their digests (as `sha256sum -c` reads them).

Exit code 0: written; 2: wrong use, or sessions that may not be mixed; 130: interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from vega_core import command_line
from vega_core.files import sha256_of, write_atomically
from vega_eval.errors import EvalError, MixError, SessionError
from vega_eval.report.analysis import analyse, sequential_traces
from vega_eval.report.charts import film_strips
from vega_eval.report.evaluation import Evaluation, merge
from vega_eval.report.page import Report, page
from vega_eval.report.reading import read_source
from vega_eval.report.summary import tiles
from vega_eval.report.text_formats import markdown, spreadsheet

DIGESTS = "report.sha256"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = _parser().parse_args(argv)
    return command_line.run(lambda: _report(arguments), EvalError)


def _report(arguments: argparse.Namespace) -> int:
    folder = _folder(arguments.sessions, arguments.out, arguments.blinded)
    evaluation = merge([read_source(s, arguments.blinded) for s in arguments.sessions])
    write_report(evaluation, folder)
    counted = ", ".join(f"{number} {what}" for number, what in tiles(evaluation))
    print(f"{folder / 'report.html'}: {counted}")
    return command_line.OK


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Writes report.html, report.md and report.csv.

    Raises:
        SessionError: They cannot be written, or something else is there.
    """
    report = Report(
        evaluation=evaluation,
        blocks=analyse(evaluation),
        traces=tuple(sequential_traces(evaluation)),
        strips=film_strips([trial for trial in evaluation.trials if not trial.record.success]),
        folder=folder,
    )
    texts = {
        "report.html": page(report),
        "report.md": markdown(report),
        "report.csv": spreadsheet(evaluation),
    }
    write(folder, texts)


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Writes files by name.

    Raises:
        SessionError: The folder cannot be written, or a file there is not ours; nothing is written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = _digests(folder)
        for name in texts:
            _refuse_foreign(folder / name, before)
        now = [(hashlib.sha256(text.encode()).hexdigest(), name) for name, text in texts.items()]
        # Both until all are written, so that a crash between two files leaves none unrecognised.
        write_atomically(folder / DIGESTS, _lines([*before, *now]))
        for name, text in texts.items():
            write_atomically(folder / name, text)
        write_atomically(folder / DIGESTS, _lines(now))
    except OSError as error:
        raise SessionError(
            f"{folder}: the report cannot be written ({error.strerror}); give --out with a folder "
            "that can be"
        ) from None


def _refuse_foreign(path: Path, known: list[tuple[str, str]]) -> None:
    if path.exists() and (sha256_of(path), path.name) not in known:
        raise SessionError(
            f"{path} is not as an earlier report left it, and is not overwritten: move it away, "
            "or give --out with another folder"
        )


def _digests(folder: Path) -> list[tuple[str, str]]:
    path = folder / DIGESTS
    if not path.exists():
        return []
    lines = path.read_text("utf-8", errors="replace").splitlines()
    return [(digest, name) for digest, _, name in (line.partition("  ") for line in lines)]


def _lines(digests: list[tuple[str, str]]) -> str:
    return "".join(f"{digest}  {name}\n" for digest, name in dict.fromkeys(digests))


def _folder(sessions: Sequence[Path], out: Path | None, blinded: bool) -> Path:
    if len(sessions) > 1 and blinded:
        raise MixError("letters mean other policies in every session: give one with --blinded")
    if len(sessions) > 1 and out is None:
        raise MixError("the report of several sessions needs a folder of its own: give --out")
    return out or sessions[0]


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("vega_eval.report", __doc__)
    parser.add_argument("sessions", type=Path, nargs="+", metavar="DIR", help="of a session")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: the one session's")
    parser.add_argument("--blinded", action="store_true", help="by letters, of one session")
    return parser


if __name__ == "__main__":
    sys.exit(main())
