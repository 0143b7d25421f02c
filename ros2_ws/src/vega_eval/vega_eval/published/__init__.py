"""The paper's own tables as data, to stand beside a lab's figures.

    >>> table("3").cell("VEGA", "close_laptop").successes
    16

Rates are those that are printed; what does not add up in them is told in notes.
"""

from vega_eval.published.tables import NUMBERS, PAPER, Cell, Column, Note, Row, Table, table

__all__ = ["NUMBERS", "PAPER", "Cell", "Column", "Note", "Row", "Table", "table"]
