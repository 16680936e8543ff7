"""Files that come with a question, as the model sees them."""

from __future__ import annotations

import re

_BACKTICKS = re.compile("`+")


def with_file(question: str, name: str, content: str, language: str = "") -> str:
    """The question with a file below it, fenced so that nothing in the file ends the fence."""
    fence = fence_for(content)
    title = f"{name}:\n" if name else ""
    return f"{question}\n\n{title}{fence}{language}\n{content.rstrip()}\n{fence}"


def fence_for(content: str) -> str:
    """Backticks that no line of the content can close."""
    return "`" * max(3, 1 + max((len(run) for run in _BACKTICKS.findall(content)), default=0))
