"""One question from a shell, its answer on stdout."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TextIO

from rich.console import Console

from adapters.terminal.formatting import BEGUN_ANEW, MarkdownStream
from adapters.terminal.interrupts import Interrupts
from adapters.terminal.listener import TerminalThread, View
from conversation.errors import CorralError
from conversation.model import Ending
from conversation.notices import THINKING

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130  # what shells report for a program that Ctrl-C ended


async def ask(thread: TerminalThread, question: str, out: TextIO, err: TextIO, interrupts: Interrupts) -> int:
    """Send the question and stream the answer: rendered on a terminal, the plain text anywhere else.

    Gives the exit code: 0 when there is an answer, 1 when there is none (the reason is on `err`), 130 after Ctrl-C.
    """
    try:
        job_id = await thread.send(question)
    except CorralError as error:
        print(error.user_notice, file=err)
        return EXIT_FAILED
    if job_id is None:
        return EXIT_OK
    stopping: set[asyncio.Task[bool]] = set()
    with interrupts.stopping(lambda: stopping.add(asyncio.create_task(thread.stop(job_id), name="stop the answer"))):
        try:
            view = await (_render(thread, job_id, out) if out.isatty() else _write_plain(thread, job_id, out, err))
        except asyncio.CancelledError:
            await thread.stop(job_id)  # nobody will come back for this answer
            return EXIT_INTERRUPTED
    if view.notice:
        print(view.notice, file=err)
    if view.ending == Ending.STOPPED:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if view.ending in {Ending.FAILED, Ending.REMOVED} else EXIT_OK


async def _render(thread: TerminalThread, job_id: str, out: TextIO) -> View:
    view = View()
    with MarkdownStream(Console(file=out)) as stream:
        async with aclosing(thread.watch(job_id)) as views:
            async for view in views:
                stream.show(view.text, "" if view.text else view.status)
        stream.end(view.text, "")
    return view


async def _write_plain(thread: TerminalThread, job_id: str, out: TextIO, err: TextIO) -> View:
    view, written, said = View(), "", ""
    async with aclosing(thread.watch(job_id)) as views:
        async for view in views:
            if view.status not in {said, THINKING}:  # why nothing comes; it is no part of the answer
                said = view.status
                err.write(f"{said}\n" if said else "")
                err.flush()
            if not view.text.startswith(written):
                out.write(f"\n{BEGUN_ANEW}\n")
                written = ""
            out.write(view.text[len(written) :])
            out.flush()
            written = view.text
    if written and not written.endswith("\n"):
        out.write("\n")
        out.flush()
    return view
