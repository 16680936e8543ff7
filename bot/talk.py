"""`python -m bot chat`, `ask` and the skills: a terminal, a worker and a store in one process."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress

from rich.console import Console

from adapters.terminal import ask as terminal_ask
from adapters.terminal.ask import Asked
from adapters.terminal.chat import Chat
from adapters.terminal.events import thread_id
from adapters.terminal.interrupts import Interrupts
from adapters.terminal.listener import TerminalThread
from adapters.terminal.prompt import LineSource, PersonAtTerminal, Pipe
from adapters.terminal.replies import TerminalReplies
from adapters.terminal.writing_back import NotWritten, Original
from bot.exits import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from bot.settings import ModelApi, Settings
from bot.wiring import House, build_worker, open_house, working
from conversation.attached import with_file
from conversation.errors import PromptError, StoreUnavailable
from conversation.intake import storable
from conversation.model import Ending
from conversation.skills import Wish, ask_for, is_in_words

_DEMO = (
    "The model here is SmolLM2-135M-Instruct, a small demo: it shows how this works, not how well. For a real one, "
    "start Text Generation Inference with a Code Llama Instruct and set MODEL_URL: "
    "MODEL_URL=http://gpu-box:8080 make chat"
)
_HINT = "Type a question; /help tells the rest."


# Loading a model takes all of the processor for a second: the prompt is drawn before that, not after.
PROMPT_FIRST_SECONDS = 0.3


async def chat(settings: Settings, thread_name: str) -> int:
    """Talk until the input ends; a terminal has `unseen_keys`. An answer that is being written then goes on at the next
    start."""
    is_person = sys.stdin.isatty() and sys.stdout.isatty()
    async with _thread(settings, storable(thread_name)) as (house, thread, interrupts):
        lines: LineSource = (
            PersonAtTerminal(settings.data_dir / "chat-history")
            if is_person
            else Pipe(sys.stdin, settings.max_input_chars)
        )
        asyncio.get_running_loop().call_later(PROMPT_FIRST_SECONDS, house.model.begin)
        demo = f"{_DEMO}\n" if settings.api is ModelApi.EMBEDDED and settings.model_id is None else ""
        here = thread_id(_user(), storable(thread_name))

        def report() -> Awaitable[str]:
            return house.reporter.report(here, _user())

        with suppress(asyncio.CancelledError):
            await Chat(thread, lines, Console(), interrupts, report).run(demo + _HINT)
    return EXIT_OK


async def ask(settings: Settings, question: str, file: str) -> int:
    """Answer one question on stdout, in a thread of its own; `file`, what was piped in, goes with it."""
    if file.strip():
        question = with_file(question, "stdin", file)
    if not question.strip():
        sys.stderr.write('Nothing is asked. Usage: python -m bot ask "how do I ...?"\n')
        return EXIT_USAGE
    async with _thread(settings, f"ask-{uuid.uuid4().hex}") as (_, thread, interrupts):
        return (await terminal_ask.ask(thread, question, sys.stdout, sys.stderr, interrupts)).exit_code


async def do(settings: Settings, wish: Wish, original: Original | None = None) -> int:
    """Do what a skill was asked, in a thread of its own, and show it on stdout; filled code is put into `original`."""
    try:
        question = ask_for(wish)
    except PromptError as error:
        sys.stderr.write(f"{error.user_notice}\nSee: python -m bot {wish.skill} --help\n")
        return EXIT_USAGE
    # What is to be read beside a file that is written is the change, not the code once more.
    code_only = not is_in_words(wish.skill) and original is None and not sys.stdout.isatty()
    async with _thread(settings, f"{wish.skill}-{uuid.uuid4().hex}") as (_, thread, interrupts):
        asked = await terminal_ask.ask(thread, question, sys.stdout, sys.stderr, interrupts, code_only=code_only)
        return asked.exit_code if original is None else await _write_back(original, asked, thread)


async def _write_back(original: Original, asked: Asked, thread: TerminalThread) -> int:
    try:
        if asked.ending != Ending.COMPLETE:
            raise NotWritten("the answer is not complete")
        answer = await thread.answer(asked.job_id)
        if answer is None or not answer.said.strip():
            raise NotWritten("there is nothing to fill in")
        backup = original.write(original.filled(answer.said))
    except NotWritten as reason:
        sys.stderr.write(f"{original.shown} is as it was: {reason}.\n")
        return asked.exit_code or EXIT_FAILED
    sys.stderr.write(f"{original.shown} is filled; what it was is in {backup}.\n")
    return EXIT_OK


@asynccontextmanager
async def _thread(settings: Settings, name: str) -> AsyncIterator[tuple[House, TerminalThread, Interrupts]]:
    """A thread with a worker behind it. Signals end the inside in order; a running answer is handed over.

    Raises StoreUnavailable when the worker died meanwhile: nobody would answer any more."""
    main = asyncio.current_task()
    assert main is not None
    failed = asyncio.Event()

    def on_failure() -> None:
        failed.set()
        main.cancel()

    interrupts = Interrupts(main.cancel)
    async with open_house(settings) as house:
        worker = build_worker(house, {"terminal": TerminalReplies(house.screen)}, drain_seconds=0, frank=True)
        thread = TerminalThread(thread_id(_user(), name), house.intake, house.inbox, house.screen, house.threads)
        with interrupts.installed():
            async with working(worker, on_failure):
                yield house, thread, interrupts
    if failed.is_set():
        raise StoreUnavailable("this program cannot answer any more; the reason is at the end of chat.log in DATA_DIR")


def _user() -> str:
    try:
        return storable(getpass.getuser())
    except (KeyError, OSError):  # a container that runs as a number without a name
        return str(os.getuid())
