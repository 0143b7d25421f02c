"""The page is read as a browser does: nothing is fetched, everything is closed, texts are safe."""

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

import hw_config
from teleop.placements import Grid
from teleop.report.__main__ import main
from teleop.report.film import FRAMES, film
from teleop.report.plots import Dot, dots, joints, number
from teleop.tests.episodes import COLOURS, Faults, make_episode, open_store

VOID = {"meta", "img", "rect", "line", "circle", "polyline", "br"}


class Page(HTMLParser):
    """Elements with their attributes, and whether each is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "dataset"
    grid = Grid(hw_config.load_task("close_laptop"), "easy")
    with open_store(folder) as store:
        for number_ in range(3):
            placement = grid.next_placement(store.episodes("close_laptop"))
            faults = Faults(missing_cameras=["head"] if number_ == 2 else [])
            make_episode(store, 1.2, phase=0.4 * number_, placement=placement, faults=faults)
        make_episode(store, 1.2, phase=2.0, task="carrots_to_bowls", outcome="failure")
        store.amend(0, note="<script>alert(1)</script> & more")
    return folder


@pytest.fixture(scope="module")
def text(dataset):
    assert main([str(dataset), "--workers", "1"]) == 0
    return (dataset / "report.html").read_text()


def test_page_is_well_formed_and_fetches_nothing(text):
    page = Page(text)
    assert page.open == []
    assert not page.all("link")
    for attrs in page.all("img"):
        assert attrs["src"].startswith("data:image/")
        assert attrs["alt"]
    assert all(attrs.get("href", "#").startswith("#") for attrs in page.all("a"))
    assert not re.search(r"https?://|url\(|@import", text)


def test_texts_of_people_are_escaped(text):
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in text
    assert len(Page(text).all("script")) == 1


def test_every_episode_has_film_joints_and_a_place_to_link_to(text):
    page = Page(text)
    ids = {attrs["id"] for attrs in page.all("section")}
    assert ids == {"e0", "e1", "e2", "e3"}
    assert {attrs["href"][1:] for attrs in page.all("a")} <= ids
    films = [attrs for attrs in page.all("img") if attrs.get("class") == "film"]
    assert len(films) == 4
    plots = [attrs for attrs in page.all("svg") if attrs.get("class") == "joints"]
    assert len(plots) == 8


def test_coverage_findings_and_verdict_are_shown(text):
    page = Page(text)
    shown = "".join(page.texts)
    assert "do not train on this as it is" in shown
    assert "no image of the head camera" in shown
    coverage = [attrs for attrs in page.all("img") if attrs.get("class") == "coverage"]
    assert len(coverage) == 2
    assert "close_laptop, easy" in coverage[1]["alt"]


def test_tables_have_a_value_to_sort_by(text):
    page = Page(text)
    heads = page.all("th")
    assert len(page.all("button")) == len(heads)
    values = [attrs["data-value"] for attrs in page.all("td") if "data-value" in attrs]
    assert all(re.fullmatch(r"-?[\d.e+-]+", value) for value in values)


def test_one_task_elsewhere(dataset, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main([str(dataset), "--task", "carrots_to_bowls", "--out", str(out)]) == 0
    assert f"{out}: 1 episodes" in capsys.readouterr().out
    assert 'id="e3"' in out.read_text().replace("'", '"')


def test_wrong_use(dataset, tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert main([str(dataset), "--out", str(tmp_path / "no" / "page.html")]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_dataset_without_episodes(tmp_path):
    open_store(tmp_path / "empty").close()
    assert main([str(tmp_path / "empty"), "--workers", "1"]) == 0
    assert "nothing to train on" in (tmp_path / "empty" / "report.html").read_text()


def test_film_shows_the_cameras_from_beginning_to_end(dataset):
    strip = film(dataset / "episodes" / "000000")
    assert strip.cameras == tuple(COLOURS)
    assert strip.times_s[0] == 0.0
    assert strip.times_s[-1] == pytest.approx(1.2 - 1 / 30, abs=0.01)
    image = cv2.imdecode(np.frombuffer(strip.jpeg, np.uint8), 1)[..., ::-1]
    width = image.shape[1] / (FRAMES + 2)
    for place, camera in (
        (0.4, "head"),
        (FRAMES + 0.4, "left_wrist"),
        (FRAMES + 1.5, "right_wrist"),
    ):
        colour = image[30, int(place * width)].astype(int)
        assert np.abs(colour - COLOURS[camera]).max() < 20
    assert film(dataset / "episodes" / "000002").times_s == ()


def test_plots_draw_what_they_are_given():
    rows = np.zeros((5, 7), np.float32)
    rows[:, 0] = 0.5
    plot = joints(rows, np.full_like(rows, np.nan), 200, 'an "arm"', 2.0)
    assert plot.count("<polyline") == 7
    assert "&quot;arm&quot;" in plot
    assert "2.0 s" in plot
    values = [Dot(3, 1.0, "a"), Dot(4, float("nan"), "b"), Dot(9, 2.0, "<c>")]
    plot = dots(values, {9}, 1.5, 200, "s")
    assert plot.count("<circle") == 2
    assert "&lt;c&gt;" in plot
    assert "stroke-dasharray" in plot
    assert "nothing to show" in dots([], set(), None, 200, "s")


@pytest.mark.parametrize(
    ("value", "text_"), [(0.0, "0"), (-1e-9, "0"), (0.123, "0.12"), (12.34, "12.3"), (123.4, "123")]
)
def test_numbers_are_short(value, text_):
    assert number(value) == text_


def test_images_in_the_page_can_be_decoded(text):
    for attrs in Page(text).all("img"):
        data = base64.b64decode(attrs["src"].split(",")[1])
        assert cv2.imdecode(np.frombuffer(data, np.uint8), 1) is not None
