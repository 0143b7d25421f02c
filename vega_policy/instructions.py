"""What a policy can be told: the same rules before training and at every observation."""

import string
from collections.abc import Callable, Collection

from vega_core import sentence
from vega_policy.errors import listed

FIELD = "instruction"
_SPECIAL = ("<unk>", "<s>", "</s>", "<pad>")


def as_told(instruction: str) -> str:
    """An instruction as it stands in the prompt: OpenVLA was trained on small letters."""
    return instruction.strip().lower()


def fault(instruction: object) -> str:
    """Why a policy cannot be told this, for people; empty if it can."""
    wrong = sentence.fault(instruction)
    if wrong or not isinstance(instruction, str):
        return wrong
    special = next((token for token in _SPECIAL if token in instruction.lower()), None)
    if special is not None:
        return f"{instruction!r} has {special}, which the tokenizer keeps for itself"
    return ""


def untrained(instruction: str, known: Collection[str], all_are_known: bool = True) -> str:
    """What people should know of an instruction that a policy was not trained on.

    Args:
        instruction: What it is told.
        known: What it was trained on.
        all_are_known: Whether that is all; else its policy.yaml, which is of before it held all,
            names one of each task.

    Returns:
        Both texts, the nearest of the known ones first; nothing if it was trained on this, or
        nobody knows on what.
    """
    told = as_told(instruction)
    likeness = {text: _likeness(told, as_told(text)) for text in known}
    if not known or 1.0 in likeness.values():
        return ""
    nearest = listed(map(repr, sorted(known, key=lambda text: -likeness[text])))
    if not all_are_known:
        return (
            f"the policy is told {instruction!r}; its policy.yaml names only {nearest}, one for "
            "each task, and not all that it was trained on: if this is new, expect it to do worse"
        )
    return (
        f"the policy is told {instruction!r}, on which it was not trained; it was trained on "
        f"{nearest}: expect it to do worse"
    )


def _likeness(one: str, other: str) -> float:
    """1 for equal texts; otherwise the share of pairs of characters that both have, below 1."""
    if one == other:
        return 1.0
    ours, theirs = ({text[i : i + 2] for i in range(len(text))} for text in (one, other))
    return 2 * len(ours & theirs) / (len(ours) + len(theirs) + 1)


def excess_fault(instruction: str, tokens: int, excess: int) -> str:
    """What is wrong with an instruction whose prompt has so many tokens too many; or nothing."""
    if excess <= 0:
        return ""
    return (
        f"{len(instruction)} characters: expected a prompt of at most {tokens - excess} tokens, "
        f"got {tokens}; give a shorter instruction"
    )


def check_template(template: str) -> None:
    """Checks that a prompt has the one field ``{instruction}`` and no other.

    Raises:
        ValueError: It has not; the text says what it has.
    """
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"is no template ({error})") from None
    fields = [field for _, field, _, _ in parts if field is not None]
    others = ", ".join(f"{{{field}}}" for field in fields if field != FIELD)
    if FIELD not in fields:
        raise ValueError(f"lacks {{{FIELD}}}" + (f", has {others}" if others else ""))
    if others or len(fields) > 1 or any(spec or conversion for _, _, spec, conversion in parts):
        raise ValueError(f"has {others or 'more'} beside one plain {{{FIELD}}}")


def faults_by_text(texts: dict[str, list[str]], more: Callable[[str], str]) -> list[str]:
    """A line for each text that cannot be told, with the episodes that have it.

    Args:
        texts: Names of the episodes of each instruction.
        more: A further check of texts that are fine so far.
    """
    lines = []
    for text, episodes in texts.items():
        wrong = fault(text) or more(text)
        if wrong:
            lines.append(f"instruction of {listed(episodes)}: {wrong}")
    return lines
