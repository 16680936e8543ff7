"""Files that come with a question, as the model sees them."""

from __future__ import annotations


def with_file(question: str, name: str, content: str) -> str:
    """The question with a file below it, fenced so that nothing in the file ends the fence."""
    longest = max((len(run) for run in _backtick_runs(content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{question}\n\n{name}:\n{fence}\n{content.rstrip()}\n{fence}"


def _backtick_runs(text: str) -> list[str]:
    runs, current = [], ""
    for character in text:
        if character == "`":
            current += character
        elif current:
            runs.append(current)
            current = ""
    return [*runs, current] if current else runs
