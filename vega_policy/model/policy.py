"""The VEGA policy: OpenVLA-OFT's network with a tap for the alignment of its DINOv2 tower."""

from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vega_policy.model import layout
from vega_policy.model.config import ModelConfig
from vega_policy.model.heads import (
    DiffusionActionHead,
    DiscreteActionHead,
    TokenProjector,
    build_head,
)
from vega_policy.model.layout import TextBatch
from vega_policy.model.linear import accelerate
from vega_policy.model.llm import LanguageModel
from vega_policy.model.vision import FusedProjector, VisionBackbone, VisionModulation


class Encoded(NamedTuple):
    """What the policy sees, as tokens.

    Attributes:
        inserted: Projected patches of all views, then the state token if there is one, [B, P, dim].
        dino: DINOv2 features as consumed (FiLMed if the model has FiLM) [B, patches, dino dim].
    """

    inserted: Tensor
    dino: Tensor


class Answers(NamedTuple):
    """What the language model makes of it.

    Attributes:
        hidden: Hidden states that answer the queries [B, A, dim].
        layers: The hidden states asked for, of the whole sequence, see :class:`PolicyOutput`.
    """

    hidden: Tensor
    layers: dict[int, Tensor]


class NoisePass(NamedTuple):
    """What the diffusion head makes of a noisy chunk.

    Attributes:
        noise: The noise that it sees in it [B, K, D].
        hidden: Hidden states that answer the queries [B, A, dim].
        inserted: The inserted tokens with the noise level's appended [B, P, dim].
        layers: The hidden states asked for, see :class:`PolicyOutput`.
    """

    noise: Tensor
    hidden: Tensor
    inserted: Tensor
    layers: dict[int, Tensor]


class PolicyOutput(NamedTuple):
    """Everything a loss or a test may want of one pass.

    Attributes:
        actions: Normalised actions [B, K, D]; None with the diffusion head, whose single pass
            only predicts noise.
        action_error: Error of each time step's action [B, K] float32, mean over its values: the
            absolute error (l1), the squared error of the noise (diffusion) or the cross-entropy
            (discrete). None unless the pass was given the right actions.
        action_hidden: Hidden states that answer the queries [B, A, dim].
        inserted: Projected patches, then the state token, then the noise level's, as far as the
            model has them, [B, P, dim]. In a sequence they follow its first token.
        dino: DINOv2 features as consumed (FiLMed if the model has FiLM) [B, patches, dino dim].
        layers: Hidden states [B, S, dim] of the indices asked for: 0 are the input embeddings, i
            the output of the language model's layer i counted from one, the last of them after the
            final norm.
    """

    actions: Tensor | None
    action_error: Tensor | None
    action_hidden: Tensor
    inserted: Tensor
    dino: Tensor
    layers: dict[int, Tensor]


