"""What inference refuses to be told, training refuses before its first step."""

import pytest

from vega_policy import instructions
from vega_policy.errors import DatasetError, RecipeError
from vega_policy.recipe import load_recipe
from vega_policy.tests.synthetic import write_dataset, write_episode
from vega_policy.tests.test_data import opened


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
