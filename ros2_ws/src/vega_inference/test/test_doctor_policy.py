"""What the doctor says about the policy and the GPU."""

import shutil

import pytest
from vega_inference import doctor

import hw_config
from vega_core.findings import Severity

HARDWARE = hw_config.load()
TWIN_POLICY = hw_config.config_dir().parent / "models" / "twin"


def expect(row, state, *words):
    assert row.state is state, row
    for word in words:
        assert word in f"{row.found} {row.remedy}"
    assert state is Severity.SKIP or bool(row.remedy) == (state is not Severity.OK), row


def test_the_twin_s_policy_fits_the_shipped_cell():
    expect(doctor.contract(HARDWARE, TWIN_POLICY, 1e7), Severity.OK, "close_laptop")


def test_a_checkpoint_that_contradicts_the_cell_is_told():
    rates = HARDWARE.rates.model_copy(update={"control_hz": 50.0})
    other = HARDWARE.model_copy(update={"rates": rates})
    expect(doctor.contract(other, TWIN_POLICY, 1e7), Severity.FAIL, "control rate", "50.0")


def test_a_folder_that_is_no_checkpoint_is_told(tmp_path):
    row = doctor.contract(HARDWARE, tmp_path, 0)
    expect(row, Severity.FAIL, "policy.yaml", "--checkpoint")
    shutil.copy(TWIN_POLICY / "policy.yaml", tmp_path)
    expect(doctor.contract(HARDWARE, tmp_path, 0), Severity.FAIL, "no weights")
    # Nothing is said about a GPU that such a policy may need.
    assert [row.state for row in doctor.survey(HARDWARE, tmp_path)] == [
        Severity.FAIL,
        Severity.SKIP,
    ]


@pytest.mark.parametrize(
    ("gpus", "weights", "state", "words"),
    [
        (None, 1e7, Severity.OK, ["small enough for the CPU"]),
        (None, 15e9, Severity.FAIL, ["15 GB", "nvidia-smi"]),
        ([("RTX 4090", 25e9)], 15e9, Severity.OK, ["RTX 4090", "19.5"]),
        ([("T4", 16e9), ("T4", 16e9)], 15e9, Severity.WARN, ["larger GPU"]),
    ],
)
def test_the_gpu(gpus, weights, state, words):
    expect(doctor.gpu(gpus, weights), state, *words)
