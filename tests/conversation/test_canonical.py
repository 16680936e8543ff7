"""The dialog whose ids are known."""

from __future__ import annotations

import pytest

from conversation.ports import Piece
from conversation.prompts import Llama2Template, PromptFormat, canonical_difference, canonical_text
from conversation.prompts.canonical import CANONICAL_DIALOG, CANONICAL_IDS
from tests.conversation.tokenizers_for_tests import CodeLlamaTokenizer


async def test_code_llamas_tokenizer_gives_the_known_ids(codellama: CodeLlamaTokenizer) -> None:
    """In the ids form, and in the text form as a server reads it."""
    prompt = await PromptFormat(Llama2Template(), codellama, "ids", server_adds_bos=True).build(CANONICAL_DIALOG)
    assert prompt.token_ids == CANONICAL_IDS
    assert prompt.text == canonical_text()
    assert not canonical_difference([1, *await codellama.encode([Piece(canonical_text(), control=True)])])


def test_the_text_is_the_servers_form() -> None:
    """Without the BOS that the server adds, with the one between the turns."""
    assert canonical_text() == "[INST] hi [/INST] yo </s><s>[INST] x [/INST]"


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (CANONICAL_IDS, ""),
        (CANONICAL_IDS[1:], "missing"),
        ((1, *CANONICAL_IDS), "twice"),
        (tuple(1 if token == 2 else token for token in CANONICAL_IDS), "plain text"),
        ((*CANONICAL_IDS[:12], 29961, *CANONICAL_IDS[13:]), "from token 13 on it is 29961 518 25580"),
        (CANONICAL_IDS[:15], "from token 16 on it is nothing where Meta's code gives 29962 921"),
        ((*CANONICAL_IDS, 5), "from token 22 on it is 5 where Meta's code gives nothing"),
        ((), "plain text"),
    ],
)
def test_every_difference_is_told(ids: tuple[int, ...], words: str) -> None:
    """Equal ids are "", and anything else names what is wrong and where."""
    difference = canonical_difference(ids)
    assert bool(difference) == bool(words)
    assert words in difference
