"""One question from a shell, its answer on stdout."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console

from adapters.terminal.formatting import BEGUN_ANEW, MarkdownStream
from adapters.terminal.interrupts import Interrupts
from adapters.terminal.listener import TerminalThread, View
from conversation.errors import CorralError
from conversation.model import Ending
from conversation.notices import THINKING
from conversation.skills import Request

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130  # what shells report for a program that Ctrl-C ended


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a question. The exit code is 0 when there is an answer, 1 when there is none, 130 after Ctrl-C."""

    exit_code: int
    job_id: str = ""
    ending: str = ""


async def ask(
    thread: TerminalThread,
    question: str | Request,
    out: TextIO,
    err: TextIO,
    interrupts: Interrupts,
    *,
    code_only: bool = False,
) -> Asked:
    """Send the question and stream the answer: rendered on a terminal, the plain text anywhere else, with `code_only`
    without the fence around it. Why there is none is on `err`."""
    try:
        job_id = await thread.send(question)
    except CorralError as error:
        print(error.user_notice, file=err)
        return Asked(EXIT_FAILED)
    if job_id is None:
        return Asked(EXIT_OK)
    stopping: set[asyncio.Task[bool]] = set()
    with interrupts.stopping(lambda: stopping.add(asyncio.create_task(thread.stop(job_id), name="stop the answer"))):
        try:
            if out.isatty():
                view = await _render(thread, job_id, out)
            else:
                view = await _write_plain(thread, job_id, out, err, code_only=code_only)
        except asyncio.CancelledError:
            await thread.stop(job_id)  # nobody will come back for this answer
            return Asked(EXIT_INTERRUPTED, job_id)
    if view.notice:
        print(view.notice, file=err)
    if view.ending == Ending.STOPPED:
        return Asked(EXIT_INTERRUPTED, job_id, view.ending)
    failed = view.ending in {Ending.FAILED, Ending.REMOVED}
    return Asked(EXIT_FAILED if failed else EXIT_OK, job_id, view.ending)


async def _render(thread: TerminalThread, job_id: str, out: TextIO) -> View:
    view = View()
    with MarkdownStream(Console(file=out)) as stream:
        async with aclosing(thread.watch(job_id)) as views:
            async for view in views:
                stream.show(view.text, "" if view.text else view.status)
        stream.end(view.text, "")
    return view


async def _write_plain(thread: TerminalThread, job_id: str, out: TextIO, err: TextIO, *, code_only: bool) -> View:
    view, written, said = View(), "", ""
    async with aclosing(thread.watch(job_id)) as views:
        async for view in views:
            if view.status not in {said, THINKING}:  # why nothing comes; it is no part of the answer
                said = view.status
                err.write(f"{said}\n" if said else "")
                err.flush()
            text = _without_fence(view) if code_only else view.text
            if not text.startswith(written):
                (err if code_only else out).write(f"\n{BEGUN_ANEW}\n")
                written = ""
            out.write(text[len(written) :])
            out.flush()
            written = text
    if written and not written.endswith("\n"):
        out.write("\n")
        out.flush()
    return view


def _without_fence(view: View) -> str:
    """What stands in the code block that an answer begins with. Of a growing answer's end nothing that may become the
    fence that closes the block: what went into a pipe cannot be taken back."""
    opener, _, code = view.text.partition("\n")
    fence = opener[: len(opener) - len(opener.lstrip("`"))]
    whole, is_closed, _ = f"\n{code}".partition(f"\n{fence}\n")
    if is_closed:
        return f"{whole}\n".removeprefix("\n")
    if view.ending:
        return code.removesuffix(fence)
    may_close = code.rstrip("`")
    return (
        may_close.removesuffix("\n") if may_close.endswith("\n") and len(code) - len(may_close) <= len(fence) else code
    )
