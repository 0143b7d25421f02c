"""Writes the report of one or several sessions of trials.

    python -m vega_eval.report DIR                     # DIR/report.html, report.md, report.csv
    python -m vega_eval.report DIR DIR ... --out NEW   # several sessions in one report
    python -m vega_eval.report DIR --blinded           # a session that goes on, by letters

Sessions are mixed only where that means something: one robot kind, judge, hw_config and timing; one
card a task; one checkpoint a name. easy and hard are told apart. A file that is there is replaced
only if it is an earlier report that nobody has changed since (report.sha256 knows).

Exit code 0: written; 2: wrong use, or sessions that may not be mixed; 130: interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vega_eval.errors import EvalError, MixError
from vega_eval.report import spreadsheet
from vega_eval.report.analysis import analyse
from vega_eval.report.evaluation import Evaluation
from vega_eval.report.files import write
from vega_eval.report.markdown import markdown
from vega_eval.report.merging import merge
from vega_eval.report.page import Report, page
from vega_eval.report.reading import read_source
from vega_eval.report.stills import strips
from vega_eval.report.story import tiles
from vega_eval.report.walks import walks


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        folder = _folder(arguments.sessions, arguments.out, arguments.blinded)
        evaluation = merge([read_source(s, arguments.blinded) for s in arguments.sessions])
        write_report(evaluation, folder)
    except EvalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    counted = ", ".join(f"{number} {what}" for number, what in tiles(evaluation))
    print(f"{folder / 'report.html'}: {counted}")
    return 0


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Writes report.html, report.md and report.csv.

    Raises:
        SessionError: They cannot be written, or something else is there.
    """
    report = Report(
        evaluation=evaluation,
        blocks=analyse(evaluation),
        walks=tuple(walks(evaluation)),
        strips=strips([trial for trial in evaluation.trials if not trial.record.success]),
        folder=folder,
    )
    texts = {
        "report.html": page(report),
        "report.md": markdown(report),
        "report.csv": spreadsheet.table(evaluation),
    }
    write(folder, texts)


def _folder(sessions: Sequence[Path], out: Path | None, blinded: bool) -> Path:
    if len(sessions) > 1 and blinded:
        raise MixError("letters mean other policies in every session: give one with --blinded")
    if len(sessions) > 1 and out is None:
        raise MixError("the report of several sessions needs a folder of its own: give --out")
    return out or sessions[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vega_eval.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sessions", type=Path, nargs="+", metavar="DIR", help="of a session")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: the one session's")
    parser.add_argument("--blinded", action="store_true", help="by letters, of one session")
    return parser


if __name__ == "__main__":
    sys.exit(main())
