"""The story of one question, from the thread it stands in to the settlement it leaves.

There is no second story for recovery: a job that another worker left, a stream that broke and the Continue button all
enter `answer` with a draft that is not empty.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from conversation import notices
from conversation.budget import Fitted, fit
from conversation.control import CalledBack, Control
from conversation.delivery import Delivery
from conversation.errors import ModelError, PromptError
from conversation.generation import Draft, OnWait, Patience, generate, patiently
from conversation.language_model import LanguageModel, ModelSource
from conversation.model import (
    Claim,
    Ending,
    Message,
    Role,
    Settlement,
    StopReason,
    Turn,
)
from conversation.ports import JobQueue, ModelSlots, ReplySink, Sampling, ThreadStore
from conversation.question import Question, place
from conversation.status import StatusLine

log = logging.getLogger(__name__)

# Seams between separately counted turns can cost a token each; what is sent must fit all the same.
MARGIN_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Manners:
    """How this service answers; a thread keeps the system prompt that it started with."""

    system_prompt: str
    sampling: Sampling
    patience: Patience = field(default_factory=Patience)


class Manager:
    """Answers jobs. One instance serves all of a process's conversations."""

    def __init__(
        self,
        threads: ThreadStore,
        queue: JobQueue,
        models: ModelSource,
        sinks: Mapping[str, ReplySink],
        manners: Manners,
        slots: ModelSlots,
    ) -> None:
        self._threads, self._queue, self._models, self._sinks, self._manners = threads, queue, models, sinks, manners
        self._slots = slots
        self._known: LanguageModel | None = None  # as it was when it last was ready

    async def answer(self, claim: Claim, control: Control) -> Settlement | None:
        """Answer the job and show the answer; what is left to do is to settle it.

        None when it was called back for LOST, DRAIN or RESTART: then it is not ours to settle now, and the draft is
        stored unless it was lost. Raises LeaseLost and StoreUnavailable.
        """
        if claim.checkpoint.revision != claim.job.revision:
            # The question changed: the answer begins anew, in the same messages.
            claim.checkpoint = replace(
                claim.checkpoint, revision=claim.job.revision, text="", token_ids=(), tokens_used=0
            )
        sink = self._sinks[claim.job.lane]
        draft = Draft.resume(claim.checkpoint)
        delivery = Delivery(sink, self._queue, claim, draft, control)
        if control.reason is StopReason.REMOVED:
            await delivery.close(Ending.REMOVED, "")
            return Settlement(Ending.REMOVED)
        question = place(claim.job, await self._threads.open(claim.job.conversation_id, self._manners.system_prompt))
        if question.continued is not None:
            delivery.begin_at(len(question.continued.text.lstrip()))
            if not draft.text:
                draft.text, draft.ids_known = question.continued.text, False
        answering = _Answering(self, claim, question, draft, delivery, StatusLine(sink, claim.job), control)
        ending, notice = await self._until_ended(answering, control)
        if ending is None:
            if control.reason is StopReason.DRAIN:
                await delivery.save()
            return None
        await delivery.close(ending, notice)
        await answering.status.end()
        if ending is Ending.REMOVED:
            return Settlement(ending)
        return Settlement(ending, turns=answering.turns(ending), cut=answering.cut)

    async def apologise(self, claim: Claim) -> None:
        """Tell the person that the question was given up, in the answer's own message."""
        sink = self._sinks[claim.job.lane]
        delivery = Delivery(sink, self._queue, claim, Draft.resume(claim.checkpoint), Control())
        await delivery.close(Ending.FAILED, notices.poisoned(claim.job.id))
        await sink.status(claim.job, "")

    async def _until_ended(self, answering: _Answering, control: Control) -> tuple[Ending | None, str]:
        """Generate and show until there is an ending, and what to say about it; no ending when called back."""
        showing = asyncio.create_task(answering.delivery.run(), name=f"show {answering.claim.job.id}")
        try:
            ending = await control.run(answering.run())
            if control.reason is StopReason.REMOVED:  # asked for in the very moment of the end
                return Ending.REMOVED, ""
            return ending, answering.notice(ending)
        except CalledBack:
            if control.reason is StopReason.STOPPED:
                return Ending.STOPPED, answering.notice(Ending.STOPPED)
            return (Ending.REMOVED if control.reason is StopReason.REMOVED else None), ""
        except (ModelError, PromptError) as error:
            log.warning("job %s failed: %r", answering.claim.job.id, error)
            answering.storable = not isinstance(error, PromptError)
            return Ending.FAILED, error.user_notice
        finally:
            showing.cancel()
            with suppress(asyncio.CancelledError):
                await showing

    async def model(self, on_wait: OnWait) -> LanguageModel:
        """The model, waiting for it as long as patience lasts."""
        self._known = await patiently(self._models.ready, self._manners.patience, on_wait)
        return self._known

    async def free_slots(self) -> int:
        """How many answers the model could begin now; 0 before it was ready once. Raises StoreUnavailable."""
        model = self._known
        return await self._slots.free(model.server, model.card.slots) if model is not None else 0

    async def fitted(self, question: Question, model: LanguageModel, partial: str) -> Fitted:
        """The thread and the question cut to what the model's window holds beside the reply."""
        budget = model.card.context_tokens - self._manners.sampling.max_new_tokens - MARGIN_TOKENS
        if model.card.prompt_tokens is not None:
            budget = min(budget, model.card.prompt_tokens - MARGIN_TOKENS)
        if question.continued is not None:
            # A new reply's allowance, but what was said before takes its place in the window.
            budget -= await model.format.count(Message(Role.ASSISTANT, partial))
        thread, fingerprint = question.thread, model.format.fingerprint
        counts = await self._threads.counts(thread.conversation_id, fingerprint)
        fitted = await fit(
            question.earlier, question.asked, thread.system_prompt, model.format, budget, thread.cut, counts
        )
        if fitted.new_counts:
            await self._threads.save_counts(thread.conversation_id, fingerprint, fitted.new_counts)
        return fitted

    @property
    def manners(self) -> Manners:
        """How this manager answers."""
        return self._manners

    @property
    def slots(self) -> ModelSlots:
        """What each answer needs one of."""
        return self._slots


