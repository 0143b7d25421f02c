"""Every command that a message, a help text or a page names is one that works."""

import shlex

import h5py
import numpy as np
import pytest
import torch
from commands import check, in_messages, in_page, in_text, in_usages
from test_documents import PAGES

from teleop.convert.__main__ import main as convert
from teleop.export.__main__ import main as export
from teleop.tests.episodes import make_episode, open_store
from teleop.tests.test_convert_lerobot import dataset_v2
from vega_policy import train
from vega_policy.data.lerobot_layout import read_info
from vega_policy.tests.lerobot_files import COLOURS, camera_image, numbers
from vega_policy.tests.synthetic import SMALL

MESSAGES, USAGES = in_messages(), in_usages()
PAGE_COMMANDS = sorted({command for page in PAGES for command in in_page(page)})


@pytest.mark.parametrize("command", sorted(MESSAGES))
def test_a_command_of_a_message(command):
    try:
        check(command)
    except SystemExit:
        pytest.fail(f"{', '.join(MESSAGES[command])}: {command}")


@pytest.mark.parametrize("command", sorted(USAGES))
def test_a_command_at_the_head_of_a_module(command):
    if "[" in command or "..." in command:
        pytest.skip("it shows what may be left out")
    check(command)


@pytest.mark.parametrize("command", PAGE_COMMANDS)
def test_a_command_of_a_page(command):
    if "..." in command:
        pytest.skip("it is not whole")
    check(command)


def test_commands_are_found_where_they_end():
    text = "mend it (python -m teleop.repair 'A (b)') or `pip install 'a>=1'`; run make setup"
    assert in_text(text) == ["python -m teleop.repair 'A (b)'", "pip install 'a>=1'", "make setup"]
    assert len(MESSAGES) > 20
    assert len(PAGE_COMMANDS) > 20


def cobot_magic(folder):
    """Files as the Cobot Magic's own recorder writes them, at 30 Hz."""
    folder.mkdir(parents=True)
    for number in range(2):
        state = numbers(number, 40)
        with h5py.File(folder / f"episode_{number}.hdf5", "w") as file:
            file.attrs["sim"], file.attrs["compress"] = False, False
            file["observations/qpos"], file["action"] = state, state
            for key in COLOURS:
                images = [camera_image(key, step % 20, 48, 64) for step in range(40)]
                file[f"observations/images/{key}"] = np.stack(images)


def recorded(folder):
    with open_store(folder) as store:
        make_episode(store, 1.2)
        make_episode(store, 1.2, phase=0.7)


def thirty_hertz(folder):
    cobot_magic(folder.with_name("hdf5"))
    source = [str(folder.with_name("hdf5")), str(folder), "--from", "cobot_magic"]
    told = ["--task", "close_laptop", "--instruction", "close it"]
    assert convert([*source, *told, "--workers", "1"]) == 0
    assert read_info(folder).fps == 30


TRAINED = ["--recipe", "twin_oft", *SMALL, "training.steps=1", "data.validation_episodes=0"]
PROGRAMS = {"teleop.convert": convert, "teleop.export": export}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (cobot_magic, ["--instruction", "close it"]),
        (thirty_hertz, []),
        (dataset_v2, []),
        (recorded, []),
    ],
)
def test_what_train_tells_people_to_do_makes_a_dataset_that_it_takes(
    make, words, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    folder, out = tmp_path / "a folder", tmp_path / "made"
    make(folder)
    capsys.readouterr()
    run = ["--out", str(tmp_path / "run")]
    assert train.main([*TRAINED, "--dataset", str(folder), *run]) == 2
    [command] = in_text(capsys.readouterr().err)
    filled = {"OUT": str(out), "TASK": "close_laptop"}
    _, _, module, *given = [filled.get(word, word) for word in shlex.split(command)]
    assert PROGRAMS[module]([*given, *words, "--workers", "1"]) == 0
    assert train.main([*TRAINED, "--dataset", str(out), *run]) == 0
