"""A conversation in the terminal."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing, nullcontext

from rich.console import Console
from rich.text import Text

from adapters.terminal.formatting import MarkdownStream, harmless, render
from adapters.terminal.given import is_path
from adapters.terminal.interrupts import Interrupts
from adapters.terminal.listener import TerminalThread, View
from adapters.terminal.prompt import LineSource
from adapters.wishes import parsed_wish
from conversation.errors import CorralError, PromptError
from conversation.model import Command, Ending, Role, Skill
from conversation.skills import SKILLS, Request, ask_for, is_in_words

HELP = """\
Type a question and press Enter; Alt-Enter (or Ctrl-J) begins a new line.
  /code       write a snippet, such as /code python read a CSV file
  /complete   go on with the code behind it; /fill fills its <FILL_ME>
  /explain    and /review, /fix, /test: with the code behind it, or what stands above
  /continue   go on with the last answer where it ended
  /forget     forget this conversation
  /status     which model answers, how much it reads, and how busy it is
  /help       this text
  /quit       leave (also Ctrl-D); what is being written goes on next time
Ctrl-C stops an answer; what there is of it is kept."""

# Exactly as it was pasted: behind the name one space, or the line's end, is no code.
_COMMAND = re.compile(r"/([A-Za-z][\w-]*)(?:\r?\n|[ \t]|\Z)")
_OF_CHAT = frozenset({"help", "forget", "continue", "status", "quit", "exit"})


class Chat:
    """Reads, sends, shows. `lines` and `console` decide whether a person or a pipe is at the other end; `report` tells
    how things stand."""

    def __init__(
        self,
        thread: TerminalThread,
        lines: LineSource,
        console: Console,
        interrupts: Interrupts,
        report: Callable[[], Awaitable[str]],
    ) -> None:
        self._thread, self._lines, self._console, self._interrupts = thread, lines, console, interrupts
        self._report = report

    async def run(self, greeting: str) -> None:
        """Until the input ends."""
        self._say(greeting)
        await self._show_where_it_stood()
        while True:
            try:
                line = await self._lines.read()
            except KeyboardInterrupt:
                return
            if line is None or line.strip().lower() in {"/quit", "/exit"}:
                return
            if line.strip():
                try:
                    await self._handle(line)
                except CorralError as error:  # such as a store that is away: what was typed next may work again
                    self._say(error.user_notice)

    async def _handle(self, line: str) -> None:
        found = _COMMAND.match(line.lstrip())
        if found is None:
            await self._ask(line)
            return
        name, rest = found[1].lower(), found.string[found.end() :]
        if name in set(SKILLS):
            await self._ask(await self._asked(Skill(name), rest))
        elif name == "help":
            self._say(HELP)
        elif name in _OF_CHAT and rest.strip():
            self._say(f"/{name} takes nothing behind it. Type it alone, or the question without it.")
        elif name == "forget":
            await self._thread.forget()
            self._say("Forgotten. The next question begins a new conversation.")
        elif name == "continue":
            await self._ask("", Command.CONTINUE)
        elif name == "status":
            self._say(await self._report())
        elif is_path(f"/{found[1]}"):
            await self._ask(line)  # "/tmp is full, what now?"
        else:
            self._say(f"There is no command /{found[1]}. /help lists what there is.")

    async def _asked(self, skill: Skill, given: str) -> Request:
        """What a skill is asked. Raises PromptError when something is missing, MessageTooLong before it is looked
        through."""
        self._thread.check_length(len(given))
        wish, above = parsed_wish(skill, given), bool(await self._thread.turns())
        if SKILLS[skill].needs_code and not wish.files and not (above and is_in_words(skill)):
            raise PromptError(
                "no code", user_notice=f"Type or paste the code behind it: /{skill} {SKILLS[skill].example}"
            )
        return ask_for(wish, above=above)

    async def _ask(self, asked: str | Request, command: Command = Command.ASK) -> None:
        job_id = await self._thread.send(asked, command)
        if job_id is not None:
            await self._show_answer(job_id)

    async def _show_answer(self, job_id: str) -> None:
        """Stream one answer to the screen."""
        stopping: set[asyncio.Task[bool]] = set()

        def stop() -> None:
            stopping.add(asyncio.create_task(self._thread.stop(job_id), name="stop the answer"))

        view = View()
        stream = MarkdownStream(self._console) if self._console.is_terminal else None
        with self._interrupts.stopping(stop), stream or nullcontext():
            async with aclosing(self._thread.watch(job_id)) as views:
                async for view in views:
                    if stream is not None:
                        stream.show(view.text, "" if view.text else view.status)
            if stream is not None:
                stream.end(view.text, view.notice)
        if stream is None:
            self._print_plain(view)

    async def _show_where_it_stood(self) -> None:
        """The last exchange, and then whatever is still being answered."""
        turns = await self._thread.turns()
        if turns:
            questions = [turn for turn in turns if turn.exchange == turns[-1].exchange and turn.role is Role.USER]
            self._say("Where this conversation stood:")
            for turn in questions:
                self._echo(turn.text)
            if turns[-1].role is Role.ASSISTANT:
                self._console.print(render(harmless(turns[-1].text.strip())))
                if turns[-1].ending not in {Ending.COMPLETE, None}:
                    self._say(f"({turns[-1].ending}; /continue goes on)")
            else:
                self._say("(not answered; /continue asks again)")
            self._console.print()
        for job in await self._thread.pending():
            self._say("Going on with what was not answered yet:")
            for message in job.messages:
                self._echo(message.text)
            await self._show_answer(job.id)

    def _print_plain(self, view: View) -> None:
        self._console.print(harmless(view.text.rstrip()), markup=False, highlight=False, soft_wrap=True)
        if view.notice:
            self._say(view.notice)

    def _echo(self, text: str) -> None:
        self._console.print(Text("you> ", style="bold green") + Text(harmless(text)))

    def _say(self, text: str) -> None:
        self._console.print(Text(text, style="dim"), soft_wrap=not self._console.is_terminal)
