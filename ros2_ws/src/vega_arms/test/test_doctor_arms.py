"""What the doctor says about a CAN bus and the arm on it, sound and broken."""

import dataclasses

import pytest
from vega_arms import buses, frames, protocol
from vega_arms.doctor import checks, survey
from vega_arms.doctor.checks import ArmFacts, CanInterface, Heard
from vega_arms.emulator import POSE, Emulator, Follower, Leader, Settings, SimpleArm
from vega_arms.emulator.faults import Fault
from vega_arms.emulator.leader import sweep
from vega_arms.frames import MotorLimits, Status

import hw_config
from vega_core.findings import Severity

HARDWARE = hw_config.load()
LOWER, UPPER = HARDWARE.limits.lower[:7], HARDWARE.limits.upper[:7]
TOLD = {
    i + 1: MotorLimits(i + 1, high, low, 3000)
    for i, (low, high) in enumerate(
        [(-1500, 1500), (0, 1800), (-1700, 0), (-1000, 1000), (-700, 700), (-1200, 1200)]
    )
}
SOUND = ArmFacts(
    status=Status(ctrl_mode=0),
    motor_bits=(0,) * 6,
    firmware="S-V1.8-8",
    limits=TOLD,
    gripper_stroke_mm=70,
    q=(0.0, 0.9, -0.9, 0.0, 0.5, 0.0, 0.04),
    age_s=0.004,
)
FOLLOWER = dict.fromkeys(range(0x2A1, 0x2A9), 200)
LEADER = dict.fromkeys((0x151, 0x155, 0x156, 0x157, 0x159), 200)
UP = CanInterface(True, True, 1_000_000, "ERROR-ACTIVE", 100, "gs_usb")


def heard(*counts, **others):
    return Heard(1.0, {key: n for some in counts for key, n in some.items()}, **others)


def but(thing, **changes):
    return dataclasses.replace(thing, **changes)


def expect(row, state, *words):
    assert row.state is state, row
    for word in words:
        assert word in f"{row.found} {row.remedy}"
    assert bool(row.remedy) == (state in (Severity.WARN, Severity.FAIL)), row


@pytest.mark.parametrize(
    ("interface", "state", "words"),
    [
        (UP, Severity.OK, ["gs_usb"]),
        (
            CanInterface(False, supported=False),
            Severity.FAIL,
            ["no CAN", "modprobe", "--robot emulated"],
        ),
        (CanInterface(False), Severity.FAIL, ["here: none", "plug the USB-CAN adapter in"]),
        (
            CanInterface(False, others=("can0", "can1")),
            Severity.FAIL,
            ["can0, can1", "hw_config.naming"],
        ),
        (
            but(UP, up=False),
            Severity.FAIL,
            ["ip link set can_left up type can bitrate 1000000"],
        ),
        (but(UP, bus_state="BUS-OFF"), Severity.FAIL, ["termination"]),
        (but(UP, bit_rate=500_000), Severity.FAIL, ["500000", "ip link set can_left down"]),
        (but(UP, driver="mttcan"), Severity.WARN, ["not the USB adapter"]),
        (but(UP, bus_state="ERROR-PASSIVE"), Severity.WARN, ["cable"]),
        (but(UP, restart_ms=0), Severity.WARN, ["restart-ms 100"]),
        (CanInterface(True, True), Severity.OK, ["state unknown"]),
    ],
)
def test_the_interface(interface, state, words):
    expect(checks.interface("can_left", interface), state, *words)


def test_what_ip_says_of_an_interface_is_read():
    said = {
        "linkinfo": {
            "info_kind": "can",
            "info_data": {
                "state": "ERROR-ACTIVE",
                "restart_ms": 100,
                "bittiming": {"bitrate": 1000000},
            },
        }
    }
    assert survey.details(said, True, "gs_usb") == UP
    assert survey.details({}, True, "gs_usb").bit_rate is None


@pytest.mark.parametrize(
    ("traffic", "state", "words"),
    [
        (heard(FOLLOWER), Severity.OK, ["19 %", "1600 frames/s"]),
        (heard(), Severity.FAIL, ["silent", "switch the arm on"]),
        (heard(FOLLOWER, bus_off=True), Severity.FAIL, ["bus-off"]),
        (heard(FOLLOWER, error_frames=3), Severity.WARN, ["3 error frames"]),
        (heard({0x2A1: 6500}), Severity.WARN, ["78 %"]),
        (heard({0x2A1: 8000}), Severity.FAIL, ["96 %", "one bus an arm"]),
    ],
)
def test_the_load(traffic, state, words):
    expect(checks.traffic("can_left", traffic), state, *words)


