"""The table of the field's cases names tests that exist, and tells their outcomes truly."""

import json
from collections import Counter

import field
import pytest

FILES = sorted(path.stem for path in field.CASES.glob("*.yaml"))


def faults(test):
    """What is wrong with the name of a test, if anything."""
    file, _, rest = test.partition("::")
    part = rest.partition("[")[2].rstrip("]")
    if not field.is_there(test):
        return "there is no such test"
    code = (field.ROOT / file).read_text("utf-8")
    return "" if part in code else f"there are no parameters like {part}"


@pytest.mark.parametrize("file", FILES)
def test_cases_have_right_values_and_tests_that_exist(file):
    cases = field.cases([file])
    assert cases
    assert all(case.of and case.given and case.right for case in cases)
    wrong = {test: faults(test) for case in cases for test in case.tests if faults(test)}
    assert not wrong


def test_no_case_stands_twice():
    twice = [key for key, n in Counter((c.of, c.given) for c in field.cases()).items() if n > 1]
    assert not twice


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("assert True", field.RIGHT),
        ("assert False", field.WRONG),
        ("import pytest; pytest.skip()", field.NOT_RUN),
    ],
)
def test_a_case_is_right_only_if_its_tests_ran_and_passed(
    text, outcome, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "cases"
    folder.mkdir()
    (tmp_path / "test_it.py").write_text(f"def test_it():\n    {text}\n")
    monkeypatch.setattr(field, "ROOT", tmp_path)
    monkeypatch.setattr(field, "CASES", folder)
    monkeypatch.setattr(field, "FOLDER", tmp_path / "runs")
    rows = [{"given": "a", "right": "b", "tests": ["test_it.py::test_it"]}]
    rows.append({"given": "c", "right": "d", "tests": ["test_it.py::test_gone"]})
    content = {"heading": "All", "cases": {"It": rows}}
    (folder / "all.yaml").write_text(json.dumps(content))
    field.functions.cache_clear()
    assert field.main(["--workers", "0", "--json", str(tmp_path / "out.json")]) == 1
    found = [row["outcome"] for row in json.loads((tmp_path / "out.json").read_text())]
    assert found == [outcome, field.NO_TEST]
    assert "It: a" in capsys.readouterr().out
    (folder / "all.yaml").write_text(json.dumps({**content, "cases": {"It": rows[:1]}}))
    assert field.main(["--workers", "0"]) == (outcome != field.RIGHT)
    field.functions.cache_clear()
