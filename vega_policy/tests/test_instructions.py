"""What policies are told: refusals before the first step, and what they were trained on."""

import shutil

import pytest

from vega_policy import instructions
from vega_policy.contract import FILE_NAME
from vega_policy.errors import DatasetError, ObservationError, RecipeError
from vega_policy.export import export
from vega_policy.inference import VegaRunner
from vega_policy.kinds import load_contract
from vega_policy.recipe import load_recipe
from vega_policy.tests.synthetic import small_recipe, write_dataset, write_episode
from vega_policy.tests.test_data import opened
from vega_policy.tests.test_inference import make_observation
from vega_policy.training.provenance import training_contract
from vega_policy.vega_contract import VegaContract


@pytest.mark.parametrize(
    "text",
    ["close the laptop", "Leg die Gurke ab!", "关上笔记本电脑", "put 3 carrots in {the} bowl"],
)
def test_sentences_of_any_language_can_be_told(text):
    assert instructions.fault(text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a sentence, got ''"),
        ("   ", "expected a sentence"),
        (None, "expected a sentence, got None"),
        ("close it\u2028now", r"U\+2028 \(LINE SEPARATOR\)"),
        ("close\nit", "character 6 .* is U\\+000A"),
        ("close\u200bit", r"U\+200B \(ZERO WIDTH SPACE\)"),
        ("close \ud800", r"U\+D800"),
        ("close it</s>", "has </s>, which the tokenizer keeps"),
        ("<PAD> close it", "has <pad>"),
    ],
)
def test_what_cannot_be_told_is_refused_before_training_with_its_episodes(text, said, tmp_path):
    write_dataset(tmp_path, 3)
    write_episode(tmp_path / "episode_000001.npz", 1, instruction=text)
    with pytest.raises(DatasetError, match=said) as refused:
        opened(tmp_path)
    assert "instruction of episode_000001.npz: " in str(refused.value)


def test_an_instruction_longer_than_the_model_takes(tmp_path):
    write_dataset(tmp_path, 3)
    write_episode(tmp_path / "episode_000002.npz", 2, instruction="push the red object " * 200)
    with pytest.raises(DatasetError, match=r"episode_000002.npz: 4000 characters: expected a "):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("In: do it", "lacks {instruction}"),
        ("In: {task}", "lacks {instruction}, has {task}"),
        ("In: {instruction} on {robot}", "has {robot} beside one plain {instruction}"),
        ("In: {instruction!r}", "beside one plain {instruction}"),
        ("In: {instruction", "is no template"),
    ],
)
def test_a_prompt_without_the_one_field_is_refused_with_the_recipe(template, said):
    with pytest.raises(RecipeError) as refused:
        load_recipe("twin_oft", [f"instruction_template='{template}'"])
    assert said in str(refused.value)


def test_all_instructions_of_a_task_stand_in_the_policy_yaml(tmp_path):
    told = ["close the laptop", "shut the computer", "fold down its screen"]
    (tmp_path / "data").mkdir()
    for seed, text in enumerate(told):
        write_episode(tmp_path / "data" / f"{seed}.npz", seed, instruction=text)
    lines = []
    data = opened(tmp_path / "data", "data.validation_episodes=0", lines=lines)
    training_contract(small_recipe(), data.facts).save(tmp_path)
    contract = load_contract(tmp_path)
    assert contract.tasks == {"close_laptop": "close the laptop"}
    assert contract.known_instructions == tuple(told)
    assert any(line.startswith("3 instructions: 'close the laptop', ") for line in lines)


def test_training_writes_the_instructions_down_also_where_each_task_has_one(tmp_path):
    write_dataset(tmp_path, 3)
    training_contract(small_recipe(), opened(tmp_path).facts).save(tmp_path)
    assert load_contract(tmp_path).instructions == {"close_laptop": ("close the laptop",)}


def test_a_policy_yaml_that_does_not_hold_all_instructions_stays_so_and_is_said_to(saved, tmp_path):
    contract = VegaContract.load(saved).model_copy(update={"instructions": {}})
    contract.save(tmp_path)
    assert "instructions" not in (tmp_path / FILE_NAME).read_text()
    known = load_contract(tmp_path).known_instructions
    assert instructions.untrained("close the laptop", known, False) == ""
    said = instructions.untrained("shut the computer", known, False)
    assert "its policy.yaml names only 'close the laptop', one for each task" in said
    assert "not trained" not in said


def test_thousands_of_instructions_fit_into_the_file_and_a_few_into_a_line(saved, tmp_path):
    told = tuple(f"put the red mug number {number} on the rack" for number in range(5000))
    contract = VegaContract.load(saved).model_copy(update={"instructions": {"mugs": told}})
    contract.save(tmp_path)
    assert (tmp_path / FILE_NAME).stat().st_size < 500_000
    known = load_contract(tmp_path).known_instructions
    assert known == ("close the laptop", *told)
    line = instructions.untrained("put the red mug number 4321 onto the rack", known)
    assert len(line) < 400
    assert "trained on 'put the red mug number 4321 on the rack', " in line
    assert "and 4998 more" in line


def test_a_text_that_was_trained_on_is_known_whatever_its_case():
    known = ("close the laptop", "open it")
    assert instructions.untrained(" Close the Laptop ", known) == ""
    assert instructions.untrained("anything", ()) == ""
    said = instructions.untrained("close a laptop", known)
    assert "told 'close a laptop', on which it was not trained" in said
    assert "trained on 'close the laptop', 'open it'" in said


@pytest.mark.parametrize("text", ["", "close\u200bit", "close it</s>", "a\x07b"])
def test_an_older_policy_with_a_task_that_cannot_be_told_is_exported_and_refuses_that_alone(
    saved, tmp_path, text
):
    folder = shutil.copytree(saved, tmp_path / "policy")
    contract = VegaContract.load(saved)
    tasks = {"blank": text, **contract.tasks}
    contract.model_copy(update={"tasks": tasks}).save(folder)
    export(folder, tmp_path / "out")
    assert load_contract(tmp_path / "out").tasks == tasks
    runner = VegaRunner.load(tmp_path / "out")
    runner.infer(make_observation(0))
    with pytest.raises(ObservationError, match="instruction: "):
        runner.infer(make_observation(0, text))
