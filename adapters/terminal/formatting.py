"""Markdown on a terminal while it is still being written."""

from __future__ import annotations

import re
from types import TracebackType
from typing import ClassVar

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.markdown import CodeBlock, Markdown, MarkdownElement
from rich.segment import Segment as RichSegment
from rich.syntax import Syntax
from rich.text import Text

# What a model writes must not move the cursor, set the window's title or turn the line's direction: all controls but
# tab and line feed go. The two other line ends of Unicode become the ordinary one.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LINE_ENDS = re.compile("[\u2028\u2029]")
BEGUN_ANEW = "(The question changed; the answer begins anew.)"


def harmless(text: str) -> str:
    """The text without control characters."""
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", text))


def finished_length(text: str) -> int:
    """How many characters of a growing Markdown text will not change their look any more: all blocks but the last.
    The end of the text may still join the last one."""
    starts = [
        token.map[0] for token in MarkdownIt().parse(text) if token.level == 0 and token.map and token.nesting >= 0
    ]
    if len(starts) < 2:
        return 0
    return sum(len(line) + 1 for line in text.split("\n")[: starts[-1]])


class _Tail:
    """A renderable's last lines, as many as the screen holds: a live display must not scroll."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(render(self._text), options.update(height=None), pad=False)
        for line in lines[-max(1, console.size.height - 2) :]:
            yield from line
            yield RichSegment.line()


class _CodeBlock(CodeBlock):
    """Without the blank lines that would come on top of those between blocks."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip()
        yield Syntax(code, self.lexer_name, theme=self.theme, word_wrap=True, padding=(0, 1))


class _Answer(Markdown):
    """Markdown whose links show where they lead: a terminal would hide it behind the text."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": _CodeBlock,
        "code_block": _CodeBlock,
    }


def render(text: str) -> Markdown:
    """A whole Markdown text."""
    return _Answer(text, code_theme="ansi_dark", hyperlinks=False)


class MarkdownStream:
    """Prints a growing answer: finished blocks once and for good, the last one live below them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed = ""
        # Painted by `show` alone: rich's own refreshing thread can write between our lines, and a block stands twice.
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> MarkdownStream:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, text: str, status: str = "") -> None:
        """Bring the display up to the whole answer so far, with a status line while something is awaited."""
        rest = self._rest(text)
        finished = finished_length(rest)
        tail = rest[finished:]
        waiting = Text(status, style="dim")
        # The tail first: printing paints it anew below what it prints.
        self._live.update(Group(_Tail(tail), waiting) if tail.strip() else waiting, refresh=not finished)
        if finished:
            self._live.console.print(render(rest[:finished]), Text(""))
            self._printed += rest[:finished]

    def end(self, text: str, notice: str) -> None:
        """Print what is left, and the notice set apart from it."""
        self._live.update(Text(""))
        if rest := self._rest(text).strip("\n"):
            self._console.print(render(rest))
        if notice:
            self._console.print(Text(notice, style="dim italic"))
        self._console.print()

    def _rest(self, text: str) -> str:
        """What is not printed for good yet. Of an answer that was restarted that is all of it."""
        text = harmless(text)
        if not text.startswith(self._printed):
            self._console.print(Text(BEGUN_ANEW, style="dim italic"))
            self._printed = ""
        return text[len(self._printed) :]
