"""A full ROS 2 installation takes precedence; the command loads only what it needs."""

import subprocess
import sys

MAIN = "from vega_ros2_cli.main import main; main()"


def run(environment, *command, **variables):
    return subprocess.run(
        [sys.executable, *command],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_installed_ros2cli_is_run_instead(environment, tmp_path):
    package = tmp_path / "full" / "ros2cli"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "cli.py").write_text("def main():\n    print('upstream')\n    return 5\n")
    path = f"{package.parent}:{environment['PYTHONPATH']}"
    done = run(environment, "-c", MAIN, PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (5, "upstream\n")
    assert run(environment, "-c", MAIN).stdout.startswith("usage: ros2")


def test_a_launch_that_comes_first_on_the_path_is_not_mixed_with_this_one(environment, tmp_path):
    package = tmp_path / "half" / "launch"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    path = f"{package.parent}:{environment['PYTHONPATH']}"
    done = run(environment, "-c", "import launch_ros", PYTHONPATH=path)
    assert f"launch comes from {package}/__init__.py" in done.stderr


def test_launching_imports_no_rclpy(environment, launch_file, tmp_path):
    file = launch_file('say("rclpy" if "rclpy" in sys.modules else "light"),')
    done = run(environment, "-m", "vega_ros2_cli", "launch", str(file))
    assert "[launch.user]: light" in done.stdout


def test_wheel_packages_are_found_without_sourcing_anything(environment):
    environment.pop("AMENT_PREFIX_PATH", None)
    done = run(environment, "-m", "vega_ros2_cli", "pkg", "prefix", "rclpy")
    assert done.stdout.strip() == sys.prefix


def test_help_lists_the_commands(environment):
    done = run(environment, "-m", "vega_ros2_cli", "--help")
    assert done.returncode == 0
    assert "lifecycle  see and change the state of lifecycle nodes" in done.stdout


def test_a_missing_client_library_is_named(environment, tmp_path):
    (tmp_path / "rclpy.py").write_text("raise ModuleNotFoundError(name='rclpy')")
    path = f"{tmp_path}:{environment['PYTHONPATH']}"
    done = run(environment, "-m", "vega_ros2_cli", "topic", "list", PYTHONPATH=path)
    assert done.returncode == 1
    assert "ros2 topic needs the Python package 'rclpy', which is not installed" in done.stderr
    assert "Traceback" not in done.stderr
