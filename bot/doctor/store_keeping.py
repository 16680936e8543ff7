"""Will the store keep what it took? By what its server says of itself."""

from __future__ import annotations

from bot.doctor.findings import Finding, failed, ok, skipped, warning
from storage.server_report import OLDEST_GOOD_VERSION, OLDEST_VERSION, ServerReport

NEARLY_FULL = 0.9
MIB = 1024 * 1024


def version(report: ServerReport) -> Finding:
    """Whether the scripts run there."""
    name, least = "store.version", ".".join(map(str, OLDEST_GOOD_VERSION))
    fix = f"upgrade to Valkey 8 or Redis {least} or later"
    if report.version < OLDEST_VERSION:
        return failed(name, report.name, "its scripts lack commands that ours use (6.2)", fix)
    if report.version < OLDEST_GOOD_VERSION:
        cause = f"before {least} a full server is taken for a mistake in Corral: people are told less"
        return warning(name, report.name, cause, fix)
    return ok(name, report.name)


def durability(report: ServerReport) -> Finding:
    """Whether what was accepted outlives a restart of the server."""
    name = "store.durability"
    if report.log_is_broken:
        cause = "its last write to the append-only file failed: the disk is full, or broken"
        return failed(name, "the server cannot write to its disk", cause, "free space on the store's disk")
    if report.keeps_log is None:
        return skipped(name, "the server does not say whether it keeps an append-only file")
    if not report.keeps_log:
        fix = "redis-cli CONFIG SET appendonly yes   # and `appendonly yes` in its configuration file"
        if report.replicas:
            cause = "with a replica a fail-over loses the last moments only, a power cut of both what was accepted"
            return warning(name, f"no append-only file, {report.replicas} replicas", cause, fix)
        return failed(name, "no append-only file", "a restart of the server loses questions that were accepted", fix)
    return ok(name, "it keeps an append-only file")


def eviction(report: ServerReport) -> Finding:
    """Whether a full server refuses, or forgets."""
    name = "store.eviction"
    fix = "redis-cli CONFIG SET maxmemory-policy noeviction   # and in its configuration file"
    if report.policy is None:
        return skipped(name, "the server does not say what goes when its memory is full")
    used, limit = report.used_bytes // MIB, report.limit_bytes // MIB
    if report.policy != "noeviction":
        cause = "when its memory is full it forgets people's questions, instead of refusing new ones"
        if report.limit_bytes:
            return failed(name, f"maxmemory-policy is {report.policy}, maxmemory {limit} MB", cause, fix)
        return warning(name, f"maxmemory-policy is {report.policy}, without a maxmemory yet", cause, fix)
    if report.limit_bytes and report.used_bytes > report.limit_bytes * NEARLY_FULL:
        cause = "at its limit it takes no more questions"
        more = f"redis-cli CONFIG SET maxmemory {2 * limit}mb"
        return warning(name, f"noeviction; {used} of {limit} MB are used", cause, more)
    return ok(name, f"noeviction; {used} MB are used" + (f" of {limit}" if limit else ""))
