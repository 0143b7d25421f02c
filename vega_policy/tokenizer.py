"""Instructions as token ids, in the form of Llama's tokenizer.

OpenVLA-7B brings its own ``tokenizer.json``. The twin has a small one of the same construction
(byte-fallback BPE, a word begins with "▁") and the same special ids, made from the words of
``models/tokenizers/twin.txt`` with

    python -m vega_policy.tokenizer models/tokenizers/twin.txt models/tokenizers/twin.json
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, trainers

from vega_policy.errors import CheckpointError
from vega_policy.instructions import as_told
from vega_policy.model.layout import BOS_ID, STOP_ID

WORD_MARK = "▁"
SPECIAL_TOKENS = ("<unk>", "<s>", "</s>")
PAD_TOKEN = "<PAD>"
DEFAULT_VOCABULARY = 512


class InstructionTokenizer:
    """Turns an instruction into prompt ids.

    Args:
        path: A ``tokenizer.json``.
        template: Prompt with ``{instruction}`` in it.

    Raises:
        CheckpointError: The file is missing or no tokenizer, or lacks the special tokens.
    """

    def __init__(self, path: Path, template: str) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises bare Exception
            raise CheckpointError(f"{path}: no readable tokenizer ({error})") from None
        self._template = template
        for token, wanted in (("<s>", BOS_ID), ("</s>", STOP_ID)):
            if self._tokenizer.token_to_id(token) != wanted:
                raise CheckpointError(f"{path}: token {token} must have id {wanted}")
        mark = self._tokenizer.token_to_id(WORD_MARK)
        if mark is None:
            raise CheckpointError(f"{path}: there is no token '{WORD_MARK}'")
        self._mark: int = mark
        self.pad_id = self._tokenizer.token_to_id(PAD_TOKEN) or 0
        self.vocab_size = self._tokenizer.get_vocab_size()

    def prompt(self, instruction: str) -> list[int]:
        """Prompt ids of an instruction: BOS first, "▁" last.

        The last id stands for the space that the public model saw before the first action token.
        """
        text = self._template.format(instruction=as_told(instruction))
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        if ids[0] != BOS_ID:
            ids = [BOS_ID, *ids]
        if ids[-1] != self._mark:
            ids = [*ids, self._mark]
        return ids


def train_small(sentences: Iterable[str], vocab_size: int) -> str:
    """Makes a byte-fallback BPE tokenizer in the form of Llama's.

    Args:
        sentences: Text whose words shall become tokens.
        vocab_size: Largest number of tokens; 256 of them are bytes.

    Returns:
        The text of a ``tokenizer.json``.
    """
    byte_tokens = [f"<0x{value:02X}>" for value in range(256)]
    fixed = [*SPECIAL_TOKENS, *byte_tokens, PAD_TOKEN]
    trained = Tokenizer(models.BPE())
    trained.normalizer = _llama_normalizer()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(fixed),
        initial_alphabet=[WORD_MARK],
        max_token_length=16,
        show_progress=False,
    )
    # One word at a time: tokens may then begin with the word mark but never run across words.
    words = [word for sentence in sentences for word in sentence.split()]
    trained.train_from_iterator(words, trainer)
    model = json.loads(trained.to_str())["model"]
    learned = sorted(model["vocab"], key=model["vocab"].__getitem__)
    vocabulary = {token: index for index, token in enumerate([*fixed, *learned])}
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = _llama_normalizer()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(WORD_MARK, " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return str(tokenizer.to_str(pretty=True))


def _llama_normalizer() -> normalizers.Normalizer:
    return normalizers.Sequence(
        [normalizers.Prepend(WORD_MARK), normalizers.Replace(" ", WORD_MARK)]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Makes a tokenizer.json from a text; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m vega_policy.tokenizer", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("text", type=Path, help="its words shall become tokens")
    parser.add_argument("out", type=Path, help="the tokenizer.json to write")
    parser.add_argument("--vocab-size", type=int, default=DEFAULT_VOCABULARY)
    arguments = parser.parse_args(argv)
    try:
        sentences = arguments.text.read_text(encoding="utf-8").splitlines()
        arguments.out.write_text(train_small(sentences, arguments.vocab_size), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
