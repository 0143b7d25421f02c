"""The kind ``hold``: stays where it is.

    python -m vega_policy.kinds.hold OUT

makes one for the robot of hw_config. It shows that cameras, arms, policy node and gate work
together before anything moves.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

import hw_config
from vega_core import command_line
from vega_policy.contract import PolicyContract
from vega_policy.errors import PolicyError
from vega_policy.kinds.kind import Kind, cell_fields, new_folder
from vega_policy.policy import ActionChunk, Observation, checked_state


class HoldContract(PolicyContract):
    """What a policy that stays where it is says of itself."""

    needs_cameras: ClassVar[bool] = False
    takes_device: ClassVar[bool] = False

    kind: Literal["hold"] = "hold"


class HoldPolicy:
    """Holds the state of its first observation since the last reset.

    Args:
        contract: Of the policy.
    """

    def __init__(self, contract: HoldContract) -> None:
        self.contract = contract
        self._held: NDArray[np.float32] | None = None

    def infer(self, observation: Observation) -> ActionChunk:
        """The held state, as often as the contract's chunk has actions.

        Raises:
            ObservationError: The state does not have the form that the contract says.
        """
        begin = time.perf_counter()
        state = checked_state(observation.state, self.contract)
        if self._held is None:
            self._held = state.astype(np.float32)
        values = np.tile(self._held, (self.contract.chunk, 1))
        return ActionChunk(values, {"total": 1e3 * (time.perf_counter() - begin)})

    def reset(self) -> None:
        """Holds the state of the next observation."""
        self._held = None

    def close(self) -> None:
        """Holds nothing that has to be given back."""


def _open(folder: Path, device: str, threads: int) -> HoldPolicy:
    del device, threads
    return HoldPolicy(HoldContract.load(folder))


KIND = Kind(HoldContract, _open)


def make(out: Path) -> HoldContract:
    """Writes a policy that holds the robot of hw_config.

    Args:
        out: New folder.

    Raises:
        CheckpointError: The folder exists.
    """
    contract = HoldContract(
        recipe="hold", tasks={}, git_commit="none", **cell_fields(hw_config.load())
    )
    new_folder(out)
    contract.save(out)
    return contract


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = command_line.parser("vega_policy.kinds.hold", __doc__)
    parser.add_argument("out", type=Path, help="folder to make")
    arguments = parser.parse_args(argv)

    def command() -> int:
        make(arguments.out)
        print(f"{arguments.out}: holds the robot where it is")
        return command_line.OK

    return command_line.run(command, PolicyError, hw_config.ConfigError)


if __name__ == "__main__":
    sys.exit(main())
