"""The kind ``replay``: plays the actions of a recorded episode, whatever the cameras show.

    python -m vega_policy.kinds.replay DATASET OUT --episode 3

makes one from an episode of any dataset that training reads. It checks a robot against a recording
and a recording against a robot: what was done once is sent again, through the same gate.

Actions go by time: the observation of a second after the first one gets the actions of a second
into the episode, however often it was asked in between. At the end the last action is held.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

import hw_config
from vega_core import command_line
from vega_policy.contract import PolicyContract
from vega_policy.data.episodes import Episode
from vega_policy.data.formats import open_dataset
from vega_policy.errors import CheckpointError, DatasetError, ObservationError, PolicyError
from vega_policy.kinds.kind import Kind, cell_fields, new_folder
from vega_policy.policy import ActionChunk, Observation, checked_state

_ACTIONS_FILE = "actions.npy"


class ReplayPart(BaseModel):
    """What is played, and where it comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    actions: str = Field(description="file beside this one: float32 [T, action_dim], rad and m")
    dataset: str = Field(description="that the episode was recorded in")
    episode: str = Field(description="name within the dataset")


class ReplayContract(PolicyContract):
    """What a policy that plays a recorded episode says of itself."""

    needs_cameras: ClassVar[bool] = False
    takes_device: ClassVar[bool] = False

    kind: Literal["replay"] = "replay"
    replay: ReplayPart


class ReplayPolicy:
    """Plays an episode from the first observation since the last reset on.

    Args:
        contract: Of the policy.
        actions: float32 [T, action_dim], one a control period.
    """

    def __init__(self, contract: ReplayContract, actions: NDArray[np.float32]) -> None:
        self.contract = contract
        self._actions = actions
        self._start_s: float | None = None

    def infer(self, observation: Observation) -> ActionChunk:
        """The actions from the time of the observation on.

        Raises:
            ObservationError: The state does not have the form that the contract says, or nobody
                says when it was observed.
        """
        begin = time.perf_counter()
        checked_state(observation.state, self.contract)
        if observation.time_s is None:
            raise ObservationError("time_s: a recording is played by time, expected seconds")
        if self._start_s is None or observation.time_s < self._start_s:
            self._start_s = observation.time_s
        first = round((observation.time_s - self._start_s) * self.contract.control_hz)
        steps = np.minimum(np.arange(first, first + self.contract.chunk), len(self._actions) - 1)
        return ActionChunk(self._actions[steps], {"total": 1e3 * (time.perf_counter() - begin)})

    def reset(self) -> None:
        """Begins the episode anew with the next observation."""
        self._start_s = None

    def close(self) -> None:
        """Holds nothing that has to be given back."""


def _open(folder: Path, device: str, threads: int) -> ReplayPolicy:
    del device, threads
    contract = ReplayContract.load(folder)
    return ReplayPolicy(contract, _read_actions(folder / contract.replay.actions, contract))


KIND = Kind(ReplayContract, _open)


def _read_actions(path: Path, contract: ReplayContract) -> NDArray[np.float32]:
    try:
        actions = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing: copy the whole folder") from None
    except (OSError, ValueError, EOFError) as error:
        raise CheckpointError(f"{path} is damaged ({error}): copy it again") from None
    shape: tuple[int, ...] = getattr(actions, "shape", ())
    if len(shape) != 2 or shape[0] == 0 or shape[1] != contract.action_dim:
        raise CheckpointError(
            f"{path}: expected actions of {contract.action_dim} values, got an array {shape}"
        )
    if not (np.issubdtype(actions.dtype, np.floating) and np.isfinite(actions).all()):
        raise CheckpointError(f"{path}: expected finite floats")
    return actions.astype(np.float32)


def make(dataset: Path, number: int, out: Path) -> ReplayContract:
    """Writes a policy that plays an episode.

    Args:
        dataset: Any folder that training reads.
        number: Of the episode, counted from 0.
        out: New folder.

    Raises:
        DatasetError: The dataset is damaged, has no such episode, or another robot or rate.
        CheckpointError: The folder exists.
    """
    episode = _chosen(dataset, number)
    fields = cell_fields(hw_config.load())
    _check_episode(episode, f"{dataset}: {episode.name}", fields)
    contract = ReplayContract(
        recipe="replay",
        tasks={task: instruction for _, task, instruction in episode.tasks},
        git_commit="none",
        replay=ReplayPart(actions=_ACTIONS_FILE, dataset=dataset.name, episode=episode.name),
        **fields,
    )
    new_folder(out)
    np.save(out / _ACTIONS_FILE, episode.action)
    contract.save(out)
    return contract


def _chosen(dataset: Path, number: int) -> Episode:
    found = open_dataset(dataset).episodes()
    if not 0 <= number < len(found):
        raise DatasetError(f"{dataset} has the episodes 0 to {len(found) - 1}, got {number}")
    return found[number]


def _check_episode(episode: Episode, where: str, fields: dict[str, object]) -> None:
    expected = list(hw_config.load().joint_names)
    if list(episode.joint_names) != expected:
        raise DatasetError(
            f"{where} has the joints {', '.join(episode.joint_names)}, hw_config has "
            f"{', '.join(expected)}: expected the same in the same order"
        )
    if episode.fps != fields["control_hz"]:
        raise DatasetError(
            f"{where} has {episode.fps:g} actions a second, hw_config's control_hz is "
            f"{fields['control_hz']:g}: expected the same"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = command_line.parser("vega_policy.kinds.replay", __doc__)
    parser.add_argument("dataset", type=Path, help="LeRobot v3.0, or the twin's .npz episodes")
    parser.add_argument("out", type=Path, help="folder to make")
    parser.add_argument("--episode", type=int, default=0, metavar="N", help="default %(default)s")
    arguments = parser.parse_args(argv)

    def command() -> int:
        contract = make(arguments.dataset, arguments.episode, arguments.out)
        print(f"{arguments.out}: plays {contract.replay.episode} of {arguments.dataset}")
        return command_line.OK

    return command_line.run(command, PolicyError, hw_config.ConfigError)


if __name__ == "__main__":
    sys.exit(main())
