"""The settings as a `.env` to begin with; `.env.example` is this text."""

from __future__ import annotations

from enum import Enum

from pydantic.fields import FieldInfo

from bot.settings import Settings, secret_names

_HEAD = """\
# Corral's settings. Copy this file to .env and take the # away from what you set; the environment comes first.
# Written by: python -m bot settings > .env.example
# Secrets (marked) may also stand in files: NAME_FILE=/run/secrets/name instead of NAME.
# An empty file counts as not set.
"""


def env_example() -> str:
    """Every setting, commented out, with what it is, and its default or an example."""
    return _HEAD + "".join(_entry(name.upper(), info) for name, info in Settings.model_fields.items())


def settings_table() -> str:
    """The same as a table in Markdown, which the README shows."""
    rows = "".join(_row(name.upper(), info) for name, info in Settings.model_fields.items())
    return f"| setting | default | what it is |\n|---|---|---|\n{rows}"


def _row(name: str, info: FieldInfo) -> str:
    default = info.default.value if isinstance(info.default, Enum) else info.default
    if name == "DATA_DIR":
        default = "the user's data folder"  # another on each system
    elif name == "SYSTEM_PROMPT":
        default = "see `.env.example`"
    elif default in (None, (), ""):
        default = ""
    elif isinstance(default, bool):
        default = str(default).lower()
    secret = " (secret)" if name in secret_names() else ""
    return f"| `{name}` | {default} | {info.description}{secret} |\n"


def _entry(name: str, info: FieldInfo) -> str:
    secret = " (secret)" if name in secret_names() else ""
    shown = (info.examples or [""])[0] if info.default in (None, (), "") or name == "DATA_DIR" else info.default
    if isinstance(shown, Enum):
        shown = shown.value
    return f"\n# {info.description}{secret}\n#{name}={shown}\n"