@pytest.mark.parametrize(
    ("traffic", "state", "words"),
    [
        (heard(FOLLOWER), Severity.OK, ["200 Hz"]),
        (heard(LEADER), Severity.FAIL, ["no feedback (0x2A*)", "leader role", "0x470 FC"]),
        (heard({0x2B1: 200}), Severity.FAIL, ["0x2B*", "offset"]),
        (heard({0x4AF: 11}), Severity.FAIL, ["no feedback", "switch the follower on"]),
        (heard(dict.fromkeys(FOLLOWER, 120)), Severity.WARN, ["120 Hz, expected 200"]),
    ],
)
def test_the_follower(traffic, state, words):
    expect(checks.follower("can_left", traffic, 200.0), state, *words)


@pytest.mark.parametrize(
    ("traffic", "alone", "state", "words"),
    [
        (heard(FOLLOWER), False, Severity.OK, ["a policy may"]),
        (
            heard(FOLLOWER, LEADER),
            False,
            Severity.WARN,
            ["200 Hz of 0x155-0x157", "unplug the leader"],
        ),
        (heard(FOLLOWER, {0x3A2: 100}), False, Severity.WARN, ["0x3A*", "newer"]),
        (heard(LEADER), True, Severity.OK, ["targets at 200 Hz"]),
        (heard({0x190: 1}), True, Severity.WARN, ["switch the leader on"]),
        (
            heard(FOLLOWER),
            True,
            Severity.FAIL,
            ["follower is on the leader's bus", "leader_can"],
        ),
    ],
)
def test_the_leader(traffic, alone, state, words):
    expect(checks.leader("can_left", traffic, alone), state, *words)


@pytest.mark.parametrize(
    ("check", "changes", "state", "words"),
    [
        (checks.state, {}, Severity.OK, ["normal, standby"]),
        (checks.state, {"status": None}, Severity.FAIL, ["no status"]),
        (checks.state, {"status": Status(arm_status=7)}, Severity.FAIL, ["collision", "reset"]),
        (checks.state, {"status": Status(ctrl_mode=2)}, Severity.FAIL, ["teach mode"]),
        (checks.state, {"status": Status(comm_error_bits=4)}, Severity.FAIL, ["joint 3"]),
        (
            checks.state,
            {"status": Status(arm_status=0x77)},
            Severity.WARN,
            ["unknown code 0x77"],
        ),
        (
            checks.state,
            {"motor_bits": (2, *[0] * 5)},
            Severity.FAIL,
            ["joint 1: motor too hot", "let it cool", "reset"],
        ),
        (checks.version, {}, Severity.OK, ["S-V1.8-8"]),
        (checks.version, {"firmware": None}, Severity.WARN, ["did not tell"]),
        (checks.version, {"firmware": "S-V1.5-1"}, Severity.FAIL, ["old protocol", "update"]),
        (checks.version, {"firmware": "beta"}, Severity.WARN, ["unknown version beta"]),
        (checks.clock, {}, Severity.OK, ["4 ms old"]),
        (checks.clock, {"age_s": 3600.0}, Severity.FAIL, ["3600.00 s old"]),
        (checks.clock, {"age_s": -0.5}, Severity.FAIL, ["clock set"]),
        (checks.clock, {"age_s": None}, Severity.SKIP, ["no feedback"]),
    ],
)
def test_the_arm(check, changes, state, words):
    expect(check("can_left", but(SOUND, **changes)), state, *words)


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({}, Severity.OK, ["agree"]),
        ({"limits": {}}, Severity.WARN, ["did not tell"]),
        ({"limits": {**TOLD, 2: MotorLimits(2, 900, 0, 3000)}}, Severity.WARN, ["0 .. 90 deg"]),
        (
            {"limits": {**TOLD, 2: MotorLimits(2, -900, 0, 0)}},
            Severity.FAIL,
            ["joint 2", "cannot be"],
        ),
        (
            {"q": (0.0, -0.8, 0.0, 0.0, 0.0, 0.0, 0.0)},
            Severity.FAIL,
            ["joint 2 stands at -45.8 deg"],
        ),
    ],
)
def test_the_limits(changes, state, words):
    expect(checks.limits("can_left", but(SOUND, **changes), LOWER, UPPER), state, *words)


@pytest.mark.parametrize(
    ("stroke_mm", "state", "words"),
    [
        (70, Severity.OK, ["70 mm"]),
        (100, Severity.FAIL, ["100 mm, hw_config 70", "gripper_stroke_m"]),
        (0, Severity.WARN, ["not configured"]),
        (None, Severity.WARN, ["did not tell"]),
    ],
)
def test_the_gripper(stroke_mm, state, words):
    row = checks.gripper("can_left", but(SOUND, gripper_stroke_mm=stroke_mm), 0.07)
    expect(row, state, *words)


