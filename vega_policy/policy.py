"""What every policy is to those who run it: a contract, and chunks of actions for observations.

Nothing here needs torch: a policy that only plays something back runs without it.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vega_policy.contract import PolicyContract
from vega_policy.errors import ObservationError


class Observation(NamedTuple):
    """What the robot sees and is told.

    Attributes:
        images: Frame of each camera by name, uint8 [height, width, 3] RGB as the camera gives it.
        state: Joint positions in rad and gripper openings in m, float [proprio_dim].
        instruction: In plain words.
        time_s: When it was observed, on a clock that runs on from one observation to the next;
            None where nobody knows.
    """

    images: Mapping[str, NDArray[np.uint8]]
    state: NDArray[np.floating]
    instruction: str
    time_s: float | None = None


class ActionChunk(NamedTuple):
    """What the policy wants to do.

    Attributes:
        values: Absolute joint targets float32 [K, action_dim], rad and m, one a control period,
            the first at the time of the observation.
        timings_ms: Milliseconds by stage; ``total`` is always there.
    """

    values: NDArray[np.float32]
    timings_ms: dict[str, float]


class Policy(Protocol):
    """A policy that is ready to run. Calls must not overlap."""

    @property
    def contract(self) -> PolicyContract:
        """What it was made for."""

    def infer(self, observation: Observation) -> ActionChunk:
        """The chunk of actions that follows an observation.

        Raises:
            ObservationError: The observation does not have the form that the policy needs.
        """

    def reset(self) -> None:
        """Forgets what it has seen: the next observation is the first of an episode."""

    def close(self) -> None:
        """Gives back what it holds; it infers no more."""


def checked_state(state: object, contract: PolicyContract) -> NDArray[np.floating]:
    """The state of an observation, if it has the form that a contract says.

    Raises:
        ObservationError: It is no float array [proprio_dim], or not finite; the joint is named.
    """
    expected = f"expected {contract.proprio_dim} finite floats"
    if not isinstance(state, np.ndarray) or not np.issubdtype(state.dtype, np.floating):
        kind = getattr(state, "dtype", type(state).__name__)
        raise ObservationError(f"state: {expected}, got {kind}")
    if state.shape != (contract.proprio_dim,):
        raise ObservationError(f"state: {expected}, got shape {state.shape}")
    bad = [name for name, x in zip(contract.joint_names, state) if not np.isfinite(x)]
    if bad:
        raise ObservationError(f"state: {expected}; not finite: {', '.join(bad)}")
    return state
