import json

import pytest

from vega_core import command_line, page
from vega_core.files import why, write_atomically
from vega_core.lock import FolderBusy, FolderLock
from vega_core.stamps import NS, from_iso_utc, iso_utc, nanoseconds, seconds


def test_times_go_there_and_back():
    time_ns = 1_790_000_000 * NS + 250_000_000
    assert iso_utc(time_ns).endswith(".250Z")
    assert from_iso_utc(iso_utc(time_ns)) == time_ns
    assert nanoseconds(1.5) == 1_500_000_000
    assert seconds(1_500_000_000) == 1.5


def test_a_second_lock_names_the_first(tmp_path):
    lock = FolderLock(tmp_path, "tested")
    with pytest.raises(FolderBusy, match="is being tested by process"):
        FolderLock(tmp_path, "tested again")
    lock.release()
    lock.release()
    FolderLock(tmp_path, "tested again").release()


def test_a_full_disk_says_what_to_do():
    full = OSError(28, "No space left on device")
    assert why(full) == "No space left on device: free some space"
    assert why(full, "try again").endswith("free some space, then try again")


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("raised", "code", "text"),
    [(ValueError("too long"), 2, "error: too long\n"), (KeyboardInterrupt(), 130, "")],
)
def test_exit_codes_of_a_command(capsys, raised, code, text):
    def command() -> int:
        raise raised

    assert command_line.run(command, ValueError) == code
    assert capsys.readouterr().err == text


def test_results_are_written_where_asked_for(tmp_path):
    path = tmp_path / "results.json"
    parser = command_line.parser("vega_core", "Nothing.")
    command_line.add_json(parser)
    command_line.write_json(parser.parse_args([]).json, {"a": 1})
    command_line.write_json(parser.parse_args(["--json", str(path)]).json, {"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}


def test_a_page_escapes_what_it_is_given():
    template = page.environment("vega_core").from_string(
        '{% extends "page.html" %}{% block body %}<p>{{ words }}</p>{% endblock %}'
    )
    text = template.render(title="a < b", words="<script>")
    assert "<title>a &lt; b</title>" in text
    assert "<p>&lt;script&gt;</p>" in text
    assert ":root" in text
