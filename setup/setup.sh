#!/usr/bin/env bash
# Prepares .venv and ros2_ws/install; does nothing where nothing changed. Called by `make setup`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
venv=$root/.venv
state=$venv/setup-state
started=$SECONDS

say() { printf '[setup %3ss] %s\n' "$((SECONDS - started))" "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# run TITLE COMMAND...: runs quietly into a log, with a sign of life every 10 s.
run() {
    local title=$1 log pid waited=0; shift
    log=$state/logs/$(tr -c 'a-z0-9\n' '-' <<<"${title,,}").log
    mkdir -p "$state/logs"
    say "$title ..."
    "$@" </dev/null >"$log" 2>&1 &
    pid=$!
    trap 'kill $pid 2>/dev/null; exit 130' INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.5
        waited=$((waited + 1))
        ((waited % 20)) || say "  ... $(tail -n 1 "$log" | cut -c 1-90)"
    done
    trap - INT TERM
    if ! wait "$pid"; then
        tail -n 25 "$log" >&2
        fail "'$title' failed; the whole log is $log"
    fi
}

# changed NAME FILES...: whether the files differ from when `done_with NAME` last ran.
fingerprint() { sha256sum "$@" 2>/dev/null | sha256sum | cut -d ' ' -f 1; }
changed() { local name=$1; shift; [ "$(cat "$state/$name" 2>/dev/null)" != "$(fingerprint "$@")" ]; }
done_with() { local name=$1; shift; fingerprint "$@" >"$state/$name"; }

find_python() {
    local candidate
    for candidate in ${VEGA_PYTHON:-} $([ "$ros" = sourced ] && echo /usr/bin/python3) \
        python3 python3.12 python3.11 python3.10 python3.13; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
            2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.10 to 3.13 is needed; try: apt-get install python3 python3-venv"
}

# The Debian packages that are missing, found by what they provide.
missing_packages() {
    local python=$1 libraries
    libraries=$(ldconfig -p 2>/dev/null || /sbin/ldconfig -p)
    "$python" -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
    "$python" -c 'import os, sysconfig, sys
sys.exit(not os.path.exists(sysconfig.get_paths()["include"] + "/Python.h"))' || echo python3-dev
    command -v cmake >/dev/null || echo cmake
    command -v c++ >/dev/null || echo g++
    command -v make >/dev/null || echo make
    grep -q 'libEGL\.so\.1' <<<"$libraries" || echo libegl1
    grep -q 'libEGL_mesa\.so' <<<"$libraries" || echo libegl-mesa0
    grep -q 'libGL\.so\.1' <<<"$libraries" || echo libgl1
    ls /usr/lib/*/dri/*_dri.so >/dev/null 2>&1 || echo libgl1-mesa-dri
    grep -q 'libusb-1.0\.so\.0' <<<"$libraries" || echo libusb-1.0-0
    [ "$ros" = wheels ] || command -v ros2 >/dev/null || echo "ros-$ROS_DISTRO-ros2launch"
}

install_system_packages() {
    local packages as_root=()
    mapfile -t packages < <(missing_packages "$1")
    [ ${#packages[@]} -eq 0 ] && return
    local line="apt-get install -y --no-install-recommends ${packages[*]}"
    command -v apt-get >/dev/null || fail "system packages are missing: ${packages[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || [ -t 0 ] || fail "system packages are missing; run: sudo $line"
        as_root=(sudo)
        sudo true || fail "system packages are missing; run: sudo $line"
    fi
    mkdir -p "$state"
    run "system packages: ${packages[*]}" "${as_root[@]}" sh -c \
        "apt-get update -q; DEBIAN_FRONTEND=noninteractive $line"
}

case "$(uname -s)-$(uname -m)" in
Linux-x86_64) ;;
*) [ -n "${AMENT_PREFIX_PATH:-}" ] || fail "the ROS 2 wheels exist for Linux on x86-64 only; on \
$(uname -s) $(uname -m) source a ROS 2 Humble or Jazzy first" ;;
esac

ros=wheels
if [ "${VEGA_ROS:-}" != wheels ] && [ -n "${ROS_DISTRO:-}" ] && [ -n "${AMENT_PREFIX_PATH:-}" ]; then
    case $ROS_DISTRO in
    humble | jazzy) ros=sourced ;;
    *) fail "ROS 2 '$ROS_DISTRO' is sourced; this project runs on humble and jazzy" ;;
    esac
fi

if [ "$ros" = sourced ]; then
    constraints=setup/constraints-sourced-ros.txt
    requirements=(-r setup/sourced-ros.txt)
else
    constraints=setup/constraints.txt
    requirements=(-r setup/ros-wheels.txt)
fi
python_inputs=(pyproject.toml "$constraints" "${requirements[1]}" setup/setup.sh
    setup/repair_cmake_paths.py ros2_ws/front_end/pyproject.toml)
mapfile -t workspace_inputs < <(find ros2_ws/src -type f \( -name package.xml -o -name 'setup.*' \
    -o -name CMakeLists.txt -o -name '*.msg' -o -name '*.srv' -o -name '*.action' \) | sort)
layout=$(find ros2_ws/src -type f -not -path '*/__pycache__/*' -not -path '*.egg-info/*' \
    -not -path '*/.*' | sort)

python=$(find_python)
install_system_packages "$python"

version=$("$python" -c 'import sys; print(*sys.version_info[:2], sep=".")')
if [ -x "$venv/bin/python" ] && [ "$(cat "$state/kind" 2>/dev/null)" != "$version $ros" ]; then
    say "removing .venv: it was made for another Python or ROS 2"
    rm -rf "$venv" ros2_ws/build ros2_ws/install
fi
if [ ! -x "$venv/bin/pip" ]; then
    mkdir -p "$state"
    run "virtual environment with Python $version" "$python" -m venv "$venv"
    mkdir -p "$state"
    echo "$version $ros" >"$state/kind"
fi

if changed python "${python_inputs[@]}"; then
    pip=("$venv/bin/pip" install --disable-pip-version-check --progress-bar off -c "$constraints")
    run "Python packages (a minute or two)" "${pip[@]}" "${requirements[@]}" -e '.[sim,hardware,teleop,rosbag,eval,train,dev]'
    if [ "$ros" = wheels ]; then
        "$venv/bin/python" setup/repair_cmake_paths.py
    fi
    # A sourced ROS 2 has its own, in the system's Python.
    if [ "$ros" = wheels ] && ! "$venv/bin/python" -c 'import launch_ros' 2>/dev/null; then
        run "launch front end" "${pip[@]}" --no-build-isolation -e ros2_ws/front_end
    fi
    done_with python "${python_inputs[@]}"
fi

if changed workspace "${workspace_inputs[@]}" "$state/python" ||
    [ "$layout" != "$(cat "$state/layout" 2>/dev/null)" ] || [ ! -d ros2_ws/install ]; then
    build() {
        export PATH=$venv/bin:$PATH VIRTUAL_ENV=$venv
        if [ "$ros" = wheels ]; then
            export AMENT_PREFIX_PATH=$venv CMAKE_PREFIX_PATH=$venv
        fi
        cd ros2_ws && colcon build --symlink-install --event-handlers console_direct+ \
            --cmake-args -DPython3_EXECUTABLE="$venv/bin/python" -DPYTHON_EXECUTABLE="$venv/bin/python"
    }
    run "ROS 2 workspace (half a minute)" build
    done_with workspace "${workspace_inputs[@]}" "$state/python"
    printf '%s' "$layout" >"$state/layout"
fi
say "ready: source env.sh"
