"""Discord: does it take the token, may the bot read what people write, may it connect, and does it see its channels?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from discord.http import Route

from adapters.discord.api import DiscordApi
from adapters.discord.identifying import SPARED
from adapters.discord.manifest import invite
from adapters.discord.pointing import pointed_at
from adapters.discord.refusals import MISSING_ACCESS, UNKNOWN_CHANNEL, Barred, Limited, TokenRefused
from bot.doctor.findings import Finding, failed, ok, skipped, warning
from bot.doctor.network import CALL_SECONDS, unreachable
from bot.settings import Settings
from conversation.errors import DeliveryError, Unreachable
from conversation.pacing import Allowance, Grant, RateBudget, Use

DISCORD = "https://discord.com"
# docs: resources/application, "Application Flags"; the second is what a bot in fewer than 100 servers has.
MESSAGE_CONTENT, MESSAGE_CONTENT_LIMITED = 1 << 18, 1 << 19
FEW_IDENTIFIES = 200
# docs: resources/channel, "Channel Types": text, announcements, forum, media.
_ASKED_IN = {0, 5, 15, 16}
_OTHERS = {2: "a voice channel", 4: "a category", 10: "a thread", 11: "a thread", 12: "a thread", 13: "a stage"}
MOST_CHANNELS = 20  # looked at one by one; Discord takes 50 calls a second

_RESET = (
    "https://discord.com/developers/applications -> your application -> Bot -> Reset Token: copy it into DISCORD_TOKEN"
)
_ALLOWANCE = Allowance("doctor", 1, 1.0)


async def check_discord(settings: Settings) -> AsyncGenerator[Finding]:
    """Findings about what is set; nothing is written to Discord, and no session is opened."""
    if settings.discord_token is None:
        yield skipped("discord", "DISCORD_TOKEN is not set")
        return
    token, elsewhere = settings.discord_token.get_secret_value(), (settings.discord_api_url or "").rstrip("/")
    async with AsyncExitStack() as stack:
        if elsewhere:
            stack.enter_context(pointed_at(elsewhere))
        api = await stack.enter_async_context(DiscordApi(token, _Unbudgeted(), timeout_seconds=CALL_SECONDS))
        try:
            application = await _get(api, "/applications/@me")
        except DeliveryError as error:
            yield _refused("discord.token", error, token, elsewhere or DISCORD)
            return
        yield ok("discord.token", f"{application.get('name')}, application {application.get('id')}")
        yield _intents(application)
        for finding in _application(application):
            yield finding
        client_id = str(application.get("id"))
        gateway, servers, *channels = await asyncio.gather(
            _gateway(api, elsewhere or DISCORD),
            _servers(api, client_id, elsewhere or DISCORD),
            *(
                _channel(api, channel, elsewhere or DISCORD)
                for channel in settings.discord_help_channels[:MOST_CHANNELS]
            ),
        )
        yield gateway
        yield servers
        for finding in _channels(channels, len(settings.discord_help_channels)):
            yield finding


def _refused(name: str, error: DeliveryError, token: str, url: str) -> Finding:
    """A call that gave nothing."""
    if isinstance(error, TokenRefused):
        return failed(name, "Discord refuses DISCORD_TOKEN", _why_refused(token), _RESET)
    if isinstance(error, Limited):
        wait = f"try again in {error.retry_after_seconds:.0f} s"
        return warning(name, "Discord says wait", "too many calls with this token, or from this address", wait)
    if isinstance(error, Unreachable) and error.__cause__ is not None:
        return unreachable(name, "Discord", error.__cause__, url, "" if url == DISCORD else "DISCORD_API_URL")
    cause = "Discord is away, or a proxy or its guard (Cloudflare) answers in its place"
    return failed(name, f"no answer that can be used: {error}", cause, "https://discordstatus.com; else HTTPS_PROXY")


def _why_refused(token: str) -> str:
    if token.lower().startswith("bot "):
        return "it begins with the word Bot, which is no part of it"
    if token.count(".") != 2:
        return "a bot's token has three parts between dots: this is perhaps the Client Secret or the Public Key"
    return "it was reset, or is another application's"


def _intents(application: dict[str, Any]) -> Finding:
    flags = application.get("flags")
    flags = flags if isinstance(flags, int) else 0
    page = f"https://discord.com/developers/applications/{application.get('id')}/bot"
    if flags & (MESSAGE_CONTENT | MESSAGE_CONTENT_LIMITED):
        return ok("discord.intents", "Message Content Intent is on")
    cause = "without it Discord closes the connection (4014), since the bot asks for it"
    return failed("discord.intents", "Message Content Intent is off", cause, f"{page}: switch it on")


def _application(application: dict[str, Any]) -> list[Finding]:
    """What is set at the application's pages and keeps people from the bot."""
    found, page = [], f"https://discord.com/developers/applications/{application.get('id')}"
    if application.get("interactions_endpoint_url"):
        cause = "commands, buttons and forms go to that address, and not to this program"
        fix = f"{page}/information: empty Interactions Endpoint URL"
        found.append(failed("discord.interactions", "an Interactions Endpoint URL is set", cause, fix))
    if application.get("bot_require_code_grant"):
        cause = "with it the link that invites the bot does not work"
        fix = f"{page}/bot: switch it off"
        found.append(warning("discord.code_grant", "Requires OAuth2 Code Grant is on", cause, fix))
    return found


