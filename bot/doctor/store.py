"""The store: can it be reached and written, will it keep what it took, and does it know this program's layout?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    InvalidResponse,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from bot.doctor.findings import Finding, failed, ok, skipped, warning
from bot.doctor.network import CALL_SECONDS, Kind, shown, trouble
from bot.doctor.store_keeping import durability, eviction, version
from bot.settings import Settings
from conversation.errors import StoreUnavailable
from conversation.pacing import Allowance, Use
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.keys import SCHEMA_VERSION, Keys
from storage.rates import RedisRates
from storage.schema import stored_schema
from storage.server_report import server_report

START_SECONDS, STOP_SECONDS = 6.0, 2.0

_ACL = "give that user what deploy/redis/users.acl lists"
# Both keys go by themselves within seconds.
PROBE_SECONDS = 5
_PROBE = Allowance("doctor", 1000, 1.0)


async def check_store(settings: Settings) -> AsyncGenerator[Finding]:
    """Findings about REDIS_URL's server, or about the one in DATA_DIR. Two keys of our own are written, which go
    within seconds."""
    keys = Keys(prefix=settings.redis_prefix)
    if settings.redis_url is not None:
        async with aclosing(_server(settings.redis_url.get_secret_value(), keys)) as findings:
            async for finding in findings:
                yield finding
        return
    server = EmbeddedValkey(settings.data_dir / "store")
    was_alive = await asyncio.to_thread(server.is_alive)
    try:
        # As any process does: who comes joins, the last one to leave stops the server. Others do not notice.
        url = await asyncio.to_thread(server.start, START_SECONDS)
    except StoreUnavailable as error:
        yield _not_started(str(error))
        return
    try:
        how = "is used by a running process" if was_alive else "starts and stops"
        yield ok("store.embedded", f"REDIS_URL is not set: the server in {settings.data_dir}/store {how}")
        async with aclosing(_server(url, keys)) as findings:
            async for finding in findings:
                yield finding
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await asyncio.to_thread(server.stop)


def _not_started(reason: str) -> Finding:
    name, seen = "store.embedded", "the server in DATA_DIR does not start"
    if "did not get ready in time" in reason:
        cause = "it is still reading its data, or it hangs; its log is valkey.log in DATA_DIR/store/valkey"
        return warning(name, f"it is not ready within {START_SECONDS:g} s", cause, "wait a minute, and ask again")
    return failed(name, seen, reason, "correct that, or REDIS_URL=redis://:password@your-server:6379/0")


async def _server(url: str, keys: Keys) -> AsyncGenerator[Finding]:
    try:
        redis = open_redis(url)
    except ValueError:
        cause = "its query or its database is not what redis-py takes"
        yield failed(
            "store.connection", "REDIS_URL cannot be used", cause, "REDIS_URL=redis://:password@localhost:6379/0"
        )
        return
    try:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await redis.ping()
        except (RedisError, OSError) as error:
            yield _no_connection(error, url)
            return
        yield ok("store.connection", f"{_place(url)}, keys below {keys.base}")
        for looks in (_about(redis), _writes(redis, keys), _schema(redis, keys)):
            async with aclosing(looks) as findings:
                async for finding in findings:
                    yield finding
    finally:
        await redis.aclose()


def _place(url: str) -> str:
    return "by its socket" if url.startswith("unix:") else shown(url)


def _no_connection(error: BaseException, url: str) -> Finding:
    name = "store.connection"
    if isinstance(error, RedisError) and (told := _turned_away(name, error, url)) is not None:
        return told
    why, cause = trouble(error, url, "REDIS_URL"), ""
    fix = why.fix
    if why.kind is Kind.UNTRUSTED:  # redis-py takes no notice of SSL_CERT_FILE
        fix = "add ?ssl_ca_certs=/path/of/your/authority.pem to REDIS_URL"
    elif why.kind is Kind.SILENT and url.startswith("rediss:"):
        # Without TLS a server takes the greeting for half a command, and waits for the rest.
        cause, fix = "; or it does not speak TLS", "REDIS_URL=redis://... where the server has no TLS"
    elif why.kind is Kind.OTHER and url.startswith("redis:"):
        cause, fix = "; or it wants TLS", "REDIS_URL=rediss://... where the server has TLS"
    return failed(name, "the store cannot be reached", why.cause + cause, fix)


def _turned_away(name: str, error: RedisError, url: str) -> Finding | None:
    """What the server itself said; None when it said nothing."""
    told = str(error)
    if isinstance(error, BusyLoadingError):
        return warning(name, "the server is starting", "it reads its data from disk", "wait a minute, and ask again")
    if isinstance(error, NoPermissionError):
        return failed(name, "the store's user may not do what is needed", _permission(told), _ACL)
    if isinstance(error, AuthenticationError | AuthorizationError):
        cause = "it takes not this user and password" if urlsplit(url).password else "it wants a password"
        return failed(name, "the server lets nobody in like this", cause, "REDIS_URL=redis://USER:PASSWORD@HOST:6379/0")
    if isinstance(error, InvalidResponse):
        cause = "something else listens there, or the server wants TLS (rediss://)"
        return failed(name, f"{_place(url)} does not speak Redis", cause, "correct scheme and port of REDIS_URL")
    if isinstance(error, ResponseError):
        return failed(name, "the server refuses", _first_words(told), "correct REDIS_URL")
    return None


async def _about(redis: Redis) -> AsyncGenerator[Finding]:
    try:
        async with asyncio.timeout(CALL_SECONDS):
            report = await server_report(redis)
    except NoPermissionError as error:
        cause = f"{_permission(str(error))}; version, AOF and eviction cannot be seen"
        yield warning(
            "store.info", "the server does not tell about itself", cause, "ACL SETUSER <the bot's user> +info"
        )
        return
    except (RedisError, OSError) as error:
        yield warning("store.info", "the server does not tell about itself", type(error).__name__, "allow INFO")
        return
    yield version(report)
    yield durability(report)
    yield eviction(report)


async def _writes(redis: Redis, keys: Keys) -> AsyncGenerator[Finding]:
    """What the program does all the time: a script that writes below our prefix, and a channel of ours."""
    name, seen = "store.writes", "nothing can be stored"
    try:
        async with asyncio.timeout(CALL_SECONDS):
            await RedisRates(redis, keys).take(Use(_PROBE))
            # A full server refuses this, but not what a script writes after it has taken something away.
            await redis.set(keys.begun("doctor"), "1", ex=PROBE_SECONDS)
            async with redis.pubsub() as channel:
                await channel.subscribe(keys.signals())
                await channel.get_message(timeout=CALL_SECONDS)  # its refusal comes where messages do
    except NoPermissionError as error:
        yield failed(name, "the store's user may not do what is needed", _permission(str(error)), _ACL)
    except StoreUnavailable as error:
        told = str(error)
        if "users.acl" in told:  # the store's own words for a user who may not do enough
            yield failed(name, "the store's user may not do what is needed", _permission(told), _ACL)
        else:
            yield failed(name, seen, _first_words(told.partition(": ")[2] or told), _remedy(told))
    except (RedisError, OSError) as error:
        yield failed(name, seen, _first_words(str(error)), _remedy(str(error)))
    else:
        yield ok(name, "scripts, keys and channels work")


def _remedy(told: str) -> str:
    remedies = {
        "OOM": "redis-cli CONFIG SET maxmemory <more>",
        "maxmemory": "redis-cli CONFIG SET maxmemory <more>",
        "read only": "REDIS_URL=<the address of the primary>",
        "READONLY": "REDIS_URL=<the address of the primary>",
        "MISCONF": "free space on the store's disk, and see its log",
        "NOREPLICAS": "start its replicas, or lower min-replicas-to-write",
        "MOVED": "REDIS_URL=<the address of a server that is no cluster, or of the node that is named>",
        "CROSSSLOT": "REDIS_URL=<the address of a server that is no cluster>",
    }
    return next((fix for mark, fix in remedies.items() if mark in told), "see the store's log")


async def _schema(redis: Redis, keys: Keys) -> AsyncGenerator[Finding]:
    name = "store.schema"
    try:
        async with asyncio.timeout(CALL_SECONDS):
            stored = await stored_schema(redis, keys)
    except (StoreUnavailable, RedisError) as error:
        yield skipped(name, f"cannot be read: {_first_words(str(error))}")
        return
    if not stored:
        yield ok(name, f"nothing of Corral's is there yet; it will be layout {SCHEMA_VERSION}")
    elif stored == str(SCHEMA_VERSION):
        yield ok(name, f"layout {stored}")
    elif stored.isdigit() and int(stored) < SCHEMA_VERSION:
        cause = f"the first start of this version makes it {SCHEMA_VERSION}; older processes must be ended before"
        yield warning(
            name, f"layout {stored}, of an older version", cause, "end every older process, then start this one"
        )
    else:
        cause = f"a newer Corral wrote it, and this one knows layout {SCHEMA_VERSION}"
        yield failed(name, f"layout {stored[:20]}", cause, "run the newer version, or set another REDIS_PREFIX")


def _permission(told: str) -> str:
    """Redis names the user, which is nobody's business here, and the command or the key."""
    missing = re.search(r"'([a-z|]+)' command", told)
    if missing:
        return f"the command {missing[1].upper()} is not allowed"
    return "a key or channel below our prefix is not allowed" if "key" in told or "channel" in told else "not allowed"


def _first_words(told: str) -> str:
    return " ".join(told.split())[:160] or "no reason was given"
