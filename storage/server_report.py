"""What a Redis or Valkey server says of itself, as far as our questions depend on it.

All of it stands in INFO, so that a user who may not read the server's configuration can be told, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

# The scripts use XPENDING ... IDLE and ZADD ... GT (6.2). Before 7.0 an error inside a script comes wrapped in others,
# so that a full server is taken for a mistake of ours instead of a store that cannot write.
OLDEST_VERSION = (6, 2)
OLDEST_GOOD_VERSION = (7, 0)


@dataclass(frozen=True, slots=True)
class ServerReport:
    """None stands for what the server does not say."""

    name: str  # Redis or Valkey, with its own version
    version: tuple[int, int]  # of the Redis that it is compatible with
    keeps_log: bool | None  # the append-only file
    log_is_broken: bool  # its last write failed
    policy: str | None  # what goes when the memory is full
    used_bytes: int
    limit_bytes: int  # 0: no limit
    is_replica: bool
    replicas: int


async def server_report(redis: Redis) -> ServerReport:
    """Ask the server. Raises what redis-py does."""
    return report_of(await redis.info())


def report_of(info: Mapping[str, Any]) -> ServerReport:
    """From INFO's fields (https://valkey.io/commands/info)."""
    version = str(info.get("redis_version", "0.0"))
    own = info.get("valkey_version")
    aof = info.get("aof_enabled")
    policy = info.get("maxmemory_policy")
    return ServerReport(
        name=f"Valkey {own}" if own else f"Redis {version}",
        version=_version(version),
        keeps_log=None if aof is None else bool(int(aof)),
        log_is_broken=info.get("aof_last_write_status", "ok") != "ok",
        policy=None if policy is None else str(policy),
        used_bytes=int(info.get("used_memory", 0)),
        limit_bytes=int(info.get("maxmemory", 0)),
        is_replica=info.get("role") == "slave",
        replicas=int(info.get("connected_slaves", 0)),
    )


def _version(text: str) -> tuple[int, int]:
    numbers = [int(part) if part.isdigit() else 0 for part in text.split(".")]
    return (numbers[0], numbers[1]) if len(numbers) > 1 else (numbers[0], 0)
