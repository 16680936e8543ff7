"""Listens to Discord: messages over the gateway, commands and buttons."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from typing import Any, Protocol, Self

import aiohttp
import discord

from adapters.connecting import until_connected
from adapters.discord import events
from adapters.discord.api import DiscordApi
from adapters.discord.asides import Asides
from adapters.discord.attachments import CDN, Attachments
from adapters.discord.buttons import actions_of
from adapters.discord.catching_up import CatchingUp, Marked
from adapters.discord.client import INTERACTION, CorralClient
from adapters.discord.commands import build_tree, register
from adapters.discord.desk import Desk
from adapters.discord.forms import filled
from adapters.discord.gateway import PING_SECONDS, SILENT_PINGS, Gateway
from adapters.discord.identifying import IDENTIFY_SECONDS
from adapters.discord.identity import REFUSED, DiscordAccess, DiscordRefused, Identity
from adapters.discord.lookups import TOLD_IN, UNREACHABLE, Lookups, why
from adapters.discord.payloads import Json, number, snowflake
from adapters.discord.pending import Pending
from adapters.discord.people import People
from adapters.discord.progress import Marks
from adapters.discord.receiving import Receiving
from adapters.discord.settings import SettingsDesk
from adapters.discord.turn import Sessions
from conversation.background import Background
from conversation.errors import CorralError
from conversation.observing import EventResult, Observer
from conversation.preference_desk import PreferenceDesk
from conversation.reception import Reception
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

# How long the start waits for Discord before it goes on without.
CONTACT_SECONDS = 10.0
LOGIN_SECONDS = 20.0
# How long a sentence to a person that is on its way keeps the end waiting.
PARTING_SECONDS = 1.0


class Gateways(Sessions, Marked, Protocol):
    """What listening keeps for the next process."""


class DiscordListener:
    """Listens for as long as the context lasts; at its end nothing more is taken in first of all, and the session is
    left to the next process.

    Entering raises DiscordRefused when Discord refuses the token or the intents. While Discord is away it goes on
    without it and keeps trying; `on_refused` is told when we turn out to be refused then, or later. `origins` are where
    attachments may come from. Of several processes one listens, the others stand by.
    """

    def __init__(
        self,
        access: DiscordAccess,
        reception: Reception,
        gateways: Gateways,
        api: DiscordApi,
        preferences: PreferenceDesk,
        *,
        on_refused: Callable[[DiscordRefused], object] = lambda _: None,
        origins: Collection[str] = CDN,
        contact_seconds: float = CONTACT_SECONDS,
        identify_seconds: float = IDENTIFY_SECONDS,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self._access, self._reception, self._gateways, self._api = access, reception, gateways, api
        self._preferences = preferences
        self._on_refused, self._origins = on_refused, origins
        self._contact_seconds, self._identify_seconds = contact_seconds, identify_seconds
        self._ping_seconds = ping_seconds
        self._stack = AsyncExitStack()
        self._background = Background()
        self._gateway: Gateway | None = None
        self._contacted = asyncio.Event()

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def ready(self) -> None:
        """For the health page. Raises CorralError, which says what is missing, while Discord cannot reach us. Whoever
        stands by is ready."""
        if self._gateway is None:
            raise CorralError("Discord has not answered yet")
        if not (self._gateway.greeted.is_set() or self._gateway.is_standing_by):
            raise CorralError("there is no connection to Discord's gateway")

    @property
    def is_idle(self) -> bool:
        """Whether everything that Discord told is stored, or nothing to us."""
        return self._gateway is None or self._gateway.is_idle

    async def _begin(self) -> None:
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        attachments = Attachments(session, origins=self._origins)
        self._stack.push_async_callback(self._background.aclose, PARTING_SECONDS)
        contact = asyncio.create_task(self._keep_contact(attachments), name="contact with Discord")
        self._stack.push_async_callback(_end, contact)
        await until_connected(
            "Discord", contact, self._contacted, self._contact_seconds, DiscordRefused, self._on_refused
        )

    async def _keep_contact(self, attachments: Attachments) -> None:
        """Ends by being cancelled. Raises DiscordRefused; after anything else it begins anew."""
        for wait in growing_waits():
            try:
                await self._contact(attachments)
            except DiscordRefused:
                raise
            except Exception:
                log.exception("listening to Discord broke; it begins again in %.0f s", wait)
            await asyncio.sleep(wait)

    async def _contact(self, attachments: Attachments) -> None:
        async with AsyncExitStack() as stack:
            client = await self._log_in()
            stack.push_async_callback(client.close)
            lookups = Lookups(client.http, self._api.budget, str(client.user.id if client.user else 0))
            stack.push_async_callback(lookups.aclose)
            gateway, tree = assemble(
                client, lookups, attachments, self._background, self._access, self._reception, self._gateways,
                self._api, self._preferences, on_contact=self._contacted.set, identify_seconds=self._identify_seconds,
                ping_seconds=self._ping_seconds,
            )  # fmt: skip
            registering = asyncio.create_task(register(tree), name="tell Discord of our commands")
            stack.push_async_callback(_end, registering)
            self._gateway = gateway
            stack.push_async_callback(gateway.aclose, PARTING_SECONDS)
            await gateway.run()

    async def _log_in(self) -> CorralClient:
        for wait in growing_waits():
            client = CorralClient(silence_seconds=self._ping_seconds * SILENT_PINGS, observer=self._api.observer)
            try:
                async with asyncio.timeout(LOGIN_SECONDS):
                    await client.login(self._access.token)
            except discord.LoginFailure as exc:
                await client.close()
                raise DiscordRefused(REFUSED) from exc
            except (discord.HTTPException, *UNREACHABLE) as exc:
                await client.close()
                log.warning("Discord is away (%s); asking again in %.0f s", why(exc), wait)
                await asyncio.sleep(wait)
            except BaseException:
                await client.close()
                raise
            else:
                return client
        raise AssertionError("the waits never end")


MESSAGES = frozenset({events.CREATED, events.UPDATED, events.DELETED})
DELETED_MANY = "MESSAGE_DELETE_BULK"
HANDLED = MESSAGES | {DELETED_MANY, INTERACTION} | TOLD_IN | events.GONE
# Commands, buttons and forms: nothing is lost with suggestions for what somebody types.
_ASKING = frozenset({2, 3, 5})


def assemble(
    client: CorralClient,
    lookups: Lookups,
    attachments: Attachments,
    background: Background,
    access: DiscordAccess,
    reception: Reception,
    gateways: Gateways,
    api: DiscordApi,
    preferences: PreferenceDesk,
    **more: Any,
) -> tuple[Gateway, discord.app_commands.CommandTree[Any]]:
    """The gateway of a client that is logged in, with all that hears what it brings, and the commands. `more` is for
    Gateway."""
    assert client.user is not None
    me = Identity(user=str(client.user.id), application=str(client.application_id))
    marks = Marks()
    people = People(api)
    receiving = Receiving(access, me, reception, lookups, people, attachments, Asides(api, background), marks)
    catching_up = CatchingUp(access, me.application, client.http, gateways, lookups, receiving, marks)
    pending = Pending()
    desk = Desk(reception, attachments, pending, people, direct=access.direct)
    client.add_dynamic_items(*actions_of(desk))
    _hear_forms(client, desk)
    handle = _handler(receiving, lookups, pending, api.observer)
    gateway = Gateway(client, me.application, gateways, api.budget, handle, HANDLED, catching_up.run, marks, **more)
    return gateway, build_tree(client, desk, SettingsDesk(preferences, pending), direct=access.direct)


def _hear_forms(client: CorralClient, desk: Desk) -> None:
    """All that are sent back, whichever process opened them: discord.py itself knows its own ones only."""

    async def on_interaction(interaction: discord.Interaction[Any]) -> None:
        if interaction.type is discord.InteractionType.modal_submit and (sent := filled(interaction.data)) is not None:
            await desk.submitted(interaction, sent)

    client.event(on_interaction)


def _handler(
    receiving: Receiving, lookups: Lookups, pending: Pending, observer: Observer
) -> Callable[[str, Json], Any]:
    def handle(event: str, payload: Json) -> Any:
        if event == INTERACTION:
            return pending.expect(snowflake(payload, "id")) if number(payload, "type") in _ASKING else None
        if event in TOLD_IN | events.GONE:
            lookups.learn(event, payload)
            place = events.gone(event, payload) if event in events.GONE else None
            return receiving.gone(place) if place is not None else None
        if event == DELETED_MANY:
            return _each_deleted(receiving, payload)
        if receiving.is_news(event, payload):
            return receiving.receive(event, payload)
        observer.heard("discord", EventResult.IGNORED)  # what other bots write, say
        return None

    return handle


async def _each_deleted(receiving: Receiving, payload: Json) -> None:
    ids = payload.get("ids")
    for one in ids if isinstance(ids, list) else []:
        deleted = {**payload, "id": one}
        if receiving.is_news(events.DELETED, deleted):
            await receiving.receive(events.DELETED, deleted)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
