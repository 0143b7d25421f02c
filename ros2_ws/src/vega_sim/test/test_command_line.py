import argparse

import pytest
from vega_sim import command_line, demos, play

import hw_config
from benches import twin as bench
from vega_core.command_line import whole


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        (play, ["--seed", "-1"], "expected a whole number, 0 or more: '-1'"),
        (play, ["--out", "/nowhere/x.mp4"], "there is no folder /nowhere"),
        (play, ["--out", "x.avi2"], "ends in .mp4"),
        (bench, ["--seeds", "0"], "1 or more"),
        (bench, ["--json", "/nowhere/x.json"], "there is no folder /nowhere"),
        (demos, ["--out", "x", "--workers", "0"], "1 or more"),
        (demos, ["--out", "x", "--image-every", "many"], "expected a whole number"),
    ],
)
def test_a_wrong_argument_is_refused_before_any_work(command, arguments, says, capsys):
    with pytest.raises(SystemExit) as exit_:
        command.main(arguments)
    assert exit_.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (hw_config.ConfigError("no such task"), 2, "error: no such task"),
        (PermissionError(13, "Permission denied", "x.mp4"), 2, "'x.mp4'"),
        (KeyboardInterrupt(), 130, "stopped: nothing was kept"),
    ],
)
def test_errors_and_ctrl_c_end_in_a_sentence(error, code, says, capsys):
    def command():
        raise error

    assert command_line.run(command, "nothing was kept") == code
    assert says in capsys.readouterr().err


def test_whole_numbers():
    assert whole(1)("7") == 7
    for text in ("0", "1.5", "--3", ""):
        with pytest.raises(argparse.ArgumentTypeError):
            whole(1)(text)
