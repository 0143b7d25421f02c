"""Runs this front end's own ros2 command, whatever else is installed."""

import sys

from .main import run

sys.exit(run(sys.argv[1:]))
