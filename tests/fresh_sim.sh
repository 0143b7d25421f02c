#!/usr/bin/env bash
# Runs tests/test_without_ros.py with the Python of a new environment, which has nothing but what
# `pip install '.[sim]'` brings. The environment is removed afterwards; downloads may take minutes.
#     source env.sh && bash tests/fresh_sim.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check -c setup/constraints.txt -e '.[sim]'
if "$folder/bin/python" -c 'import rclpy' 2>/dev/null; then
    echo "the new environment has rclpy" >&2
    exit 1
fi
VEGA_TEST_PYTHON=$folder/bin/python python -m pytest tests/test_without_ros.py "$@"
