"""Sizes of the network. Everything that decides a tensor's shape is here, nothing else is."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TowerConfig(_Frozen):
    """One vision transformer.

    The tower's features are the output of block ``depth - 2`` (zero-based), so ``depth - 1`` blocks
    are ever computed.
    """

    dim: int = Field(gt=0, description="width of the tokens")
    depth: int = Field(ge=2, description="blocks of the full tower, the unused last one included")
    heads: int = Field(gt=0, description="attention heads")
    mlp_ratio: float = Field(
        default=4.0, gt=0, description="hidden width of the MLP over the token width"
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "TowerConfig":
        if self.dim % self.heads:
            raise ValueError(f"tower width {self.dim} is not a multiple of its {self.heads} heads")
        return self

    @property
    def mlp_dim(self) -> int:
        """Hidden width of the MLP, rounded down as the public towers do."""
        return int(self.dim * self.mlp_ratio)


class LanguageModelConfig(_Frozen):
    """The Llama decoder, used as a bidirectional encoder."""

    dim: int = Field(gt=0, description="hidden width")
    ffn: int = Field(gt=0, description="hidden width of the gated MLP")
    layers: int = Field(gt=0, description="decoder layers")
    heads: int = Field(gt=0, description="attention heads, each with its own keys and values")
    vocab_size: int = Field(gt=0, description="rows of the embedding table")
    max_positions: int = Field(default=2048, gt=0, description="longest sequence")
    rms_norm_eps: float = Field(
        default=1e-6, gt=0, description="OpenVLA-7B was built with 1e-6, not 1e-5"
    )
    rope_theta: float = Field(default=1e4, gt=0, description="base of the rotary embedding")


class ModelConfig(_Frozen):
    """The whole policy network."""

    image_size: int = Field(gt=0, description="pixels a side of a view, after preprocessing")
    patch_size: int = Field(default=14, gt=0, description="pixels a side of a patch")
    views: int = Field(default=3, gt=0, description="camera images of one observation")
    dino: TowerConfig = Field(description="DINOv2 tower with class token and 4 registers")
    siglip: TowerConfig = Field(description="SigLIP tower")
    llm: LanguageModelConfig
    action_dim: int = Field(default=14, gt=0, description="values of one action")
    proprio_dim: int = Field(default=14, gt=0, description="values of the robot state")
    chunk: int = Field(default=25, gt=0, description="actions predicted at once")
    action_tokens: Literal["per_dim", "per_step"] = Field(
        default="per_dim",
        description="one query token for each action value, as the public checkpoints have, or one "
        "for each time step, an option of this project that shortens the sequence",
    )
    head: Literal["l1"] = Field(default="l1", description="action head")
    film: bool = Field(default=True, description="modulate every vision block by the instruction")
    film_mean_includes_padding: bool = Field(
        default=False,
        description="average the padding into the language embedding too, as the reference does "
        "in training batches of unequal prompt lengths",
    )
    full_layout: bool = Field(
        default=True,
        description="allocate the weights that are never computed (last vision blocks, final "
        "norms, attention pooling, lm_head), so that the state dict has the public layout",
    )

    @model_validator(mode="after")
    def _patches_tile_image(self) -> "ModelConfig":
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image size {self.image_size} is not a multiple of patch size {self.patch_size}"
            )
        if self.llm.dim % self.llm.heads:
            raise ValueError(f"llm width {self.llm.dim} is not a multiple of its heads")
        return self

    @property
    def patch_grid(self) -> int:
        """Patches along one side of a view."""
        return self.image_size // self.patch_size

    @property
    def patches_per_view(self) -> int:
        """Patch tokens of one view."""
        return self.patch_grid**2

    @property
    def tokens_per_step(self) -> int:
        """Query tokens of one time step of the chunk."""
        return self.action_dim if self.action_tokens == "per_dim" else 1

    @property
    def action_token_count(self) -> int:
        """Query tokens of the whole chunk."""
        return self.chunk * self.tokens_per_step
