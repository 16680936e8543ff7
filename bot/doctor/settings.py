"""The settings themselves: every mistake at once, and what is allowed but perhaps not meant."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from ipaddress import ip_address
from pathlib import Path

from bot.doctor.findings import Finding, failed, ok, skipped, warning
from bot.platforms import NO_PLATFORM, refusal
from bot.roles import Role
from bot.settings import Mistake, Settings
from conversation.access import DISCORD
from conversation.access_rules import rules_of
from conversation.access_words import describe

_DIRECT = warning(
    "settings.access.direct",
    "whom ACCESS_DENY names by server, role or channel may still ask in Discord's direct messages",
    "there nobody is in a server or channel, and nobody has roles",
    "DISCORD_DIRECT_MESSAGES=false, or name them by user:",
)
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))  # Docker's, Podman's


async def check_settings(settings: Settings, mistakes: Sequence[Mistake]) -> AsyncGenerator[Finding]:
    """Findings of one name for each mistake, `settings.<variable>`."""
    for mistake in mistakes:
        yield _of_mistake(mistake)
    names = sorted(name.upper() for name in settings.model_fields_set)
    if not mistakes:
        yield ok("settings", f"{len(names)} set: {', '.join(names)}" if names else "none set: everything is embedded")
    yield _platforms(settings)
    for finding in _open_doors(settings):
        yield finding
    if {"access_allow", "access_deny"}.isdisjoint(mistake.field for mistake in mistakes):
        yield ok("settings.access", " ".join(describe(rules_of(settings.access_allow, settings.access_deny))))
        if settings.discord_token is not None and settings.discord_direct_messages:
            rules = rules_of("", settings.access_deny).deny
            if any(rule.platform == DISCORD and (rule.homes or rule.roles or rule.channels) for rule in rules):
                yield _DIRECT
    else:
        yield skipped("settings.access", "ACCESS_ALLOW and ACCESS_DENY must be right before they can be told in words")
    if {"quota_person", "quota_channel", "quota_tenant"}.isdisjoint(mistake.field for mistake in mistakes):
        yield ok("settings.quotas", _quotas(settings))


def _quotas(settings: Settings) -> str:
    told = {"a person": settings.quota_person, "a channel": settings.quota_channel}
    told["a workspace or server"] = settings.quota_tenant
    bounds = [f"{quota.strip()} for {whom}" for whom, quota in told.items() if quota.strip()]
    return "; ".join(bounds) or "nobody's questions are bounded"


def _of_mistake(mistake: Mistake) -> Finding:
    variable, _, told = mistake.told.partition(": ")
    name = f"settings.{(mistake.field or variable).lower().lstrip('.')}"
    if mistake.field and variable.endswith("_FILE"):
        reason, _, fix = told.partition(". ")
        return failed(name, f"{variable} cannot be used", reason, fix)
    reason, mark, example = told.rpartition("; example: ")
    if not mark:
        reason = told
        cause, _, _ = reason.partition("; ")
        meant = re.search(r"did you mean (\w+)\?", reason)
        fix = (
            f"call it {meant[1]} in .env" if meant else f"take {variable} out of .env" if variable != ".env" else reason
        )
        return failed(name, f"{variable} cannot be used", cause, fix.rpartition("; ")[2])
    reason = re.sub(r" \([^()]*$", "", reason)  # the description, which the cause needs no more
    return failed(name, f"{variable} is wrong", reason, f"{variable}={example.removesuffix(')')}   # for example")


def _platforms(settings: Settings) -> Finding:
    reason = refusal(settings, Role.ALL)
    if reason is None:
        heard = {
            "Slack over Socket Mode": settings.slack_app_token is not None,
            "Slack over HTTP": settings.slack_app_token is None and settings.slack_signing_secret is not None,
            "Discord": settings.discord_token is not None,
        }
        return ok(
            "settings.platforms", "listens to " + " and ".join(name for name, listens in heard.items() if listens)
        )
    if reason == NO_PLATFORM:
        return warning(
            "settings.platforms",
            "no platform is set",
            "without one `run` has nothing to listen to; `chat` and `ask` need none",
            "SLACK_BOT_TOKEN and SLACK_APP_TOKEN, or DISCORD_TOKEN",
        )
    first, _, rest = " ".join(reason.split()).partition(". ")
    return failed("settings.platforms", "Slack is set by half", first, rest or "SLACK_BOT_TOKEN=xoxb-...")


def _open_doors(settings: Settings) -> list[Finding]:
    """What listens to more than this machine."""
    found = []
    over_http = settings.slack_signing_secret is not None and settings.slack_app_token is None
    if not _is_local(settings.http_host) and not over_http:
        found.append(
            _door(
                "http",
                settings.http_host,
                settings.http_port,
                "without Slack's events over HTTP nobody from outside needs /livez and /readyz",
            )
        )
    if not _is_local(settings.metrics_host):
        cause = "/metrics has no password: it tells how much is asked and how well it goes"
        found.append(_door("metrics", settings.metrics_host, settings.metrics_port, cause))
    return found


def _door(name: str, host: str, port: int, cause: str) -> Finding:
    variable = f"{name.upper()}_HOST"
    if in_container():
        return ok(
            f"settings.{name}_host", f"{variable}={host}: open to this container's network; do not publish {port}"
        )
    return warning(f"settings.{name}_host", f"{variable}={host} opens port {port}", cause, f"{variable}=127.0.0.1")


def in_container(marks: Sequence[Path] = _CONTAINER_MARKS) -> bool:
    """Whether this process runs in one, where "every address" is those of the container's own network."""
    return any(mark.exists() for mark in marks)


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
