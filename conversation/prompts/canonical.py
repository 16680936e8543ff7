"""One dialog whose token ids are known, to tell whether a server's tokenizer writes prompts as the model learnt them.

A server with another tokenizer (a slow one, transformers 5's, a conversion without its special tokens) answers all the
same, only worse, and nothing else shows it.
"""

from __future__ import annotations

from collections.abc import Sequence

from conversation.model import Message, Role
from conversation.prompts.llama2 import BOS, Llama2Template

CANONICAL_DIALOG = (Message(Role.USER, "hi"), Message(Role.ASSISTANT, "yo"), Message(Role.USER, "x"))

# From Meta's generation.py (meta-llama/codellama) with Code Llama's tokenizer; all sizes of Code Llama Instruct and of
# Llama 2 chat share these pieces. The first is BOS.
# fmt: off
CANONICAL_IDS = (
    1, 518, 25580, 29962, 7251, 518, 29914, 25580, 29962, 24800, 29871, 2,
    1, 518, 25580, 29962, 921, 518, 29914, 25580, 29962,
)
# fmt: on


def canonical_text() -> str:
    """The dialog as a server that adds BOS itself is sent it."""
    return "".join(piece.text for piece in Llama2Template().render(CANONICAL_DIALOG)).removeprefix(BOS.text)


def canonical_difference(token_ids: Sequence[int]) -> str:
    """What is wrong with a server's ids of `canonical_text`, BOS included; "" when they are Meta's."""
    ids, bos = tuple(token_ids), CANONICAL_IDS[:1]
    if ids == CANONICAL_IDS:
        return ""
    if ids == CANONICAL_IDS[1:]:
        return "BOS (1) is missing at the start"
    if ids == bos + CANONICAL_IDS:
        return "BOS (1) stands twice at the start"
    if 2 not in ids:
        return "`</s>` is read as plain text and not as the end token (2)"
    pairs = zip(ids, CANONICAL_IDS, strict=False)
    at = next((place for place, (got, wanted) in enumerate(pairs) if got != wanted), min(len(ids), len(CANONICAL_IDS)))
    return f"from token {at + 1} on it is {_some(ids[at:])} where Meta's code gives {_some(CANONICAL_IDS[at:])}"


def _some(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids[:6])) + (" ..." if len(ids) > 6 else "") if ids else "nothing"
