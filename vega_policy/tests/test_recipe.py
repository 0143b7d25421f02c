import pytest

from vega_policy.errors import RecipeError
from vega_policy.recipe import load_recipe, recipe_names


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("VEGA_MODELS", str(tmp_path))
    (tmp_path / "plain.yaml").write_text(
        """
description: a small one
tokenizer: tokenizer.json
model:
  image_size: 28
  dino: {dim: 24, depth: 3, heads: 2}
  siglip: {dim: 16, depth: 3, heads: 2}
  llm: {dim: 32, ffn: 48, layers: 2, heads: 2, vocab_size: 512}
training: {steps: 10, batch: 4}
"""
    )
    return tmp_path


@pytest.mark.parametrize("name", recipe_names())
def test_the_shipped_recipes_load(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description


def test_unknown_names_list_the_known_ones(models):
    (models / "other.yaml").write_text("base: plain")
    with pytest.raises(RecipeError, match=r"no recipe 'twn'; there are: other, plain$"):
        load_recipe("twn")


def test_a_recipe_states_only_what_differs_from_its_base(models):
    (models / "wide.yaml").write_text("base: plain\nmodel: {llm: {dim: 64}}\ntraining: {seed: 3}")
    plain, wide = load_recipe("plain"), load_recipe("wide")
    assert wide.name == "wide"
    assert wide.model.llm == plain.model.llm.model_copy(update={"dim": 64})
    assert wide.model.dino == plain.model.dino
    assert wide.training == plain.training.model_copy(update={"seed": 3})


def test_overrides(models):
    recipe = load_recipe("plain", ["training.batch=8", "alignment.teacher=geometry", "image={}"])
    assert recipe.training.batch == 8
    assert recipe.alignment.teacher == "geometry"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.batch", "expected path.to.field=value"),
        ("training.batch.size=3", "batch is a value, not a group"),
        ("training.batch=[", "the value is no YAML"),
        ("training.batches=3", "training.batches: Extra inputs"),
        ("training.batch=0", "training.batch: Input should be greater than 0"),
        ("training.batch=many", "training.batch: Input should be a valid integer"),
        ("model.dino.heads=5", "tower width 24 is not a multiple of its 5 heads"),
    ],
)
def test_wrong_overrides_are_named(models, override, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe("plain", [override])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "broken.yaml"),
        ("- 1", "expected fields, got list"),
        ("base: broken", "from one another"),
    ],
)
def test_broken_files(models, text, message):
    (models / "broken.yaml").write_text(text)
    with pytest.raises(RecipeError, match=message):
        load_recipe("broken")
