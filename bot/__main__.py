"""The command line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Coroutine
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from bot.logs import configure_logs
from bot.roles import Role
from bot.settings import Settings, SettingsError, load_settings
from conversation.errors import CorralError

EXIT_FAILED = 1
EXIT_USAGE = 2

Result = TypeVar("Result")

app = typer.Typer(
    name="python -m bot",
    help="Corral answers coding questions with a Code Llama Instruct that you run yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _settings() -> Settings:
    try:
        settings = load_settings()
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
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
    from bot.talk import chat as talk

    settings = _settings()
    configure_logs(settings.log_level, settings.data_dir / "chat.log")
    _run(talk(settings, thread))


@app.command()
def ask(question: Annotated[str, typer.Argument(help="What to ask; what is piped in goes with it as a file.")]) -> None:
    """Answer one question on stdout; exit code 1 when there is no answer."""
    from bot.talk import ask as talk

    settings = _settings()
    configure_logs(settings.log_level, settings.data_dir / "chat.log")
    _run(talk(settings, question))


@app.command()
def run(role: Annotated[Role, typer.Option(help="Receive, answer, or both.")] = Role.ALL) -> None:
    """Listen on the platforms that have tokens, and answer, until SIGTERM."""
    from bot.service import serve

    settings = _settings()
    configure_logs(settings.log_level)
    _run(serve(settings, role))


@app.command()
def render(infill: Annotated[bool, typer.Option("--infill", help='Take {"prefix", "suffix"}.')] = False) -> None:
    """Print the exact prompt of the dialog on stdin as JSON."""
    from bot.render import render_dialog, render_infill

    work = render_infill if infill else render_dialog
    document = asyncio.run(_guarded(work(_settings(), sys.stdin.buffer.read())))
    sys.stdout.buffer.write(document + b"\n")


@app.command()
def settings() -> None:
    """Print every setting with what it is, as a .env to begin with."""
    from bot.settings_text import env_example

    sys.stdout.write(env_example())


def _run(work: Coroutine[Any, Any, int]) -> NoReturn:
    try:
        code = asyncio.run(_guarded(work))
    except KeyboardInterrupt:
        code = 130
    raise typer.Exit(code)


async def _guarded(work: Awaitable[Result]) -> Result:
    """What the program foresaw is a sentence, not a traceback."""
    try:
        return await work
    except CorralError as error:
        _fail(str(error), EXIT_FAILED)


if __name__ == "__main__":
    app()
