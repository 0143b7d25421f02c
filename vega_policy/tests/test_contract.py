import pytest
import yaml

import hw_config
from vega_policy import contract
from vega_policy.errors import CheckpointError, ContractError
from vega_policy.vega_contract import VegaContract


@pytest.fixture
def fields(saved):
    return VegaContract.load(saved).model_dump()


def test_what_was_saved_is_read_back(saved, tmp_path):
    original = VegaContract.load(saved)
    original.save(tmp_path)
    assert VegaContract.load(tmp_path) == original
    assert original.camera_names == ("head", "left_wrist", "right_wrist")
    assert original.tasks == {"close_laptop": "close the laptop"}
    original.check_against(hw_config.load())


def test_every_contradiction_is_listed(fields):
    head, left, right = fields["cameras"]
    names = list(fields["joint_names"])
    names[0], names[1] = names[1], names[0]
    other = VegaContract.model_validate(
        fields
        | {
            "control_hz": 50.0,
            "joint_names": names,
            "cameras": [head | {"width": 320}, right, left | {"dataset_key": "cam_low"}],
        }
    )
    with pytest.raises(ContractError) as caught:
        other.check_against(hw_config.load())
    lines = str(caught.value).splitlines()
    assert "does not fit this robot" in lines[0]
    assert [line.split(":")[0].strip(" -") for line in lines[1:]] == [
        "joint names in order",
        "control rate in Hz",
        "cameras in order",
        "camera head, frame size",
        "camera left_wrist, dataset key",
    ]
    assert "the policy has 320x480, hw_config has 640x480" in str(caught.value)


def test_a_camera_that_the_robot_lacks_is_a_contradiction(fields):
    cameras = [*fields["cameras"][:2], fields["cameras"][2] | {"name": "belly"}]
    other = VegaContract.model_validate(fields | {"cameras": cameras})
    with pytest.raises(ContractError, match=r"cameras in order.*belly"):
        other.check_against(hw_config.load())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action_dim": 7}, "14 joint names, 7 action values; action statistics of 14 values"),
        ({"proprio_dim": 8}, "state statistics of 14 values"),
        ({"instruction_template": "do it"}, "lacks {instruction}"),
        ({"colour": "red"}, "colour"),
        ({"control_hz": 0}, "control_hz"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(fields, tmp_path, change, message):
    path = tmp_path / contract.FILE_NAME
    path.write_text(yaml.safe_dump(_plain(fields | change)))
    with pytest.raises(CheckpointError, match=message) as caught:
        VegaContract.load(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("field", "number", "said"),
    [("max", float("nan"), "max of dimension 0 is nan"), ("min", 9.0, "min of dimension 0 is 9")],
)
def test_statistics_that_are_none_are_refused_when_they_are_loaded(
    fields, tmp_path, field, number, said
):
    statistics = fields["normalization"]["action"]
    statistics[field] = (number, *statistics[field][1:])
    path = tmp_path / contract.FILE_NAME
    path.write_text(yaml.safe_dump(_plain(fields)))
    with pytest.raises(CheckpointError, match=said) as caught:
        VegaContract.load(tmp_path)
    assert str(path) in str(caught.value)


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, tuple | list) else value


@pytest.mark.parametrize("text", ["[", "- 1", "\xff"])
def test_a_file_that_is_no_contract(tmp_path, text):
    (tmp_path / contract.FILE_NAME).write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError, match="malformed"):
        VegaContract.load(tmp_path)


def test_a_folder_without_one_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"no policy.yaml: it is no checkpoint"):
        VegaContract.load(tmp_path)
