"""Words of people reach nodes, trials and reports as they were typed; a policy against itself."""

import csv
import html
import json
import os
import subprocess
import sys
from functools import partial

import pytest
from system import launched
from vega_eval.report.__main__ import main as report

NAMES = (
    "true",
    "123",
    "007",
    "1e3",
    "0x1F",
    "0o17",
    "1_000",
    "+1",
    ".5",
    "nan",
    "yes",
    "null",
    "~",
    "{a: b}",
    "[x, y]",
    "-ada",
    "- ada",
    "Ada: Lovelace",
    'O\'Hara "Bo"',
    "  Ada  Lovelace ",
    "Ångström \N{SNOWMAN} \N{GRINNING FACE} 李",
    "a#b %s $HOME $(find x) \\n",
    "tab\tand\nline",
    "<b>&amp;</b> | `x`",
    "2026-11-29",
    "!!str x",
    "*ref &anchor",
)
UNUSUAL = "Ångström \N{GRINNING FACE}: {'x': \"y\"} | 1e3"
LAUNCH = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch_ros.actions import Node
from vega_bringup.launch_parts import text

NAMES = [f"name{{number}}" for number in range({count})]


def generate_launch_description():
    node = Node(executable={script!r}, parameters=[{{name: text(name) for name in NAMES}}])
    return LaunchDescription([*map(DeclareLaunchArgument, NAMES), node])
"""
SCRIPT = """#!{python}
import json
import rclpy

rclpy.init()
node = rclpy.create_node("said", automatically_declare_parameters_from_overrides=True)
names = [f"name{{number}}" for number in range({count})]
said = [node.get_parameter(name).value for name in names]
open({out!r}, "w").write(json.dumps(said))
"""


def test_texts_reach_a_node_as_they_were_typed(tmp_path):
    script, file, out = (tmp_path / name for name in ("node", "up.launch.py", "out.json"))
    count = len(NAMES)
    script.write_text(SCRIPT.format(python=sys.executable, count=count, out=os.fspath(out)))
    script.chmod(0o755)
    file.write_text(LAUNCH.format(count=count, script=os.fspath(script)))
    typed = [f"name{number}:={name}" for number, name in enumerate(NAMES)]
    ended = subprocess.run(
        ["ros2", "launch", os.fspath(file), *typed], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert tuple(json.loads(out.read_text())) == NAMES


@pytest.fixture(scope="module")
def session(cell, tmp_path_factory, checkpoint):
    """A policy against itself, one trial each, by somebody with an unusual name."""
    folder = tmp_path_factory.mktemp("a: 'b' {c}") / "session"
    arguments = [
        f"policies:={checkpoint},{checkpoint}",
        *("aa:=true", "trials:=1", f"output:={folder}"),
        *(f"operator:={UNUSUAL}", "lighting:=1e3"),
    ]
    short = cell(fps=10, time_limit_s=3.0)
    with partial(launched, file="eval.launch.py")(*arguments, environment=short) as system:
        assert system.wait(240.0) == 0, system.text
    return folder


def trials(folder):
    lines = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    return [line for line in lines if "verdict" in line and "operator" in line]


def test_a_policy_may_play_against_itself_under_two_letters(session):
    assert {trial["policy"] for trial in trials(session)} == {"A", "B"}
    names = [p["name"] for p in json.loads((session / "key.json").read_text())["policies"].values()]
    assert sorted(names) == ["untrained (1)", "untrained (2)"]


def test_an_unusual_name_stands_in_trials_and_reports_as_it_was_typed(session):
    assert {(t["operator"], t["lighting"]) for t in trials(session)} == {(UNUSUAL, "1e3")}
    assert report([os.fspath(session)]) == 0
    page = html.unescape((session / "report.html").read_text("utf-8"))
    text = (session / "report.md").read_text("utf-8")
    assert UNUSUAL in page
    assert UNUSUAL in text.replace("\\|", "|")
    assert "A/A: " in page
    assert "are the same checkpoint, what differs is chance" in text
    with (session / "report.csv").open(newline="", encoding="utf-8") as file:
        assert {row["operator"] for row in csv.DictReader(file)} == {UNUSUAL}
