"""Connections to Redis or Valkey, and one translation of what can go wrong with them."""

from __future__ import annotations

import ssl
from importlib.resources import files
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig

from conversation.errors import StoreUnavailable
from storage.cancelling import cancellable

LONGEST_BLOCK_SECONDS = 1.0  # the longest BLOCK that a command of ours asks for
CONNECT_SECONDS = 2.0
# Above LONGEST_BLOCK_SECONDS, or a quiet queue would look like a dead server.
READ_SECONDS = 2.5
# redis-py repeats the connecting inside each repetition of the command, so the waits grow with the square of this.
RETRIES = 1
FAST_SECONDS = 0.5
MAX_CONNECTIONS = 64

# What a server answers while it cannot store: the disk is full, a replica is missing, a fail-over is going on, a
# script has hung. redis-py has no class of its own for these.
_PASSING_ANSWERS = ("MISCONF", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY ", "UNBLOCKED")


def open_redis(url: str, *, fast: bool = False) -> Redis:
    """A client for `redis://`, `rediss://` (TLS) or `unix://`; close it with `aclose`. Nothing is connected yet.

    It answers in bytes and repeats a command whose reply was lost, so every write must be safe to repeat. A server
    that takes connections and never answers is given up on after about 10 seconds. With `fast`, nothing is repeated
    and each wait (for a free connection, to connect, for a reply) ends after half a second: for the way to a person
    who waits for an acknowledgement. ValueError when the address has another scheme.
    """
    options: dict[str, Any] = {
        "decode_responses": False,
        "socket_connect_timeout": FAST_SECONDS if fast else CONNECT_SECONDS,
        "socket_timeout": FAST_SECONDS if fast else READ_SECONDS,
        # A connection that a firewall dropped while it was idle is found before a question is trusted to it.
        "health_check_interval": 15,
        "retry": Retry(NoBackoff(), 0) if fast else Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), RETRIES),
        # A hosted service's announcements of maintenance: a wait more at each connect, and Valkey has none.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        # Who connects is named by reading this package's metadata anew for every connection, which takes longer than
        # the connection.
        "driver_info": None,
    }
    if not url.startswith("unix:"):
        options["socket_keepalive"] = True
    # redis-py's own pool raises at its 101st connection, so that a burst of messages would be refused though the
    # server is well. This one lets them wait for a connection, and not for ever.
    pool = BlockingConnectionPool.from_url(
        url, max_connections=MAX_CONNECTIONS, timeout=FAST_SECONDS if fast else READ_SECONDS, **options
    )
    pool.connection_class = cancellable(pool.connection_class)
    return Redis.from_pool(pool)


class store_errors:  # noqa: N801  # used like a function; a generator would take three times as long
    """Around commands: raises StoreUnavailable when the store is away, too slow, loading, full or read-only. Other
    errors are mistakes of ours and pass as they are."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, _AWAY):
            what = _remedy(error) or "the store does not answer"
            raise StoreUnavailable(f"{what}: {error or type(error).__name__}") from error
        if isinstance(error, ResponseError) and (remedy := _remedy(error)):
            raise StoreUnavailable(f"{remedy}: {error}") from error
        if isinstance(error, ResponseError) and str(error).startswith(_PASSING_ANSWERS):
            raise StoreUnavailable(f"the store cannot write: {error}") from error


_AWAY = (RedisConnectionError, RedisTimeoutError, OutOfMemoryError, ReadOnlyError, OSError)


# https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_OTHER_NAME = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


_NOT_LET_IN = (
    "HELLO must be called",
    "NOAUTH",
    "WRONGPASS",
    "Authentication required",
    "invalid username-password pair",
)


def _remedy(error: BaseException) -> str:
    """What is wrong with how the store is reached, and what to do; "" when it is away for all that is known."""
    text = str(error)
    # Not by the class alone: redis-py wraps it where it connects again, and HELLO is refused with a text of its own.
    if isinstance(error, AuthenticationError) or text.startswith(_NOT_LET_IN):
        return "the store lets nobody in with this name and password: set both in REDIS_URL, redis://name:password@host"
    if isinstance(error, NoPermissionError) or "ACL failure in script" in text:
        return "the store's user may not do what this program has to: give it the rules of deploy/redis/users.acl"
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return ""
    if cause.verify_code in _OTHER_NAME:
        return "the store's certificate is for another host: name the one in REDIS_URL that it was made for"
    return "the store's certificate is not trusted: add ?ssl_ca_certs=/path/of/your-ca.pem to REDIS_URL"


def load_script(redis: Redis, *names: str) -> AsyncScript:
    """The texts `scripts/<name>.lua`, one after the other, as one script, bound to a client. Nothing is sent before it
    is called with `keys` and `args`; a server that does not know it yet is given its text."""
    scripts = files("storage.scripts")
    return redis.register_script("".join((scripts / f"{name}.lua").read_text("utf-8") for name in names))
