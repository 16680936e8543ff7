"""The program as people run it: real processes, a real store, a model server behind a real socket."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession
from redis.asyncio import Redis

from adapters.terminal.events import inbound, thread_id
from conversation.model import Role
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import Keys
from storage.threads import RedisThreads
from tests.servers.tgi import TgiServer
from tests.servers.toy_model import ToyModel
from tests.terminal import ROOT, environment, terminal
from tests.waiting import until

ANSWER_TOKENS = 60
QUESTION = "how do I sort a list?"
ANSWER = ToyModel(ANSWER_TOKENS).answer_to(QUESTION).strip()


@contextmanager
def model_server(token_delay: float) -> Iterator[str]:
    """A TGI of our own in a process of its own; gives its address."""
    command = [sys.executable, "-m", "tests.servers.tgi", "--answer-tokens", str(ANSWER_TOKENS)]
    process = subprocess.Popen(
        [*command, "--token-delay", str(token_delay)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        with process.stdout as output:
            yield output.readline().strip()
    finally:
        process.terminate()
        process.wait(10)


def folded(text: str) -> str:
    """The text without the line breaks that the screen's width puts in."""
    return " ".join(text.split())


def test_a_conversation_in_the_terminal_is_remembered_by_the_next_start(tmp_path: Path) -> None:
    """`chat`, a question, leave; `chat` again shows where the thread stood."""
    with model_server(0.0) as url:
        env = environment(tmp_path, MODEL_URL=url)
        with terminal("chat", env=env, cwd=tmp_path) as first:
            first.types(QUESTION)
            first.at_prompt()
            assert ANSWER in folded(first.text)
            first.presses("d")
            assert first.ended() == 0
        with terminal("chat", env=env, cwd=tmp_path) as second:
            second.at_prompt()
            assert ANSWER in folded(second.text)
            assert f"you> {QUESTION}" in second.text


def test_after_kill_9_the_next_chat_goes_on_with_the_half_written_answer(tmp_path: Path) -> None:
    """Nobody asks again: the answer goes on by itself and is the one that would have come."""
    with model_server(0.05) as url:
        env = environment(tmp_path, MODEL_URL=url, LEASE_SECONDS="1")
        beginning = " ".join(ANSWER.split()[:8])
        with terminal("chat", env=env, cwd=tmp_path) as first:
            first.types(QUESTION)
            first.sees(beginning)
            first.kill()
        with terminal("chat", env=env, cwd=tmp_path) as second:
            second.at_prompt()
            assert "Going on with what was not answered yet" in second.text
            assert folded(second.text).count(ANSWER) == 1
            second.presses("d")
            assert second.ended() == 0
        with terminal("chat", env=env, cwd=tmp_path) as third:
            third.at_prompt()
            assert folded(third.text).count(ANSWER) == 1, "it was settled once, whole"


def test_ctrl_c_stops_the_answer_and_ctrl_c_again_leaves(tmp_path: Path) -> None:
    """What there is stays, marked as stopped, also at the next start."""
    with model_server(0.05) as url:
        env = environment(tmp_path, MODEL_URL=url)
        beginning = " ".join(ANSWER.split()[:4])
        with terminal("chat", env=env, cwd=tmp_path) as chat:
            chat.types(QUESTION)
            chat.sees(beginning)
            chat.presses("c")
            chat.sees("Stopped.")
            chat.at_prompt()
            assert ANSWER not in folded(chat.text)
            chat.presses("c")
            assert chat.ended() == 0
        with terminal("chat", env=env, cwd=tmp_path) as again:
            again.at_prompt()
            assert beginning in folded(again.text)
            assert "(stopped; /continue goes on)" in again.text
            again.types("/continue")
            again.at_prompt()
            again.presses("d")
            assert again.ended() == 0
        with terminal("chat", env=env, cwd=tmp_path) as last:
            last.at_prompt()
            assert ANSWER in folded(last.text)


