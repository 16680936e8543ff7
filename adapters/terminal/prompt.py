"""Where the lines come from: a person with history and multi-line input, or a pipe."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Protocol, TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout

PROMPT = "\x1b[1;32myou>\x1b[0m "


class LineSource(Protocol):
    """Gives what the person enters."""

    async def read(self) -> str | None:
        """The next message; None at the end of input. Raises KeyboardInterrupt for Ctrl-C."""


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    @keys.add("c-j")
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


class PersonAtTerminal:
    """Enter sends, Alt-Enter or Ctrl-J begins a new line, pasted text keeps its lines, arrows walk the history."""

    def __init__(self, history_file: Path) -> None:
        # What people asked is theirs: the file is made for its owner alone, before anything is in it.
        history_file.touch(mode=0o600)
        self._session: PromptSession[str] = PromptSession(
            history=FileHistory(str(history_file)), multiline=True, key_bindings=_keys(), prompt_continuation="...> "
        )

    async def read(self) -> str | None:
        """See LineSource.read."""
        while True:
            try:
                with patch_stdout(raw=True):
                    return await self._session.prompt_async(ANSI(PROMPT), handle_sigint=False)
            except EOFError:
                return None
            except KeyboardInterrupt:
                if not self._session.default_buffer.text:
                    raise
                # As in a shell: the draft goes, the program stays.


class Pipe:
    """One message a line. Read in a daemon thread: a pipe that never ends must not keep the program from ending."""

    def __init__(self, stream: TextIO, max_chars: int) -> None:
        """`max_chars` bounds what is read of a line; a longer one is refused by the intake, as any long message."""
        self._stream, self._max_chars = stream, max_chars
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._wanted = threading.Semaphore(0)  # read on demand only, so that memory stays bounded
        self._thread: threading.Thread | None = None

    async def read(self) -> str | None:
        """See LineSource.read."""
        if self._thread is None:
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._pump, args=(loop,), name="read stdin", daemon=True)
            self._thread.start()
        self._wanted.release()
        return await self._lines.get()

    def _pump(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            self._wanted.acquire()
            line = self._stream.readline(self._max_chars + 1)
            rest = line
            while rest and not rest.endswith("\n"):
                rest = self._stream.readline(self._max_chars)
            loop.call_soon_threadsafe(self._lines.put_nowait, line.rstrip("\n") if line else None)
            if not line:
                return
