"""Sizes of the network. Everything that decides a tensor's shape is here, nothing else is."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

ACTION_BINS = 256
"""Ids that the discrete head gives to actions."""
FIRST_FREE_ID = 3
"""Ids below are unknown, BOS and stop."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
    vocab_padding: int = Field(
        default=64,
        ge=0,
        description="rows past the tokenizer's own vocabulary. OpenVLA padded Llama's 32000 ids by "
        "64; the discrete head counts its action ids down from the end of the vocabulary proper",
    )
    max_positions: int = Field(default=2048, gt=0, description="longest sequence")
    rms_norm_eps: float = Field(
        default=1e-6, gt=0, description="OpenVLA-7B was built with 1e-6, not 1e-5"
    )
    rope_theta: float = Field(default=1e4, gt=0, description="base of the rotary embedding")

    @property
    def base_vocab_size(self) -> int:
        """Ids of the tokenizer's own vocabulary, 32000 for OpenVLA."""
        return self.vocab_size - self.vocab_padding


class DiffusionConfig(_Frozen):
    """Steps of the diffusion head; OpenVLA-OFT uses 50 of 50."""

    train_steps: int = Field(default=50, gt=0, description="noise levels of the training schedule")
    inference_steps: int = Field(
        default=50, gt=0, description="passes of the language model that make one chunk"
    )

    @model_validator(mode="after")
    def _not_more_than_trained(self) -> "DiffusionConfig":
        if self.inference_steps > self.train_steps:
            raise ValueError(
                f"{self.inference_steps} inference steps, but only {self.train_steps} noise levels"
            )
        return self


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
    head: Literal["l1", "diffusion", "discrete"] = Field(
        default="l1",
        description="action head: `l1` regresses the chunk in one pass; `diffusion` denoises it, "
        "one pass of the language model a step; `discrete` reads one of 256 bins for each value "
        "from the language model's own vocabulary",
    )
    diffusion: DiffusionConfig = Field(
        default=DiffusionConfig(), description="used by the diffusion head alone"
    )
    proprio: bool = Field(
        default=True, description="whether the policy sees the robot state, as one token"
    )
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

    @model_validator(mode="after")
    def _discrete_head_has_its_tokens(self) -> "ModelConfig":
        if self.head != "discrete":
            return self
        if self.action_tokens != "per_dim":
            raise ValueError(
                "head: discrete reads one token for each action value, so it needs "
                "action_tokens: per_dim; per_step works with the heads l1 and diffusion"
            )
        if self.llm.base_vocab_size <= ACTION_BINS + FIRST_FREE_ID:
            raise ValueError(
                f"head: discrete takes the last {ACTION_BINS} ids of the vocabulary proper, which "
                f"has {self.llm.base_vocab_size} (vocab_size {self.llm.vocab_size} less "
                f"vocab_padding {self.llm.vocab_padding})"
            )
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
    def values_per_token(self) -> int:
        """Action values that one query token stands for."""
        return self.action_dim // self.tokens_per_step

    @property
    def action_token_count(self) -> int:
        """Query tokens of the whole chunk."""
        return self.chunk * self.tokens_per_step