def test_a_chat_that_is_ended_in_mid_answer_hands_it_over(tmp_path: Path) -> None:
    """A closed window is no crash: the next start goes on at once, without waiting for a lease to run out."""
    with model_server(0.05) as url:
        env = environment(tmp_path, MODEL_URL=url, LEASE_SECONDS="30")
        with terminal("chat", env=env, cwd=tmp_path) as first:
            first.types(QUESTION)
            first.sees(" ".join(ANSWER.split()[:4]))
            first.process.kill(signal.SIGTERM)
            assert first.ended() == 0
        with terminal("chat", env=env, cwd=tmp_path) as second:
            second.at_prompt()
            assert folded(second.text).count(ANSWER) == 1


def test_commands_of_the_chat(tmp_path: Path) -> None:
    """/help helps, /status tells, /forget forgets, a word that is no command is said to be none."""
    with model_server(0.0) as url:
        env = environment(tmp_path, MODEL_URL=url)
        with terminal("chat", env=env, cwd=tmp_path) as chat:
            chat.types("/help")
            chat.sees("/forget     forget this conversation")
            chat.types("/halp")
            chat.sees("There is no command /halp.")
            chat.types(QUESTION)
            chat.at_prompt()
            chat.types("/status")
            chat.sees("No question waits")
            chat.types("/forget")
            chat.sees("Forgotten.")
            chat.types("/quit")
            assert chat.ended() == 0
        with terminal("chat", env=env, cwd=tmp_path) as again:
            again.at_prompt()
            assert QUESTION not in again.text