class _Answering:
    """One run of `answer`, with what it found out on the way."""

    def __init__(
        self,
        manager: Manager,
        claim: Claim,
        question: Question,
        draft: Draft,
        delivery: Delivery,
        status: StatusLine,
        control: Control,
    ) -> None:
        self.manager, self.claim, self.question, self.draft, self.delivery = manager, claim, question, draft, delivery
        self.status, self.control = status, control
        self.storable = True
        self._fitted: Fitted | None = None

    async def run(self) -> Ending:
        """The phases: status, model, budget, a slot of the model, generation."""
        if self.question.is_empty:
            raise PromptError("nothing to continue", user_notice=notices.NOTHING_TO_CONTINUE)
        self.status.say(notices.THINKING)
        model = await self.manager.model(self.status.waits_for_model)
        partial = self.question.continued.text if self.question.continued else ""
        manners = self.manager.manners
        # Waiting here too: where the server counts the tokens, it may have gone since it was first asked.
        self._fitted = await patiently(
            lambda: self.manager.fitted(self.question, model, partial), manners.patience, self.status.waits_for_model
        )
        if self.draft.visible:
            self.delivery.grow()  # a message left half-written is brought up to date before the model is back
        async with self._slot(model):
            return await generate(
                model,
                self._fitted.messages,
                self.draft,
                manners.sampling,
                patience=manners.patience,
                on_piece=self.delivery.grow,
                on_wait=self.status.waits_for_model,
            )

    @asynccontextmanager
    async def _slot(self, model: LanguageModel) -> AsyncIterator[None]:
        """One of the model's slots. The question that changed is asked anew in a moment, with the same one."""
        async with self.manager.slots.hold(
            self.claim,
            model.server,
            model.card.slots,
            on_place=self.status.waits_in_line,
            keep=lambda: self.control.reason is StopReason.RESTART,
        ):
            self.control.has_slot = True
            self.status.say(notices.THINKING)
            yield

    @property
    def cut(self) -> int:
        return self._fitted.cut if self._fitted else 0

    def notice(self, ending: Ending) -> str:
        """What the person is told below the answer."""
        said = [notices.of_ending(ending)]
        if self._fitted and self._fitted.earlier_dropped:
            said.append(notices.EARLIER_DROPPED)
        if self._fitted and self._fitted.clipped_lines:
            said.append(notices.clipped(self._fitted.clipped_lines))
        return "\n".join(sentence for sentence in said if sentence)

    def turns(self, ending: Ending) -> tuple[Turn, ...]:
        """The question as the model saw it, and the answer if there is one."""
        if not self.storable:
            return ()
        if self.question.continued is not None:
            shown = (*self.question.continued.message_ids, *self.delivery.message_ids)
            return (replace(self.question.continued, text=self.draft.text, ending=ending, message_ids=shown),)
        texts = self._fitted.question_texts if self._fitted else tuple(turn.text for turn in self.question.new)
        turns = [replace(turn, text=text) for turn, text in zip(self.question.new, texts, strict=True)]
        if self.draft.visible:
            job = self.claim.job
            turns.append(
                Turn(
                    id=f"{job.id}:answer",
                    exchange=job.id,
                    role=Role.ASSISTANT,
                    text=self.draft.text,
                    at=time.time(),
                    message_ids=self.delivery.message_ids,
                    ending=ending,
                )
            )
        return tuple(turns)
