"""Code and documents speak the field's words: none of those that were given up is left."""

import functools
import re
import subprocess
from pathlib import Path

import pytest
from codebase import ROOT

# What was given up, as a pattern of whole words, and what stands for it now. Of words that are also
# plain English only what is code.
GIVEN_UP = {
    r"Desk|desk\.\w+|\w+_desk|desk_\w+": "operator console",
    r"Conductor": "trial runner; unattended session",
    r"RosStack": "ROS backend",
    r"SignsWatch|adrift": "contact monitor, failure signals",
    r"Standing|standing\(": "session status, replayed journal",
    r"TaskCard|task_card|card\.\w+|\.card": "session spec, task spec",
    r"lay\(|_?laid(?= =)|_lay|laying|lay_\w+|_laid": "reset scene, placement",
    r"take_up": "open or resume",
    r"Played|Player|Begun": "trial result, policy entry, trial started",
    r"crew|Crew|seat|Seat": "worker pool, slot",
    r"walks\.\w+|import walks": "sequential traces",
    r"Course|course\.\w+|import course": "episode state machine",
    r"judge_(?:pictures|streams|motion)": "image, stream and motion checks",
    r"made_up": "synthetic",
    r"import seam|seam\.\w+": "SDK adapter",
    r"import inbox|Inbox|Commanding|commanding\.\w+": "feedback decoder, command filter",
    r"report\.compose": "status snapshot",
    r"plug_in|import supply|supply\.\w+": "attach, device source",
    r"admission|Mover|mover": "chunk validation, trajectory limiter",
    r"import audit|audit\.\w+|audit\(": "limit check",
    r"homeward|leash": "homing, tracking-error limit",
    r"\w+\.look\(|def (?:look|tell)\(|saw_\w+|saw\(|in_words": "poll, notify, observe, format",
}
TEXT = {".py", ".md", ".yaml", ".yml", ".toml", ".sh", ".html", ".cfg", ".xml"}


@functools.cache
def lines():
    """Each line of the repository's text files, with its place."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [
        (f"{name}:{number}", line)
        for name in sorted(set(listed.split("\0")) - {"tests/test_words.py"})
        if Path(name).suffix in TEXT and (ROOT / name).is_file()
        for number, line in enumerate((ROOT / name).read_text("utf-8").splitlines(), 1)
    ]


@pytest.mark.parametrize("pattern", GIVEN_UP, ids=GIVEN_UP.values())
def test_a_word_that_was_given_up_is_gone(pattern):
    word = re.compile(rf"(?<!\w)(?:{pattern})(?:(?<=\W)|(?!\w))")
    found = [f"{place}: {m.group()}" for place, line in lines() for m in word.finditer(line)]
    assert not found, f"{len(found)} left; the word is {GIVEN_UP[pattern]}"
