"""The story of one question, from the thread it stands in to the settlement it leaves.

There is no second story for recovery: a job that another worker left, a stream that broke and the Continue button all
enter `answer` with a draft that is not empty.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256

from conversation import notices, offers
from conversation.above import read_above
from conversation.asking import Dialog
from conversation.budget import Window, fit
from conversation.coding import Asked, ask_code
from conversation.control import CalledBack, Control
from conversation.delivery import Bind, Delivery, begun_anew
from conversation.errands import run_errand
from conversation.errors import (
    ModelError,
    ModelUnavailable,
    PromptError,
    PromptTooLong,
    QuestionGone,
    Refused,
    StoreUnavailable,
)
from conversation.generation import Draft, OnWait, Patience, generate, patiently
from conversation.language_model import LanguageModel, ModelSource
from conversation.model import (
    Claim,
    Command,
    Ending,
    Job,
    Measures,
    Message,
    Offer,
    Owner,
    Provenance,
    Role,
    Settlement,
    Skill,
    StopReason,
    Turn,
)
from conversation.observing import UNOBSERVED, ModelRequest, Observer
from conversation.ports import (
    DeliveryGate,
    Gate,
    History,
    JobQueue,
    ModelSlots,
    PreferenceStore,
    ReplySink,
    Sampling,
    TakesFiles,
    TellsPrivately,
    ThreadStore,
)
from conversation.preferences import of_starter, sampling, system_prompt
from conversation.prompts.models import check_infills
from conversation.question import Question, place
from conversation.report import Reporter
from conversation.shape import Shape
from conversation.skills import card_of
from conversation.status import StatusLine

log = logging.getLogger(__name__)

# Seams between separately counted turns can cost a token each; what is sent must fit all the same.
MARGIN_TOKENS = 16


# A job is held for so long while the model cannot be reached, and then handed over.
MODEL_AWAY_SECONDS = 2.0


class ModelAway(Exception):
    """The model could not be reached for a while."""

    def __init__(self, error: ModelUnavailable) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Manners:
    """How this service answers; a thread keeps the system prompt that it started with."""

    system_prompt: str
    sampling: Sampling
    patience: Patience = field(default_factory=Patience)
    frank: bool = False  # people here run the service themselves: they are told the technical reason too
    # A question that is older when its turn comes is answered only when its person still wants that.
    ask_first_after_seconds: float = 2 * 3600.0
    introduction: str = ""  # stands below the first answer that a person gets


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
        preferences: PreferenceStore,
        histories: Mapping[str, History] | None = None,
        infiller: ModelSource | None = None,
        gates: Sequence[Gate] = (),
        observer: Observer = UNOBSERVED,
    ) -> None:
        self.observer = observer
        self._histories, self._infiller, self.gates = histories or {}, infiller, gates
        self._threads, self._queue, self._models, self._sinks, self._manners = threads, queue, models, sinks, manners
        self._slots, self._preferences = slots, preferences
        self._reporter = Reporter(models, slots, preferences, manners.sampling.max_new_tokens, gates)
        self._known: LanguageModel | None = None  # as it was when it last was ready

    async def answer(self, claim: Claim, control: Control) -> Settlement | StopReason:
        """Answer the job and show the answer; what is left to do is to settle it.

        LOST, DRAIN or RESTART when it was called back for that: then it is not ours to settle now, and the draft is
        stored unless it was lost. Raises LeaseLost and StoreUnavailable.
        """
        if claim.checkpoint.revision != claim.job.revision:
            # The question changed: the answer begins anew, in the same messages.
            claim.checkpoint = begun_anew(claim.checkpoint, claim.job.revision)
        sink = self._sinks[claim.job.lane]
        draft = Draft.resume(claim.checkpoint)
        delivery = Delivery(sink, self._queue, claim, draft, control, self._binder(claim.job.conversation_id))
        status = StatusLine(sink, claim.job, frank=self._manners.frank)
        if control.asked_for(StopReason.REMOVED):
            return await self._take_away(delivery, status, control)
        if claim.job.is_errand:
            is_showing = claim.job.messages[0].command is Command.SHOW
            if is_showing and (refusal := await self._refusal_at_delivery(claim.job)) is not None:
                return await _refuse_to_show(sink, delivery, claim.job, refusal)
            settlement = await run_errand(claim.job, self._threads, delivery, self._reporter)
            if is_showing:
                await _tell_if_barred(sink, delivery, claim.job)
            return settlement
        status.say(notices.THINKING)
        try:
            try:
                answering = await control.run(self._begin(claim, draft, delivery, status, control))
            except CalledBack:  # it is, at once, in `_answer` too
                answering = await self._begin(claim, draft, delivery, status, control, reads=False)
            return await self._answer(answering, sink)
        finally:
            status.leave()

    async def _answer(self, answering: _Answering, sink: ReplySink) -> Settlement | StopReason:
        delivery, status, control = answering.delivery, answering.status, answering.control
        outcome = await self._until_ended(answering, control)
        if outcome not in {StopReason.LOST, StopReason.DRAIN}:  # else whoever goes on tells it
            await self._tell_spent(answering)
        if outcome is StopReason.REMOVED:
            return await self._take_away(delivery, status, control, answering.measures)
        if isinstance(outcome, StopReason):
            if outcome is StopReason.DRAIN:
                await delivery.save()
            return outcome
        ending, notice = outcome
        # What everybody sees as it grows cannot be taken back at its end; what one person sees alone can be kept back.
        is_private = answering.claim.job.messages[0].private and ending is not Ending.FAILED
        if is_private and (refusal := await self._refusal_at_delivery(answering.claim.job)) is not None:
            ending, notice = Ending.FAILED, answering.refuse(refusal)
        introduction = self._manners.introduction if await self._is_first(answering) else ""
        notice = "\n".join(filter(None, (notice, introduction, answering.remarks)))
        answering.keep_old_answer(ending)
        answering.draft.ended = True
        await delivery.close(ending, notice, answering.offers(ending))
        if control.asked_for(StopReason.REMOVED) or isinstance(delivery.barred, QuestionGone):
            return await self._take_away(delivery, status, control, answering.measures)
        if control.reason in {StopReason.RESTART, StopReason.LOST}:
            return control.reason
        if not await _end(status, control):
            return control.reason or StopReason.DRAIN
        await _tell_if_barred(sink, delivery, answering.claim.job)
        return Settlement(ending, answering.turns(ending), answering.cut, answering.measures)

    async def _tell_spent(self, answering: _Answering) -> None:
        job = answering.claim.job
        for gate in self.gates:
            try:
                await gate.spent(job, answering.tokens)
            except StoreUnavailable as error:  # the answer is not held up for that
                log.warning("the %d tokens of job %s are not counted: %s", answering.tokens, job.id, error)

    async def _refusal_at_delivery(self, job: Job) -> Refused | None:
        """Why the answer is not to be shown, though it is there."""
        try:
            for gate in self.gates:
                if isinstance(gate, DeliveryGate):
                    await gate.admit_delivery(job)
        except Refused as refusal:
            log.warning("job %s is not shown: %r", job.id, refusal)
            return refusal
        return None

    async def _is_first(self, answering: _Answering) -> bool:
        """Whether this is the first answer that its person gets, and does not say so yet."""
        first = answering.claim.job.messages[0]
        if (
            not self._manners.introduction
            or not answering.draft.visible
            or answering.claim.checkpoint.ending is not None
        ):
            return False
        try:
            return await self._preferences.meets(
                Owner.person_of(first.address, first.author_id), answering.claim.job.id
            )
        except StoreUnavailable as error:
            log.warning("job %s does not introduce us: %s", answering.claim.job.id, error)
            return False

    async def _begin(
        self,
        claim: Claim,
        draft: Draft,
        delivery: Delivery,
        status: StatusLine,
        control: Control,
        *,
        reads: bool = True,
    ) -> _Answering:
        """The question in its thread, with what it points to (if it `reads` that); and the draft and the messages to go
        on in."""
        job = claim.job
        preferences = await of_starter(self._preferences, job)  # pinned, if nobody has begun this thread before
        thread = await self._threads.open(
            job.conversation_id, system_prompt(self._manners.system_prompt, preferences), preferences
        )
        history = self._histories.get(job.lane) if reads else None
        above = await read_above(job, thread, self._threads, history, delivery.save)
        question = place(job, above.thread)
        draft.shape = delivery.shape(question.shape)
        delivery.file_name = question.file_name
        if question.continued is not None:
            self._go_on(question, question.continued, draft, delivery, job)
        elif question.is_empty:
            draft.text = ""  # the answer that was to go on has been forgotten meanwhile
        if job.messages[0].command is Command.AGAIN:
            shown = question.old_answer.message_ids if question.old_answer is not None else ()
            # The offer that was pressed comes last: a longer answer takes its place, a shorter one takes it away.
            delivery.begin_in(tuple(dict.fromkeys((*shown, *job.messages[0].shown_in))))
        return _Answering(self, claim, question, draft, delivery, status, control, above.notice)

    def _go_on(self, question: Question, before: Turn, draft: Draft, delivery: Delivery, job: Job) -> None:
        """Let the draft begin with the older answer, and the new messages with what those of that one do not show."""
        is_new = not draft.text
        if is_new:
            draft.text, draft.ids_known = before.said, False
        if question.shape.grows_inside:
            # What nobody can change is shown once more, as a whole.
            if not job.messages[0].private:
                delivery.begin_in(before.message_ids)
            return
        if is_new:
            delivery.begin_at(len(draft.visible))
        if last := self._last_message(job, before):
            delivery.follow(last, question.shape.shown(before.said, ended=False), before.last_start)

    def _last_message(self, job: Job, answer: Turn) -> str:
        """The last message that shows an answer's text; "" where there is none."""
        sink = self._sinks[job.lane]
        texts = [one for one in answer.message_ids if not (isinstance(sink, TakesFiles) and sink.is_file(one))]
        return texts[-1] if texts else ""

    def _binder(self, conversation_id: str) -> Bind:
        return lambda address: self._threads.bind(address, conversation_id)

    async def _take_away(
        self, delivery: Delivery, status: StatusLine, control: Control, measures: Measures | None = None
    ) -> Settlement | StopReason:
        """Leave nothing of the answer to a question that was deleted."""
        await delivery.close(Ending.REMOVED, "")
        if not await _end(status, control):
            return control.reason or StopReason.DRAIN
        return Settlement(Ending.REMOVED, measures=measures or Measures(delivery.milestones))

    async def apologise(self, claim: Claim) -> None:
        """Tell the person that the question was given up, in the answer's own message."""
        sink = self._sinks[claim.job.lane]
        delivery = Delivery(sink, self._queue, claim, Draft.resume(claim.checkpoint), Control())
        await delivery.close(Ending.FAILED, notices.poisoned(claim.job.id))
        await StatusLine(sink, claim.job).end()

    async def _until_ended(self, answering: _Answering, control: Control) -> tuple[Ending, str] | StopReason:
        """Generate and show until there is an ending, and what to say about it; or why there is none."""
        job = answering.claim.job
        showing = asyncio.create_task(answering.delivery.run(), name=f"show {job.id}")
        try:
            ending = await control.run(answering.run())
            # It may have been deleted in the very moment of the end.
            return StopReason.REMOVED if control.asked_for(StopReason.REMOVED) else (ending, answering.notice(ending))
        except CalledBack as back:
            if back.reason is StopReason.BARRED:
                return Ending.FAILED, ""
            stopped = back.reason is StopReason.STOPPED
            return (Ending.STOPPED, answering.notice(Ending.STOPPED)) if stopped else back.reason
        except ModelAway as away:
            is_patient = time.time() - job.accepted_at < self._manners.patience.seconds
            return StopReason.DRAIN if is_patient else (Ending.FAILED, answering.failure(away.error))
        except Refused as error:
            log.warning("job %s is refused: %r", job.id, error)
            return Ending.FAILED, answering.refuse(error)
        except (ModelError, PromptError) as error:
            log.warning("job %s failed: %r", job.id, error)
            answering.storable = isinstance(error, ModelError)
            return Ending.FAILED, answering.failure(error)
        finally:
            showing.cancel()
            # Not awaited itself: that would take a cancellation of ours for its own.
            await asyncio.wait({showing})

    async def model(self, on_wait: OnWait, skill: Skill) -> LanguageModel:
        """The model for this skill. Raises ModelAway when it cannot be reached for a while: another worker may reach
        it, and this one asks again after a pause; UnsupportedModel when there is none that can fill a hole."""
        try:
            self._known = model = await patiently(self._models.ready, Patience(MODEL_AWAY_SECONDS), on_wait)
        except ModelUnavailable as error:
            self._known = None
            raise ModelAway(error) from error
        if skill is not Skill.FILL or model.card.is_demo or model.fills:
            return model
        if self._infiller is None:
            check_infills(model.card.model_id)
        else:
            try:
                model = await patiently(self._infiller.ready, Patience(MODEL_AWAY_SECONDS), on_wait)
            except ModelUnavailable as error:
                raise ModelAway(error) from error
        return model

    async def free_slots(self) -> int:
        """How many answers the model could begin now; 0 before it was ready once. Raises StoreUnavailable."""
        model = self._known
        return await self._slots.free(model.server, model.card.slots) if model is not None else 0

    async def asked(self, question: Question, model: LanguageModel, said: str) -> Asked:
        """What to ask: the thread and the question, cut to what the model's window holds beside the reply. A question
        that works on code itself sees nothing of its thread."""
        budget = model.card.context_tokens - self.sampling(question).max_new_tokens - MARGIN_TOKENS
        if model.card.prompt_tokens is not None:
            budget = min(budget, model.card.prompt_tokens - MARGIN_TOKENS)
        window = Window(model.card.context_tokens, budget)
        said_tokens = 0
        if question.continued is not None:
            # A new reply's allowance, but what was said before takes its place in the window.
            said_tokens = await model.format.count(Message(Role.ASSISTANT, said))
            budget -= said_tokens
        turn = question.of_code
        if turn is not None:
            in_words = turn.skill is Skill.FILL and not model.fills
            asked = await ask_code(turn, model.format, budget, in_words=in_words)
            return replace(asked, said_tokens=said_tokens)
        thread, fingerprint = question.thread, model.format.fingerprint
        counts = await self._threads.counts(thread.conversation_id, fingerprint)
        try:
            fitted = await fit(
                question.earlier, question.asked, thread.system_prompt, model.format, budget, thread.cut, counts, window
            )
        except PromptTooLong as error:
            if thread.preferences.additions:
                error.user_notice = notices.ADDITIONS_DO_NOT_FIT
            raise
        if fitted.new_counts:
            await self._threads.save_counts(thread.conversation_id, fingerprint, fitted.new_counts)
        return Asked(
            Dialog(model.format, fitted.messages, question.shape.opening),
            fitted.prompt,
            fitted.question_texts,
            fitted.cut,
            fitted.earlier_dropped,
            fitted.left_out,
            said_tokens,
        )

    def sampling(self, question: Question) -> Sampling:
        """How the model chooses in this question's thread, whatever its skill."""
        return sampling(self._manners.sampling, question.thread.preferences)

    def asks_first(self, lane: str, age_seconds: float) -> bool:
        """Whether a question of this age is answered only when its person still wants that."""
        return self._sinks[lane].has_buttons and age_seconds > self._manners.ask_first_after_seconds

    @property
    def manners(self) -> Manners:
        """How this manager answers."""
        return self._manners

    @property
    def slots(self) -> ModelSlots:
        """What each answer needs one of."""
        return self._slots


