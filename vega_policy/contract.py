"""policy.yaml: what a checkpoint was trained for, and the check against the robot at hand.

Nothing about a policy is guessed from names or arguments. A swapped camera or a reordered joint is
a contradiction here, not a bad policy on the robot.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vega_policy.errors import CheckpointError, ContractError
from vega_policy.normalization import Scheme, Statistics

if TYPE_CHECKING:
    from hw_config import HardwareConfig

FILE_NAME = "policy.yaml"


def problems(error: ValidationError) -> str:
    """What is wrong with some data, field by field, on one line."""
    lines = []
    for entry in error.errors():
        field = ".".join(map(str, entry["loc"]))
        lines.append(f"{field}: {entry['msg']}" if field else entry["msg"])
    return "; ".join(lines)


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CameraContract(_Frozen):
    """One view, in the order in which the model gets them."""

    name: str
    dataset_key: str
    width: int = Field(gt=0, description="pixels of the camera frame")
    height: int = Field(gt=0, description="pixels of the camera frame")


class ImageContract(_Frozen):
    """From camera frame to model input, see :mod:`vega_policy.images`."""

    squash: int = Field(default=256, gt=0, description="side after the first, bicubic resize")
    size: int = Field(gt=0, description="side of the model's input")
    crop_area: float = Field(default=0.9, gt=0, le=1, description="share of the area that is kept")
    jpeg: bool = Field(default=False, description="JPEG round trip between the two resizes")


class NormalizationContract(_Frozen):
    """Scheme and statistics of the training data."""

    scheme: Scheme
    action: Statistics
    proprio: Statistics


class PolicyContract(_Frozen):
    """Everything the deployment must agree with."""

    format: Literal[1] = 1
    recipe: str
    tasks: dict[str, str] = Field(description="tasks trained on and their instructions")
    joint_names: tuple[str, ...] = Field(description="order of state and action values")
    action_dim: int = Field(gt=0)
    proprio_dim: int = Field(gt=0)
    chunk: int = Field(gt=0, description="actions of one prediction")
    control_hz: float = Field(gt=0, description="actions a second")
    action_tokens: Literal["per_dim", "per_step"]
    cameras: tuple[CameraContract, ...]
    image: ImageContract
    normalization: NormalizationContract
    instruction_template: str
    tokenizer: str = Field(default="tokenizer.json", description="file beside this one")
    git_commit: str = Field(description="of the code that trained it")
    adapter: Literal["separate"] | None = Field(
        default=None,
        description="`separate`: lora_adapter/ is not folded into the weights yet",
    )
    base_checkpoint: str | None = Field(
        default=None,
        description="what training started from, relative to models/ or absolute; where the model "
        "is if this folder has an adapter alone",
    )

    @model_validator(mode="after")
    def _consistent(self) -> "PolicyContract":
        problems = []
        if len(self.joint_names) != self.action_dim:
            problems.append(f"{len(self.joint_names)} joint names, {self.action_dim} action values")
        if self.normalization.action.dim != self.action_dim:
            problems.append(f"action statistics of {self.normalization.action.dim} values")
        if self.normalization.proprio.dim != self.proprio_dim:
            problems.append(f"state statistics of {self.normalization.proprio.dim} values")
        if "{instruction}" not in self.instruction_template:
            problems.append("instruction_template lacks {instruction}")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def camera_names(self) -> tuple[str, ...]:
        """Names of the views in the model's order."""
        return tuple(camera.name for camera in self.cameras)

    def check_against(self, hw: "HardwareConfig") -> None:
        """Compares with the robot at hand.

        Args:
            hw: What ``hw_config.load()`` says.

        Raises:
            ContractError: There are contradictions; the message lists every one.
        """
        found = self._contradictions(hw)
        if found:
            raise ContractError(
                f"the checkpoint (recipe {self.recipe}) does not fit this robot:\n"
                + "\n".join(f"  - {line}" for line in found)
            )

    def _contradictions(self, hw: "HardwareConfig") -> list[str]:
        found = []

        def compare(what: str, policy: object, robot: object) -> None:
            if policy != robot:
                found.append(f"{what}: the policy has {policy}, hw_config has {robot}")

        compare("joint names in order", list(self.joint_names), list(hw.joint_names))
        compare("values of the state", self.proprio_dim, len(hw.joint_names))
        compare("control rate in Hz", self.control_hz, float(hw.rates.control_hz))
        compare("cameras in order", list(self.camera_names), list(hw.cameras))
        cameras = {str(name): camera for name, camera in hw.cameras.items()}
        for camera in self.cameras:
            known = cameras.get(camera.name)
            if known is None:
                continue
            what = f"camera {camera.name}"
            compare(f"{what}, dataset key", camera.dataset_key, known.dataset_key)
            size = f"{camera.width}x{camera.height}"
            compare(f"{what}, frame size", size, f"{known.width}x{known.height}")
        return found

    def save(self, directory: Path) -> None:
        """Writes policy.yaml into a directory."""
        text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, width=100)
        (directory / FILE_NAME).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> "PolicyContract":
        """Reads policy.yaml from a directory.

        Raises:
            CheckpointError: It is missing or malformed; the message names the field.
        """
        path = directory / FILE_NAME
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise CheckpointError(f"{directory} has no {FILE_NAME}: it is no checkpoint") from None
        except ValidationError as error:
            raise CheckpointError(f"{path} is malformed: {problems(error)}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise CheckpointError(f"{path} is malformed: {error}") from None
