# Two commands: `make run` (TASK=close_laptop) and `make test`. Each does the set-up it needs.
# Tests by tier: `make unit` (no process, no ROS node), `make test` (all); ARGS go to pytest.
# `make field`: the field's inputs and situations, a table of case, outcome and right value.
# `make stability`: all tests several times, also on a busy machine; see tests/stability.py.
SHELL := /bin/bash
TASK ?= close_laptop
ARGS ?=
# Half of the tests' time is waiting: twice as many workers as cores, and not fewer than four.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 2 ? 4 : n > 4 ? 8 : 2 * n)))
PYTEST := python -m pytest -n $(WORKERS)

.PHONY: run test unit field stability setup check clean

run: setup
	@source ./env.sh && ros2 launch vega_bringup policy.launch.py task:=$(TASK) $(ARGS)

test: setup
	@source ./env.sh && $(MAKE) --no-print-directory check && $(PYTEST) $(ARGS)

unit: setup
	@source ./env.sh && $(PYTEST) -m unit $(ARGS)

field: setup
	@source ./env.sh && python tests/field.py --workers $(WORKERS) $(ARGS)

stability: setup
	@source ./env.sh && python tests/stability.py --workers $(WORKERS) $(ARGS)

check:
	@echo "ruff" && ruff check . && ruff format --check --quiet .
	@echo "mypy" && mypy

setup:
	@bash setup/setup.sh

clean:
	rm -rf .venv ros2_ws/build ros2_ws/install ros2_ws/log
