"""The VEGA policy: OpenVLA-OFT's network with a tap for the alignment of its DINOv2 tower."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vega_policy.model import layout
from vega_policy.model.config import ModelConfig
from vega_policy.model.heads import L1ActionHead, ProprioProjector
from vega_policy.model.layout import TextBatch
from vega_policy.model.llm import LanguageModel
from vega_policy.model.vision import FusedProjector, VisionBackbone, VisionModulation


class PolicyOutput(NamedTuple):
    """Everything a loss or a test may want of one pass.

    Attributes:
        actions: Normalised actions [B, K, D].
        action_hidden: Hidden states at the query positions [B, A, dim].
        inserted: Projected patches, then the state token, [B, P, dim].
        dino: DINOv2 features as consumed (FiLMed if the model has FiLM) [B, patches, dino dim].
        layers: Hidden states of every language model layer, empty unless asked for.
    """

    actions: Tensor
    action_hidden: Tensor
    inserted: Tensor
    dino: Tensor
    layers: tuple[Tensor, ...]


class VegaPolicy(nn.Module):
    """Camera images, robot state and an instruction in; a chunk of normalised actions out.

    The parameters of ``vision_backbone``, ``projector`` and ``language_model`` carry the names of
    the public OpenVLA state dict; ``action_head`` and ``proprio_projector`` those of OpenVLA-OFT's
    own files, below a prefix of their own.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.vision_backbone = VisionBackbone(config)
        self.projector = FusedProjector(config.dino.dim + config.siglip.dim, config.llm.dim)
        self.language_model = LanguageModel(config.llm, config.full_layout)
        self.proprio_projector = ProprioProjector(config.proprio_dim, config.llm.dim)
        self.action_head = L1ActionHead(config.llm.dim, config.action_dim, config.tokens_per_step)

    def to_compute_dtype(self, dtype: torch.dtype) -> "VegaPolicy":
        """Sets the dtype of the large parts; the action head and state projector stay float32.

        Their inputs and outputs are physical values, for which bfloat16 is too coarse.
        """
        for part in (self.vision_backbone, self.projector, self.language_model):
            part.to(dtype)
        return self

    @property
    def compute_dtype(self) -> torch.dtype:
        """Dtype of the vision backbone and the language model."""
        return self.projector.fc1.weight.dtype

    def language_embedding(self, text: TextBatch) -> Tensor:
        """Mean input embedding of all text that is not a query, [B, dim]: what FiLM listens to.

        The stop token counts; padding counts only with ``film_mean_includes_padding``, which is
        how the reference behaves in training.
        """
        counted = ~text.query_mask(self.config.action_token_count)
        if not self.config.film_mean_includes_padding:
            counted = counted & text.valid
        weight = counted.to(torch.float32)
        weight = weight / weight.sum(dim=1, keepdim=True)
        embedded = self.language_model.embed(text.ids)
        return torch.einsum("bt,btd->bd", weight.to(embedded.dtype), embedded)

    def modulation(self, text: TextBatch) -> VisionModulation | None:
        """FiLM of the instruction; constant until the instruction changes. None without FiLM."""
        if not self.config.film:
            return None
        return self.vision_backbone.modulation(self.language_embedding(text))

    def forward(
        self,
        pixels: Tensor,
        proprio: Tensor,
        text: TextBatch,
        modulation: VisionModulation | None = None,
        all_layers: bool = False,
    ) -> PolicyOutput:
        """One pass.

        Args:
            pixels: Normalised views [B, 6 * views, H, W], see :class:`VisionBackbone`.
            proprio: Normalised robot state [B, proprio_dim].
            text: Prompts with query placeholders for B samples, or for one that all share.
            modulation: FiLM computed before by :meth:`modulation`, to save doing it again.
            all_layers: Whether to keep every language model layer's hidden states.
        """
        if modulation is None:
            modulation = self.modulation(text)
        features = self.vision_backbone(pixels.to(self.compute_dtype), modulation)
        patches = self.projector(features.fused)
        state = self.proprio_projector(proprio.float())[:, None]
        inserted = torch.cat([patches, state.to(patches.dtype)], dim=1)

        queries = self.config.action_token_count
        embedded = self.language_model.embed(text.ids)
        embedded = embedded.masked_fill(text.query_mask(queries)[:, :, None], 0.0)
        embedded = embedded.to(patches.dtype).expand(len(inserted), -1, -1)
        sequence = layout.insert_after_first(embedded, inserted)

        valid = None
        if text.uniform_length is None:
            shown = text.valid.new_ones(len(text.valid), inserted.shape[1])
            valid = layout.insert_after_first(text.valid, shown)
        hidden = self.language_model(sequence, valid, all_layers)
        answers = layout.answers(hidden.last, text, inserted.shape[1], queries)
        actions = self.action_head(answers.to(self.action_head.model.fc1.weight.dtype))
        return PolicyOutput(actions, answers, inserted, features.dino, hidden.layers)
