"""Everything that would end a run and is known before its first image: checked in seconds.

What comes after it takes minutes to hours: the frame cache, a 7B's weights, the teacher's.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import hw_config
from vega_policy.alignment.build import check_alignment
from vega_policy.data.facts import constant_joints
from vega_policy.data.plan import DatasetPlan, plan_dataset
from vega_policy.errors import DatasetError, RecipeError
from vega_policy.recipe import Recipe, models_dir
from vega_policy.tokenizer import InstructionTokenizer
from vega_policy.training.provenance import training_contract
from vega_policy.training.resume import RunRecord, saved_record, saved_state
from vega_policy.training.start import check_start
from vega_policy.vega_contract import VegaContract


class Preflight(NamedTuple):
    """A run that nothing known so far speaks against.

    Attributes:
        data: Its samples without their images.
        contract: What its checkpoints will say.
        record: What decides it.
        tokenizer_file: To be copied into its checkpoints.
    """

    data: DatasetPlan
    contract: VegaContract
    record: RunRecord
    tokenizer_file: Path


def preflight(
    recipe: Recipe,
    dataset: Path,
    report: Callable[[str], None],
    resumed: Path | None = None,
) -> Preflight:
    """Checks recipe, base, tokenizer, teacher, dataset and robot against one another.

    Args:
        recipe: What to train and how.
        dataset: What to train on.
        report: Gets lines for people.
        resumed: Folder of the run that is to go on; None for a new one.

    Raises:
        PolicyError: They do not belong together, or it is not the run that was saved.
    """
    hw = hw_config.load()
    base_digest = check_start(recipe)
    tokenizer_file, tokenizer = _tokenizer(recipe)
    # A dataset of other cameras is refused below with both names.
    check_alignment(recipe, tuple(hw.cameras))
    data = plan_dataset(dataset, recipe, tokenizer, report)
    contract = training_contract(recipe, data.facts, base_digest)
    found = contract.contradictions(hw)
    if found:
        raise DatasetError(
            f"{dataset} is not of the robot that hw_config describes, a policy trained on it could "
            f"not run there: {'; '.join(found)}"
        )
    record = RunRecord(recipe.model_dump(mode="json"), data.digests, base_digest)
    if resumed is not None:
        record.check_same(saved_record(saved_state(resumed, mapped=True), resumed))
    for line in constant_joints(data.facts, recipe):
        report(line)
    return Preflight(data, contract, record, tokenizer_file)


def _tokenizer(recipe: Recipe) -> tuple[Path, InstructionTokenizer]:
    path = models_dir() / recipe.tokenizer
    tokenizer = InstructionTokenizer(path, recipe.instruction_template)
    if tokenizer.vocab_size > recipe.model.llm.vocab_size:
        raise RecipeError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, model.llm.vocab_size is "
            f"{recipe.model.llm.vocab_size}"
        )
    return path, tokenizer
