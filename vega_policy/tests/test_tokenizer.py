import pytest

from vega_policy.errors import CheckpointError
from vega_policy.recipe import PROMPT, models_dir
from vega_policy.tokenizer import InstructionTokenizer, main, train_small

FOLDER = models_dir() / "tokenizers"


@pytest.fixture(scope="module")
def tokenizer():
    return InstructionTokenizer(FOLDER / "twin.json", PROMPT)


def text_of(tokenizer, ids):
    return "".join(tokenizer._tokenizer.id_to_token(i) for i in ids)


def test_the_twins_tokenizer_is_made_from_its_words(tmp_path):
    out = tmp_path / "tokenizer.json"
    assert main([str(FOLDER / "twin.txt"), str(out)]) == 0
    assert out.read_bytes() == (FOLDER / "twin.json").read_bytes()


def test_a_prompt_begins_with_bos_and_ends_with_the_word_mark(tokenizer):
    ids = tokenizer.prompt("  Close the LAPTOP ")
    assert text_of(tokenizer, ids) == (
        "<s>▁In:▁What▁action▁should▁the▁robot▁take▁to▁close▁the▁laptop?<0x0A>Out:▁"
    )
    assert ids[0] == 1
    assert ids.count(1) == 1


def test_words_it_never_saw_are_spelt_out(tokenizer):
    ids = tokenizer.prompt("schließe 笔记本")
    assert 0 not in ids
    assert "schließe 笔记本?" in tokenizer._tokenizer.decode(ids)


def test_special_ids(tokenizer):
    assert tokenizer.pad_id == 259
    assert tokenizer.vocab_size == 462
    assert len(tokenizer.prompt("close the laptop")) < 25


def test_a_tokenizer_with_other_special_ids_is_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(train_small(["a b"], 300).replace('"</s>": 2', '"</t>": 2'))
    with pytest.raises(CheckpointError, match="token </s> must have id 2"):
        InstructionTokenizer(path, PROMPT)


def test_wrong_paths(tmp_path, capsys):
    with pytest.raises(CheckpointError, match="no readable tokenizer"):
        InstructionTokenizer(tmp_path / "none.json", PROMPT)
    assert main([str(tmp_path / "none.txt"), str(tmp_path / "out.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
