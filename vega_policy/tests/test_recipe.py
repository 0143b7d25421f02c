import typing

import pytest
from pydantic import BaseModel

from vega_policy.errors import RecipeError
from vega_policy.recipe import LoraRecipe, Recipe, TrainingRecipe, load_recipe, recipe_names
from vega_policy.recipe_listing import listing


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


def fields_of(group: type[BaseModel], path=""):
    """Every field of a recipe: its path, its description, the groups that it may hold."""
    for name, field in group.model_fields.items():
        kinds = (field.annotation, *typing.get_args(field.annotation))
        groups = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
        yield path + name, field.description, groups
        for kind in groups:
            yield from fields_of(kind, f"{path}{name}.")


@pytest.mark.parametrize(("path", "description", "groups"), list(fields_of(Recipe)))
def test_every_field_is_documented(path, description, groups):
    assert description or (groups and all(group.__doc__ for group in groups)), path


@pytest.mark.parametrize("name", recipe_names())
def test_a_listing_documents_every_field_and_is_the_recipe(name, models):
    recipe = load_recipe_of_the_repository(name)
    text = listing(recipe)
    assert max(map(len, text.splitlines())) <= 200
    for path, description, _ in fields_of(Recipe):
        if path != "name":
            assert f"{path.split('.')[-1]}:" in text
            assert description is None or " ".join(description.split()[:3]) in text
    (models / f"{name}.yaml").write_text(text)
    assert load_recipe(name) == recipe


def load_recipe_of_the_repository(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("VEGA_MODELS")
        return load_recipe(name)


def test_the_defaults_are_the_papers(models):
    training = load_recipe("plain").model_copy(update={"training": TrainingRecipe()}).training
    assert (training.steps, training.batch) == (100_000, 16)
    optimizer = training.optimizer
    assert (optimizer.learning_rate, optimizer.decay_at) == (5e-4, 50_000)
    assert (optimizer.schedule, optimizer.weight_decay) == ("drop", 0.01)
    assert (optimizer.warmup_steps, optimizer.clip_norm, optimizer.ema) == (0, None, None)


@pytest.mark.parametrize(("lora", "alpha"), [({}, 16), ({"rank": 4}, 4), ({"alpha": 3}, 3)])
def test_the_scale_of_lora_follows_its_rank(lora, alpha):
    assert LoraRecipe(**lora).resolved_alpha == alpha


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
    overrides = ["training.batch=8", "alignment.teacher=geometry", "image={}", "lora.rank=8"]
    recipe = load_recipe("plain", overrides)
    assert recipe.lora == LoraRecipe(rank=8)
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


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan"])
@pytest.mark.parametrize(
    "field",
    [
        "training.optimizer.learning_rate",
        "training.optimizer.weight_decay",
        "data.joint_minimum_span",
        "data.augmentation.brightness",
        "alignment.weight",
    ],
)
def test_a_number_that_is_not_finite_is_refused_with_the_recipe(field, value):
    with pytest.raises(RecipeError, match=field.replace(".", r"\.")):
        load_recipe("twin_oft", [f"{field}={value}"])
