import json
import os

import pytest

from vega_core import jsonl


def _lines(path):
    return jsonl.read(path, json.loads)


def test_an_absent_file_is_empty(tmp_path):
    assert _lines(tmp_path / "no.jsonl") == ((), ())


def test_a_line_after_a_torn_one_stands_alone(tmp_path):
    path = tmp_path / "a.jsonl"
    jsonl.append(path, b'{"n": 1}\n')
    with path.open("ab") as file:
        file.write(b'{"n": ')
    jsonl.append(path, b'{"n": 2}\n')
    parsed, unreadable = _lines(path)
    assert parsed == ({"n": 1}, {"n": 2})
    assert [line.number for line in unreadable] == [2]
    assert path.read_bytes() == b'{"n": 1}\n{"n": \n{"n": 2}\n'


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    jsonl.append(path, b'{"n": 1}\n')
    really = os.write

    def full_disk(fd, data):
        if len(data) < 4:
            raise OSError(28, "No space left on device")
        return really(fd, data[:3])

    monkeypatch.setattr(os, "write", full_disk)
    with pytest.raises(OSError, match="No space"):
        jsonl.append(path, b'{"n": 2}\n')
    assert path.read_bytes() == b'{"n": 1}\n'
