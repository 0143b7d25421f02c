"""Training samples: views, state, instruction, and the chunk of actions that follows."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vega_policy import instructions
from vega_policy.data.episodes import Episode, Source
from vega_policy.data.frames import FrameCache, Frames
from vega_policy.data.sources import open_source
from vega_policy.errors import DatasetError
from vega_policy.model.layout import TextBatch, sequence_length, text_batch
from vega_policy.normalization import Normalizer, Statistics, statistics_of
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


class DatasetFacts(NamedTuple):
    """What a checkpoint must remember of its data."""

    tasks: dict[str, str]
    joint_names: tuple[str, ...]
    camera_names: tuple[str, ...]
    fps: float
    action: Statistics
    proprio: Statistics


def successful_episodes(
    directory: Path, source: Source, report: Callable[[str], None]
) -> list[Episode]:
    """Reads all episodes, leaves failures out, and checks that the rest agree.

    Raises:
        DatasetError: None succeeded, or they differ in joints, cameras or rate.
    """
    episodes = source.episodes()
    kept = [episode for episode in episodes if episode.success]
    if not kept:
        raise DatasetError(f"{directory}: none of {len(episodes)} episodes succeeded")
    if len(kept) < len(episodes):
        report(f"left out {len(episodes) - len(kept)} episodes that failed")
    first = kept[0]
    for episode in kept:
        for name in ("joint_names", "camera_names", "fps"):
            if getattr(episode, name) != getattr(first, name):
                raise DatasetError(
                    f"{directory}: {name} differ: {getattr(first, name)} in {first.name}, "
                    f"{getattr(episode, name)} in {episode.name}"
                )
    return kept


def dataset_facts(episodes: list[Episode], recipe: Recipe) -> DatasetFacts:
    """Statistics over every step of all episodes, and what else describes them."""
    names = episodes[0].joint_names
    data = recipe.data
    span = np.array(
        [
            data.gripper_minimum_span if name.endswith("gripper") else data.joint_minimum_span
            for name in names
        ]
    )
    return DatasetFacts(
        tasks={each.task: each.instruction for episode in episodes for each in episode.tasks},
        joint_names=names,
        camera_names=episodes[0].camera_names,
        fps=episodes[0].fps,
        action=statistics_of(np.concatenate([e.action for e in episodes]), span),
        proprio=statistics_of(np.concatenate([e.state for e in episodes]), span),
    )


class DemonstrationDataset:
    """Samples in RAM, addressed by number.

    Args:
        frames: Of all episodes of the dataset.
        episodes: Those to use.
        frame_offset: Frames before the first of these episodes.
        recipe: Sizes, normalisation, tail.
        facts: Statistics to normalise with.
        tokenizer: For the prompts.
    """

    def __init__(
        self,
        frames: Frames,
        episodes: list[Episode],
        frame_offset: int,
        recipe: Recipe,
        facts: DatasetFacts,
        tokenizer: InstructionTokenizer,
    ) -> None:
        self._frames = frames
        views = self._frames.views.shape[1]
        if views != recipe.model.views:
            raise DatasetError(
                f"the dataset has {views} cameras, the recipe's model has {recipe.model.views}"
            )
        self._chunk = recipe.model.chunk
        self._queries = recipe.model.action_token_count
        scheme = recipe.data.normalization
        self._states = Normalizer(facts.proprio, scheme).normalize_training(
            np.concatenate([e.state for e in episodes])
        )
        self._actions = Normalizer(facts.action, scheme).normalize_training(
            np.concatenate([e.action for e in episodes])
        )
        self._pad_id = tokenizer.pad_id
        told = dict.fromkeys(each.instruction for e in episodes for each in e.tasks)
        self._prompts = [tokenizer.prompt(instruction) for instruction in told]
        self._prompt_of_step = _prompt_of_step(episodes, list(told))
        self._samples = _sample_table(episodes, frame_offset, recipe)

    def __len__(self) -> int:
        return len(self._samples.frame)

    def batch(self, numbers: NDArray[np.int64]) -> Batch:
        """The samples of these numbers."""
        table = self._samples
        frame, step = table.frame[numbers], table.step[numbers]
        ahead = step[:, None] + np.arange(self._chunk)
        ahead = np.minimum(ahead, table.last_step[numbers][:, None])
        prompts = [self._prompts[i] for i in self._prompt_of_step[step]]
        if all(prompt == prompts[0] for prompt in prompts):
            prompts = prompts[:1]
        return Batch(
            views=torch.from_numpy(self._frames.views[frame]),
            proprio=torch.from_numpy(self._states[step]),
            actions=torch.from_numpy(self._actions[ahead]),
            text=text_batch(prompts, self._queries, self._pad_id),
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
    parts = []
    for episode in episodes:
        ends = [*(change.step for change in episode.later_tasks), len(episode.state)]
        for change, end in zip(episode.tasks, ends):
            parts.append(np.full(end - change.step, instructions.index(change.instruction)))
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


class Datasets(NamedTuple):
    """An opened dataset.

    Attributes:
        train: Training samples.
        validation: Held-out samples, or None.
        facts: Of the training samples.
        digests: Of every episode, by its name within the dataset.
    """

    train: DemonstrationDataset
    validation: DemonstrationDataset | None
    facts: DatasetFacts
    digests: dict[str, str]


def open_datasets(
    directory: Path,
    recipe: Recipe,
    tokenizer: InstructionTokenizer,
    report: Callable[[str], None],
    build: bool = True,
) -> Datasets:
    """Opens a dataset for a recipe; the last episodes are held out for validation.

    Args:
        directory: Folder of ``.npz`` episodes, or a LeRobot dataset.
        recipe: What it is for.
        tokenizer: For the prompts.
        report: Gets lines of progress.
        build: Whether to build the frame cache; other processes wait for the one that does.

    Raises:
        DatasetError: The folder, an episode or their agreement is wrong.
    """
    source = open_source(directory, recipe, report)
    episodes = successful_episodes(directory, source, report)
    _check_instructions(directory, episodes, recipe, tokenizer)
    _say_tasks(episodes, report)
    every = recipe.data.image_every
    episodes = [e._replace(image_index=e.image_index[::every]) for e in episodes]
    held_out = recipe.data.validation_episodes
    if held_out >= len(episodes):
        raise DatasetError(f"{held_out} of {len(episodes)} episodes held out leaves none to train")
    cache = FrameCache(directory, source, episodes, recipe.model.image_size, every)
    if build:
        cache.build(report)
    frames = cache.open()
    split = len(episodes) - held_out
    facts = dataset_facts(episodes[:split], recipe)
    before = sum(len(episode.image_index) for episode in episodes[:split])

    def part(chosen: list[Episode], offset: int) -> DemonstrationDataset:
        return DemonstrationDataset(frames, chosen, offset, recipe, facts, tokenizer)

    validation = part(episodes[split:], before) if held_out else None
    digests = {episode.name: source.digest(episode) for episode in episodes}
    return Datasets(part(episodes[:split], 0), validation, facts, digests)


def _say_tasks(episodes: list[Episode], report: Callable[[str], None]) -> None:
    counts = Counter(task for e in episodes for task in dict.fromkeys(t.task for t in e.tasks))
    if len(counts) > 1:
        found = ", ".join(f"{task} ({number} episodes)" for task, number in counts.items())
        report(f"several tasks, one policy that is told which: {found}")


def _check_instructions(
    directory: Path, episodes: list[Episode], recipe: Recipe, tokenizer: InstructionTokenizer
) -> None:
    """Refuses before the first step what the policy would refuse to be told on the robot."""
    texts: dict[str, list[str]] = {}
    for episode in episodes:
        for told in episode.tasks:
            texts.setdefault(told.instruction, []).append(episode.name)

    def too_long(text: str) -> str:
        tokens = len(tokenizer.prompt(text))
        excess = sequence_length(recipe.model, tokens) - recipe.model.llm.max_positions
        return instructions.excess_fault(text, tokens, excess)

    wrong = instructions.faults_by_text(texts, too_long)
    if wrong:
        raise DatasetError(f"{directory}: " + "; ".join(wrong))


def constant_joints(facts: DatasetFacts, recipe: Recipe) -> list[str]:
    """A line each for state and action of which joints never change in the data."""
    lines = []
    for what, statistics in (("state", facts.proprio), ("action", facts.action)):
        still = statistics.constant(recipe.data.normalization)
        if still:
            names = ", ".join(facts.joint_names[number] for number in still)
            lines.append(f"the {what} never changes in {names}: the policy cannot learn to move it")
    return lines