def test_lines_of_a_pipe_are_asked_one_after_the_other(tmp_path: Path) -> None:
    """`chat` without a terminal answers as plain text and ends with its input."""
    with model_server(0.0) as url:
        done = subprocess.run(
            [sys.executable, "-m", "bot", "chat"],
            input=f"{QUESTION}\nand then?\n",
            env=environment(tmp_path, MODEL_URL=url),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert ANSWER in done.stdout
    assert ToyModel(ANSWER_TOKENS).answer_to("and then?").strip() in done.stdout
    assert "\x1b" not in done.stdout


async def run_bot(*arguments: str, env: dict[str, str], cwd: Path, stdin: str = "") -> tuple[int, str, str]:
    """`python -m bot ARGUMENTS`: exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        env=env,
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_ask_writes_the_plain_answer_to_stdout(tmp_path: Path) -> None:
    """Nothing but the answer, and exit code 0."""
    async with TgiServer(answer_tokens=ANSWER_TOKENS) as server:
        code, out, _ = await run_bot("ask", QUESTION, env=environment(tmp_path, MODEL_URL=server.url), cwd=tmp_path)
    assert (code, out) == (0, ANSWER + "\n")


async def test_what_is_piped_into_ask_is_a_file_beside_the_question(tmp_path: Path) -> None:
    """The prompt holds the question and then the file in a fence."""
    async with TgiServer(answer_tokens=5) as server:
        env = environment(tmp_path, MODEL_URL=server.url, SYSTEM_PROMPT="Be brief.")
        await run_bot("ask", "what does this do?", env=env, cwd=tmp_path, stdin="print('hi')\n")
    assert server.requests[0]["inputs"] == (
        "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nwhat does this do?\n\nstdin:\n```\nprint('hi')\n``` [/INST]"
    )


async def test_ask_fails_with_a_sentence_and_exit_code_1(tmp_path: Path) -> None:
    """Nothing on stdout, the reason on stderr."""
    env = environment(tmp_path, MODEL_URL="http://127.0.0.1:9", MODEL_PATIENCE_SECONDS="1")
    code, out, err = await run_bot("ask", QUESTION, env=env, cwd=tmp_path)
    assert (code, out) == (1, "")
    assert "The model is not running" in err
    assert "Traceback" not in err


async def test_run_without_a_token_says_which_variables_to_set(tmp_path: Path) -> None:
    """Exit code 2, as for any mistake in the settings."""
    code, _, err = await run_bot("run", env=environment(tmp_path), cwd=tmp_path)
    assert code == 2
    assert all(name in err for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "DISCORD_TOKEN"))


async def test_settings_that_are_wrong_end_the_program_with_all_of_them(tmp_path: Path) -> None:
    """A sentence each, no traceback, exit code 2."""
    env = environment(tmp_path, HTTP_PORT="x", TEMPERATURE="9")
    code, _, err = await run_bot("ask", "hi", env=env, cwd=tmp_path)
    assert code == 2
    assert "TEMPERATURE" in err
    assert "HTTP_PORT" in err
    assert "Traceback" not in err


class WorkerProcess:
    """`python -m bot run --role worker` and its health page."""

    def __init__(self, process: asyncio.subprocess.Process, health: str) -> None:
        self.process, self.health = process, health

    async def get(self, page: str) -> tuple[int, dict[str, object]]:
        async with ClientSession() as session, session.get(f"{self.health}/{page}") as response:
            return response.status, await response.json()

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), 30)


async def start_worker(env: dict[str, str], cwd: Path) -> WorkerProcess:
    """A worker that is ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run", "--role", "worker"),
        env={**env, "HTTP_PORT": "0", "METRICS_PORT": "0"},
        cwd=cwd,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    while b"ready: " not in (line := await asyncio.wait_for(process.stderr.readline(), 30)):
        assert line, "the worker ended before it was ready"
    return WorkerProcess(process, "http://" + line.decode().partition("http://")[2].partition("/readyz")[0])


class Listener:
    """Accepts questions into the store, as a listener in another process does."""

    def __init__(self, redis: Redis) -> None:
        self.redis, self.keys = redis, Keys()
        self.inbox, self.threads = RedisInbox(redis, redis, self.keys), RedisThreads(redis, self.keys)

    async def ask(self, thread: str, text: str = QUESTION) -> str:
        accepted = await self.inbox.accept(inbound(thread_id("ada", thread), uuid.uuid4().hex, text, time.time()))
        return accepted.conversation_id

    async def answer(self, conversation_id: str) -> list[str]:
        turns = await self.threads.turns(conversation_id)
        return [turn.text.strip() for turn in turns if turn.role is Role.ASSISTANT]

    async def settled(self, conversation_id: str) -> None:
        async def nothing_pending() -> bool:
            return not await self.inbox.pending(conversation_id)

        await until("the question is settled", nothing_pending, deadline_seconds=45)


@pytest.fixture
def listener(redis_client: Redis) -> Listener:
    """The other side of the store."""
    return Listener(redis_client)


async def test_sigterm_lets_running_answers_finish_and_exits_0(
    tmp_path: Path, valkey_url: str, listener: Listener
) -> None:
    """Alive and ready while it works; after SIGTERM the answer is whole."""
    with model_server(0.02) as url:
        worker = await start_worker(environment(tmp_path, MODEL_URL=url, REDIS_URL=valkey_url), tmp_path)
        assert await worker.get("livez") == (200, {"status": "alive"})
        status, page = await worker.get("readyz")
        assert (status, page["status"]) == (200, "ready")
        conversation_id = await listener.ask("drain")

        async def has_begun() -> bool:
            return bool(await listener.redis.hgetall(listener.keys.screen(conversation_id)))

        await until("the answer has begun", has_begun)
        worker.process.terminate()
        assert await worker.ended() == 0
    assert await listener.answer(conversation_id) == [ANSWER]


async def test_sigterm_hands_over_what_does_not_finish_in_time(
    tmp_path: Path, valkey_url: str, listener: Listener
) -> None:
    """Exit code 0, the draft is stored, no crash is counted, and another worker can claim it at once."""
    with model_server(0.1) as url:
        env = environment(tmp_path, MODEL_URL=url, REDIS_URL=valkey_url, DRAIN_SECONDS="0", LEASE_SECONDS="30")
        worker = await start_worker(env, tmp_path)
        conversation_id = await listener.ask("hand over")

        async def has_text() -> bool:
            return "list" in str(await listener.redis.hgetall(listener.keys.screen(conversation_id)))

        await until("some text is shown", has_text)
        worker.process.terminate()
        assert await worker.ended() == 0
    (claim,) = await RedisJobs(listener.redis, listener.keys, lanes=["terminal"]).claim(1)
    assert claim.attempts == 1
    assert claim.checkpoint.text
    assert ANSWER.startswith(claim.checkpoint.text.strip())


async def test_kill_9_of_a_worker_leaves_every_answer_to_the_next_one(
    tmp_path: Path, valkey_url: str, listener: Listener
) -> None:
    """Six threads in mid-answer, kill -9, another worker: six whole answers, each once."""
    with model_server(0.05) as url:
        env = environment(tmp_path, MODEL_URL=url, REDIS_URL=valkey_url, LEASE_SECONDS="1")
        first = await start_worker(env, tmp_path)
        conversations = [await listener.ask(f"thread {number}") for number in range(6)]

        async def all_have_begun() -> bool:
            screens = [await listener.redis.hgetall(listener.keys.screen(one)) for one in conversations]
            return all(screens)

        await until("every answer has begun", all_have_begun)
        first.process.kill()
        await first.process.wait()
        second = await start_worker(env, tmp_path)
        for conversation_id in conversations:
            await listener.settled(conversation_id)
        second.process.terminate()
        assert await second.ended() == 0
    assert [await listener.answer(conversation_id) for conversation_id in conversations] == [[ANSWER]] * 6


async def test_ready_means_the_store_and_degraded_the_model(tmp_path: Path, valkey_url: str) -> None:
    """Without its model a worker takes questions, and they wait; the page says what is missing."""
    env = environment(tmp_path, MODEL_URL="http://127.0.0.1:9", REDIS_URL=valkey_url)
    worker = await start_worker(env, tmp_path)
    status, page = await worker.get("readyz")
    worker.process.terminate()
    assert await worker.ended() == 0
    assert (status, page["status"]) == (200, "degraded")


def test_a_question_may_have_several_lines_and_is_found_in_the_history(tmp_path: Path) -> None:
    """Alt-Enter begins a line; after a restart the arrow brings the question back; the file is its owner's alone."""
    with model_server(0.0) as url:
        env = environment(tmp_path, MODEL_URL=url)
        with terminal("chat", env=env, cwd=tmp_path) as first:
            first.at_prompt()
            first.process.send("line one\x1b\rline two")
            first.sees("...> line two")
            first.process.send("\r")
            first.sees(ToyModel(ANSWER_TOKENS).answer_to("line one\nline two").split()[0])
            first.at_prompt()
            first.presses("d")
            assert first.ended() == 0
        history = tmp_path / "chat-history"
        assert history.stat().st_mode & 0o077 == 0
        with terminal("chat", env=env, cwd=tmp_path) as second:
            second.at_prompt()
            second.process.send("\x1b[A")
            second.sees("...> line two", times=1)


def test_the_demo_model_says_that_it_is_one_and_how_to_point_at_a_real_one(tmp_path: Path) -> None:
    """With nothing set, the real embedded model answers, on the same path."""
    env = environment(tmp_path, MAX_NEW_TOKENS="24")
    with terminal("chat", env=env, cwd=tmp_path) as chat:
        chat.at_prompt()
        assert chat.text.count("a small demo") == 1
        assert "set MODEL_URL" in folded(chat.text)
        chat.types("Write hello world in Python.")
        chat.at_prompt()
        answer = chat.text.rpartition("Write hello world in Python.")[2].removesuffix("you>").strip()
        assert answer
        chat.presses("d")
        assert chat.ended() == 0
