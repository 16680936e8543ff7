"""How an answer is shown: what stands around the words of the model. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import unified_diff

from conversation.attached import fence_for
from conversation.prompts.infill import Hole


@dataclass(frozen=True, slots=True)
class Shape:
    """`opening` and then what the model says. A growing answer only grows: its end alone adds something below."""

    opening: str = ""
    is_prose: bool = True  # models begin a text with a space that belongs to the template; in code it counts

    def shown(self, said: str, *, ended: bool) -> str:
        """What people see of an answer of which the model has said this much; "" before it has said anything."""
        body = said.lstrip() if self.is_prose else said
        return self.opening + body + (self.closing(said) if ended else "") if body else ""

    def closing(self, said: str) -> str:
        """What stands below an answer that has ended."""
        return ""


@dataclass(frozen=True, slots=True)
class CodeBlock(Shape):
    """Nothing but code."""

    fence: str = "```"

    @classmethod
    def going_on(cls, code: str, language: str) -> CodeBlock:
        """A block for what comes after `code`. It begins with the line that this leaves open, or what is to be copied
        would begin within a line."""
        fence = fence_for(code)
        return cls(f"{fence}{language}\n{code[code.rfind(chr(10)) + 1 :]}", is_prose=False, fence=fence)

    def closing(self, said: str) -> str:
        return f"{'' if said.endswith(chr(10)) else chr(10)}{self.fence}"


@dataclass(frozen=True, slots=True)
class FilledCode(Shape):
    """The whole code with its hole filled, then which lines that are, and the change as a diff."""

    hole: Hole = field(default_factory=lambda: Hole("", ""))
    fence: str = "```"

    @classmethod
    def of(cls, hole: Hole, language: str) -> FilledCode:
        fence = fence_for(f"{hole.prefix}\n{hole.suffix}")
        return cls(f"{fence}{language}\n{hole.prefix}", is_prose=False, hole=hole, fence=fence)

    def closing(self, said: str) -> str:
        hole = self.hole
        first = hole.prefix.count("\n") + 1
        last = first + said.rstrip("\n").count("\n")
        lines = f"Line {first} is" if first == last else f"Lines {first} to {last} are"
        end = "" if (said + hole.suffix).endswith("\n") else "\n"
        change = f"{self.fence}diff\n{self._diff(said)}\n{self.fence}"
        return f"{hole.suffix}{end}{self.fence}\n\n{lines} what I filled in:\n\n{change}"

    def _diff(self, said: str) -> str:
        before = (self.hole.prefix + self.hole.suffix).splitlines()
        after = (self.hole.prefix + said + self.hole.suffix).splitlines()
        return "\n".join(list(unified_diff(before, after, lineterm=""))[2:])  # without the names of two files