async def _gateway(api: DiscordApi, url: str) -> Finding:
    name = "discord.gateway"
    try:
        told = await _get(api, "/gateway/bot")
        limit = told["session_start_limit"]
        shards, left, back = int(told["shards"]), int(limit["remaining"]), int(limit["reset_after"]) / 1000
    except DeliveryError as error:
        return _refused(name, error, "", url)
    except (KeyError, TypeError, ValueError):
        return failed(name, "no answer that can be used", "something answers in Discord's place", "correct HTTPS_PROXY")
    if shards > 1:
        cause = "it is in too many servers for one connection, which is all that Corral has"
        return failed(name, f"Discord wants {shards} shards", cause, "take it out of servers, or run a second bot")
    seen = f"{left} IDENTIFYs are left; all come back in {_spoken(back)}"
    if left <= SPARED:
        cause = f"the last {SPARED} are kept: the thousandth within a day makes Discord reset the token"
        return failed(name, seen, cause, f"wait {_spoken(back)}; find what starts or connects again and again")
    if left < FEW_IDENTIFIES:
        cause = "something starts or connects again and again with this token"
        return warning(name, seen, cause, "see the log of `run` for connections to Discord")
    return ok(name, seen if back else f"{left} IDENTIFYs are left")


async def _servers(api: DiscordApi, client_id: str, url: str) -> Finding:
    try:
        guilds = await _get(api, "/users/@me/guilds")
    except DeliveryError as error:
        return _refused("discord.servers", error, "", url)
    if not isinstance(guilds, list) or not guilds:
        return warning("discord.servers", "the bot is in no server", "nobody has invited it", invite(client_id))
    return ok("discord.servers", f"in {len(guilds)} server{'s' if len(guilds) > 1 else ''}")


async def _channel(api: DiscordApi, channel: str, url: str) -> Finding:
    """About one help channel; those that are well are told together."""
    name, fix = "discord.help_channels", "right-click the channel -> Copy Channel ID, into DISCORD_HELP_CHANNELS"
    if not (channel.isascii() and channel.isdigit()):
        return failed(name, f"{channel[:40]!r} is no channel's id", "an id is a number of 17 to 20 digits", fix)
    try:
        found = await _get(api, f"/channels/{channel}")
    except Barred as error:
        if error.code == MISSING_ACCESS:
            allow = "channel -> Edit Channel -> Permissions: allow View Channel to the bot"
            return failed(name, f"the bot may not see {channel}", "its role lacks View Channel there", allow)
        cause = "the channel was deleted, or this is the id of something else"
        told = f"there is no channel {channel}" if error.code == UNKNOWN_CHANNEL else f"{channel} is shut: {error}"
        return failed(name, told, cause, fix)
    except DeliveryError as error:
        return _refused(name, error, "", url)
    kind = found.get("type")
    if kind not in _ASKED_IN:
        cause = "questions are heard in text channels and forums, and then in their threads"
        return failed(name, f"{channel} is {_OTHERS.get(kind, 'no channel for questions')}", cause, fix)
    return ok(name, f"#{found.get('name')}")


def _channels(findings: Sequence[Finding], wanted: int) -> list[Finding]:
    well = [one.seen for one in findings if one.state == "ok"]
    rest = [one for one in findings if one.state != "ok"]
    if not findings:
        return [skipped("discord.help_channels", "none are set: the bot answers where it is mentioned")]
    if wanted > len(findings):
        rest.append(skipped("discord.help_channels", f"{wanted - len(findings)} more were not looked at"))
    return [*([ok("discord.help_channels", ", ".join(well))] if well else []), *rest]


async def _get(api: DiscordApi, path: str) -> Any:
    return await api.call(_ALLOWANCE, lambda http: http.request(Route("GET", path)))


def _spoken(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


class _Unbudgeted:
    """A handful of calls by hand need no place in the book that the store keeps for all processes."""

    async def take(self, *uses: Use) -> Grant:
        return Grant(0.0)

    async def release(self, allowance: Allowance, hold: str) -> None:
        pass

    async def pause(self, allowance: Allowance, seconds: float) -> None:
        pass


_: type[RateBudget] = _Unbudgeted
