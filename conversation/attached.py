"""Files that come with a question, as the model sees them."""

from __future__ import annotations

import re

_BACKTICKS = re.compile("`+")


def with_file(question: str, name: str, content: str, language: str = "") -> str:
    """The question with a file below it, fenced so that nothing in the file ends the fence."""
    fence = fence_for(content)
    title = f"{name}:\n" if name else ""
    # Exactly as it is: what stands before a hole may end in the indentation of the line to be filled.
    end = "" if content.endswith("\n") else "\n"
    return f"{question}\n\n{title}{fence}{language}\n{content}{end}{fence}"


def fence_for(content: str, least: int = 3) -> str:
    """Backticks that no line of the content can close, `least` or more."""
    return "`" * max(least, 1 + max((len(run) for run in _BACKTICKS.findall(content)), default=0))
