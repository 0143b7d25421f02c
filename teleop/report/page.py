"""The page: verdict, findings, each task with coverage and plots, a table, every episode."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from math import degrees

import hw_config
from hw_config import ConfigError
from teleop import coverage
from teleop.quality import DatasetQuality, EpisodeQuality, Finding
from teleop.quality.episode import TRACK_HZ
from teleop.report.columns import COLUMNS, Column
from teleop.report.film import Film
from vega_core import svg
from vega_core.style import CSS, SCRIPT

_PLOT_WIDTH, _ARM_WIDTH = 370, 580


def page(quality: DatasetQuality, films: Mapping[int, Film]) -> str:
    """The whole HTML document."""
    title = escape(f"Quality of {quality.folder.resolve().name}")
    body = "\n".join(
        [
            *_head(quality, title),
            *_findings(quality.findings),
            *(part for task in quality.tasks for part in _task(quality, task)),
            *_table(quality),
            "<h2>Episodes</h2>",
            _key(),
            *(_episode(quality, episode, films) for episode in quality.episodes),
        ]
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{CSS}</style>\n</head>\n<body>\n{body}\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _head(quality: DatasetQuality, title: str) -> Iterator[str]:
    infos = [episode.info for episode in quality.episodes]
    yield f"<h1>{title}</h1>"
    if infos:
        operators = ", ".join(sorted({info.operator for info in infos}))
        robots = ", ".join(sorted({info.robot for info in infos}))
        commits = ", ".join(sorted({info.git.commit[:8] for info in infos if info.git.commit}))
        began, ended = min(i.started for i in infos), max(i.ended for i in infos)
        facts = (
            ", ".join(quality.tasks),
            f"recorded {_minute(began)} to {_minute(ended)} UTC",
            f"by {operators}",
            f"robot {robots}",
            f"code {commits or 'unknown'}",
        )
        yield f"<p class='faint'>{_joined(facts)}</p>"
    bad = {f.episode for f in quality.findings if f.severity == "error"}
    if quality.errors:
        yield f"<p class='verdict bad'>{quality.errors} errors: do not train on this as it is</p>"
    else:
        yield "<p class='verdict'>Nothing here would poison training</p>"
    outcomes = Counter(info.outcome for info in infos)
    seconds = sum(info.duration_s for info in infos)
    size_mb = sum(info.mcap.bytes for info in infos) / 1e6
    tiles = [
        (len(infos), "episodes"),
        (len(quality.used), "for training"),
        (len(quality.used - bad), "of them without error"),
        (outcomes["success"], "successes"),
        (f"{seconds / 60:.1f} min", "recorded"),
        (f"{size_mb:.0f} MB", f"{size_mb / max(seconds, 1e-9):.1f} MB/s"),
        (quality.errors, "errors"),
        (len(quality.findings) - quality.errors, "warnings"),
    ]
    shown = "".join(f"<div class='tile'><b>{n}</b><span>{what}</span></div>" for n, what in tiles)
    yield f"<div class='tiles'>{shown}</div>"


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    yield "<h2>Findings</h2>"
    if not findings:
        yield "<p>None.</p>"
        return
    yield "<div class='wide'><table class='sortable'><thead><tr>"
    yield "".join(
        f"<th><button type='button'>{name}</button></th>"
        for name in ("severity", "where", "check", "what", "what to do")
    )
    yield "</tr></thead><tbody>"
    for finding in findings:
        place = "dataset"
        if finding.episode is not None:
            place = f"<a href='#e{finding.episode}'>episode {finding.episode}</a>"
        order = -1 if finding.episode is None else finding.episode
        yield (
            f"<tr><td class='{finding.severity}'>{finding.severity}</td>"
            f"<td class='place' data-value='{order}'>{place}</td><td>{escape(finding.check)}</td>"
            f"<td>{escape(finding.text)}</td><td>{escape(finding.remedy)}</td></tr>"
        )
    yield "</tbody></table></div>"


def _task(quality: DatasetQuality, task: str) -> Iterator[str]:
    ours = [episode for episode in quality.episodes if episode.info.task == task]
    instruction = Counter(episode.info.instruction for episode in ours).most_common(1)[0][0]
    yield f"<h2>{escape(task)}</h2><p class='faint'>&ldquo;{escape(instruction)}&rdquo;</p>"
    image = _coverage(ours, task)
    if image:
        yield image
    bad = {f.episode for f in quality.findings if f.severity == "error" and f.episode is not None}
    yield "<div class='plots'>"
    for column in COLUMNS:
        if column.plotted:
            values = [_dot(column, episode) for episode in ours if column.of(episode) is not None]
            limit = column.limit(ours[0]) if column.limit else None
            plot = svg.dots(values, bad, limit, _PLOT_WIDTH, column.unit)
            yield f"<div><h3>{column.meaning}</h3>{plot}</div>"
    yield "</div><p class='faint'>A dot an episode, red where it has an error; the grey line is "
    yield "the median, the dashed one what is allowed.</p>"


def _dot(column: Column, episode: EpisodeQuality) -> svg.Dot:
    value = column.of(episode)
    assert value is not None
    text = f"episode {episode.info.index}: {svg.number(value)} {column.unit}"
    return svg.Dot(episode.info.index, value, text)


def _coverage(ours: Sequence[EpisodeQuality], task: str) -> str:
    """The coverage image, where the task has a grid."""
    infos = [episode.info for episode in ours]
    try:
        config = ours[0].context.task or hw_config.load_task(task)
        png = coverage.drawing(infos, config, ours[0].context.hardware)
        text = coverage.table(infos, config)
    except (ConfigError, ValueError):
        return ""
    return (
        f"<img class='coverage' alt='{escape(text, quote=True)}' "
        f"src='data:image/png;base64,{_base64(png)}'>"
    )


def _table(quality: DatasetQuality) -> Iterator[str]:
    yield "<h2>All episodes</h2><div class='wide'><table class='sortable'><thead><tr>"
    yield "<th class='n'><button type='button'>#</button></th>"
    words = ("task", "outcome", "by") if len(quality.tasks) > 1 else ("outcome", "by")
    yield "".join(f"<th><button type='button'>{word}</button></th>" for word in words)
    yield "".join(
        f"<th class='n' title='{escape(column.meaning, quote=True)}'>"
        f"<button type='button'>{column.title}</button></th>"
        for column in COLUMNS
    )
    yield "<th class='n'><button type='button'>findings</button></th></tr></thead><tbody>"
    for episode in quality.episodes:
        info = episode.info
        findings = quality.of(info.index)
        errors = sum(finding.severity == "error" for finding in findings)
        mark = "error" if errors else "warning" if findings else ""
        cells = "".join(_cell(column, episode) for column in COLUMNS)
        task = f"<td>{escape(info.task)}</td>" if "task" in words else ""
        yield (
            f"<tr><td class='n' data-value='{info.index}'><a href='#e{info.index}'>{info.index}"
            f"</a></td>{task}<td class='{info.outcome}'>{info.outcome}</td>"
            f"<td>{escape(info.operator)}</td>{cells}"
            f"<td class='n {mark}' data-value='{len(findings)}'>{len(findings) or ''}</td></tr>"
        )
    yield "</tbody></table></div>"


def _cell(column: Column, episode: EpisodeQuality) -> str:
    value = column.of(episode)
    if value is None:
        return "<td class='n' data-value='-1'>&ndash;</td>"
    limit = column.limit(episode) if column.limit else None
    over = " over" if limit is not None and value > limit else ""
    return f"<td class='n{over}' data-value='{value:.6g}'>{svg.number(value)}</td>"


def _key() -> str:
    names = [*(f"joint {n}" for n in range(1, 7)), "gripper"]
    marks = "".join(f"<i style='background:{c}'></i>{n}" for c, n in zip(svg.COLOURS, names))
    return f"<p class='faint key'>{marks} &nbsp; pale: the leader</p>"


def _episode(quality: DatasetQuality, episode: EpisodeQuality, films: Mapping[int, Film]) -> str:
    info = episode.info
    place = (info.placement or {}).get("description", "")
    notes = f"\N{LEFT DOUBLE QUOTATION MARK}{'; '.join(info.notes)}\N{RIGHT DOUBLE QUOTATION MARK}"
    facts = (
        f"{_minute(info.started)} UTC",
        info.operator,
        str(place),
        notes if info.notes else "",
    )
    rows = "".join(
        f"<li><span class='{f.severity}'>{escape(f.check)}</span>: {escape(f.text)}</li>"
        for f in quality.of(info.index)
    )
    return (
        f"<section class='episode' id='e{info.index}'><h3>Episode {info.index}: "
        f"{escape(info.task)}, <span class='{info.outcome}'>{info.outcome}</span>, "
        f"{info.duration_s:.1f} s</h3>"
        f"<p class='faint'>{_joined(facts)}</p>{f'<ul>{rows}</ul>' if rows else ''}"
        f"{_film(films.get(info.index))}"
        f"<div class='arms'>{''.join(_arms(episode))}</div></section>"
    )


def _film(film: Film | None) -> str:
    if film is None:
        return ""
    first, *others = (camera.replace("_", " ") for camera in film.cameras)
    times = ", ".join(f"{t:.1f}" for t in film.times_s) or "none"
    text = f"{first} at {times} s; then {' and '.join(others)} half-way"
    return (
        f"<img class='film' alt='{escape(text)}' title='{escape(text)}' "
        f"src='data:image/jpeg;base64,{_base64(film.jpeg)}'>"
    )


def _arms(episode: EpisodeQuality) -> Iterable[str]:
    known = {arm.arm: arm for arm in episode.arms}
    first = 0
    for name, joints in episode.layout.arms.items():
        columns = slice(first, first + len(joints))
        first += len(joints)
        arm = known.get(name)
        if arm is None:
            yield f"<div><h3>{escape(name)} arm</h3><p class='faint'>no joint states</p></div>"
            continue
        told = f"idle {arm.idle:.0%}, jerk {arm.jerk:.0f} rad/s&sup3;"
        if arm.following is not None:
            worst = degrees(max(map(abs, arm.following.offset[:-1])))
            told += f", {arm.following.lag_s * 1e3:.0f} ms behind, offset {worst:.1f}&deg;"
        plot = svg.joints(
            episode.track[:, columns],
            episode.leader_track[:, columns],
            _ARM_WIDTH,
            f"joints of the {name} arm over time",
            (len(episode.track) - 1) / TRACK_HZ,
        )
        yield f"<div><p><b>{escape(name)}</b> <span class='faint'>{told}</span></p>{plot}</div>"


def _joined(facts: Iterable[str]) -> str:
    return " &middot; ".join(escape(fact) for fact in facts if fact)


def _minute(iso: str) -> str:
    return iso[:16].replace("T", " ")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
