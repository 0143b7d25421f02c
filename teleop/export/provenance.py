"""What an export says of its origin: sources with digests, choices, errors of stamps, versions."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import h5py
import numpy as np
import pyarrow as pa

from teleop.export.demonstration import Demonstration, Layout
from teleop.export.formats import FORMATS, ExportPlan
from vega_core.provenance import git_state
from vega_core.stamps import iso_utc

FORMAT = 1


def write(
    folder: Path,
    layout: Layout,
    demonstrations: Sequence[Demonstration],
    plan: ExportPlan,
    skipped: Sequence[str],
) -> None:
    """Writes provenance.json where the format has it."""
    form = FORMATS.get(plan.format)
    content: dict[str, Any] = {
        "format": FORMAT,
        "created": iso_utc(time.time_ns()),
        "git": git_state(Path(__file__).parent).model_dump(),
        "versions": {
            "python": platform.python_version(),
            "av": av.__version__,
            "h5py": h5py.__version__,
            "numpy": np.__version__,
            "pyarrow": pa.__version__,
        },
        **plan.origin,
        "fps": layout.fps,
        "joint_names": list(layout.joint_names),
        "units": "rad; grippers m (opening)",
        "cameras": list(layout.cameras),
        "robot_type": layout.robot_type,
        "action": {
            "source": plan.action,
            "steps_ahead": plan.ahead,
            "meaning": _meaning(plan.action, plan.ahead),
        },
        "samples": plan.samples,
        "colour": form.colour(plan),
        "episodes": [
            {
                "episode_index": number,
                "source": each.name,
                "sha256": each.digest,
                "task": each.task,
                "first_stamp_ns": int(each.stamps_ns[0]),
                **each.facts,
            }
            for number, each in enumerate(demonstrations)
        ],
        "skipped": list(skipped),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (folder / form.provenance).write_text(text, encoding="utf-8")


def _meaning(source: str, ahead: int) -> str:
    when = {0: "at the same time", 1: "at the next step"}.get(ahead, f"{ahead} steps later")
    return f"positions of the {source}, {when}"
