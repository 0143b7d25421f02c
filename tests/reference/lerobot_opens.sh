#!/usr/bin/env bash
# Does the public LeRobot library open what every importer and the exporter write?
#     source env.sh && bash tests/reference/lerobot_opens.sh [--json FILE]
# LeRobot gets an environment of its own, made once (some GB, minutes): runs/lerobot, or the folder
# that VEGA_LEROBOT_ENV names. VEGA_LEROBOT is the version, VEGA_LEROBOT_PYTHON the Python to use.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
environment=${VEGA_LEROBOT_ENV:-$PWD/runs/lerobot}
lerobot=$environment/bin/python
if ! "$lerobot" -c 'import lerobot' 2>/dev/null; then
    base=${VEGA_LEROBOT_PYTHON:-$(command -v python3.13 || command -v python3.12 || command -v python3)}
    "$base" -m venv "$environment"
    # Newer ones need Python 3.12 and have what reads datasets as an extra.
    if "$lerobot" -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then
        wanted="lerobot[dataset]==${VEGA_LEROBOT:-0.6.1}"
    else
        wanted="lerobot==${VEGA_LEROBOT:-0.4.4}"
    fi
    "$lerobot" -m pip install --quiet --disable-pip-version-check "$wanted"
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python tests/reference/make_lerobot_datasets.py "$folder/datasets"
# The library looks nowhere but here, and reads nothing of this project.
cd "$folder"
HF_HUB_OFFLINE=1 HF_HOME=$folder/cache PYTHONPATH='' \
    "$lerobot" "$OLDPWD/tests/reference/open_lerobot_datasets.py" "$folder/datasets" "$@"
