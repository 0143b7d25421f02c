"""Writes a report's files, and nothing over anybody else's.

report.html, report.md and report.csv stand beside report.sha256, which has their digests (as
`sha256sum -c` reads them). A file that is there is replaced only if it still has the digest that
stands there: it is an earlier report that nobody has changed since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from vega_core.files import sha256_of, write_atomically
from vega_eval.errors import SessionError

DIGESTS = "report.sha256"


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
