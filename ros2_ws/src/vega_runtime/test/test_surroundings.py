import os
import subprocess
import sys

import pytest
from vega_runtime import surroundings


@pytest.mark.parametrize(
    "given", ["abc", "-1", "233", "1000", " ", "5abc", "010", "0x10", "1.5", "٣"]
)
def test_a_domain_that_ros_would_misread_is_refused(given):
    told = surroundings.domain_problem({"ROS_DOMAIN_ID": given})
    assert "ROS_DOMAIN_ID=" in told
    assert "expected a whole number, 0 to 232" in told
    assert "or unset it" in told


@pytest.mark.parametrize(
    "environment", [{}, *({"ROS_DOMAIN_ID": d} for d in ("", "0", "7", "232"))]
)
def test_a_domain_that_ros_can_use_is_not_refused(environment):
    assert surroundings.domain_problem(environment) is None


@pytest.mark.parametrize("variable", ["ROS_LOG_DIR", "ROS_HOME", "HOME"])
def test_a_folder_of_logs_that_cannot_be_made_names_the_remedy(monkeypatch, tmp_path, variable):
    (tmp_path / "file").write_text("")
    for name in ("ROS_LOG_DIR", "ROS_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "file" / "x"))
    told = surroundings.log_folder_problem()
    assert str(tmp_path / "file") in told
    assert "export ROS_LOG_DIR=" in told


def test_a_folder_of_logs_that_can_be_made_is(tmp_path):
    assert surroundings.problem({"ROS_LOG_DIR": str(tmp_path / "logs")}) is None
    assert (tmp_path / "logs").is_dir()


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [("ROS_DOMAIN_ID", "abc", "ROS_DOMAIN_ID=abc: expected"), ("HOME", "/dev/null", "ROS_LOG_DIR")],
)
def test_an_executable_says_in_one_sentence_why_it_does_not_start(variable, value, says):
    environment = {k: v for k, v in os.environ.items() if k not in ("ROS_LOG_DIR", "ROS_HOME")}
    ended = subprocess.run(
        [sys.executable, "-c", "from vega_runtime import start; start.main()"],
        env={**environment, variable: value},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
