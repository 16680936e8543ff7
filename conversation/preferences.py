"""What channels and people may set without a new start of the service, and what comes of it in a thread.

Preferences are pinned when a thread starts: a prompt that changed in its midst would lose the server's prefix cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from conversation import notices
from conversation.errors import NotSettable
from conversation.intake import storable
from conversation.model import Job, Language, Owner, Preferences
from conversation.ports import PreferenceStore, Sampling

MOST_ADDITIONS = 2_000  # characters, of a channel and of a person each: they are read before every question
LEAST_TOKENS = 16
MOST_TEMPERATURE = 2.0

LanguageNamed = Callable[[str], Language | None]
"""The language that a word names, if it names one."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What somebody filled in, as it was typed: "" unsets a field, None leaves it as it is."""

    language: str | None = None
    additions: str | None = None
    temperature: str | None = None
    max_new_tokens: str | None = None

    @classmethod
    def of(cls, preferences: Preferences) -> Entered:
        """What a form shows before anything is typed."""
        language, temperature, tokens = preferences.language, preferences.temperature, preferences.max_new_tokens
        return cls(
            language=language.name if language is not None else "",
            additions=preferences.additions,
            temperature=f"{temperature:g}" if temperature is not None else "",
            max_new_tokens=str(tokens) if tokens is not None else "",
        )


def changed(before: Preferences, entered: Entered, language_named: LanguageNamed, most_tokens: int) -> Preferences:
    """`before` with what was entered; `most_tokens` is the longest reply that the service gives. Raises NotSettable
    with a sentence for each field that is wrong."""
    preferences, wrong = before, dict[str, str]()
    if (typed := entered.language) is not None:
        language = language_named(typed.strip()) if typed.strip() else None
        if typed.strip() and language is None:
            wrong["language"] = notices.no_such_language(typed.strip())
        preferences = replace(preferences, language=language)
    if entered.additions is not None:
        additions = storable(entered.additions).strip()
        if len(additions) > MOST_ADDITIONS:
            wrong["additions"] = notices.additions_too_long(len(additions), MOST_ADDITIONS)
        preferences = replace(preferences, additions=additions)
    if (typed := entered.temperature) is not None:
        temperature = _number(typed)
        if typed.strip() and (temperature is None or not 0 <= temperature <= MOST_TEMPERATURE):
            wrong["temperature"] = notices.no_temperature(MOST_TEMPERATURE)
        preferences = replace(preferences, temperature=temperature)
    if (typed := entered.max_new_tokens) is not None:
        tokens = _number(typed)
        if typed.strip() and (tokens is None or tokens % 1 or not LEAST_TOKENS <= tokens <= most_tokens):
            wrong["max_new_tokens"] = notices.no_reply_length(LEAST_TOKENS, most_tokens)
        preferences = replace(preferences, max_new_tokens=int(tokens) if tokens is not None else None)
    if wrong:
        raise NotSettable(wrong)
    return preferences


def merged(channel: Preferences, person: Preferences) -> Preferences:
    """What holds for a person in a channel: each of their own, else the channel's. The additions of both."""
    return Preferences(
        language=person.language or channel.language,
        additions="\n\n".join(filter(None, (channel.additions, person.additions))),
        temperature=channel.temperature if person.temperature is None else person.temperature,
        max_new_tokens=channel.max_new_tokens if person.max_new_tokens is None else person.max_new_tokens,
    )


async def of_starter(store: PreferenceStore, job: Job) -> Preferences:
    """What holds for a thread that begins with this job. Raises StoreUnavailable."""
    first = job.messages[0]
    return merged(*await store.get(Owner.channel_of(first.address), Owner.person_of(first.address, first.author_id)))


def system_prompt(usual: str, preferences: Preferences) -> str:
    """What a thread begins with: the service's own prompt and then what was set. `usual` as it is when nothing was."""
    language = preferences.language
    wish = f"Write code in {language.name} unless another language is asked for." if language is not None else ""
    return "\n\n".join(filter(None, (usual, wish, preferences.additions)))


def sampling(usual: Sampling, preferences: Preferences) -> Sampling:
    """How the model chooses. A reply is never longer than the service has it now, whatever it was when this was set."""
    temperature, tokens = preferences.temperature, preferences.max_new_tokens
    return replace(
        usual,
        temperature=usual.temperature if temperature is None else temperature,
        max_new_tokens=usual.max_new_tokens if tokens is None else min(tokens, usual.max_new_tokens),
    )


def described(preferences: Preferences) -> str:
    """What is set, as the end of a sentence. Instructions by their length: others may read this."""
    language, temperature, tokens = preferences.language, preferences.temperature, preferences.max_new_tokens
    parts = (
        f"code in {language.name}" if language is not None else "",
        f"variety {temperature:g}" if temperature is not None else "",
        f"answers of up to {tokens:,} tokens" if tokens is not None else "",
        f"standing instructions of {len(preferences.additions):,} characters" if preferences.additions else "",
    )
    return ", ".join(filter(None, parts)) or "nothing"


def _number(typed: str) -> float | None:
    try:
        number = float(typed.strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
