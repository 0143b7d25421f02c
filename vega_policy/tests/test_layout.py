import pytest
import torch

from vega_policy.model.layout import (
    BOS_ID,
    QUERY_ID,
    STOP_ID,
    answers,
    insert_after_first,
    text_batch,
)

PROMPT = [BOS_ID, 11, 12, 13]
QUERIES = 5


def test_text_is_prompt_then_queries_then_stop():
    text = text_batch([PROMPT], QUERIES)
    assert text.ids.tolist() == [[*PROMPT, *[QUERY_ID] * QUERIES, STOP_ID]]
    assert text.valid.all()
    assert text.query_mask(QUERIES)[0].nonzero().flatten().tolist() == [4, 5, 6, 7, 8]


def test_shorter_prompts_are_padded_on_the_right():
    text = text_batch([PROMPT, PROMPT[:2]], QUERIES, pad_id=99)
    assert text.ids[1].tolist() == [*PROMPT[:2], *[QUERY_ID] * QUERIES, STOP_ID, 99, 99]
    assert text.valid[1].tolist() == [True] * 8 + [False] * 2
    assert text.query_mask(QUERIES)[1].nonzero().flatten().tolist() == [2, 3, 4, 5, 6]
    assert text.uniform_length is None


def test_patches_and_state_come_between_bos_and_the_prompt():
    text = torch.arange(4.0).reshape(1, 4, 1)
    inserted = torch.full((1, 2, 1), -1.0)
    assert insert_after_first(text, inserted).flatten().tolist() == [0, -1, -1, 1, 2, 3]


@pytest.mark.parametrize("prompts", [[PROMPT], [PROMPT, PROMPT], [PROMPT, PROMPT[:2]]])
def test_answers_are_read_one_position_before_each_query(prompts):
    inserted = 7
    text = text_batch(prompts, QUERIES)
    ids = text.ids[:, :, None].float()
    position = torch.arange(ids.shape[1] + inserted).float()
    hidden = position[None, :, None].expand(len(prompts), -1, -1)
    read = answers(hidden, text, inserted, QUERIES)[..., 0]
    for row, prompt in zip(read.tolist(), prompts):
        start = inserted + len(prompt) - 1
        assert row == list(range(start, start + QUERIES))
