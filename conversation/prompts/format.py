"""One model's way of being asked: its template, its tokenizer, and whether it takes text or ids."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

from conversation.model import Message, Role
from conversation.ports import ChatTemplate, Piece, Prompt, Tokenizer
from conversation.prompts.estimate import estimate_tokens
from conversation.prompts.infill import Hole, behind_word, infill_prompt, infill_text
from conversation.prompts.llama2 import BOS
from conversation.prompts.neutralise import neutralise

Form = Literal["text", "ids"]

# Four bytes each: 8 MB hold the ids of some hundred long threads.
CACHED_TOKENS = 2_000_000

# In front of a text it keeps the tokenizer from adding a space, and no vocabulary at hand merges it with what follows
# (Meta's infilling uses it so).
_SENTINEL = "☺"


class PromptFormat:
    """Builds and counts prompts for one model. Keeps the ids of what it encoded, so that a long thread's earlier turns
    are not encoded again for every question.

    `form` is the one that the server is sent. `exact_ids` is False for a tokenizer that finds control tokens in plain
    pieces too (TGI's and vLLM's /tokenize): it counts neutralised text, and prompts have no ids. Raises ValueError for
    the ids form without a tokenizer that can say them.
    """

    def __init__(
        self,
        template: ChatTemplate,
        tokenizer: Tokenizer | None,
        form: Form,
        server_adds_bos: bool,
        *,
        exact_ids: bool = True,
        cached_tokens: int = CACHED_TOKENS,
    ) -> None:
        if form == "ids" and (tokenizer is None or not exact_ids):
            raise ValueError("the ids form needs a tokenizer that takes any text as plain text")
        self.template = template
        self.tokenizer = tokenizer
        self.form: Form = form
        self._server_adds_bos, self._exact_ids = server_adds_bos, exact_ids
        self._encoder = _Encoder(tokenizer, cached_tokens) if tokenizer is not None else None
        self._tokens: dict[str, bool] = {}  # control words that are one token
        self._opening_tokens: int | None = None
        self._answers_begin: str | None = None

    @property
    def fingerprint(self) -> str:
        """Names what token counts depend on: equal only where the counts of a message are equal."""
        vocabulary = self.tokenizer.fingerprint if self.tokenizer is not None else "estimate"
        return f"{self.template.name}.{self.form}.{vocabulary}"

    def clean(self, text: str) -> str:
        """Somebody's text without anything that the model would read as a control token."""
        return neutralise(text, self.template.control_words)

    async def count(self, message: Message) -> int:
        """Tokens that the message adds to a prompt in the form that is sent, on the high side.

        As exact as the template's `turn`; without a tokenizer, `estimate_tokens`. Raises ModelError when a server
        counts and cannot.
        """
        if self._encoder is None:
            return estimate_tokens("".join(piece.text for piece in self.template.turn(message, self.clean)))
        if self.form == "text":
            return await self._count_text(self.template.turn(message, self.clean))
        return sum([len(await self._encoder.ids(piece)) for piece in self.template.turn(message)])

    async def opening_tokens(self) -> int:
        """Tokens that every prompt has beside its messages, such as the words that let the assistant speak."""
        if self._opening_tokens is None:
            message = Message(Role.USER, "x")
            self._opening_tokens = max(0, (await self.build([message])).tokens - await self.count(message))
        return self._opening_tokens

    async def build(
        self, messages: Sequence[Message], partial: str = "", partial_ids: Sequence[int] = (), *, lead: str = ""
    ) -> Prompt:
        """The prompt for a dialog, and for going on after `lead`, what its answer begins with in any case, and
        `partial`, what the model said after that. A prompt with a lead is a beginning of the next turn's, as one
        without is.

        `partial_ids` are the ids that made `partial`: with them the ids form is what the model saw while it spoke.
        Without them `partial` is encoded as the words after a text, without a space of the tokenizer's own: these ids
        spell it byte for byte but may part it elsewhere than the model did. `tokens` is exact with a tokenizer, else
        an estimate. Raises InvalidDialog, and ModelError when a server encodes and cannot.
        """
        cleaned = self.template.render(messages, self.clean)
        lead = self._before_answers() + lead if lead else ""
        if lead + partial:
            cleaned = (*cleaned, Piece(self.clean(lead + partial)))
        ids = None
        if self._exact_encoder is not None:
            ids = await self._encoded(self.template.render(messages))
            ids += await self._said(partial, partial_ids, lead)
        return await self._prompt(cleaned, ids)

    async def build_completion(self, code: str, partial: str = "", partial_ids: Sequence[int] = ()) -> Prompt:
        """The prompt for going on with `code` and then `partial`, as in `build`, with nothing around them."""
        bos = (Piece(self.template.bos, control=True),) if self.template.bos else ()
        ids = None
        if self._exact_encoder is not None:
            ids = await self._encoded((*bos, Piece(code))) + await self._said(partial, partial_ids)
        return await self._prompt((*bos, Piece(self.clean(code + partial))), ids)

    async def build_infill(self, hole: Hole, partial: str = "", partial_ids: Sequence[int] = ()) -> Prompt:
        """The prompt for filling a hole, and for going on after `partial`, as in `build`. The model must be one that
        was trained for it."""
        encoder = self._exact_encoder
        said = behind_word(self.clean(partial)) if partial else ""
        if encoder is None and self._encoder is not None:
            whole = BOS.text + infill_text(hole) + said
            tokens = await self._count_text([Piece(whole, control=True)])
            return Prompt(whole.removeprefix(BOS.text) if self._server_adds_bos else whole, None, tokens)
        prompt = await infill_prompt(
            hole,
            self.tokenizer if encoder is not None else None,
            form=self.form,
            server_adds_bos=self._server_adds_bos,
        )
        if not partial:
            return prompt
        if encoder is None or prompt.token_ids is None:
            return Prompt(prompt.text + said, None, prompt.tokens + estimate_tokens(said))
        more = await self._said(partial, partial_ids)
        return Prompt(prompt.text + said, (*prompt.token_ids, *more), prompt.tokens + len(more))

    def _before_answers(self) -> str:
        """White space that the template puts before an answer when the thread goes on: a space in Llama 2's.

        A lead needs it now. Without it TGI would read one piece `]` + backtick where `[/INST]` ends, and the prompt
        would be no beginning of the next one.
        """
        if self._answers_begin is None:
            question = Message(Role.USER, "x")
            now = _text(self.template.render([question]))
            later = _text(self.template.render([question, Message(Role.ASSISTANT, _SENTINEL), question]))
            gap = later[len(now) :].partition(_SENTINEL)[0] if later.startswith(now) else ""
            self._answers_begin = gap if gap.isspace() else ""
        return self._answers_begin

    @property
    def _exact_encoder(self) -> _Encoder | None:
        return self._encoder if self._exact_ids else None

    async def _encoded(self, pieces: Sequence[Piece]) -> array[int]:
        assert self._encoder is not None
        ids = array("I")
        for piece in pieces:
            ids += await self._encoder.ids(piece)
        return ids

    async def _said(self, partial: str, partial_ids: Sequence[int], lead: str = "") -> array[int]:
        assert self._encoder is not None
        if partial_ids:
            return (await self._encoder.continuation(lead) if lead else array("I")) + array("I", partial_ids)
        return await self._encoder.continuation(lead + partial) if lead + partial else array("I")

    async def _prompt(self, cleaned: Sequence[Piece], ids: Sequence[int] | None) -> Prompt:
        text = _text(cleaned)
        if self.form == "ids" and ids is not None:
            tokens = len(ids)
        elif self._encoder is not None:
            tokens = await self._count_text(cleaned)
        else:
            tokens = estimate_tokens(text)
        text = text.removeprefix(self.template.bos) if self._server_adds_bos else text
        return Prompt(text, None if ids is None else tuple(ids), tokens)

    async def _count_text(self, pieces: Sequence[Piece]) -> int:
        """Tokens of the pieces as one text, which is encoded in the runs that the tokenizer parts it in anyway."""
        assert self._encoder is not None
        runs: list[list[Piece]] = []
        seam = True
        for piece in pieces:
            if seam or (piece.control and await self._touches(piece.text, at_start=True)):
                runs.append([])
            runs[-1].append(piece)
            seam = piece.control and await self._touches(piece.text, at_start=False)
        total = 0
        for run in runs:
            text = "".join(piece.text for piece in run)
            # Without a control token in it a run is the same with and without special parsing; asking for the plain
            # one finds the ids that the ids form has cached.
            control = any([word in text and await self._is_token(word) for word in self.template.control_words])
            total += len(await self._encoder.ids(Piece(text, control)))
        return total

    async def _touches(self, text: str, *, at_start: bool) -> bool:
        """Whether the text begins (or ends) with a control token: those merge with no neighbour."""
        for word in self.template.control_words:
            if (text.startswith(word) if at_start else text.endswith(word)) and await self._is_token(word):
                return True
        return False

    async def _is_token(self, word: str) -> bool:
        """Whether the tokenizer has one id for the control word; `[INST]`, for instance, is several in Llama's."""
        assert self._encoder is not None
        if word not in self._tokens:
            self._tokens[word] = len(await self._encoder.ids(Piece(word, control=True))) == 1
        return self._tokens[word]


def _text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


class _Encoder:
    """A tokenizer with a bounded memory, the least recently used going first."""

    def __init__(self, tokenizer: Tokenizer, cached_tokens: int) -> None:
        self._tokenizer, self._room = tokenizer, cached_tokens
        self._known: OrderedDict[bytes, array[int]] = OrderedDict()

    async def ids(self, piece: Piece) -> array[int]:
        key = sha256(piece.text.encode(errors="surrogatepass")).digest() + bytes([piece.control])
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        ids = array("I", await self._tokenizer.encode([piece]))
        if key not in self._known:  # another task may have encoded it meanwhile
            self._known[key] = ids
            self._room -= len(ids)
        while self._room < 0:
            self._room += len(self._known.popitem(last=False)[1])
        return ids

    async def continuation(self, text: str) -> array[int]:
        """Ids of a text that goes on after another, without the space that some vocabularies put first."""
        lead = await self.ids(Piece(_SENTINEL))
        ids = array("I", await self._tokenizer.encode([Piece(_SENTINEL + text)]))
        if ids[: len(lead)] == lead:
            return ids[len(lead) :]
        return await self.ids(Piece(text))
