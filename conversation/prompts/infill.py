"""The prompt that lets Code Llama 7B and 13B fill a hole in code, as `infilling_prompt_tokens` in Meta's generation.py.

PSM: `<PRE> {prefix} <SUF>{suffix} <MID>`; SPM: `<PRE> <SUF>{suffix} <MID> {prefix}`. The four words are ordinary
pieces of the vocabulary, 32007 to 32010, and the model ends with `<EOT>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conversation.errors import InvalidDialog
from conversation.ports import Piece, Prompt, Tokenizer
from conversation.prompts.estimate import estimate_tokens
from conversation.prompts.llama2 import BOS, LLAMA2_CONTROL_WORDS
from conversation.prompts.neutralise import neutralise

HOLE = "<FILL_ME>"  # transformers' convention
INFILL_STOP = ("<EOT>",)

Order = Literal["psm", "spm"]

_PRE, _SUF, _MID = (Piece(word, control=True) for word in ("<PRE>", "<SUF>", "<MID>"))
_INFILL_IDS = frozenset(range(32007, 32016))  # PRE, SUF, MID, EOT and the pieces of several EOTs

# The vocabulary has pieces of `>` and one of these, such as `>)`. One that follows `<SUF>` (or `<MID>`, where an answer
# goes on) takes its `>` away and the model no longer sees 32008 (32009), so a space goes between. (A line break keeps
# it as well, but moves the code.)
_MERGES_WITH_WORD = tuple("\"'`\\&(),./:;<=>[{\r")


@dataclass(frozen=True, slots=True)
class Hole:
    """Code around the place that the model is to fill."""

    prefix: str
    suffix: str


def split_hole(code: str) -> Hole:
    """Code with one `<FILL_ME>` in it, split there. Raises InvalidDialog when there is none, or more than one."""
    parts = code.split(HOLE)
    if len(parts) != 2:
        found = "none" if len(parts) == 1 else str(len(parts) - 1)
        raise InvalidDialog(f"mark the one place to fill with {HOLE}; the code has {found}")
    return Hole(*parts)


async def infill_prompt(
    hole: Hole,
    tokenizer: Tokenizer | None,
    *,
    form: Literal["text", "ids"],
    server_adds_bos: bool,
    order: Order = "psm",
) -> Prompt:
    """The prompt in both forms; `token_ids` is None without a tokenizer.

    The text form is neutralised. In the ids form the code stays byte-exact, except a part that itself spells one of
    the four words after a space (its ids would be theirs): that part is neutralised. Raises ValueError for the ids
    form without a tokenizer.
    """
    if form == "ids" and tokenizer is None:
        raise ValueError("the ids form needs a tokenizer")
    whole = BOS.text + infill_text(hole, order)
    ids = None if tokenizer is None else await infill_ids(hole, tokenizer, order)
    if form == "ids" and ids is not None:
        tokens = len(ids)
    elif tokenizer is not None:
        tokens = len(await tokenizer.encode([Piece(whole, control=True)]))
    else:
        tokens = estimate_tokens(whole)
    return Prompt(whole.removeprefix(BOS.text) if server_adds_bos else whole, ids, tokens)


def infill_text(hole: Hole, order: Order = "psm") -> str:
    """The text form, neutralised, without BOS."""
    prefix, suffix = (neutralise(text, LLAMA2_CONTROL_WORDS) for text in (hole.prefix, hole.suffix))
    suffix = behind_word(suffix)
    before = f"{_PRE.text} {prefix}" if prefix and order == "psm" else _PRE.text
    after = f" {prefix}" if prefix and order == "spm" else ""
    return f"{before} {_SUF.text}{suffix} {_MID.text}{after}"


def behind_word(text: str) -> str:
    """What may stand right behind `<SUF>` or `<MID>` in the text form, so that the word stays itself."""
    return f" {text}" if text.startswith(_MERGES_WITH_WORD) else text


async def infill_ids(hole: Hole, tokenizer: Tokenizer, order: Order = "psm") -> tuple[int, ...]:
    """The ids form, BOS included."""
    prefix = await _encode(hole.prefix, tokenizer, lead="", skip=0)
    # Meta's trick: the suffix goes on from <SUF> without a space, which the tokenizer would put before a text. Behind
    # a character that merges with nothing it does not; that character and its space are the first two ids.
    suffix = await _encode(hole.suffix, tokenizer, lead="☺", skip=2)
    bos, pre, suf, mid = [await tokenizer.encode([piece]) for piece in (BOS, _PRE, _SUF, _MID)]
    if order == "psm":
        return *bos, *pre, *prefix, *suf, *suffix, *mid
    return *bos, *pre, *suf, *suffix, *mid, *prefix


async def _encode(text: str, tokenizer: Tokenizer, *, lead: str, skip: int) -> list[int]:
    ids = (await tokenizer.encode([Piece(lead + text)]))[skip:]
    if _INFILL_IDS.isdisjoint(ids):
        return ids
    return (await tokenizer.encode([Piece(lead + neutralise(text, LLAMA2_CONTROL_WORDS))]))[skip:]