@pytest.mark.parametrize(
    ("bits", "state", "words"),
    [
        (protocol.HOMED, Severity.OK, ["70 mm"]),
        (None, Severity.OK, ["70 mm"]),
        (0, Severity.WARN, ["never zeroed", "zero it with the vendor's tool"]),
        (protocol.HOMED | 1 << 2, Severity.FAIL, ["overcurrent", "free it", "enable the arm"]),
        (protocol.HOMED | 1 << 1, Severity.FAIL, ["motor too hot", "let it cool"]),
        (1 << 4, Severity.FAIL, ["sensor error", "check the cable"]),
    ],
)
def test_what_the_gripper_says_of_itself(bits, state, words):
    expect(checks.gripper("can_left", but(SOUND, gripper_bits=bits), 0.07), state, *words)


def test_doctor_and_driver_name_one_remedy():
    row = checks.state("can_left", but(SOUND, motor_bits=(0, 1 << 2, *[0] * 4)))
    assert row.remedy == protocol.motor_fault(1 << 2).remedy


def test_both_arms_have_the_same_firmware():
    expect(checks.versions({"l": "S-V1.8-8", "r": "S-V1.8-8"}), Severity.OK)
    expect(checks.versions({"l": "S-V1.8-2", "r": "S-V1.8-8"}), Severity.WARN, "l S-V1.8-2")
    assert checks.versions({"l": None, "r": "S-V1.8-8"}) is None


def test_a_bus_is_judged_as_far_as_something_was_heard():
    def checks(traffic, arm):
        rows = survey.judge(HARDWARE, "can_right", traffic, arm)
        return [row.check.partition(": ")[2] for row in rows]

    assert checks(heard(), ArmFacts()) == ["bus load"]
    assert checks(heard(LEADER), ArmFacts()) == ["bus load", "follower", "leader"]
    assert checks(heard(FOLLOWER), SOUND)[3:] == [
        "arm state",
        "firmware",
        "limits",
        "gripper",
        "stamps",
    ]


def test_frames_that_no_arm_sends_do_not_make_a_follower():
    assert checks.follower("c", heard({frames.FIRMWARE: 11}), 200.0).state is Severity.FAIL


def survey_bus(channel, devices, fault=None):
    """What the doctor says of a bus with these devices, by check."""
    with Emulator(buses.open_bus("virtual", channel), devices) as emulator:
        emulator.inject(fault)
        heard, arm = survey.listen(channel, lambda name: buses.open_bus("virtual", name))
    rows = survey.judge(HARDWARE, "can_left", heard, arm)
    return {row.check.partition(": ")[2]: row for row in rows}


def follower(settings=None):
    return Follower(settings or Settings(), SimpleArm(POSE[:6], POSE[6], on_stand=True))


def test_a_leader_on_the_bus_is_seen():
    rows = survey_bus("doctor_leader", [follower(), Leader(sweep(POSE))])
    assert rows["follower"].found.startswith("feedback at")
    assert "unplug the leader" in rows["leader"].remedy


@pytest.mark.parametrize(
    ("fault", "check", "says"),
    [
        (Fault.LEADER_ROLE, "follower", "0x2A*"),
        (Fault.SILENCE, "bus load", "silent"),
        (Fault.BUS_OFF, "bus load", "bus-off"),
        (Fault.COLLISION, "arm state", "collision"),
        (Fault.LIMITS, "limits", "joint 2"),
        (Fault.GRIPPER_OVERCURRENT, "gripper", "overcurrent"),
        (Fault.GRIPPER_NOT_ZEROED, "gripper", "never zeroed"),
    ],
)
def test_faults_of_an_emulated_arm_are_seen(fault, check, says):
    arm = follower()
    arm.enabled = [True] * 6  # an arm without power does not trip
    devices = [arm]
    if fault is Fault.LEADER_ROLE:
        devices.append(Leader(sweep(POSE)))
    rows = survey_bus(f"doctor_{fault.value}", devices, fault)
    assert rows[check].state.name in ("FAIL", "WARN"), rows
    assert says in rows[check].found


def test_a_gripper_of_the_other_size_is_seen():
    settings = Settings(firmware="S-V1.8-2")
    settings.gripper = settings.gripper._replace(stroke_mm=100)
    rows = survey_bus("doctor_gripper", [follower(settings)])
    assert "100 mm, hw_config 70" in rows["gripper"].found
