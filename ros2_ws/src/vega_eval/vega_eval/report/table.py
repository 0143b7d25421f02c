"""A table; templates/report.html shows it on the page, `markdown` in report.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_[]|#~"} | {"<": "&lt;", "\n": "<br>"})


@dataclass(frozen=True)
class TableRow:
    """One row.

    Attributes:
        cells: Text; a second line of a cell is told in small print.
        style: Class of the page's style.
        links: Words and addresses, in the last cell.
    """

    cells: tuple[str, ...]
    style: str = ""
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Table:
    """Text in rows and columns.

    Attributes:
        head: Titles of the columns.
        rows: The rest.
        groups: Titles over the columns with how many each spans; none where there is one head.
        figures: First column whose cells are figures; all after it are as well.
        note: What is to be known to read it.
    """

    head: tuple[str, ...]
    rows: tuple[TableRow, ...]
    groups: tuple[tuple[str, int], ...] = ()
    figures: int = 1
    note: str = ""

    def markdown(self) -> str:
        """As Markdown."""
        rule = ["---:" if n >= self.figures else ":---" for n in range(len(self.head))]
        rows = [map(plain, self._heads()), rule, *(map(plain, row.cells) for row in self.rows)]
        text = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
        return f"{text}\n\n{plain(self.note)}\n" if self.note else f"{text}\n"

    def _heads(self) -> Sequence[str]:
        """Markdown has one head: the groups' titles go into it."""
        over: Iterator[str] = (title for title, span in self.groups for _ in range(span))
        titles = list(over) or [""] * len(self.head)
        return [f"{group}: {h}" if group else h for group, h in zip(titles, self.head)]


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return text.translate(_MARKDOWN)