# Why there is nothing to answer.
_NOTHING = {
    Command.ASK: notices.ASK_ME,
    Command.CONTINUE: notices.NOTHING_TO_CONTINUE,
    Command.AGAIN: notices.NO_SUCH_ANSWER,
}
_CAME_TO_NOTHING = frozenset({Ending.FAILED, Ending.STOPPED, Ending.CUT})
# What these leave in the thread depends on how the question was fitted into the window.
_NEED_THE_THREAD = frozenset({Ending.COMPLETE, Ending.LENGTH, Ending.CUT})


async def _refuse_to_show(sink: ReplySink, delivery: Delivery, job: Job, refusal: Refused) -> Settlement:
    """Tell who wanted to show an answer, and nobody else, that they may not."""
    if job.messages[0].private:
        await delivery.close(Ending.FAILED, refusal.user_notice)
    elif isinstance(sink, TellsPrivately):
        await sink.tell(job, refusal.user_notice)
    return Settlement(Ending.FAILED)


async def _tell_if_barred(sink: ReplySink, delivery: Delivery, job: Job) -> None:
    """Who asked hears why nothing stands where it belongs."""
    if delivery.barred is not None and isinstance(sink, TellsPrivately):
        await sink.tell(job, notices.could_not_show(delivery.barred.user_notice))


