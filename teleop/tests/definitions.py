"""ROS 2 message definitions without their comments, so that tests need no ROS."""

from teleop.dataset.mcap_writer import Schema

_TEXTS = {
    "builtin_interfaces/Time": """\
int32 sec
uint32 nanosec
""",
    "diagnostic_msgs/DiagnosticArray": """\
std_msgs/Header header
DiagnosticStatus[] status
""",
    "diagnostic_msgs/DiagnosticStatus": """\
byte OK=0
byte WARN=1
byte ERROR=2
byte STALE=3
byte level
string name
string message
string hardware_id
KeyValue[] values
""",
    "diagnostic_msgs/KeyValue": """\
string key
string value
""",
    "sensor_msgs/CameraInfo": """\
std_msgs/Header header
uint32 height
uint32 width
string distortion_model
float64[] d
float64[9] k
float64[9] r
float64[12] p
uint32 binning_x
uint32 binning_y
RegionOfInterest roi
""",
    "sensor_msgs/CompressedImage": """\
std_msgs/Header header
string format
uint8[] data
""",
    "sensor_msgs/JointState": """\
std_msgs/Header header
string[] name
float64[] position
float64[] velocity
float64[] effort
""",
    "sensor_msgs/RegionOfInterest": """\
uint32 x_offset
uint32 y_offset
uint32 height
uint32 width
bool do_rectify
""",
    "std_msgs/Header": """\
builtin_interfaces/Time stamp
string frame_id
""",
    "vega_msgs/ArmCommand": """\
std_msgs/Header header
uint64 sequence
builtin_interfaces/Time deadline
string[] names
float64[] positions
""",
    "vega_msgs/ArmTarget": """\
std_msgs/Header header
builtin_interfaces/Time issued
uint64 chunk_sequence
uint32 step
string[] names
float64[] positions
""",
    "vega_msgs/EstopState": """\
uint8 HOLD=0
uint8 DAMPED=1
uint8 POWER=2
std_msgs/Header header
bool active
uint8 level
string by
string text
string[] steps
""",
    "vega_msgs/GateState": """\
uint8 INACTIVE=0
uint8 HOLD=1
uint8 EXECUTING=2
uint8 HOMING=3
uint8 LEADER=4
uint8 ESTOP=5
std_msgs/Header header
uint8 mode
string reason
uint64 chunks_accepted
uint64 chunks_refused
string[] refusal_reasons
uint64[] refusal_counts
uint64 commands_sent
uint64 commands_clamped
uint64 commands_blocked
uint64 holds
uint64 estops
""",
    "vega_msgs/TakeEvent": """\
builtin_interfaces/Time stamp
string kind
string text
""",
    "vega_msgs/EpisodeSigns": """\
float64 closest_m
bool touched
bool held
bool ever_held
bool lost
bool released_at_target
float64 table_contact_s
float64 table_force_n
float64 stalled_s
""",
    "vega_msgs/TaskState": """\
std_msgs/Header header
string task
string variant
int64 seed
uint64 episode
float64 time_s
float64 time_limit_s
bool success
string progress
string[] milestones
bool[] milestones_reached
EpisodeSigns signs
float64 real_time_factor
uint64[] frames_published
""",
}
_USED = {
    "sensor_msgs/CompressedImage": (
        "std_msgs/Header",
        "builtin_interfaces/Time",
    ),
    "sensor_msgs/JointState": (
        "std_msgs/Header",
        "builtin_interfaces/Time",
    ),
    "sensor_msgs/CameraInfo": (
        "std_msgs/Header",
        "sensor_msgs/RegionOfInterest",
        "builtin_interfaces/Time",
    ),
    "diagnostic_msgs/DiagnosticArray": (
        "std_msgs/Header",
        "diagnostic_msgs/DiagnosticStatus",
        "builtin_interfaces/Time",
        "diagnostic_msgs/KeyValue",
    ),
    "vega_msgs/ArmCommand": (
        "std_msgs/Header",
        "builtin_interfaces/Time",
    ),
    "vega_msgs/ArmTarget": (
        "std_msgs/Header",
        "builtin_interfaces/Time",
    ),
    "vega_msgs/GateState": (
        "std_msgs/Header",
        "builtin_interfaces/Time",
    ),
    "vega_msgs/EstopState": (
        "std_msgs/Header",
        "builtin_interfaces/Time",
    ),
    "vega_msgs/TakeEvent": ("builtin_interfaces/Time",),
    "vega_msgs/TaskState": (
        "std_msgs/Header",
        "builtin_interfaces/Time",
        "vega_msgs/EpisodeSigns",
    ),
}


def schema(name: str) -> Schema:
    """The definition of a message with those it uses; name: `package/Type`."""
    package, kind = name.split("/")
    parts = [_TEXTS[name]]
    parts += [f"{'=' * 80}\nMSG: {used}\n{_TEXTS[used]}" for used in _USED[name]]
    return Schema(f"{package}/msg/{kind}", "".join(parts))
