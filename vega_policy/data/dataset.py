"""Training samples: views, state, instruction, and the chunk of actions that follows."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vega_policy.data.episodes import Episode
from vega_policy.data.facts import DatasetFacts
from vega_policy.data.frames import Frames
from vega_policy.errors import DatasetError
from vega_policy.model.layout import TextBatch, text_batch
from vega_policy.normalization import Normalizer
from vega_policy.recipe import Recipe
from vega_policy.teachers.teacher import Scene
from vega_policy.tokenizer import InstructionTokenizer


class Batch(NamedTuple):
    """B samples.

    Attributes:
        views: uint8 [B, V, S, S, 3].
        proprio: Normalised states float32 [B, D].
        actions: Normalised chunks float32 [B, K, D].
        text: One row each, or one row for all if they share the instruction.
        scene: Ground truth for teachers, or None.
    """

    views: Tensor
    proprio: Tensor
    actions: Tensor
    text: TextBatch
    scene: Scene | None

    def to(self, device: torch.device) -> "Batch":
        """The same samples on another device."""
        return Batch(
            views=self.views.to(device),
            proprio=self.proprio.to(device),
            actions=self.actions.to(device),
            text=self.text.to(device),
            scene=None if self.scene is None else Scene(*(part.to(device) for part in self.scene)),
        )


class Samples:
    """All of some episodes' samples but their images.

    Args:
        episodes: Those to use.
        frame_offset: Frames of the dataset before the first of these episodes.
        recipe: Sizes, normalisation, tail.
        facts: Statistics to normalise with.
        tokenizer: For the prompts.

    Raises:
        DatasetError: No episode is long enough.
    """

    def __init__(
        self,
        episodes: list[Episode],
        frame_offset: int,
        recipe: Recipe,
        facts: DatasetFacts,
        tokenizer: InstructionTokenizer,
    ) -> None:
        self.chunk = recipe.model.chunk
        self.queries = recipe.model.action_token_count
        scheme = recipe.data.normalization
        self.states = Normalizer(facts.proprio, scheme).normalize_training(
            np.concatenate([e.state for e in episodes])
        )
        self.actions = Normalizer(facts.action, scheme).normalize_training(
            np.concatenate([e.action for e in episodes])
        )
        self.pad_id = tokenizer.pad_id
        told = dict.fromkeys(each.instruction for e in episodes for each in e.tasks)
        self.prompts = [tokenizer.prompt(instruction) for instruction in told]
        self.prompt_of_step = _prompt_of_step(episodes, list(told))
        self.table = _sample_table(episodes, frame_offset, recipe)


class DemonstrationDataset:
    """Samples in RAM, addressed by number.

    Args:
        frames: Of all episodes of the dataset.
        samples: Those to use.
    """

    def __init__(self, frames: Frames, samples: Samples) -> None:
        self._frames = frames
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples.table.frame)

    def batch(self, numbers: NDArray[np.int64]) -> Batch:
        """The samples of these numbers."""
        samples = self._samples
        table = samples.table
        frame, step = table.frame[numbers], table.step[numbers]
        ahead = step[:, None] + np.arange(samples.chunk)
        ahead = np.minimum(ahead, table.last_step[numbers][:, None])
        prompts = [samples.prompts[i] for i in samples.prompt_of_step[step]]
        if all(prompt == prompts[0] for prompt in prompts):
            prompts = prompts[:1]
        return Batch(
            views=torch.from_numpy(self._frames.views[frame]),
            proprio=torch.from_numpy(samples.states[step]),
            actions=torch.from_numpy(samples.actions[ahead]),
            text=text_batch(prompts, samples.queries, samples.pad_id),
            scene=self._scene(frame),
        )

    def _scene(self, frame: NDArray[np.int64]) -> Scene | None:
        frames = self._frames
        if frames.depth is None or frames.segmentation is None or frames.camera_pose is None:
            return None
        return Scene(
            torch.from_numpy(frames.depth[frame]),
            torch.from_numpy(frames.segmentation[frame]),
            torch.from_numpy(frames.camera_pose[frame]),
        )


class _SampleTable(NamedTuple):
    """For each sample: its frame in the cache, its step, its episode's last step."""

    frame: NDArray[np.int64]
    step: NDArray[np.int64]
    last_step: NDArray[np.int64]


def _prompt_of_step(episodes: list[Episode], instructions: list[str]) -> NDArray[np.int64]:
    """Which of the instructions was given at each step of all episodes."""
    number = {instruction: place for place, instruction in enumerate(instructions)}
    parts = []
    for episode in episodes:
        ends = [*(change.step for change in episode.later_tasks), len(episode.state)]
        for change, end in zip(episode.tasks, ends):
            parts.append(np.full(end - change.step, number[change.instruction]))
    return np.concatenate(parts)


def _sample_table(episodes: list[Episode], frame_offset: int, recipe: Recipe) -> _SampleTable:
    columns: list[list[NDArray[np.int64]]] = [[], [], []]
    first_step, first_frame = 0, frame_offset
    for episode in episodes:
        steps, frames = len(episode.state), len(episode.image_index)
        usable = steps if recipe.data.tail == "pad" else steps - (recipe.model.chunk - 1)
        kept = np.flatnonzero(episode.image_index < usable)
        rows = (
            first_frame + kept,
            first_step + episode.image_index[kept],
            np.full(len(kept), first_step + steps - 1),
        )
        for column, row in zip(columns, rows):
            column.append(row)
        first_step += steps
        first_frame += frames
    table = _SampleTable(*(np.concatenate(column) for column in columns))
    if len(table.frame) == 0:
        raise DatasetError(
            f"no episode is as long as a chunk ({recipe.model.chunk} steps): set data.tail=pad"
        )
    return table
