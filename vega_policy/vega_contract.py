"""policy.yaml of the kind ``vega``: what OpenVLA-OFT adds to the general contract."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from vega_policy import instructions
from vega_policy.contract import LATER_KEYS, CameraContract, PolicyContract
from vega_policy.normalization import Scheme, Statistics

# Files of the first format, written before there were other kinds, have no `kind`, and the keys
# of the kind among the general ones. They are still written so, to the last byte.
_FILE_ORDER = (
    *("format", "recipe", "tasks", "joint_names", "action_dim", "proprio_dim", "chunk"),
    *("control_hz", "action_tokens", "cameras", "image", "normalization"),
    *("instruction_template", "tokenizer", "git_commit", "adapter", "base_checkpoint"),
    *LATER_KEYS,
)


class ImageContract(BaseModel):
    """From camera frame to model input, see :mod:`vega_policy.images`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    squash: int = Field(default=256, gt=0, description="side after the first, bicubic resize")
    size: int = Field(gt=0, description="side of the model's input")
    crop_area: float = Field(default=0.9, gt=0, le=1, description="share of the area that is kept")
    jpeg: bool = Field(default=False, description="JPEG round trip between the two resizes")


class NormalizationContract(BaseModel):
    """Scheme and statistics of the training data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scheme: Scheme
    action: Statistics
    proprio: Statistics


class VegaContract(PolicyContract):
    """What a policy of OpenVLA-OFT's architecture was trained for."""

    weights: ClassVar[str | None] = "*.safetensors"

    kind: Literal["vega"] = "vega"
    cameras: tuple[CameraContract, ...]
    action_tokens: Literal["per_dim", "per_step"]
    image: ImageContract
    normalization: NormalizationContract
    instruction_template: str
    tokenizer: str = Field(default="tokenizer.json", description="file beside this one")
    adapter: Literal["separate"] | None = Field(
        default=None,
        description="`separate`: lora_adapter/ is not folded into the weights yet",
    )
    base_checkpoint: str | None = Field(
        default=None,
        description="what training started from, relative to models/ or absolute; where the model "
        "is if this folder has an adapter alone",
    )
    base_digest: str | None = Field(
        default=None,
        description="of the weights in base_checkpoint when training started, see "
        "vega_policy/checkpoint/base_digest.py",
    )

    def _inconsistencies(self) -> list[str]:
        problems = super()._inconsistencies()
        if self.normalization.action.dim != self.action_dim:
            problems.append(f"action statistics of {self.normalization.action.dim} values")
        if self.normalization.proprio.dim != self.proprio_dim:
            problems.append(f"state statistics of {self.normalization.proprio.dim} values")
        try:
            instructions.check_template(self.instruction_template)
        except ValueError as error:
            problems.append(f"instruction_template {error}")
        return problems

    def document(self) -> dict[str, Any]:
        """What policy.yaml holds: the kind's keys among the general ones."""
        fields = self.model_dump(mode="json")
        return {k: fields[k] for k in _FILE_ORDER if fields[k] or k not in LATER_KEYS}
