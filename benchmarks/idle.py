"""Memory of the whole program while nobody asks anything: `python -m benchmarks.idle`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import packages_distributions

from benchmarks import programs, timed_model
from benchmarks.discord_stage import local_discord
from benchmarks.programs import REPOSITORY
from benchmarks.report import Figure, Section, run
from benchmarks.slack_stage import local_slack

IDLE_SECONDS = 10.0
BAR_MEGABYTES = 20.0
OURS = frozenset({"adapters", "benchmarks", "bot", "conversation", "inference", "storage", "tests"})


async def corral(model: str) -> tuple[float, list[str], int]:
    """MB of `python -m bot run` with both platforms, the libraries' modules that it imported, and how many processes it
    has besides itself."""
    with tempfile.TemporaryFile() as log:
        async with (
            local_slack() as slack,
            local_discord() as discord,
            # A line for each import, as it ends: what of the libraries is really loaded, also by their own means.
            programs.corral(
                model, slack.settings | discord.settings | {"PYTHONPROFILEIMPORTTIME": "1"}, log.fileno()
            ) as program,
        ):
            await asyncio.sleep(IDLE_SECONDS)
            assert program.process is not None
            found = await resident(program.process.pid)
            log.seek(0)
            return found[0], imported(log.read().decode()), found[1] - 1


async def bare(modules: Sequence[str]) -> float:
    """MB of a process that has imported these."""
    async with _bare(modules) as pid:
        await asyncio.sleep(IDLE_SECONDS)
        return (await resident(pid))[0]


def imported(log: str) -> list[str]:
    """The libraries' modules in what -X importtime wrote, in the order in which they were done: not ours, and not
    Python's own, which come along with who needs them."""
    lines = (line.rpartition("|")[2].strip() for line in log.splitlines() if line.startswith("import time:"))
    wanted = set(packages_distributions()) - OURS - sys.stdlib_module_names
    return list(dict.fromkeys(name for name in lines if name.partition(".")[0] in wanted))


async def resident(pid: int) -> tuple[float, int]:
    """Resident memory of a process and all below it, in MB, and how many they are."""
    asking = await asyncio.create_subprocess_exec(
        *("ps", "-A", "-o", "pid=,ppid=,rss="), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await asking.communicate()
    rows = [tuple(map(int, line.split())) for line in told.decode().splitlines()]
    family = {pid}
    while new := {child for child, parent, _ in rows if parent in family} - family:
        family |= new
    return sum(kibibytes for process, _, kibibytes in rows if process in family) * 1024 / 1e6, len(family)


@asynccontextmanager
async def _bare(modules: Sequence[str]) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.bare_imports"),
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write("\n".join(modules).encode())
        process.stdin.close()
        await asyncio.wait_for(process.stdout.readline(), programs.START_SECONDS)
        yield process.pid
    finally:
        process.kill()
        await process.wait()


async def measure() -> Section:
    """First the program, which also tells what it imports; then just that."""
    async with timed_model.running() as model:
        ours, modules, children = await corral(model)
    theirs = await bare(modules)
    empty = await bare([])
    tops = {name.partition(".")[0] for name in modules}
    known = packages_distributions()
    libraries = sorted({one for top in tops for one in known[top]}, key=str.lower)
    beyond = ours - theirs
    return Section(
        "Memory of the program at rest",
        "python -m benchmarks.idle",
        "`python -m bot run` with Slack and Discord and without an embedded model, connected to both and ready, "
        f"{IDLE_SECONDS:g} s after it became so and before any question: resident memory (RSS) of the process and of "
        "all its children. Store, model server, Slack and Discord are other processes and do not count. Bare imports: "
        f"a Python process that has imported exactly the {len(modules):,} modules of libraries that the program turned "
        "out to have imported (-X importtime tells), with what these need of the standard library, and has done "
        "nothing else for as long. The difference is our code, the standard library's modules that only we use, and "
        "all that lives: connections, sessions, tasks, caches.",
        (
            Figure(
                "MB beyond the bare imports",
                f"{beyond:.1f}",
                f"bare imports: {theirs:.1f}; Python alone: {empty:.1f}",
                f"at most {BAR_MEGABYTES:g}",
                beyond <= BAR_MEGABYTES,
            ),
            Figure("MB in all", f"{ours:.1f}"),
            Figure("child processes", str(children)),
        ),
        (f"The libraries: {', '.join(libraries)}.",),
    )


if __name__ == "__main__":
    run(measure)
