"""A table that is told alike in HTML and in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_[]|#~"} | {"<": "&lt;", "\n": "<br>"})
_KEPT = 12
"""Rows of a table that print keeps on one page."""


@dataclass(frozen=True)
class Row:
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
    rows: tuple[Row, ...]
    groups: tuple[tuple[str, int], ...] = ()
    figures: int = 1
    note: str = ""

    def html(self) -> str:
        """As HTML."""
        groups = "".join(
            f"<th class='group' colspan='{span}'>{escape(title)}</th>"
            for title, span in self.groups
        )
        head = "".join(
            f"<th{self._figure(n)}>{_lines(title)}</th>" for n, title in enumerate(self.head)
        )
        body = "".join(self._row(row) for row in self.rows)
        note = f"<p class='faint'>{escape(self.note)}</p>" if self.note else ""
        keep = " class='keep'" if len(self.rows) <= _KEPT else ""
        return (
            f"<div{keep}><div class='wide'><table><thead>{f'<tr>{groups}</tr>' if groups else ''}"
            f"<tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}</div>"
        )

    def _row(self, row: Row) -> str:
        style = f" class='{row.style}'" if row.style else ""
        shown = [_lines(cell) for cell in row.cells]
        shown[-1] += linked(row.links)
        cells = "".join(f"<td{self._figure(n)}>{cell}</td>" for n, cell in enumerate(shown))
        return f"<tr{style}>{cells}</tr>"

    def _figure(self, column: int) -> str:
        return " class='n'" if column >= self.figures else ""

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


def linked(links: Sequence[tuple[str, str]]) -> str:
    """Links side by side."""
    return " ".join(f"<a href='{escape(to, quote=True)}'>{escape(word)}</a>" for word, to in links)


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return text.translate(_MARKDOWN)


def _lines(text: str) -> str:
    first, *rest = text.split("\n")
    return escape(first) + "".join(f"<small>{escape(line)}</small>" for line in rest)
