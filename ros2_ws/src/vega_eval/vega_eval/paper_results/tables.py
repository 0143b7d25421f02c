"""What a table of the paper says; the figures are in the YAML files beside."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal, NamedTuple

import yaml
from pydantic import Field, model_validator

from vega_eval.errors import EvalError
from vega_eval.trials.record import Data

PAPER = "https://arxiv.org/abs/2605.10485"
"""Its tables are quoted under CC BY 4.0."""

NUMBERS = ("1", "2", "3", "4")
Variant = Literal["easy", "hard"]


class PaperCell(NamedTuple):
    """One figure: so many of so many trials."""

    successes: int
    trials: int


class PaperColumn(Data):
    """One task, in one variant where the table has several.

    Attributes:
        task: Name as in hw_config, or as in RoboTwin.
        label: As it is printed.
        variant: easy, hard, or None where the table has no variants.
        group: Single-Arm or Bimanual.
    """

    task: str
    label: str
    variant: Variant | None = None
    group: str


class PaperRow(Data):
    """One method.

    Attributes:
        method: As reports call it.
        citation: As it is printed.
        rates: By column; None where the cell is empty.
        averages: As printed, by variant; `all` in a table without variants.
    """

    method: str
    citation: str = ""
    rates: tuple[float | None, ...]
    averages: dict[Literal["easy", "hard", "all"], float] = {}


class PaperNote(Data):
    """What does not add up, or must be known to read the figures.

    Attributes:
        text: What it is, a sentence or two.
        methods: Whose cells it is about; none: of all rows.
        tasks: Whose cells it is about; none: of all columns.
        variant: Whose cells it is about; None: of both.
    """

    text: str
    methods: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    variant: Variant | None = None


class PaperTable(Data):
    """One table of the paper.

    Attributes:
        number: As in the paper.
        title: What it shows.
        setting: Where the trials were played.
        trials: Behind each cell.
        decimals: Of the averages as printed.
        columns: Tasks, in printed order.
        rows: Methods, in printed order.
        notes: See `PaperNote`.
    """

    number: str
    title: str
    setting: str
    trials: int = Field(ge=1)
    decimals: int = 2
    columns: tuple[PaperColumn, ...]
    rows: tuple[PaperRow, ...]
    notes: tuple[PaperNote, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> PaperTable:
        for row in self.rows:
            if len(row.rates) != len(self.columns):
                raise ValueError(f"{row.method}: {len(row.rates)} of {len(self.columns)} cells")
            for rate in row.rates:
                if rate is not None and abs(rate * self.trials - round(rate * self.trials)) > 1e-6:
                    raise ValueError(f"{row.method}: {rate} is no number of {self.trials} trials")
        methods = {row.method for row in self.rows}
        tasks = {column.task for column in self.columns}
        for note in self.notes:
            if unknown := (set(note.methods) - methods) | (set(note.tasks) - tasks):
                raise ValueError(f"a note about {', '.join(sorted(unknown))}, which it has not")
        return self

    def cell(self, method: str, task: str, variant: str | None = None) -> PaperCell | None:
        """Successes and trials of a method at a task; None where the cell is empty or missing."""
        for row in self.rows:
            for column, rate in zip(self.columns, row.rates):
                here = (row.method, column.task, column.variant) == (method, task, variant)
                if here and rate is not None:
                    return PaperCell(round(rate * self.trials), self.trials)
        return None

    def average(self, method: str, variant: str | None = None) -> float:
        """The mean of a method's cells, those of one variant or all; empty ones are left out."""
        cells = (self.cell(method, column.task, column.variant) for column in self.columns)
        found = [
            cell.successes / cell.trials
            for cell, column in zip(cells, self.columns)
            if cell is not None and (variant is None or column.variant == variant)
        ]
        if not found:
            raise EvalError(f"table {self.number} has no figures of {method}")
        return sum(found) / len(found)

    def notes_on(self, method: str, task: str, variant: str | None = None) -> tuple[str, ...]:
        """What is to be known of a cell, most general first."""
        return tuple(
            note.text
            for note in self.notes
            if (not note.methods or method in note.methods)
            and (not note.tasks or task in note.tasks)
            and (note.variant is None or note.variant == variant)
        )


@cache
def paper_table(number: str) -> PaperTable:
    """A table of the paper, by its number.

    Raises:
        EvalError: It is not among those that are here.
    """
    if number not in NUMBERS:
        raise EvalError(f"no table {number!r} here; expected one of {', '.join(NUMBERS)}")
    text = resources.files(__package__).joinpath(f"table{number}.yaml").read_text("utf-8")
    return PaperTable.model_validate(yaml.safe_load(text))
