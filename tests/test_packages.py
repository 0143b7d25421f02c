"""Packages declare what they use, and that they have types."""

import ast
import re
import sys

import pytest
from codebase import PLAIN, ROOT, WORKSPACE, imports, modules, package, roots

# Python libraries that rosdep knows, by what is imported; the others come with `pip install .`.
ROSDEP = {
    "PIL": "python3-pil",
    "can": "python3-can",
    "cv2": "python3-opencv",
    "msgpack": "python3-msgpack",
    "numpy": "python3-numpy",
    "pydantic": "python3-pydantic",
    "scipy": "python3-scipy",
    "yaml": "python3-yaml",
}
BY_PIP = {
    *("av", "gymnasium", "markupsafe", "mujoco", "piper_sdk", "pydantic_core", "pyrealsense2"),
    *("ray", "rerun", "rerun_cli"),
}
IN_WORKSPACE = sorted(set(roots()) - set(PLAIN))


def used(name):
    """Other packages that a ROS package imports in its modules and launch files."""
    found = {package(target) for m in modules() if package(m) == name for target in imports(m)}
    for file in (WORKSPACE / name / "launch").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                found.add(package(node.module or ""))
    return found - {name, *PLAIN, *BY_PIP, *sys.stdlib_module_names}


def declared(name):
    text = (WORKSPACE / name / "package.xml").read_text("utf-8")
    return set(re.findall(r"<(?:exec_depend|depend)>(.*?)<", text))


def launched(name):
    """ROS packages whose nodes a package's launch files start."""
    files = (WORKSPACE / name / "launch").glob("*.py")
    return {found for f in files for found in re.findall(r'stack_node\(\s*"(\w+)"', f.read_text())}


@pytest.mark.parametrize("name", IN_WORKSPACE)
def test_package_xml_declares_what_the_package_imports_and_launches(name):
    wanted = {ROSDEP.get(target, target) for target in used(name)} | launched(name) - {name}
    assert declared(name) == wanted


@pytest.mark.parametrize("name", roots())
def test_a_package_has_types(name):
    assert (roots()[name] / "py.typed").is_file()
    setup = WORKSPACE / name / "setup.py" if name in IN_WORKSPACE else ROOT / "pyproject.toml"
    assert "py.typed" in setup.read_text("utf-8")
