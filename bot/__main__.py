"""The command line."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from bot.discretion import Discretion
from bot.exits import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from bot.logs import configure_logs
from bot.roles import Role
from bot.settings import Settings, SettingsError, load_settings
from conversation.errors import CorralError, PromptError
from conversation.model import Skill
from conversation.prompts.infill import HOLE
from conversation.skills import SKILLS, SkillCard, is_in_words

Result = TypeVar("Result")

app = typer.Typer(
    name="python -m bot",
    help="Corral answers coding questions with a Code Llama Instruct that you run yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


manifests = typer.Typer(help="Print what a platform wants to know when you make the app there.", no_args_is_help=True)
app.add_typer(manifests, name="manifest")


def _settings(*, logs_in_file: bool) -> Settings:
    """The settings, with the logs going where they belong; for a person at a terminal, beside the data."""
    try:
        settings = load_settings()
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = settings.data_dir / "chat.log" if logs_in_file else None
        configure_logs(settings.log_level, file, Discretion.of(settings))
    except SettingsError as error:
        _fail(str(error), EXIT_USAGE)
    except OSError as error:
        _fail(
            f"DATA_DIR: cannot use {error.filename}: {error.strerror}. Set DATA_DIR to a folder of yours.", EXIT_USAGE
        )
    return settings


def _fail(text: str, code: int) -> NoReturn:
    sys.stderr.write(text + "\n")
    raise typer.Exit(code)


@app.command()
def chat(
    thread: Annotated[str, typer.Option(help="The conversation's name; each has its own memory.")] = "main",
) -> None:
    """Talk to the model in this terminal."""
    from adapters.terminal.interrupts import unseen_keys

    is_person = sys.stdin.isatty() and sys.stdout.isatty()
    # From the start: what is typed while the model loads is for the first prompt.
    with unseen_keys() if is_person else nullcontext():
        from bot.talk import chat as talk

        _run(talk(_settings(logs_in_file=True), thread))


@app.command()
def ask(question: Annotated[str, typer.Argument(help="What to ask; what is piped in goes with it as a file.")]) -> None:
    """Answer one question on stdout; exit code 1 when there is no answer."""
    from bot.talk import ask as talk

    settings = _settings(logs_in_file=True)
    # Read before anything waits for signals: Ctrl-C ends a read from a pipe that stays open.
    file = "" if sys.stdin.isatty() else sys.stdin.read(settings.max_input_chars + 1)
    _run(talk(settings, question, file))


Files = Annotated[
    list[Path] | None, typer.Option("--file", "-f", help="A file of code, `-` for stdin; may be given several times.")
]
LanguageName = Annotated[str, typer.Option("--language", "-l", help="The code's language, such as python or c++.")]
_WORDS = {
    Skill.CODE: "What it is to do; the first word may be the language.",
    Skill.COMPLETE: "The code itself, where it is in no file.",
    Skill.FILL: f"The code itself, with {HOLE} in it, where it is in no file.",
}
_ALONE = " Into a pipe goes the code alone."
_PIPED = "Code may be piped in."


def _add_skill(card: SkillCard) -> None:
    """A verb for a skill. Without --file, what is piped in is the code."""
    about = typer.Argument(None, help=_WORDS.get(card.skill, "What you want to know or have done, or a line of code."))

    def verb(words: list[str] | None = about, file: Files = None, language: LanguageName = "") -> None:
        _do(card.skill, words, file, language)

    def fill(
        words: list[str] | None = about,
        file: Files = None,
        language: LanguageName = "",
        write: Annotated[
            Path | None,
            typer.Option("--write", help=f"Fill this file's {HOLE}; what it was stays as FILE.bak."),
        ] = None,
    ) -> None:
        _do(card.skill, words, file, language, write)

    alone = "" if is_in_words(card.skill) else _ALONE
    app.command(card.skill.value, help=f"{card.summary}. {_PIPED}{alone}")(fill if card.skill is Skill.FILL else verb)


for _card in SKILLS.values():
    _add_skill(_card)


def _do(
    skill: Skill, words: list[str] | None, paths: list[Path] | None, language: str, write: Path | None = None
) -> None:
    from adapters.languages import language_named
    from adapters.terminal.given import read_wish
    from adapters.terminal.writing_back import Original
    from bot.talk import do

    settings = _settings(logs_in_file=True)
    known = language_named(language)
    if language and known is None:
        _fail(
            f"--language: I know no language called {language}. Some that I know: python, c++, ts, go, sql.", EXIT_USAGE
        )
    if write is not None and (words or paths):
        _fail("--write: the file is all that is filled; leave the words and --file out.", EXIT_USAGE)
    paths = [write] if write is not None else paths or []
    stdin = None if sys.stdin.isatty() else sys.stdin.buffer
    try:
        # Read before anything waits for signals: Ctrl-C ends a read from a pipe that stays open.
        original = Original.read(write, settings.max_input_chars) if write is not None else None
        wish = read_wish(skill, " ".join(words or ()), paths, stdin, settings.max_input_chars)
    except PromptError as error:
        _fail(f"{error.user_notice}\nSee: python -m bot {skill} --help", EXIT_USAGE)
    except CorralError as error:
        _fail(error.user_notice, EXIT_FAILED)
    _run(do(settings, replace(wish, language=known or wish.language), original))


@app.command()
def run(role: Annotated[Role, typer.Option(help="Receive, answer, or both.")] = Role.ALL) -> None:
    """Listen on the platforms that have tokens, and answer, until SIGTERM."""
    import uvloop

    from bot.service import serve

    # Half the processor time of each token; the terminal's prompt wants the ordinary loop.
    _run(serve(_settings(logs_in_file=False), role), uvloop.new_event_loop)


@app.command()
def render(infill: Annotated[bool, typer.Option("--infill", help='Take {"prefix", "suffix"}.')] = False) -> None:
    """Print the exact prompt of the dialog on stdin as JSON."""
    from bot.render import render_dialog, render_infill

    work = render_infill if infill else render_dialog
    document = asyncio.run(_guarded(work(_settings(logs_in_file=False), sys.stdin.buffer.read())))
    sys.stdout.buffer.write(document + b"\n")


@manifests.command("slack")
def slack_manifest(
    http: Annotated[str, typer.Option(help="This service's https address, for events over HTTP.")] = "",
) -> None:
    """The manifest of an internal Slack app, as JSON; with Socket Mode unless --http names an address."""
    import json

    from adapters.slack.manifest import manifest

    if http and not http.startswith("https://"):
        _fail("--http: Slack calls https addresses only, like https://corral.example.com", EXIT_USAGE)
    document = manifest(socket_mode=False, url=http) if http else manifest(socket_mode=True)
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


@manifests.command("discord")
def discord_manifest(
    client_id: Annotated[str, typer.Option(help="The Application ID; absent: that of DISCORD_TOKEN.")] = "",
) -> None:
    """The link that invites the bot into a server, and what to switch on before."""
    from adapters.discord.manifest import PRIVILEGED_INTENTS, invite

    application = client_id or _client_id_of_token()
    if not application:
        _fail("--client-id is missing: the Application ID, on the application's page General Information", EXIT_USAGE)
    if not (application.isascii() and application.isdigit()):
        _fail("--client-id: the Application ID is a number, on the application's page General Information", EXIT_USAGE)
    page = f"https://discord.com/developers/applications/{application}/bot"
    sys.stdout.write(f"Switch on, at {page}:\n")
    sys.stdout.writelines(f"  {intent}\n" for intent in PRIVILEGED_INTENTS)
    sys.stdout.write(f"Then invite the bot into your server:\n  {invite(application)}\n")


def _client_id_of_token() -> str:
    from adapters.discord.manifest import client_id_of

    try:
        token = load_settings().discord_token
    except SettingsError as error:
        _fail(str(error), EXIT_USAGE)
    return client_id_of(token.get_secret_value()) if token is not None else ""


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")] = False,
) -> None:
    """Look at all that is set: what works, what does not, why, and what to do. Exit code 1 when something failed."""
    from bot.doctor.examine import doctor as look

    _run(look(as_json=as_json))


@app.command()
def feedback() -> None:
    """Print how people rated answers, as JSON lines: the rating, what the answer was made with, and the texts while
    their thread is kept."""
    from bot.feedback import print_feedback

    _run(print_feedback(_settings(logs_in_file=True)))


@app.command()
def settings(
    table: Annotated[bool, typer.Option("--table", help="As a table in Markdown.")] = False,
) -> None:
    """Print every setting with what it is, as a .env to begin with."""
    from bot.settings_text import env_example, settings_table

    sys.stdout.write(settings_table() if table else env_example())


def _run(work: Coroutine[Any, Any, int], loop: Callable[[], asyncio.AbstractEventLoop] | None = None) -> NoReturn:
    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            code = runner.run(_guarded(work))
    except (KeyboardInterrupt, asyncio.CancelledError):
        code = EXIT_INTERRUPTED
    raise typer.Exit(code)


async def _guarded(work: Awaitable[Result]) -> Result:
    """What the program foresaw is a sentence, not a traceback."""
    try:
        return await work
    except CorralError as error:
        _fail(str(error), EXIT_FAILED)


def main() -> None:
    """Run the verb that the command line names."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for the life of the process
    # Bytes that are no text become the sign for that, instead of an error in the middle of a conversation.
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    app()


if __name__ == "__main__":
    main()