class VegaPolicy(nn.Module):
    """Camera images, robot state and an instruction in; a chunk of normalised actions out.

    The parameters of ``vision_backbone``, ``projector`` and ``language_model`` carry the names of
    the public OpenVLA state dict; ``action_head``, ``proprio_projector`` and
    ``noisy_action_projector`` those of OpenVLA-OFT's own files, below a prefix of their own.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.llm.dim
        self.vision_backbone = VisionBackbone(config)
        self.projector = FusedProjector(config.dino.dim + config.siglip.dim, width)
        has_lm_head = config.full_layout or config.head == "discrete"
        self.language_model = LanguageModel(config.llm, has_lm_head)
        self.proprio_projector = (
            TokenProjector(config.proprio_dim, width) if config.proprio else None
        )
        self.noisy_action_projector = (
            TokenProjector(config.values_per_token, width) if config.head == "diffusion" else None
        )
        self.action_head = build_head(config)
        accelerate(self)

    @classmethod
    def empty(cls, config: ModelConfig) -> "VegaPolicy":
        """The network without memory for its weights.

        Every parameter is on the meta device, to be assigned with ``load_state_dict(...,
        assign=True)``; the rotary embedding's frequencies, which no file holds, are real.
        """
        with torch.device("meta"):
            policy = cls(config)
        policy.language_model.rebuild_positions()
        return policy

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
        embedded = self.language_model.embed(text.ids)
        queries = self.config.action_token_count
        if text.uniform_length is not None:
            prompt, rest = embedded[:, : text.uniform_length], embedded[:, text.uniform_length :]
            return torch.cat([prompt, rest[:, queries:]], dim=1).mean(dim=1)
        counted = ~text.query_mask(queries)
        if not self.config.film_mean_includes_padding:
            counted = counted & text.valid
        weight = counted.to(torch.float32)
        weight = weight / weight.sum(dim=1, keepdim=True)
        return torch.einsum("bt,btd->bd", weight.to(embedded.dtype), embedded)

    def modulation(self, text: TextBatch) -> VisionModulation | None:
        """FiLM of the instruction; constant until the instruction changes. None without FiLM."""
        if not self.config.film:
            return None
        return self.vision_backbone.modulation(self.language_embedding(text))

    def encode(
        self, pixels: Tensor, proprio: Tensor | None, modulation: VisionModulation | None
    ) -> Encoded:
        """Turns one observation into the tokens that are inserted into the text.

        Args:
            pixels: Normalised views [B, 6 * views, H, W], see :class:`VisionBackbone`.
            proprio: Normalised robot state [B, proprio_dim]; not looked at by a policy without
                state token.
            modulation: FiLM from :meth:`modulation`; None for none.

        Raises:
            ValueError: The policy needs the robot state and got none.
        """
        features = self.vision_backbone(pixels.to(self.compute_dtype), modulation)
        inserted = self.projector(features.fused)
        if self.proprio_projector is not None:
            if proprio is None:
                raise ValueError(
                    f"this policy sees the robot state: expected proprio "
                    f"[B, {self.config.proprio_dim}], got None"
                )
            state = self.proprio_projector(proprio)[:, None]
            inserted = torch.cat([inserted, state.to(inserted.dtype)], dim=1)
        return Encoded(inserted, features.dino)

    def answer(
        self,
        inserted: Tensor,
        text: TextBatch,
        queries: Tensor | None = None,
        keep_layers: Collection[int] = (),
    ) -> Answers:
        """Runs the language model over one whole sequence.

        Args:
            inserted: Tokens between BOS and the rest of the prompt [B, P, dim].
            text: Prompts with query placeholders for B samples, or for one that all share.
            queries: Input embeddings of the queries [B, A, dim]; zeros if None.
            keep_layers: Indices of the hidden states to return, see :class:`PolicyOutput`.
        """
        count = self.config.action_token_count
        embedded = self.language_model.embed(text.ids)
        if queries is None:
            embedded = embedded.masked_fill(text.query_mask(count)[:, :, None], 0.0)
        else:
            embedded = layout.replace_queries(embedded, text, queries.to(embedded.dtype))
        embedded = embedded.to(inserted.dtype).expand(len(inserted), -1, -1)
        sequence = layout.insert_after_first(embedded, inserted)
        valid = None
        if text.uniform_length is None:
            shown = text.valid.new_ones(len(text.valid), inserted.shape[1])
            valid = layout.insert_after_first(text.valid, shown)
        states = self.language_model(sequence, valid, keep_layers)
        return Answers(layout.answers(states.last, text, inserted.shape[1], count), states.layers)

    def forward(
        self,
        pixels: Tensor,
        proprio: Tensor | None,
        text: TextBatch,
        modulation: VisionModulation | None = None,
        actions: Tensor | None = None,
        keep_layers: Collection[int] = (),
    ) -> PolicyOutput:
        """One pass.

        Args:
            pixels: Normalised views [B, 6 * views, H, W], see :class:`VisionBackbone`.
            proprio: Normalised robot state [B, proprio_dim]; not looked at by a policy without
                state token.
            text: Prompts with query placeholders for B samples, or for one that all share.
            modulation: FiLM computed before by :meth:`modulation`, to save doing it again.
            actions: The right actions, normalised [B, K, D], in training. The diffusion head
                cannot do without: it draws a noise level and noise from PyTorch's global generator
                and is asked for that noise. Its inference is :meth:`predict`.
            keep_layers: Indices of the language model's hidden states to return.
        """
        if modulation is None:
            modulation = self.modulation(text)
        inserted, dino = self.encode(pixels, proprio, modulation)
        head = self.action_head
        predicted: Tensor | None
        error: Tensor | None = None
        if isinstance(head, DiffusionActionHead):
            if actions is None:
                raise ValueError("the diffusion head's pass needs actions; predict() makes them")
            actions = actions.float()
            noise = torch.randn_like(actions)
            levels = torch.randint(head.schedule.train_steps, (len(actions),), device=noise.device)
            noisy = head.schedule.add_noise(actions, noise, levels)
            seen, hidden, inserted, layers = self.see_noise(
                inserted, text, noisy, levels, keep_layers
            )
            predicted = None
            error = (seen - noise).square().mean(dim=-1)
        elif isinstance(head, DiscreteActionHead):
            hidden, layers = self.answer(inserted, text, keep_layers=keep_layers)
            logits = self.language_model.lm_head(hidden)
            predicted = head(logits)
            if actions is not None:
                error = head.error(logits, actions)
        else:
            hidden, layers = self.answer(inserted, text, keep_layers=keep_layers)
            predicted = head(hidden)
            if actions is not None:
                error = (predicted.float() - actions.float()).abs().mean(dim=-1)
        return PolicyOutput(predicted, error, hidden, inserted, dino, layers)

    def predict(
        self,
        pixels: Tensor,
        proprio: Tensor | None,
        text: TextBatch,
        modulation: VisionModulation | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Normalised actions [B, K, D] of any head, for inference.

        Args:
            pixels: See :meth:`forward`; ``proprio``, ``text`` and ``modulation`` alike.
            generator: Source of the diffusion head's first noise, on any device; the global
                generator if None. The other heads draw nothing.
        """
        if not isinstance(self.action_head, DiffusionActionHead):
            actions = self(pixels, proprio, text, modulation).actions
            assert actions is not None
            return actions
        if modulation is None:
            modulation = self.modulation(text)
        inserted = self.encode(pixels, proprio, modulation).inserted
        shape = (len(pixels), self.config.chunk, self.config.action_dim)
        source = generator.device if generator is not None else pixels.device
        noisy = torch.randn(shape, generator=generator, device=source).to(pixels.device)
        return self.denoise(inserted, text, noisy)

    def denoise(self, inserted: Tensor, text: TextBatch, noisy: Tensor) -> Tensor:
        """Makes a chunk out of noise, one pass of the language model a step.

        Args:
            inserted: From :meth:`encode`, computed once for all steps.
            text: See :meth:`forward`.
            noisy: Standard normal noise [B, K, D].

        Returns:
            Normalised actions [B, K, D] float32.
        """
        head = self.action_head
        assert isinstance(head, DiffusionActionHead)
        for timestep in head.schedule.timesteps:
            level = torch.full((len(noisy),), timestep, device=noisy.device)
            noise = self.see_noise(inserted, text, noisy, level).noise
            noisy = head.schedule.step(noisy, noise, timestep)
        return noisy

    def see_noise(
        self,
        inserted: Tensor,
        text: TextBatch,
        noisy: Tensor,
        levels: Tensor,
        keep_layers: Collection[int] = (),
    ) -> NoisePass:
        """Predicts the noise in a noisy chunk: one pass of the language model.

        Args:
            inserted: From :meth:`encode`.
            text: See :meth:`forward`.
            noisy: Noisy normalised actions [B, K, D].
            levels: Noise level (timestep) of each sample, int64 [B].
            keep_layers: Indices of the language model's hidden states to return.
        """
        head = self.action_head
        assert isinstance(head, DiffusionActionHead)
        assert self.noisy_action_projector is not None
        token = head.level_token(levels)
        tokens = torch.cat([inserted, token.to(inserted.dtype)], dim=1)
        values = noisy.reshape(len(noisy), -1, self.config.values_per_token)
        queries = self.noisy_action_projector(values)
        hidden, layers = self.answer(tokens, text, queries, keep_layers)
        return NoisePass(head(hidden).float(), hidden, tokens, layers)
