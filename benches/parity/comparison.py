"""One output of ours beside the reference's, and how far apart they may be."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

RELATIVE = 1e-4
"""Of an output's largest magnitude, float32."""
MEAN_LEVELS = 0.05


class Tolerance(NamedTuple):
    """How far an output may be off; each bound that is given must hold.

    Attributes:
        text: For people.
        relative: Largest error over the output's largest magnitude.
        largest: Largest error.
        mean: Mean error.
    """

    text: str
    relative: float | None = None
    largest: float | None = None
    mean: float | None = None


FLOATS = Tolerance(f"{RELATIVE:g} relative", relative=RELATIVE)
EXACT = Tolerance("exact", largest=0)
LEVELS = Tolerance(f"1 level, mean {MEAN_LEVELS:g}", largest=1, mean=MEAN_LEVELS)
JPEG_LEVELS = Tolerance(f"mean {MEAN_LEVELS:g}", mean=MEAN_LEVELS)
"""JPEG codecs may differ by a grey level or so anywhere."""


class Comparison(NamedTuple):
    """A line of the table.

    Attributes:
        name: Of the output in the golden data.
        shape: Of the golden output.
        largest_error: Largest absolute difference; NaN if there is none to be had.
        mean_error: Mean absolute difference.
        magnitude: Largest absolute value of the golden output.
        tolerance: What was allowed.
        problem: Why there is nothing to compare, if so.
        note: What else there is to say.
    """

    name: str
    shape: tuple[int, ...]
    largest_error: float
    mean_error: float
    magnitude: float
    tolerance: Tolerance
    problem: str | None = None
    note: str | None = None

    @property
    def relative_error(self) -> float:
        """Largest error over the largest magnitude."""
        if self.magnitude == 0:
            return 0.0 if self.largest_error == 0 else math.inf
        return self.largest_error / self.magnitude

    @property
    def ok(self) -> bool:
        """Whether it is within tolerance; a NaN never is."""
        found = {
            "relative": self.relative_error,
            "largest": self.largest_error,
            "mean": self.mean_error,
        }
        bounds = {kind: getattr(self.tolerance, kind) for kind in found}
        return self.problem is None and all(
            found[kind] <= bound for kind, bound in bounds.items() if bound is not None
        )

    def as_json(self) -> dict[str, object]:
        """Plain values; what is not finite becomes null."""
        numbers = {
            "largest_error": self.largest_error,
            "mean_error": self.mean_error,
            "magnitude": self.magnitude,
            "relative_error": self.relative_error,
        }
        return {
            "name": self.name,
            "shape": list(self.shape),
            **{key: value if math.isfinite(value) else None for key, value in numbers.items()},
            "tolerance": self.tolerance.text,
            "ok": self.ok,
            "problem": self.problem,
            "note": self.note,
        }


def compare(
    name: str, ours: ArrayLike, golden: ArrayLike, tolerance: Tolerance = FLOATS
) -> Comparison:
    """Measures how far ours is from the golden output."""
    theirs = np.asarray(golden, dtype=np.float64)
    mine = np.asarray(ours, dtype=np.float64)
    if mine.shape != theirs.shape or not theirs.size:
        return incomparable(name, theirs.shape, f"ours has shape {mine.shape}", tolerance)
    error = np.abs(mine - theirs)
    magnitude = float(np.abs(theirs).max())
    return Comparison(
        name, theirs.shape, float(error.max()), float(error.mean()), magnitude, tolerance
    )


def incomparable(
    name: str, shape: Sequence[int], problem: str, tolerance: Tolerance = FLOATS
) -> Comparison:
    """A line that says why an output cannot be compared; it counts as missed."""
    return Comparison(name, tuple(shape), math.nan, math.nan, math.nan, tolerance, problem)


def table(comparisons: Iterable[Comparison]) -> str:
    """The comparisons as lines of aligned columns, below a heading."""
    rows: list[tuple[str, ...]] = [
        ("output", "shape", "max error", "magnitude", "relative", "mean", "tolerance", "")
    ]
    for line in comparisons:
        numbers = (line.largest_error, line.magnitude, line.relative_error, line.mean_error)
        said = [text for text in (line.problem, line.note) if text is not None]
        verdict = ": ".join(["ok" if line.ok else "MISSED", *said])
        shape = "x".join(map(str, line.shape)) or "scalar"
        rows.append(
            (line.name, shape, *(f"{x:.3g}" for x in numbers), line.tolerance.text, verdict)
        )
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )
