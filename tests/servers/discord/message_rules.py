"""Which messages Discord accepts (discord.com/developers/docs/resources/message#create-message)."""

from __future__ import annotations

from typing import Any

from tests.servers.discord import component_rules, pings
from tests.servers.discord.cast import Json
from tests.servers.discord.components import embed_text
from tests.servers.discord.errors import DiscordError, invalid_form
from tests.servers.discord.messages import COMPONENTS_V2

MAX_CONTENT, MAX_EMBEDS, MAX_EMBED_TEXT, MAX_FILES, MAX_FILE_BYTES = 2000, 10, 6000, 10, 10 << 20
MAX_NONCE = 25


def check(body: Json, *, v2: bool = False) -> None:
    """DiscordError 50035 for what is too long, or does not go together; `v2`: the message has such components."""
    _at_most("content", body.get("content"), MAX_CONTENT)
    _at_most("nonce", str(body.get("nonce") or ""), MAX_NONCE)
    pings.check(body.get("allowed_mentions"))
    embeds = body.get("embeds") or []
    _at_most("embeds", embeds, MAX_EMBEDS)
    for number, embed in enumerate(embeds):
        _embed(f"embeds.{number}", embed)
    # The limit is on all embeds together, and on their text alone: the newlines between the parts are ours.
    if sum(len(embed_text(embed).replace("\n", "")) for embed in embeds) > MAX_EMBED_TEXT:
        raise invalid_form("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {MAX_EMBED_TEXT}")
    v2 = v2 or bool((body.get("flags") or 0) & COMPONENTS_V2)
    if v2:
        for name in ("content", "embeds"):
            if body.get(name):
                told = f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
                raise invalid_form(name, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", told)
    component_rules.check(body.get("components") or [], v2=v2)


def check_files(sizes: list[int]) -> None:
    """DiscordError 50035 for too many files, 40005 for one that is too large."""
    _at_most("attachments", sizes, MAX_FILES)
    if any(size > MAX_FILE_BYTES for size in sizes):
        raise DiscordError(413, 40005, "Request entity too large")


def _embed(path: str, embed: Json) -> None:
    _at_most(f"{path}.title", embed.get("title"), 256)
    _at_most(f"{path}.description", embed.get("description"), 4096)
    _at_most(f"{path}.footer.text", (embed.get("footer") or {}).get("text"), 2048)
    _at_most(f"{path}.author.name", (embed.get("author") or {}).get("name"), 256)
    fields = embed.get("fields") or []
    _at_most(f"{path}.fields", fields, 25)
    for number, field in enumerate(fields):
        for name, limit in (("name", 256), ("value", 1024)):
            if not field.get(name):
                raise invalid_form(f"{path}.fields.{number}.{name}", "BASE_TYPE_REQUIRED", "This field is required")
            _at_most(f"{path}.fields.{number}.{name}", field[name], limit)


def _at_most(path: str, value: Any, limit: int) -> None:
    if value is not None and len(value) > limit:
        raise invalid_form(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")
