"""The page: verdict, findings, each task with coverage and plots, a table, every episode."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import degrees
from typing import Any

import hw_config
from hw_config import ConfigError
from teleop import coverage
from teleop.quality import DatasetQuality, EpisodeQuality
from teleop.quality.episode import TRACK_HZ
from teleop.report import plots
from teleop.report.columns import COLUMNS, Column
from teleop.report.film import Film
from vega_core.page import environment
from vega_core.svg import COLOURS

_PLOT_WIDTH, _ARM_WIDTH = 370, 580
_KEY = tuple(zip(COLOURS, (*(f"joint {n}" for n in range(1, 7)), "gripper")))


def page(quality: DatasetQuality, films: Mapping[int, Film]) -> str:
    """The whole HTML document.

    Args:
        quality: What was measured and found.
        films: Film strips by the index of their episode; some may be missing.
    """
    return (
        environment("teleop.report")
        .get_template("report.html")
        .render(
            title=f"Quality of {quality.folder.resolve().name}",
            quality=quality,
            facts=_facts(quality),
            tiles=_tiles(quality),
            tasks=[_task(quality, task) for task in quality.tasks],
            many_tasks=len(quality.tasks) > 1,
            columns=COLUMNS,
            rows=[_episode(quality, each, films.get(each.info.index)) for each in quality.episodes],
            key=_KEY,
        )
    )


def _facts(quality: DatasetQuality) -> list[str]:
    infos = [episode.info for episode in quality.episodes]
    if not infos:
        return []
    commits = ", ".join(sorted({info.git.commit[:8] for info in infos if info.git.commit}))
    began, ended = min(i.started for i in infos), max(i.ended for i in infos)
    return [
        ", ".join(quality.tasks),
        f"recorded {_minute(began)} to {_minute(ended)} UTC",
        f"by {', '.join(sorted({info.operator for info in infos}))}",
        f"robot {', '.join(sorted({info.robot for info in infos}))}",
        f"code {commits or 'unknown'}",
    ]


def _tiles(quality: DatasetQuality) -> list[tuple[object, str]]:
    infos = [episode.info for episode in quality.episodes]
    bad = {f.episode for f in quality.findings if f.severity == "error"}
    seconds = sum(info.duration_s for info in infos)
    size_mb = sum(info.mcap.bytes for info in infos) / 1e6
    return [
        (len(infos), "episodes"),
        (len(quality.used), "for training"),
        (len(quality.used - bad), "of them without error"),
        (sum(info.outcome == "success" for info in infos), "successes"),
        (f"{seconds / 60:.1f} min", "recorded"),
        (f"{size_mb:.0f} MB", f"{size_mb / max(seconds, 1e-9):.1f} MB/s"),
        (quality.errors, "errors"),
        (len(quality.findings) - quality.errors, "warnings"),
    ]


def _task(quality: DatasetQuality, task: str) -> dict[str, Any]:
    ours = [episode for episode in quality.episodes if episode.info.task == task]
    bad = {f.episode for f in quality.findings if f.severity == "error" and f.episode is not None}
    return {
        "name": task,
        "instruction": Counter(each.info.instruction for each in ours).most_common(1)[0][0],
        "coverage": _coverage(ours, task),
        "plots": [(each.meaning, _plot(each, ours, bad)) for each in COLUMNS if each.plotted],
    }


def _coverage(ours: Sequence[EpisodeQuality], task: str) -> dict[str, str] | None:
    """The coverage drawing, where the task has a grid."""
    infos = [episode.info for episode in ours]
    try:
        config = ours[0].context.task or hw_config.load_task(task)
        png = coverage.drawing(infos, config, ours[0].context.hardware)
        return {"png": _base64(png), "text": coverage.table(infos, config)}
    except (ConfigError, ValueError):
        return None


def _plot(column: Column, ours: Sequence[EpisodeQuality], bad: set[int]) -> str:
    dots = []
    for episode in ours:
        value = column.of(episode)
        if value is not None:
            index = episode.info.index
            text = f"episode {index}: {plots.number(value)} {column.unit}"
            dots.append(plots.Dot(index, value, text))
    limit = column.limit(ours[0]) if column.limit else None
    return plots.dots(dots, bad, limit, _PLOT_WIDTH, column.unit)


def _episode(quality: DatasetQuality, episode: EpisodeQuality, film: Film | None) -> dict[str, Any]:
    info = episode.info
    findings = quality.of(info.index)
    errors = any(finding.severity == "error" for finding in findings)
    notes = f"\N{LEFT DOUBLE QUOTATION MARK}{'; '.join(info.notes)}\N{RIGHT DOUBLE QUOTATION MARK}"
    return {
        "info": info,
        "seconds": f"{info.duration_s:.1f}",
        "findings": findings,
        "mark": "error" if errors else "warning" if findings else "",
        "cells": [_cell(column, episode) for column in COLUMNS],
        "facts": [
            f"{_minute(info.started)} UTC",
            info.operator,
            str((info.placement or {}).get("description", "")),
            notes if info.notes else "",
        ],
        "film": film and {"text": _film_text(film), "jpeg": _base64(film.jpeg)},
        "arms": list(_arms(episode)),
    }


def _cell(column: Column, episode: EpisodeQuality) -> dict[str, object]:
    value = column.of(episode)
    if value is None:
        return {"value": "-1", "shown": "\N{EN DASH}", "over": False}
    limit = column.limit(episode) if column.limit else None
    over = limit is not None and value > limit
    return {"value": f"{value:.6g}", "shown": plots.number(value), "over": over}


def _film_text(film: Film) -> str:
    first, *others = (camera.replace("_", " ") for camera in film.cameras)
    times = ", ".join(f"{t:.1f}" for t in film.times_s) or "none"
    return f"{first} at {times} s; then {' and '.join(others)} half-way"


def _arms(episode: EpisodeQuality) -> Iterator[dict[str, str | None]]:
    known = {arm.arm: arm for arm in episode.arms}
    first = 0
    for name, joints in episode.layout.arms.items():
        columns = slice(first, first + len(joints))
        first += len(joints)
        arm = known.get(name)
        if arm is None:
            yield {"name": name, "plot": None}
            continue
        figures = f"idle {arm.idle:.0%}, jerk {arm.jerk:.0f} rad/s³"
        if arm.following is not None:
            worst = degrees(max(map(abs, arm.following.offset[:-1])))
            figures += f", {arm.following.lag_s * 1e3:.0f} ms behind, offset {worst:.1f}°"
        plot = plots.joints(
            episode.track[:, columns],
            episode.leader_track[:, columns],
            _ARM_WIDTH,
            f"joints of the {name} arm over time",
            (len(episode.track) - 1) / TRACK_HZ,
        )
        yield {"name": name, "figures": figures, "plot": plot}


def _minute(iso: str) -> str:
    return iso[:16].replace("T", " ")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
