"""Builds the house: the one place where stores, models, platforms and the conversation meet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from redis.asyncio import Redis

from adapters.languages import language_named
from bot.models import ConfiguredModel
from bot.settings import Settings
from conversation import notices
from conversation.access import Rules
from conversation.access_gate import AccessGate
from conversation.access_rules import rules_of
from conversation.errors import StoreUnavailable
from conversation.generation import Patience
from conversation.intake import Intake
from conversation.manager import Manager, Manners
from conversation.observing import UNOBSERVED, Observer
from conversation.ports import Gate, History, KnowsPeople, ReplySink, Sampling
from conversation.preference_desk import PreferenceDesk
from conversation.pseudonyms import use_key
from conversation.reception import Reception
from conversation.report import Reporter
from conversation.worker import Worker, Workers
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.feedback import RedisFeedback
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import DAY_SECONDS, Keys
from storage.lanes import errands, questions
from storage.preferences import RedisPreferences
from storage.pseudonyms import shared_key
from storage.quotas import RedisQuotas
from storage.rates import RedisRates
from storage.schema import check_schema
from storage.screen import RedisScreen
from storage.slots import RedisSlots
from storage.threads import RedisThreads

log = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
ERRANDS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class House:
    """What every command line verb works with."""

    settings: Settings
    redis: Redis
    intake: Intake
    reception: Reception
    rates: RedisRates
    inbox: RedisInbox
    threads: RedisThreads
    slots: RedisSlots
    preferences: RedisPreferences
    preference_desk: PreferenceDesk  # where the platforms' forms and commands change them
    reporter: Reporter  # for a process that answers itself; others ask with Command.STATUS
    screen: RedisScreen
    model: ConfiguredModel
    infiller: ConfiguredModel | None  # a second model, for `fill`
    access: Rules
    gates: tuple[Gate, ...]
    keys: Keys
    observer: Observer


@asynccontextmanager
async def open_house(settings: Settings, observer: Observer = UNOBSERVED) -> AsyncIterator[House]:
    """Join the store; it and whatever was loaded are left in order at the end. The model is opened by who needs it
    first, or by `model.begin()`. Raises StoreUnavailable and SchemaTooNew."""
    keys = Keys(prefix=settings.redis_prefix, content_seconds=settings.content_days * DAY_SECONDS)
    async with _store_url(settings) as url:
        redis, fast = open_redis(url), open_redis(url, fast=True)
        model, second = ConfiguredModel(settings), settings.of_infilling()
        infiller = ConfiguredModel(second, infilling=True) if second is not None else None
        try:
            await check_schema(redis, keys)
            use_key(await shared_key(redis, keys))
            inbox, threads = RedisInbox(redis, fast, keys), RedisThreads(redis, keys)
            intake, access = (
                Intake(inbox, settings.max_input_chars),
                rules_of(settings.access_allow, settings.access_deny),
            )
            preferences = RedisPreferences(redis, keys)
            slots = RedisSlots(redis, keys, lease_seconds=settings.lease_seconds)
            gates: tuple[Gate, ...] = (RedisQuotas(redis, keys, settings.bounds),) if settings.bounds else ()
            yield House(
                settings=settings,
                redis=redis,
                intake=intake,
                reception=Reception(inbox, intake, threads, RedisFeedback(redis, keys, threads), access, observer),
                rates=RedisRates(redis, keys),
                inbox=inbox,
                threads=threads,
                preferences=preferences,
                preference_desk=PreferenceDesk(preferences, access, language_named, settings.max_new_tokens),
                reporter=Reporter(model, slots, preferences, settings.max_new_tokens, gates),
                slots=slots,
                screen=RedisScreen(redis, keys),
                model=model,
                infiller=infiller,
                gates=gates,
                access=access,
                keys=keys,
                observer=observer,
            )
        finally:
            await model.close()
            if infiller is not None:
                await infiller.close()
            await fast.aclose()
            await redis.aclose()


@asynccontextmanager
async def _store_url(settings: Settings) -> AsyncIterator[str]:
    if settings.redis_url is not None:
        yield settings.redis_url.get_secret_value()
        return
    server = EmbeddedValkey(settings.data_dir / "store")
    try:
        url = await asyncio.to_thread(server.start)
        watching = asyncio.create_task(_keep_alive(server), name="watch the embedded store")
        try:
            yield url
        finally:
            watching.cancel()
    finally:
        await asyncio.to_thread(server.stop)


async def _keep_alive(server: EmbeddedValkey) -> None:
    """A server that died (of a full disk, say) is started again; its data are on disk."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            await asyncio.to_thread(server.start)
        except StoreUnavailable as error:
            log.warning("the embedded store is down: %s", error)


def build_worker(
    house: House,
    sinks: Mapping[str, ReplySink],
    drain_seconds: float,
    *,
    histories: Mapping[str, History] | None = None,
    frank: bool = False,
) -> Workers:
    """What answers on the platforms that it can write to; a `frank` one tells the people there technical reasons."""
    settings = house.settings
    manners = Manners(
        system_prompt=settings.system_prompt,
        sampling=Sampling(settings.max_new_tokens, settings.temperature, settings.top_p),
        patience=Patience(settings.model_patience_seconds),
        frank=frank,
        introduction="" if frank else notices.INTRODUCTION,
    )

    people = {name: sink for name, sink in sinks.items() if isinstance(sink, KnowsPeople)}
    gates = (AccessGate(house.access, people), *house.gates)

    def worker(lanes: Sequence[str], concurrency: int) -> Worker:
        queue = RedisJobs(house.redis, house.keys, lanes=lanes, lease_seconds=settings.lease_seconds)
        threads, model, slots, preferences = house.threads, house.model, house.slots, house.preferences
        return Worker(
            queue,
            Manager(
                threads,
                queue,
                model,
                sinks,
                manners,
                slots,
                preferences,
                histories,
                house.infiller,
                gates,
                house.observer,
            ),
            concurrency=concurrency,
            max_attempts=queue.max_attempts,
            drain_seconds=drain_seconds,
            observer=house.observer,
        )

    # Beside the questions, however many of these wait for the model.
    return Workers(worker(questions(sinks), settings.concurrency), worker(errands(sinks), ERRANDS_AT_ONCE))


@asynccontextmanager
async def working(worker: Workers, on_failure: Callable[[], object]) -> AsyncIterator[None]:
    """Keep the worker at work inside; at the end it drains. `on_failure` is called when it dies of an error."""
    stopping = asyncio.Event()
    task = asyncio.create_task(worker.run(stopping), name="worker")

    def report(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and done.exception() is not None:
            log.error("the worker died", exc_info=done.exception())
            on_failure()

    task.add_done_callback(report)
    try:
        yield
    finally:
        stopping.set()
        with suppress(Exception):  # reported above
            await task