async def _end(status: StatusLine, control: Control) -> bool:
    """Take the status away, unless the job goes to another worker meanwhile."""
    return await status.end(lambda: control.reason in {StopReason.LOST, StopReason.DRAIN})


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
        about_above: str,
    ) -> None:
        self.about_above = about_above  # what the person is told of the earlier messages that were read
        self.manager, self.claim, self.question, self.draft, self.delivery = manager, claim, question, draft, delivery
        self.status, self.control = status, control
        self.storable = True
        self.error: ModelError | PromptError | Refused | None = None  # there is no answer because of it
        self._requests: list[ModelRequest] = []
        self._asks_first = False
        self._asked: Asked | None = None
        self._model: LanguageModel | None = None

    async def run(self) -> Ending:
        """The phases: status, model, budget, a slot of the model, generation."""
        if self.question.is_empty:
            raise PromptError("nothing is asked", user_notice=_NOTHING[self.claim.job.messages[0].command])
        stored = self.claim.checkpoint
        if stored.ending is not None and stored.ending not in _NEED_THE_THREAD:
            return stored.ending
        if stored.ending is None and self._is_old():
            self._asks_first = True
            return Ending.COMPLETE
        for gate in self.manager.gates if stored.ending is None else ():
            await gate.admit(self.claim.job)
        self.status.say(notices.THINKING)
        self._model = model = await self.manager.model(self.status.waits_for_model, self.question.skill)
        said = self.question.continued.said if self.question.continued else ""
        manners = self.manager.manners
        # Waiting here too: where the server counts the tokens, it may have gone since it was first asked.
        self._asked = asked = await patiently(
            lambda: self.manager.asked(self.question, model, said), manners.patience, self.status.waits_for_model
        )
        if stored.ending is not None:
            return stored.ending  # whoever had the job before was about to show just this
        if self.draft.visible:
            self.delivery.grow()  # a message left half-written is brought up to date before the model is back
        async with self._slot(model):
            return await generate(
                model.generator,
                asked.asking,
                self.draft,
                self._sampling,
                patience=manners.patience,
                on_piece=self._grow,
                on_wait=self.status.waits_for_model,
                on_request=self._requested,
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
            milestones = self.delivery.milestones
            self.delivery.milestones = replace(milestones, began_at=milestones.began_at or time.time())
            self.status.say(notices.THINKING)
            yield

    def _grow(self) -> None:
        self.status.text_comes()
        self.delivery.grow()

    def _requested(self, request: ModelRequest) -> None:
        self._requests.append(request)
        milestones = self.delivery.milestones
        self.delivery.milestones = replace(milestones, cuts=milestones.cuts + request.is_cut)
        if self._model is not None:
            self.manager.observer.asked(self._model.card.provider, self._model.card.model_id, request)

    @property
    def measures(self) -> Measures:
        """What it cost until now."""
        begun = [request for request in self._requests if request.first_chunk_seconds is not None]
        cached = [request.cached_tokens for request in begun if request.cached_tokens is not None]
        return Measures(
            self.delivery.milestones,
            requests=len(self._requests),
            prompt_tokens=sum(request.prompt_tokens for request in begun),
            answer_tokens=self.draft.tokens_used,
            cached_tokens=sum(cached) if cached else None,
            reason=type(self.error).__name__ if self.error is not None else "",
            refused=isinstance(self.error, Refused),
            asked_back=self._asks_first,
        )

    def keep_old_answer(self, ending: Ending) -> None:
        """An answer that was to be made anew and came to nothing stays what it was."""
        old = self.question.old_answer
        if old is not None and ending in _CAME_TO_NOTHING and not self.draft.visible:
            self.draft.text = old.said

    @property
    def _is_kept(self) -> bool:
        old = self.question.old_answer
        return old is not None and self.question.continued is None and self.draft.text == old.said

    def _is_old(self) -> bool:
        """Whether the question waited so long that its person may not want an answer any more."""
        message = self.claim.job.messages[-1]
        return (
            message.command is Command.ASK
            and self.manager.asks_first(self.claim.job.lane, time.time() - message.sent_at)
            and not self.draft.visible
        )

    @property
    def tokens(self) -> int:
        """What the model has used for it until now. The prompt counts when it is answered, and once, however often the
        stream breaks."""
        asked, answered = self._asked, self.draft.tokens_used
        return answered + asked.prompt.tokens + asked.said_tokens if asked is not None and answered else answered

    @property
    def cut(self) -> int:
        return self._asked.cut if self._asked else 0

    @property
    def _sampling(self) -> Sampling:
        return card_of(self.question.skill).sampling(self.manager.sampling(self.question))

    def notice(self, ending: Ending) -> str:
        """What the person is told below the answer."""
        if self.claim.checkpoint.ending is ending:
            return self.claim.checkpoint.notice
        if self._asks_first:
            return notices.asked_long_ago(time.time() - self.claim.job.messages[-1].sent_at)
        said = [notices.of_ending(ending)]
        if ending is Ending.COMPLETE and not self.delivery.new_text.strip():
            said.append(notices.NOTHING_SAID)
        if self._asked and self._asked.left_out:
            said.append(notices.clipped(self._asked.left_out, self.question.skill))
        if self._asked and self._asked.earlier_dropped:
            said.append(notices.EARLIER_DROPPED)
        said.append(self.about_above)
        return "\n".join(sentence for sentence in said if sentence)

    @property
    def remarks(self) -> str:
        """What else the person is told, below all that: there may be many, and platforms bound a notice's length."""
        if self._asks_first or self.claim.checkpoint.ending is not None:
            return ""  # of what was about to be shown it is a part
        return "\n".join(message.remarks for message in self.claim.job.messages if message.remarks)

    def offers(self, ending: Ending) -> tuple[Offer, ...]:
        """What can be pressed below the answer."""
        if self.question.is_empty:
            return ()
        exchange = self.question.exchange or self.claim.job.id
        if self._asks_first:
            return offers.answer_now(exchange)
        if not self.storable:
            return ()
        is_private = self.claim.job.messages[0].private
        return offers.after(ending, exchange, has_text=bool(self.draft.visible), private=is_private)

    def failure(self, error: ModelError | PromptError | Refused) -> str:
        """The same when there is no answer because of this error."""
        self.error = error
        reason = f"{error.user_notice} ({error})" if self.manager.manners.frank else error.user_notice
        return "\n".join(sentence for sentence in (reason, self.notice(Ending.FAILED)) if sentence)

    def refuse(self, refusal: Refused) -> str:
        """Nothing of the answer is to be shown or remembered; gives what the person is told."""
        # Of one that goes on with an older answer that one stays.
        self.draft.text = self.question.continued.said if self.question.continued is not None else ""
        self.storable = False
        return self.failure(refusal)

    def turns(self, ending: Ending) -> tuple[Turn, ...]:
        """The question as the model saw it, and the answer if there is one."""
        if not self.storable or self._is_kept:
            return ()
        if self.question.continued is not None:
            # One that grew inside stands in the old messages, without their files.
            before = () if self._is_rewritten else self.question.continued.message_ids
            shown = tuple(dict.fromkeys((*before, *self.delivery.message_ids)))
            text, code = self._answer
            answer = replace(self.question.continued, text=text, code=code, ending=ending, message_ids=shown)
            return (replace(answer, last_start=self.delivery.last_start),)
        asked = self.question.asked
        texts = self._asked.texts if self._asked else tuple(turn.text for turn in asked)
        turns = [replace(turn, text=text) for turn, text in zip(asked, texts, strict=True)]
        if self.draft.visible and asked:
            old = self.question.old_answer
            text, code = self._answer
            answer = Turn(
                id=f"{asked[-1].exchange}:answer",
                exchange=asked[-1].exchange,
                role=Role.ASSISTANT,
                text=text,
                code=code,
                at=time.time(),
                message_ids=self.delivery.message_ids,
                last_start=self.delivery.last_start,
                ending=ending,
                provenance=self._provenance,
            )
            if old is not None:
                answer = replace(answer, id=old.id, seq=old.seq, shared=old.shared)
            turns.append(answer)
        return tuple(turns)

    @property
    def _is_rewritten(self) -> bool:
        return self.question.shape.grows_inside and not self.claim.job.messages[0].private

    @property
    def _answer(self) -> tuple[str, str]:
        """The answer as its turn's `text` and `code`: raw, and where that is not all that people see, both."""
        draft = self.draft
        return (draft.text, "") if draft.shape == Shape() else (draft.visible, draft.text)

    @property
    def _provenance(self) -> Provenance | None:
        if self._asked is None or self._model is None:
            return None
        sampling = self._sampling
        return Provenance(
            model_id=self._model.card.model_id,
            prompt_sha256=sha256(self._asked.prompt.text.encode()).hexdigest(),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_new_tokens=sampling.max_new_tokens,
        )
