"""The one exception of the set-up: what is wrong, and what the person can do about it."""

from __future__ import annotations


class Problem(Exception):
    """Ends the set-up. `what` is a whole sentence; `remedies` are commands or short advice, best first."""

    def __init__(self, what: str, *remedies: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedies = remedies

    def __str__(self) -> str:
        """The text for a terminal: the sentence, then one indented line per remedy."""
        label = "To go on: "
        lines = [f"  {label if at == 0 else ' ' * len(label)}{remedy}" for at, remedy in enumerate(self.remedies)]
        return "\n".join([self.what, *lines])
