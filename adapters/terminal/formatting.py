"""Markdown on a terminal while it is still being written."""

from __future__ import annotations

import re
from types import TracebackType

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment as RichSegment
from rich.spinner import Spinner
from rich.text import Text

# What a model writes must not move the cursor or set the window's title: all controls but tab and line feed go.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
REFRESH_PER_SECOND = 15


def harmless(text: str) -> str:
    """The text without control characters."""
    return _CONTROLS.sub("", text)


def finished_length(text: str) -> int:
    """How many characters of a growing Markdown text will not change their look any more: all blocks but the last.
    The end of the text may still join the last one."""
    starts = [
        token.map[0] for token in MarkdownIt().parse(text) if token.level == 0 and token.map and token.nesting >= 0
    ]
    if len(starts) < 2:
        return 0
    lines = text.splitlines(keepends=True)
    return sum(len(line) for line in lines[: starts[-1]])


class _Tail:
    """A renderable's last lines, as many as the screen holds: a live display must not scroll."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(render(self._text), options.update(height=None), pad=False)
        for line in lines[-max(1, console.size.height - 2) :]:
            yield from line
            yield RichSegment.line()


def render(text: str) -> Markdown:
    """A whole Markdown text."""
    return Markdown(text, code_theme="ansi_dark")


class MarkdownStream:
    """Prints a growing answer: finished blocks once and for good, the last one live below them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed = 0  # characters
        self._live = Live(console=console, refresh_per_second=REFRESH_PER_SECOND, transient=True)

    def __enter__(self) -> MarkdownStream:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, text: str, status: str = "") -> None:
        """Bring the display up to the whole answer so far, with a status line while something is awaited."""
        text = harmless(text)
        rest = text[self._printed :]
        if finished := finished_length(rest):
            self._live.console.print(render(rest[:finished]), Text(""))
            self._printed += finished
            rest = rest[finished:]
        waiting = Spinner("dots", Text(status, style="dim")) if status else Text("")
        self._live.update(Group(_Tail(rest), waiting) if rest.strip() else waiting)

    def end(self, text: str, notice: str) -> None:
        """Print what is left, and the notice set apart from it."""
        self._live.update(Text(""))
        if rest := harmless(text)[self._printed :].strip("\n"):
            self._console.print(render(rest))
        if notice:
            self._console.print(Text(notice, style="dim italic"))
        self._console.print()
