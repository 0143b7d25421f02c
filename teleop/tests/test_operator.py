import pytest

from teleop.session.operator import OperatorRefused, SessionOperator, who_leads


@pytest.mark.parametrize(
    ("given", "robot", "operator"),
    [
        ("", "sim", SessionOperator("scripted", "scripted")),
        ("scripted", "emulated", SessionOperator("scripted", "scripted")),
        ("keyboard", "sim", SessionOperator("keyboard", "keyboard")),
        ("Ada", "sim", SessionOperator("Ada", "keyboard")),
        (" Ada  Lovelace ", "real", SessionOperator("Ada Lovelace", "none")),
    ],
)
def test_who_leads(given, robot, operator):
    assert who_leads(given, robot) == operator


@pytest.mark.parametrize(
    ("given", "robot", "says"),
    [
        ("", "real", "who leads"),
        (" ", "real", "who leads"),
        ("scripted", "real", "only the twin"),
        ("keyboard", "real", "only the twin"),
        ("scriptd", "sim", "did you mean operator:=scripted"),
        ("Keyboard", "emulated", "did you mean operator:=keyboard"),
    ],
)
def test_who_cannot(given, robot, says):
    with pytest.raises(OperatorRefused, match=says):
        who_leads(given, robot)
