# Source me (bash or zsh): puts `ros2`, this workspace and its Python on the path.
#     source env.sh
# ROS 2: the one that is already sourced, else the wheels in .venv. Traffic stays on this machine.

if [ -n "${BASH_SOURCE:-}" ]; then
    _vega_root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
else
    _vega_root=$(cd "$(dirname "$0")" && pwd)
fi
if [ ! -x "$_vega_root/.venv/bin/python" ] || [ ! -f "$_vega_root/ros2_ws/install/local_setup.sh" ]; then
    echo "env.sh: not set up yet; run 'make setup' in $_vega_root first" >&2
    unset _vega_root
    return 1
fi

# As setup.sh decides it; an image may name a ROS_DISTRO that nobody has sourced.
_vega_ros=wheels
if [ "${VEGA_ROS:-}" != wheels ] && [ -n "${ROS_DISTRO:-}" ] && [ -n "${AMENT_PREFIX_PATH:-}" ]; then
    _vega_ros=sourced
fi
case "$_vega_ros $(cat "$_vega_root/.venv/setup-state/kind" 2>/dev/null)" in
    "sourced "*" wheels")
        echo "env.sh: ROS 2 $ROS_DISTRO is sourced now but was not at set-up; run 'make setup' again" >&2
        unset _vega_root _vega_ros
        return 1
        ;;
    "wheels "*" sourced")
        echo "env.sh: set up with a sourced ROS 2; source it first (/opt/ros/<distro>/setup.bash)," \
            "or run 'make setup' again to do without" >&2
        unset _vega_root _vega_ros
        return 1
        ;;
esac

export VIRTUAL_ENV="$_vega_root/.venv"
case ":$PATH:" in *":$VIRTUAL_ENV/bin:"*) ;; *) export PATH="$VIRTUAL_ENV/bin:$PATH" ;; esac
if [ "$_vega_ros" = wheels ]; then
    export ROS_DISTRO=jazzy VEGA_ROS=wheels ROS_VERSION=2 ROS_PYTHON_VERSION=3
    case ":${AMENT_PREFIX_PATH:-}:" in
        *":$VIRTUAL_ENV:"*) ;;
        *) export AMENT_PREFIX_PATH="$VIRTUAL_ENV${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}" ;;
    esac
else
    # A sourced `ros2` runs the system's Python, which must find what the launch files import.
    for _vega_path in "$VIRTUAL_ENV"/lib/python3*/site-packages "$_vega_root"; do
        case ":${PYTHONPATH:-}:" in
            *":$_vega_path:"*) ;;
            *) export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}$_vega_path" ;;
        esac
    done
    unset _vega_path
    # ROS 2's own pytest plugins import what only the system's Python has and want an older pytest.
    case "${PYTEST_ADDOPTS:-}" in
        *no:launch_testing*) ;;
        *)
            export PYTEST_ADDOPTS="${PYTEST_ADDOPTS:+$PYTEST_ADDOPTS }-p no:launch_testing\
 -p no:launch_ros -p no:launch_pytest"
            ;;
    esac
fi
if [ -n "${ZSH_VERSION:-}" ]; then
    . "$_vega_root/ros2_ws/install/local_setup.zsh"
else
    . "$_vega_root/ros2_ws/install/local_setup.bash"
fi

# Shared memory for the cameras, UDP on the loopback only. A lab with several machines sets a profile
# and a discovery range of its own; without a profile the range is not anyone's choice, because
# Jazzy's set-up files say SUBNET.
if [ -z "${FASTRTPS_DEFAULT_PROFILES_FILE:-}" ]; then
    export FASTRTPS_DEFAULT_PROFILES_FILE="$_vega_root/ros2_ws/src/vega_runtime/config/fastdds_loopback.xml"
    export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
fi
export PYTHONUNBUFFERED=1
unset _vega_root _vega_ros
