"""A dataset as a recipe will see it: all that is known before the first image is read."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from vega_policy import instructions
from vega_policy.data.dataset import DemonstrationDataset, Samples
from vega_policy.data.episodes import Episode, Source
from vega_policy.data.facts import DatasetFacts, dataset_facts
from vega_policy.data.frames import FrameCache
from vega_policy.data.sources import open_source
from vega_policy.errors import DatasetError, RecipeError, listed
from vega_policy.model.layout import sequence_length
from vega_policy.recipe import Recipe
from vega_policy.tokenizer import InstructionTokenizer


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


class DatasetPlan(NamedTuple):
    """A dataset that fits its recipe, its images not read yet.

    Attributes:
        facts: Of the training samples.
        digests: Of every episode, by its name within the dataset.
        cache: Of its images; built or not.
        train: Training samples.
        validation: Held-out samples, or None.
    """

    facts: DatasetFacts
    digests: dict[str, str]
    cache: FrameCache
    train: Samples
    validation: Samples | None

    def open(self) -> Datasets:
        """The samples with their images, whose cache has been built.

        Raises:
            DatasetError: It is incomplete.
        """
        frames = self.cache.open()
        held_out = self.validation
        return Datasets(
            DemonstrationDataset(frames, self.train),
            None if held_out is None else DemonstrationDataset(frames, held_out),
            self.facts,
            self.digests,
        )


def plan_dataset(
    directory: Path,
    recipe: Recipe,
    tokenizer: InstructionTokenizer,
    report: Callable[[str], None],
) -> DatasetPlan:
    """Reads all of a dataset but its images; the last episodes are held out for validation.

    Args:
        directory: Folder of ``.npz`` episodes, or a LeRobot dataset.
        recipe: What it is for.
        tokenizer: For the prompts.
        report: Gets lines for people.

    Raises:
        DatasetError: The folder, an episode or their agreement is wrong, or it does not fit the
            recipe.
    """
    source = open_source(directory, recipe, report)
    episodes = successful_episodes(directory, source, report)
    _check_recipe(directory, episodes, recipe)
    _check_instructions(directory, episodes, recipe, tokenizer)
    _say_tasks(episodes, report)
    every = recipe.data.image_every
    episodes = [e._replace(image_index=e.image_index[::every]) for e in episodes]
    split = len(episodes) - recipe.data.validation_episodes
    facts = dataset_facts(episodes[:split], recipe)
    before = sum(len(episode.image_index) for episode in episodes[:split])
    return DatasetPlan(
        facts,
        {episode.name: source.digest(episode) for episode in episodes},
        FrameCache(directory, source, episodes, recipe.model.image_size, every),
        Samples(episodes[:split], 0, recipe, facts, tokenizer),
        Samples(episodes[split:], before, recipe, facts, tokenizer) if episodes[split:] else None,
    )


def open_datasets(
    directory: Path,
    recipe: Recipe,
    tokenizer: InstructionTokenizer,
    report: Callable[[str], None],
    build: bool = True,
) -> Datasets:
    """Opens a dataset for a recipe, see :func:`plan_dataset`.

    Args:
        directory: As there.
        recipe: As there.
        tokenizer: As there.
        report: Gets lines of progress.
        build: Whether to build the frame cache; other processes wait for the one that does.

    Raises:
        DatasetError: As there, or an image is damaged.
    """
    plan = plan_dataset(directory, recipe, tokenizer, report)
    if build:
        plan.cache.build(report)
    return plan.open()


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


def _check_recipe(directory: Path, episodes: list[Episode], recipe: Recipe) -> None:
    """Refuses what does not fit the recipe, whatever the images show."""
    first, model = episodes[0], recipe.model
    if len(first.camera_names) != model.views:
        raise DatasetError(
            f"the dataset has {len(first.camera_names)} cameras, the recipe's model has "
            f"{model.views} (model.views)"
        )
    for what, wanted in (("action", model.action_dim), ("state", model.proprio_dim)):
        if len(first.joint_names) != wanted:
            raise DatasetError(
                f"the dataset has {len(first.joint_names)} {what} values, the recipe {wanted} "
                f"(model.{'action_dim' if what == 'action' else 'proprio_dim'})"
            )
    blind = [episode.name for episode in episodes if not episode.has_scene]
    if recipe.alignment.needs_scene and blind:
        raise DatasetError(
            f"{directory}: {listed(blind)} lacks the depth, segmentation and camera "
            f"poses that alignment.teacher={recipe.alignment.teacher} takes its targets from: "
            "record them anew in the twin, or set alignment.teacher=none"
        )
    held_out = recipe.data.validation_episodes
    if held_out >= len(episodes):
        raise DatasetError(
            f"{held_out} of {len(episodes)} episodes held out leaves none to train: lower "
            f"data.validation_episodes (data.validation_episodes={(len(episodes) - 1) // 10})"
        )


def _say_tasks(episodes: list[Episode], report: Callable[[str], None]) -> None:
    counts = Counter(task for e in episodes for task in dict.fromkeys(t.task for t in e.tasks))
    if len(counts) > 1:
        found = listed(f"{task} ({number} episodes)" for task, number in counts.items())
        report(f"{len(counts)} tasks, one policy that is told which: {found}")
    told = dict.fromkeys(change.instruction for e in episodes for change in e.tasks)
    if len(told) > len(counts):
        report(f"{len(told)} instructions: {listed(map(repr, told))}")


def _check_instructions(
    directory: Path, episodes: list[Episode], recipe: Recipe, tokenizer: InstructionTokenizer
) -> None:
    """Refuses before the first step what the policy would refuse to be told on the robot."""
    room = recipe.model.llm.max_positions - sequence_length(recipe.model, 0)
    if room < 1:
        raise RecipeError(
            f"model.chunk: {recipe.model.chunk} steps leave no room for an instruction in the "
            f"{recipe.model.llm.max_positions} positions of the language model: lower it"
        )
    texts: dict[str, list[str]] = {}
    for episode in episodes:
        for told in episode.tasks:
            if not isinstance(told.instruction, str | None):
                raise DatasetError(
                    f"{directory}: instruction of {episode.name}: "
                    f"{instructions.fault(told.instruction)}"
                )
            texts.setdefault(told.instruction, []).append(episode.name)

    def too_long(text: str) -> str:
        tokens = len(tokenizer.prompt(text))
        excess = sequence_length(recipe.model, tokens) - recipe.model.llm.max_positions
        return instructions.excess_fault(text, tokens, excess)

    wrong = instructions.faults_by_text(texts, too_long)
    if wrong:
        raise DatasetError(f"{directory}: " + "; ".join(wrong))
