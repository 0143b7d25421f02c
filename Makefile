# Two commands: `make run` (TASK=close_laptop) and `make test`. Each does the set-up it needs.
SHELL := /bin/bash
TASK ?= close_laptop
ARGS ?=

.PHONY: run test setup check clean

run: setup
	@source ./env.sh && ros2 launch vega_bringup policy.launch.py task:=$(TASK) $(ARGS)

test: setup
	@source ./env.sh && $(MAKE) --no-print-directory check && python -m pytest

check:
	@echo "ruff" && ruff check . && ruff format --check --quiet .
	@echo "mypy" && mypy

setup:
	@bash setup/setup.sh

clean:
	rm -rf .venv ros2_ws/build ros2_ws/install ros2_ws/log
