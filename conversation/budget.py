"""What of a thread the model sees: the same for every worker that computes it, and stable from question to question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from conversation.clipping import Clipped, LeftOut, clip
from conversation.cut import Cost, Cut, Window, low_water, plan_cut
from conversation.errors import PromptTooLong
from conversation.exchanges import Exchange, merge_turns
from conversation.model import Message, Role, Turn
from conversation.ports import Prompt
from conversation.prompts.dialog import check_dialog
from conversation.prompts.format import PromptFormat

__all__ = [
    "Clipped",
    "Cost",
    "Cut",
    "Exchange",
    "Fitted",
    "LeftOut",
    "Window",
    "clip",
    "count_key",
    "fit",
    "fit_dialog",
    "merge_turns",
    "plan_cut",
]

MIN_QUESTION_TOKENS = 64
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Fitted:
    """A dialog that fits, and what became of the rest."""

    messages: tuple[Message, ...]
    prompt: Prompt  # of `messages`
    cut: int  # to be stored with the thread
    dropped_turns: int  # of the thread, not seen by the model
    earlier_dropped: bool  # the cut moved now: the person is to be told
    left_out: LeftOut  # of the question
    question_texts: tuple[str, ...]  # what to store for each question turn, so that later prompts begin the same
    new_counts: dict[str, int] = field(default_factory=dict)  # by `count_key`


def count_key(message: Message) -> str:
    """The name under which a message's tokens are stored."""
    return sha256(f"{message.role}\0{message.content}".encode(errors="surrogatepass")).hexdigest()[:32]


async def fit(
    thread_turns: Sequence[Turn],
    question_turns: Sequence[Turn],
    system_prompt: str,
    format: PromptFormat,  # noqa: A002
    budget_tokens: int,
    stored_cut: int,
    counts: Mapping[str, int],
    window: Window | None = None,
) -> Fitted:
    """The thread and the question as a dialog whose prompt has at most `budget_tokens`.

    The question is kept whole unless it alone does not fit; then its longest turns are clipped to what leaves room for
    a follow-up. `window` is given where `budget_tokens` is less than usual. `counts` are those stored for this thread
    and `format.fingerprint`; only what is missing is counted. Raises PromptTooLong when the system prompt and 64 tokens
    do not fit, and ModelError when a server counts and cannot.
    """
    fitter = _Fitter(
        thread_turns,
        question_turns,
        system_prompt,
        _Meter(format, counts),
        stored_cut,
        window or Window.around(budget_tokens),
    )
    allowance = budget_tokens
    for _ in range(_TRIES):
        fitted = await fitter.attempt(allowance, budget_tokens)
        if fitted.prompt.tokens <= budget_tokens:
            return fitted
        # Separately counted turns made more tokens together: plan again with so much less.
        allowance -= fitted.prompt.tokens - budget_tokens
    raise PromptTooLong(f"no part of the question fits {budget_tokens} tokens")


