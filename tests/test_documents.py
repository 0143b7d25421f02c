"""The commands that README, guides and CONTRIBUTING name exist."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ROOT / "ros2_ws" / "src"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LAUNCH = "\n".join(p.read_text() for p in PACKAGES.glob("*/*/*.py") if "vega_bringup" in p.parts)


def found(pattern):
    """Every match on every page, once."""
    return sorted({m for page in PAGES for m in re.findall(pattern, page.read_text("utf-8"))})


@pytest.mark.parametrize("module", found(r"python -m\s+([a-z]\w*(?:\.[a-z]\w*)*)\b(?!\.)"))
def test_a_module_that_is_run_exists(module):
    spec = find_spec(module)
    assert spec is not None
    assert spec.submodule_search_locations is None or find_spec(f"{module}.__main__")


@pytest.mark.parametrize(("package", "name"), found(r"ros2 run (\w+) (\w+)"))
def test_an_executable_exists(package, name):
    setup = ast.parse((PACKAGES / package / "setup.py").read_text())
    texts = {node.value for node in ast.walk(setup) if isinstance(node, ast.Constant)}
    assert any(re.match(rf"{name}\s*=", str(text)) for text in texts)


@pytest.mark.parametrize("line", found(r"ros2 launch vega_bringup ([^\n`|#]+)"))
def test_a_launch_file_has_the_arguments_it_is_given(line):
    file, *arguments = line.split()
    assert (PACKAGES / "vega_bringup" / "launch" / file).is_file()
    for name in (a.partition(":=")[0] for a in arguments if ":=" in a):
        assert f'"{name}"' in LAUNCH


@pytest.mark.parametrize("target", found(r"(?m)(?:^|`)make ([a-z]+)"))
def test_a_target_of_make_exists(target):
    assert re.search(rf"(?m)^{target}:", (ROOT / "Makefile").read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_the_first_page_is_short_enough_to_read():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 150


def test_the_picture_of_the_packages_shows_them_all():
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    (layers,) = re.findall(r"```layers\n(.*?)```", page, re.S)
    picture = (ROOT / "docs/images/packages.svg").read_text("utf-8")
    assert set(re.findall(r'class="name">(\w+)<', picture)) == set(layers.split())
