"""What a kind of policy consists of, and the contract of kinds that are made for one cell."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hw_config import HardwareConfig
from vega_policy.contract import PolicyContract
from vega_policy.errors import CheckpointError
from vega_policy.policy import Policy


class Kind(NamedTuple):
    """A kind of policy.

    Attributes:
        contract: What its policy.yaml holds, its own keys included.
        open: Makes it ready to run: folder, device, CPU threads. Raises a CheckpointError if the
            folder is incomplete, corrupt or contradicts itself.
    """

    contract: type[PolicyContract]
    open: Callable[[Path, str, int], Policy]


def cell_fields(hw: HardwareConfig) -> dict[str, Any]:
    """Fields of a contract for a policy without cameras, made for the robot at hand.

    A chunk lasts a second.

    Args:
        hw: What ``hw_config.load()`` says.
    """
    count = len(hw.joint_names)
    return {
        "joint_names": hw.joint_names,
        "action_dim": count,
        "proprio_dim": count,
        "chunk": max(1, round(hw.rates.control_hz)),
        "control_hz": hw.rates.control_hz,
    }


def new_folder(path: Path) -> None:
    """Makes the folder of a policy.

    Raises:
        CheckpointError: It exists, or cannot be made.
    """
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        raise CheckpointError(
            f"{path} exists already: choose another folder, or remove it first"
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be made ({error.strerror})") from None
