"""Looks for other stacks in this ROS domain; two would share topics, services and arms."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from vega_runtime import surroundings

from vega_core.findings import Finding, fail, ok, warn

_LONGEST_S = 10.0


class NoRos(RuntimeError):
    """ROS 2 cannot be used here; the text says why."""


def survey() -> list[Finding]:
    """Checks the ROS domain of this environment."""
    if problem := surroundings.domain_problem():
        return [fail("ROS 2: domain", *_told(problem))]
    domain = surroundings.domain()
    row = launches(domain, launch_runs(domain))
    if problem := surroundings.log_folder_problem():
        return [row, fail("ROS 2: logs", *_told(problem))]
    try:
        nodes, commanders = graph()
    except NoRos as error:
        remedy = "open a new terminal, source env.sh there, and look at what else it sets for ROS 2"
        return [row, fail("ROS 2: nodes", f"ROS 2 does not start: {error}", remedy)]
    return [row, duplicates(domain, nodes, commanders)]


def _told(problem: str) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    text, _, remedy = problem.partition("; ")
    return text, remedy


def launches(domain: str, runs: bool) -> Finding:
    """No launch of this stack runs in the domain on this machine."""
    check = "ROS 2: launches"
    if not runs:
        return ok(check, f"none in domain {domain} of this machine")
    return warn(
        check,
        f"one runs in domain {domain} of this machine",
        "a second is refused: end the first (Ctrl-C), or set another ROS_DOMAIN_ID. Its cameras "
        "cannot be opened meanwhile",
    )


def duplicates(domain: str, nodes: Sequence[str], commanders: Mapping[str, int]) -> Finding:
    """No node is there twice, and one gate at most commands an arm."""
    check = "ROS 2: nodes"
    remedy = "end one of the two stacks, also on other machines, or set another ROS_DOMAIN_ID"
    crowded = sorted(topic for topic, count in commanders.items() if count > 1)
    if crowded:
        return fail(check, f"more than one node commands {', '.join(crowded)}", remedy)
    twice = sorted(name for name, count in Counter(nodes).items() if count > 1)
    if twice:
        return fail(check, f"there twice in domain {domain}: {', '.join(twice)}", remedy)
    return ok(check, f"{len(nodes)} in domain {domain}, none twice")


def launch_runs(domain: str) -> bool:
    """Whether a launch holds this domain's name (see `refusals.second_stack`)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(f"\0vega-stack-{domain}")
        except OSError:
            return True
    return False


def graph() -> tuple[list[str], dict[str, int]]:
    """Names of all nodes, and how many publish each topic by which an arm is commanded.

    Looked at by a process of its own: what is wrong with ROS 2's settings may end it at once.

    Raises:
        NoRos: ROS 2 does not start; the text is what it said last.
    """
    command = [sys.executable, "-m", "vega_bringup.doctor.ros_graph"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S)
    except subprocess.TimeoutExpired:
        raise NoRos(f"no answer within {_LONGEST_S:g} s") from None
    if said.returncode:
        lines = [line.strip() for line in said.stderr.splitlines() if line.strip()]
        raise NoRos(lines[-1] if lines else f"exit code {said.returncode}")
    nodes, commanders = json.loads(said.stdout)
    return nodes, commanders
