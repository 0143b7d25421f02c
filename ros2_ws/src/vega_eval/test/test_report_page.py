"""The files of a report, and the command that writes them."""

import hashlib
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from vega_eval.episode.video import EpisodeVideo
from vega_eval.paper_results import PAPER
from vega_eval.report import __main__ as command
from vega_eval.report.charts import MOST_BYTES, film_strips
from vega_eval.report.evaluation import merge
from vega_eval.report.reading import read_source

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that tags are closed in order; collects addresses and text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.addresses, self.tags, self.text = [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [v for k, v in attributes if k in ("href", "src", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def report(*arguments):
    return command.main([str(argument) for argument in arguments])


def error_of(capsys, *arguments):
    assert report(*arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


def filmed(path, success, number):
    video = EpisodeVideo(path, 25, (64, 48))
    for n in range(6):
        video.add(n / 25, [np.full((48, 64, 3), 40 * n, np.uint8)] * 3)
    video.close()


def test_a_page_is_well_formed_and_needs_nothing_from_elsewhere(played):
    folder = played("one", {"oft": "s1i2pt", "vega": "ssssd3"}, video=filmed)
    assert report(folder) == 0
    html = (folder / "report.html").read_text()
    page = Page(html)
    assert "script" not in page.tags
    outside = [a for a in page.addresses if not a.startswith(("data:", "trials/"))]
    assert outside == [PAPER]
    assert "@import" not in html
    assert "url(" not in html


def test_failed_trials_have_pictures_and_links_that_lead_to_their_videos(played, tmp_path):
    folder = played("with space & more", {"oft": "s1", "vega": "ss"}, video=filmed)
    out = tmp_path / "elsewhere" / "report"
    assert report(folder, "--out", out) == 0
    page = Page((out / "report.html").read_text())
    pictures = [a for a in page.addresses if a.startswith("data:image/jpeg")]
    assert len(pictures) == 1
    (link,) = [a for a in page.addresses if a.endswith("video.mp4")]
    assert " " not in link
    assert (out / link.replace("%20", " ").replace("%26", "&")).resolve().is_file()


def test_a_video_that_is_missing_or_cut_off_is_no_hindrance(played):
    def broken(path, success, number):
        if number:
            path.write_bytes(b"\0\0\0\x18ftypmp42")

    folder = played("one", {"oft": "11"}, video=broken)
    assert report(folder) == 0
    assert "Failed trials (2)" in (folder / "report.html").read_text()


def test_pictures_stay_small_however_many_trials_fail(played):
    folder = played("one", {"oft": "1" * 8}, video=filmed)
    trials = merge([read_source(folder, False)]).trials
    many = film_strips(trials * 30)
    assert sum(map(len, many.values())) <= MOST_BYTES


def test_names_and_notes_are_shown_as_they_are(played):
    name = "<script>alert('x')</script> & \"co\""
    folder = played(name.replace("/", "_"), {name: "s1", "b|c*": "1s"}, note="<img src=x> | *")
    assert report(folder) == 0
    page = Page((folder / "report.html").read_text())
    assert "script" not in page.tags
    assert any(name in text for text in page.text)
    assert "b\\|c\\*" in (folder / "report.md").read_text()


def test_everything_is_reported_of_one_policy_of_none_played_and_of_many(played):
    for name, outcomes in {
        "alone": {"oft": "s1"},
        "nothing": {"oft": ".", "vega": "."},
        "many": {f"policy{n}": "s1" for n in range(6)},
        "itself": {"oft": "s1s", "oft2": "ss1"},
    }.items():
        folder = played(name, outcomes, sha256={"oft2": hashlib.sha256(b"oft").hexdigest()})
        assert report(folder) == 0
        Page((folder / "report.html").read_text())


def test_an_open_session_tells_no_names(played, capsys):
    folder = played("open", {"secret_a": "s1", "secret_b": "s."}, closed=False)
    assert "give --blinded" in error_of(capsys, folder)
    assert report(folder, "--blinded") == 0
    for name in ("report.html", "report.md", "report.csv"):
        assert "secret" not in (folder / name).read_text()


def test_only_an_untouched_report_is_written_over(played, capsys):
    folder = played("one", {"oft": "s1"})
    assert report(folder) == 0
    assert report(folder) == 0
    notes = folder / "report.md"
    notes.write_text(notes.read_text() + "my own remark\n")
    page = (folder / "report.html").stat().st_mtime_ns
    assert "not as an earlier report left it" in error_of(capsys, folder)
    assert notes.read_text().endswith("my own remark\n")
    assert (folder / "report.html").stat().st_mtime_ns == page


def test_a_report_that_a_crash_cut_off_is_written_again(played, monkeypatch):
    folder = played("one", {"oft": "s1"})
    assert report(folder) == 0
    written = command.write.__globals__["write_atomically"]

    def crashing(path, text):
        if path.name == "report.csv":
            raise KeyboardInterrupt
        written(path, text)

    monkeypatch.setitem(command.write.__globals__, "write_atomically", crashing)
    assert report(folder) == 130
    monkeypatch.undo()
    assert report(folder) == 0
    check = subprocess.run(
        ["sha256sum", "-c", "report.sha256"], cwd=folder, capture_output=True, check=False
    )
    assert check.returncode == 0


def test_careless_use_is_told_in_a_sentence(played, tmp_path, capsys):
    first, second = played("a", {"oft": "s1"}), played("b", {"vega": "s1"})
    file = tmp_path / "file"
    file.write_text("")
    assert "no such folder" in error_of(capsys, tmp_path / "nowhere")
    assert "no such folder" in error_of(capsys, file)
    (tmp_path / "empty").mkdir()
    assert "is no session" in error_of(capsys, tmp_path / "empty")
    assert "give --out" in error_of(capsys, first, second)
    assert "give one with --blinded" in error_of(capsys, first, second, "--blinded")
    assert "cannot be written" in error_of(capsys, first, "--out", file)
    assert "cannot be written" in error_of(capsys, first, "--out", file / "below")
    assert report(first, second, "--out", tmp_path / "merged") == 0
    assert "2 sessions" in capsys.readouterr().out


def test_help_says_what_it_does(capsys):
    with pytest.raises(SystemExit) as ended:
        report("--help")
    assert ended.value.code == 0
    assert "several sessions in one report" in capsys.readouterr().out
