"""Ends: whatever ends the launch, nothing it has started is left in the process table."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

# A process with a child of its own; both tell their process ids. `STUBBORN` ignores requests.
_FAMILY = """
import os, signal, subprocess, sys
{setup}
child = subprocess.Popen([sys.executable, "-c", '''
import os, signal, time
{setup}
print("child", os.getpid(), flush=True)
while True:
    time.sleep(600)
'''])
print("parent", os.getpid(), flush=True)
while True:
    try:
        child.wait(); sys.exit("the child is gone")
    except KeyboardInterrupt:
        {on_interrupt}
"""
WILLING = _FAMILY.format(setup="", on_interrupt="sys.exit(0)")
STUBBORN = _FAMILY.format(
    setup="[signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM)]",
    on_interrupt="pass",
)
QUICK = 'sigterm_timeout="0.1", sigkill_timeout=["0.", "1"]'


def family(code, **options):
    extra = "".join(f", {name}={value}" for name, value in options.items())
    return f"python({code!r}, name='family'{extra}),"


def pids_of(run, count=2):
    """Return the process ids the processes have told, once there are so many."""
    found = set()
    while len(found) < count:
        found.add(int(run.wait_for(r"(?:child|parent) (\d+)")[1]))
    return found


def wait_until_dead(pids, alive):
    deadline = time.monotonic() + 30.0
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still alive: {[p for p in pids if alive(p)]}"
        time.sleep(0.02)


def find_guardian(pid):
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"launch/process_group.py" in (entry / "cmdline").read_bytes():
                return int(entry.name)
        except OSError:
            continue
    return None


def guardian_of(pid):
    """Return the process id of the guardian that this launcher has started."""
    deadline = time.monotonic() + 30.0
    while (found := find_guardian(pid)) is None:
        assert time.monotonic() < deadline, "the launcher has no guardian"
        time.sleep(0.02)
    return found


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 1), (signal.SIGHUP, 1)]
)
def test_a_signal_to_the_launcher_ends_the_whole_process_group(launch, alive, number, code):
    run = launch(family(WILLING))
    pids = pids_of(run)
    assert {os.getpgid(pid) for pid in pids} <= pids, "each process leads a group of its own"
    assert all(os.getpgid(pid) != os.getpgid(run.pid) for pid in pids)
    run.send(number)
    assert run.wait() == code
    assert not any(alive(pid) for pid in pids)
    assert f"{number.name} received, shutting everything down" in run.text
    assert "escalating" not in run.text


def test_sigint_is_followed_by_sigterm_and_sigkill(launch, alive):
    run = launch(
        f"python({STUBBORN!r}, name='family', {QUICK}), python({WILLING!r}, name='willing'),"
    )
    pids = pids_of(run, 4)
    run.send(signal.SIGINT)
    assert run.wait() == 0
    assert not any(alive(pid) for pid in pids)
    sent = re.findall(r"sending signal '(\w+)' to process\[family-1\]", run.text)
    assert sent == ["SIGINT", "SIGTERM", "SIGKILL"]
    assert "failed to terminate '0.1' seconds after receiving 'SIGINT'" in run.text
    assert "exit code -9" in run.text


def test_the_timeouts_can_be_given_on_the_command_line(launch, alive):
    run = launch(family(STUBBORN), "sigterm_timeout:=0.1", "sigkill_timeout:=0.1")
    pids = pids_of(run)
    run.send(signal.SIGINT)
    assert run.wait() == 0
    assert not any(alive(pid) for pid in pids)


def test_further_requests_escalate_at_once(launch, alive):
    run = launch(family(STUBBORN, sigterm_timeout="'600'"))
    pids = pids_of(run)
    run.send(signal.SIGINT)
    run.wait_for("sending signal 'SIGINT'")
    run.send(signal.SIGINT)
    run.wait_for("SIGINT again, sending SIGTERM to all")
    run.wait_for("sending signal 'SIGTERM'")
    run.send(signal.SIGINT)
    run.wait_for("SIGINT again, sending SIGKILL to all")
    assert run.wait() == 0
    assert not any(alive(pid) for pid in pids)


def test_a_child_that_outlives_its_parent_is_ended_with_it(launch, alive):
    child = (
        "import os, sys, time; print('child', os.getpid(), flush=True); "
        "os.write(int(sys.argv[1]), b'x'); time.sleep(600)"
    )
    parent = (
        "import os, subprocess, sys; reader, writer = os.pipe(); "
        f"subprocess.Popen([sys.executable, '-c', {child!r}, str(writer)], pass_fds=[writer]); "
        "os.read(reader, 1)"
    )
    run = launch(family(parent))
    pids = pids_of(run, 1)
    assert run.wait() == 0
    assert not any(alive(pid) for pid in pids)


def test_processes_do_not_outlive_a_launcher_that_is_killed(launch, alive):
    run = launch(family(WILLING) + family(WILLING))
    pids = pids_of(run, 4) | {guardian_of(run.pid)}
    run.send(signal.SIGKILL)
    wait_until_dead(pids, alive)


def test_the_guardian_ends_with_the_launch(launch, alive):
    run = launch(family(WILLING))
    pids_of(run)
    guardian = guardian_of(run.pid)
    run.send(signal.SIGINT)
    assert run.wait() == 0
    assert not alive(guardian)


def test_an_error_while_launching_starts_no_process(launch):
    run = launch(family(WILLING) + 'say(LaunchConfiguration("missing")),')
    assert run.wait() == 1
    assert "launch configuration 'missing' is not set" in run.text
    assert "process started" not in run.text
