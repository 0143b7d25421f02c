"""policy.yaml: what a policy was made for, and the check against the robot at hand.

Nothing about a policy is guessed from names or arguments. A swapped camera or a reordered joint is
a contradiction here, not a bad policy on the robot. What only one kind of policy says is a field of
its own subclass of :class:`PolicyContract`; :mod:`vega_policy.kinds` knows which.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vega_policy.errors import CheckpointError, ContractError

if TYPE_CHECKING:
    from typing_extensions import Self

    from hw_config import HardwareConfig

FILE_NAME = "policy.yaml"
DEFAULT_KIND = "vega"
"""Of a policy.yaml without the key ``kind``: those written before there were others."""
LATER_KEYS = ("instructions", "base_digest")
"""Keys that files may lack, and that are left out where they say nothing."""
# Thousands of instructions take a second without libyaml.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def problems(error: ValidationError) -> str:
    """What is wrong with some data, field by field, on one line."""
    lines = []
    for entry in error.errors():
        field = ".".join(map(str, entry["loc"]))
        lines.append(f"{field}: {entry['msg']}" if field else entry["msg"])
    return "; ".join(lines)


class CameraContract(BaseModel):
    """One view, in the order in which the policy gets them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    dataset_key: str
    width: int = Field(gt=0, description="pixels of the camera frame")
    height: int = Field(gt=0, description="pixels of the camera frame")


class PolicyContract(BaseModel):
    """What the deployment must agree with, whatever the kind of policy.

    Attributes:
        weights: Pattern of the files without which the kind cannot run, None if it needs none.
        needs_cameras: Whether the kind looks at images; others may name no camera.
        takes_device: Whether the kind has a model, which runs where `device` says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: ClassVar[str | None] = None
    needs_cameras: ClassVar[bool] = True
    takes_device: ClassVar[bool] = True

    format: Literal[1] = 1
    kind: str
    recipe: str
    tasks: dict[str, str] = Field(description="tasks it was made for and their instructions")
    joint_names: tuple[str, ...] = Field(description="order of state and action values")
    action_dim: int = Field(gt=0)
    proprio_dim: int = Field(gt=0)
    chunk: int = Field(gt=0, description="actions of one prediction")
    control_hz: float = Field(gt=0, description="actions a second")
    cameras: tuple[CameraContract, ...] = ()
    instructions: dict[str, tuple[str, ...]] = Field(
        default={},
        description="all instructions of each task in the training data; none: not written down",
    )
    git_commit: str = Field(description="of the code that made it")

    @model_validator(mode="after")
    def _consistent(self) -> "Self":
        problems = self._inconsistencies()
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _inconsistencies(self) -> list[str]:
        """What the contract contradicts itself in; kinds add to it."""
        if len(self.joint_names) != self.action_dim:
            return [f"{len(self.joint_names)} joint names, {self.action_dim} action values"]
        return []

    @property
    def camera_names(self) -> tuple[str, ...]:
        """Names of the views in the policy's order."""
        return tuple(camera.name for camera in self.cameras)

    @property
    def known_instructions(self) -> tuple[str, ...]:
        """What it was trained on: all of it if there are `instructions`, else one for each task."""
        further = (text for texts in self.instructions.values() for text in texts)
        return tuple(dict.fromkeys((*self.tasks.values(), *further)))

    def check_against(self, hw: "HardwareConfig") -> None:
        """Compares with the robot at hand.

        Args:
            hw: What ``hw_config.load()`` says.

        Raises:
            ContractError: There are contradictions; the message lists every one.
        """
        found = self.contradictions(hw)
        if found:
            raise ContractError(
                f"the checkpoint (recipe {self.recipe}) does not fit this robot:\n"
                + "\n".join(f"  - {line}" for line in found)
            )

    def contradictions(self, hw: "HardwareConfig") -> list[str]:
        """In what it contradicts the robot at hand, a line each."""
        found = []

        def compare(what: str, policy: object, robot: object) -> None:
            if policy != robot:
                found.append(f"{what}: the policy has {policy}, hw_config has {robot}")

        compare("joint names in order", list(self.joint_names), list(hw.joint_names))
        compare("values of the state", self.proprio_dim, len(hw.joint_names))
        compare("control rate in Hz", self.control_hz, float(hw.rates.control_hz))
        if self.cameras or self.needs_cameras:
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

    def document(self) -> dict[str, Any]:
        """What policy.yaml holds, in its order."""
        fields = self.model_dump(mode="json")
        return {key: value for key, value in fields.items() if value or key not in LATER_KEYS}

    def save(self, directory: Path) -> None:
        """Writes policy.yaml into a directory."""
        text = yaml.safe_dump(self.document(), sort_keys=False, width=100)
        (directory / FILE_NAME).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> "Self":
        """Reads the policy.yaml of a policy of this kind from a directory.

        Raises:
            CheckpointError: It is missing, malformed or of another kind; the message names the
                field, and the keys that there are where one is missing or unknown.
        """
        path, document = directory / FILE_NAME, read_document(directory)
        expected = cls.model_fields["kind"].default
        kind = document.get("kind", DEFAULT_KIND)
        if kind != expected:
            raise CheckpointError(f"{path} describes a policy of kind {kind}, expected {expected}")
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            told = "; ".join([problems(error), *_existing_keys(cls, error)])
            raise CheckpointError(f"{path} is malformed: {told}") from None


def read_document(directory: Path) -> dict[str, Any]:
    """What a directory's policy.yaml holds, unchecked.

    Raises:
        CheckpointError: It is missing, unreadable or no table of keys.
    """
    path = directory / FILE_NAME
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except FileNotFoundError:
        raise CheckpointError(f"{directory} has no {FILE_NAME}: it is no checkpoint") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is malformed: {error}") from None
    if not isinstance(document, dict):
        raise CheckpointError(
            f"{path} is malformed: expected keys with values, got {type(document).__name__}"
        )
    return document


def _existing_keys(contract: type[BaseModel], error: ValidationError) -> list[str]:
    """For each group with a missing or an unknown key, the keys that it has."""
    groups = {
        entry["loc"][:-1]: None
        for entry in error.errors()
        if entry["type"] in ("missing", "extra_forbidden")
    }
    lines = []
    for place in groups:
        group = _group_at(contract, place)
        if group is not None:
            name = ".".join(map(str, place)) or FILE_NAME
            lines.append(f"the keys of {name} are {', '.join(group.model_fields)}")
    return lines


def _group_at(model: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model of a part of a document; None where keys are free."""
    found: type[BaseModel] | None = model
    for step in place:
        if isinstance(step, int) or found is None:
            continue  # an entry of a list has the list's model
        field = found.model_fields.get(step)
        types = () if field is None else (field.annotation, *get_args(field.annotation))
        groups = (kind for kind in types if isinstance(kind, type) and issubclass(kind, BaseModel))
        found = next(groups, None)
    return found