async def fit_dialog(messages: Sequence[Message], format: PromptFormat, budget_tokens: int) -> Fitted:  # noqa: A002
    """A whole dialog as it is where it fits, else cut as a thread with these turns would be.

    Raises InvalidDialog, and what `fit` raises.
    """
    system, dialog = check_dialog(messages)
    prompt = await format.build(messages)
    if prompt.tokens <= budget_tokens:
        return Fitted(tuple(messages), prompt, 0, 0, earlier_dropped=False, left_out=LeftOut(), question_texts=())
    turns = [
        Turn(id=str(index), exchange=str(index // 2), role=message.role, text=message.content, at=0.0, seq=index + 1)
        for index, message in enumerate(dialog)
    ]
    return await fit(turns[:-1], turns[-1:], system or "", format, budget_tokens, 0, {})


class _Meter:
    """Counts messages, looking first at what was counted before."""

    def __init__(self, format: PromptFormat, known: Mapping[str, int]) -> None:  # noqa: A002
        self.format, self._known = format, known
        self.new: dict[str, int] = {}

    async def __call__(self, role: Role, content: str) -> int:
        message = Message(role, content)
        key = count_key(message)
        tokens = self._known.get(key, self.new.get(key))
        if tokens is None:
            tokens = self.new[key] = await self.format.count(message)
        return tokens


class _Fitter:
    def __init__(
        self,
        thread_turns: Sequence[Turn],
        question_turns: Sequence[Turn],
        system_prompt: str,
        meter: _Meter,
        stored_cut: int,
        window: Window,
    ) -> None:
        self._thread, self._questions = tuple(thread_turns), tuple(question_turns)
        self._meter, self._stored_cut, self._window = meter, stored_cut, window
        self._system = (Message(Role.SYSTEM, system_prompt),) if system_prompt.strip() else ()

    async def attempt(self, allowance: int, budget: int) -> Fitted:
        """Plan within `allowance`, build the prompt and say how large it became."""
        base = await self._meter.format.opening_tokens()
        for message in self._system:
            base += await self._meter(message.role, message.content)
        if base + MIN_QUESTION_TOKENS > allowance:
            raise PromptTooLong(f"beside the system prompt, {base} tokens, nothing fits {budget} tokens")
        closed, pending = self._visible()
        questions, left_out = await self._clipped(pending, allowance - base)
        costs = [await self._cost(exchange) for exchange in closed]
        named = Exchange((*pending, *questions)).parts
        for turn, part in zip(pending, named, strict=False):
            costs.append(Cost(turn.seq, turn.seq, await self._meter(Role.USER, part), pinnable=False))
        asked = sum([await self._meter(Role.USER, part) for part in named[len(pending) :]])
        cut = plan_cut(costs, asked, base, allowance, self._stored_cut, self._window)
        kept = [cut.keeps(index, cost) for index, cost in enumerate(costs)]
        exchanges = [exchange for exchange, keep in zip(closed, kept, strict=False) if keep]
        waiting = [turn for turn, keep in zip(pending, kept[len(closed) :], strict=True) if keep]
        exchanges.append(Exchange((*waiting, *questions)))
        messages = (*self._system, *_dialog(exchanges))
        seen = sum(len(exchange.turns) for exchange in exchanges) - len(questions)
        return Fitted(
            messages=messages,
            prompt=await self._meter.format.build(messages),
            cut=cut.cut_seq,
            dropped_turns=sum(len(exchange.turns) for exchange in merge_turns(self._thread)) - seen,
            earlier_dropped=cut.moved,
            left_out=left_out,
            question_texts=tuple(turn.text for turn in questions),
            new_counts=self._meter.new,
        )

    def _visible(self) -> tuple[list[Exchange], tuple[Turn, ...]]:
        """The answered exchanges that the stored cut leaves, with the thread's first, and the unanswered turns."""
        first = [exchange for exchange in merge_turns(self._thread)[:1] if exchange.answers]
        seen_from = max(self._stored_cut, first[0].last_seq + 1 if first else 0)
        # Cut before merging: else a deleted answer could join a question from before the cut to one after it.
        rest = merge_turns(turn for turn in self._thread if turn.seq >= seen_from)
        pending = rest[-1].questions if rest and not rest[-1].answers else ()
        return first + [exchange for exchange in rest if exchange.answers], pending

    async def _cost(self, exchange: Exchange) -> Cost:
        tokens = sum([await self._meter(Role.USER, part) for part in exchange.parts])
        tokens += await self._meter(Role.ASSISTANT, exchange.assistant or "")
        return Cost(exchange.seq, exchange.last_seq, tokens)

    async def _clipped(self, pending: Sequence[Turn], room: int) -> tuple[tuple[Turn, ...], LeftOut]:
        """The question's turns within `room` tokens, and what of them is left out."""
        questions = self._questions

        def parts(turns: Sequence[Turn]) -> tuple[str, ...]:
            return Exchange((*pending, *turns)).parts[len(pending) :]

        tokens = [await self._meter(Role.USER, part) for part in parts(questions)]
        if sum(tokens) <= room:
            return questions, LeftOut()
        share = _fair_share(tokens, max(low_water(room, self._window), min(room, 8 * MIN_QUESTION_TOKENS)))
        fitting, left_out = list(questions), LeftOut()
        for index, turn in enumerate(questions):
            if tokens[index] > share:

                async def count(text: str, index: int = index, turn: Turn = turn) -> int:
                    trial = (*fitting[:index], replace(turn, text=text), *fitting[index + 1 :])
                    return await self._meter.format.count(Message(Role.USER, parts(trial)[index]))

                clipped = await clip(turn.text.strip(), share, count)
                fitting[index] = replace(turn, text=clipped.text)
                left_out += clipped.left_out
        return tuple(fitting), left_out


def _fair_share(tokens: Sequence[int], room: int) -> int:
    """The most that each may take so that all together take at most `room`; who needs less leaves it to the others."""
    left, share = room, room
    for place, need in enumerate(sorted(tokens)):
        share = left // (len(tokens) - place)
        if need > share:
            break
        left -= need
    return share


def _dialog(exchanges: Sequence[Exchange]) -> list[Message]:
    messages = []
    for exchange in exchanges:
        messages.append(Message(Role.USER, exchange.user))
        if exchange.assistant is not None:
            messages.append(Message(Role.ASSISTANT, exchange.assistant))
    return messages
