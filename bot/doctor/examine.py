"""Runs all checks at once, within a bound that nothing on the other side of a wire can stretch."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from bot.doctor import report
from bot.doctor.findings import Finding, failed, skipped
from bot.doctor.machine import check_machine
from bot.doctor.redaction import redacted, secrets_of
from bot.doctor.settings import check_settings
from bot.exits import EXIT_FAILED, EXIT_OK
from bot.settings import Mistake, Settings, load_what_is_right

# With the program's own start and end within 15 seconds, on a slow machine too.
WITHIN_SECONDS = 9.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at. Without the settings that it `needs` it is skipped."""

    name: str
    look: Callable[[Settings], AsyncGenerator[Finding]]
    needs: frozenset[str] = frozenset()


async def doctor(*, as_json: bool) -> int:
    """Look at everything and print what was found. Gives the exit code: 1 when something failed, else 0."""
    asyncio.get_running_loop().set_default_executor(_Daemons())
    # What libraries and our own parts would log is what the findings say, and may stand in the middle of them.
    logging.disable()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a workspace's name may have signs that this terminal has not
    findings = await examine(*load_what_is_right())
    if as_json:
        sys.stdout.write(report.as_json(findings) + "\n")
    else:
        # Through a pipe lines are as long as they are: a command that is cut in two cannot be copied.
        report.show(findings, Console(highlight=False, width=None if sys.stdout.isatty() else 400))
    sys.stdout.flush()
    return EXIT_FAILED if report.has_failed(findings) else EXIT_OK


async def examine(
    settings: Settings, mistakes: Sequence[Mistake] = (), *, within_seconds: float = WITHIN_SECONDS
) -> tuple[Finding, ...]:
    """All findings, in the order of the checks and without any secret. `settings` are as if the ones with mistakes were
    not set. Each check has `within_seconds`; one that does not come back is a finding itself."""
    wrong = frozenset(mistake.field for mistake in mistakes)
    checks = (Check("settings", lambda given: check_settings(given, mistakes)), *_checks())
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_run(check, settings, wrong, within_seconds), name=check.name) for check in checks]
    secrets = secrets_of(settings)
    return tuple(redacted(finding, secrets) for task in tasks for finding in task.result())


async def _run(check: Check, settings: Settings, wrong: frozenset[str], seconds: float) -> list[Finding]:
    if lacking := sorted(check.needs & wrong):
        names = ", ".join(name.upper() for name in lacking)
        return [skipped(check.name, f"{names} must be right before this can be looked at")]
    findings: list[Finding] = []
    try:
        async with asyncio.timeout(seconds), aclosing(check.look(settings)) as found:
            async for finding in found:
                findings.append(finding)  # noqa: PERF401 - what was found before a time-out is kept
    except TimeoutError:
        what = f"no result within {seconds:g} s"
        cause = "somebody on the way hangs, or this machine is very busy"
        findings.append(failed(check.name, what, cause, "python -m bot doctor   # once more; then see that side's log"))
    except Exception as error:  # a mistake of ours must not hide what the other checks found
        what = f"this check broke: {type(error).__name__}"
        findings.append(failed(check.name, what, "a mistake in Corral", "report it, with this line"))
    return findings


def _checks() -> tuple[Check, ...]:
    """Imported here: each check brings the libraries of what it looks at."""
    from bot.doctor.discord import check_discord
    from bot.doctor.model import check_infilling, check_model
    from bot.doctor.slack import check_slack
    from bot.doctor.store import check_store
    from bot.doctor.tokenizer import check_tokenizer

    def fields(*prefixes: str) -> frozenset[str]:
        return frozenset(name for name in Settings.model_fields if name.startswith(prefixes))

    model = frozenset({"model_api", "model_url", "model_id", "model_token", "model_tokenizer"})
    return (
        Check("machine", check_machine, fields("data_dir")),
        Check("store", check_store, fields("redis_", "data_dir")),
        Check("model", check_model, model),
        Check("tokenizer", check_tokenizer, fields("model_tokenizer")),
        Check("infill", check_infilling, model | fields("infill_")),
        Check("slack", check_slack, fields("slack_")),
        Check("discord", check_discord, fields("discord_")),
    )


class _Daemons(ThreadPoolExecutor):
    """Threads that the program's end does not wait for. A name that is being looked up, or a file that hangs, cannot be
    called off, and would keep the program for half a minute."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:  # handed to whoever waits
                    future.set_exception(error)

        threading.Thread(target=run, name="doctor", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing to wait for."""
