"""Skills on the command line and in a chat, as people use them: real processes, a model server behind a real socket."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers.tgi import TgiServer
from tests.servers.toy_model import ToyModel
from tests.story.test_processes import ANSWER, QUESTION, model_server, run_bot
from tests.terminal import environment, terminal

TOKENS = 12
OPEN = "import os\n\ndef area(r"
HOLED = "def f():\n\t<FILL_ME>\n\treturn x\n"
RAW = ToyModel(TOKENS).answer_to("")  # what the toy says after anything that is no dialog


@pytest.fixture
async def server() -> AsyncIterator[TgiServer]:
    async with TgiServer(answer_tokens=TOKENS) as server:
        yield server


@pytest.fixture
def env(server: TgiServer, tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "data", MODEL_URL=server.url)


def prompt(server: TgiServer) -> str:
    (request,) = server.requests
    return str(request["inputs"])


async def test_a_snippet_is_asked_for_in_words(server: TgiServer, env: dict[str, str], tmp_path: Path) -> None:
    """Words are arguments, the first may be the language, and the answer begins with its block."""
    code, out, _ = await run_bot("code", "python", "read", "a file", env=env, cwd=tmp_path)
    assert code == 0
    assert prompt(server).endswith("\n\nread a file [/INST] ```python\n")
    assert "Write a code snippet in Python" in prompt(server)
    assert out.startswith("```python\n")
    assert out.endswith("\n```\n")


async def test_what_is_piped_in_is_code(server: TgiServer, env: dict[str, str], tmp_path: Path) -> None:
    """Byte for byte, with words beside it."""
    code, out, _ = await run_bot("fix", "it crashes", "-l", "c++", env=env, cwd=tmp_path, stdin="\tx++\r\n")
    assert code == 0
    assert prompt(server).endswith("\n\nit crashes\n\n```cpp\n\tx++\r\n``` [/INST] ```cpp\n")
    question = prompt(server).partition("<</SYS>>")[2].rpartition("[/INST]")[0]
    assert out.strip() == f"```cpp\n{ToyModel(TOKENS).answer_to(question)}\n```"


async def test_several_files_are_named(server: TgiServer, env: dict[str, str], tmp_path: Path) -> None:
    """In the order given, each with its language."""
    (tmp_path / "a.py").write_text("a = 1\n")
    (tmp_path / "b.sh").write_text("ls\n")
    code, _, _ = await run_bot("review", "-f", "a.py", "--file", "b.sh", env=env, cwd=tmp_path)
    assert code == 0
    assert prompt(server).endswith("a.py:\n```python\na = 1\n```\n\nb.sh:\n```bash\nls\n``` [/INST]")


@pytest.mark.parametrize(
    ("skill", "instruction"),
    [
        ("explain", "Explain what this code in Python does"),
        ("review", "Review this code in Python."),
        ("fix", "Correct this code in Python."),
        ("test", "Write tests for this code in Python in one code block"),
    ],
)
async def test_what_is_asked_in_words(
    server: TgiServer, env: dict[str, str], tmp_path: Path, skill: str, instruction: str
) -> None:
    """Each verb asks for what it is called, on a file and with words beside it; the answer comes as it was said."""
    (tmp_path / "leap.py").write_text("def is_leap(y):\n\treturn y % 4 == 0\n")
    code, out, err = await run_bot(skill, "mind", "the", "years", "-f", "leap.py", env=env, cwd=tmp_path)
    assert code == 0, err
    file = "leap.py:\n```python\ndef is_leap(y):\n\treturn y % 4 == 0\n```"
    assert instruction.replace(" in Python", "") in prompt(server)
    question, _, lead = prompt(server).partition("<</SYS>>")[2].rpartition("[/INST]")
    assert question.endswith(f"\n\nmind the years\n\n{file} ")
    answer = ToyModel(TOKENS).answer_to(question)
    # Corrected code and tests begin with their block.
    assert lead == (" ```python\n" if skill in {"fix", "test"} else "")
    assert out.strip() == (f"```python\n{answer}\n```" if lead else answer.strip())


async def test_nobody_waits_for_an_open_pipe_when_the_code_is_there(
    server: TgiServer, env: dict[str, str], tmp_path: Path
) -> None:
    """As a service manager or another program leaves it."""
    (tmp_path / "a.py").write_text("x = 1\n")
    for arguments in (["explain", "sorted(d)[-3:]"], ["complete", "x = ("], ["fix", "it crashes", "-f", "a.py"]):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", *arguments),
            env=env,
            cwd=tmp_path,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        try:
            assert await asyncio.wait_for(process.wait(), 60) == 0
        finally:
            process.stdin.close()
            if process.returncode is None:
                process.kill()
    assert len(server.requests) == 3


async def test_what_is_piped_beside_words_with_code_in_them_is_read(
    server: TgiServer, env: dict[str, str], tmp_path: Path
) -> None:
    """It is there already: the words are words then."""
    code, _, _ = await run_bot("explain", "why does f(x) fail?", env=env, cwd=tmp_path, stdin="def f(x): return y\n")
    assert code == 0
    assert prompt(server).endswith("\n\nwhy does f(x) fail?\n\n```\ndef f(x): return y\n``` [/INST]")


async def test_filled_code_in_a_pipe_is_code_only(server: TgiServer, env: dict[str, str], tmp_path: Path) -> None:
    """The whole code, as it would stand in the file: no fence, no remark, no diff."""
    code, out, _ = await run_bot("fill", env=env, cwd=tmp_path, stdin=HOLED)
    assert (code, out) == (0, HOLED.replace("<FILL_ME>", RAW))


async def test_a_completion_in_a_pipe_is_code_only(server: TgiServer, env: dict[str, str], tmp_path: Path) -> None:
    """What can be put into a file: the open line and what follows it, without a fence."""
    code, out, _ = await run_bot("complete", env=env, cwd=tmp_path, stdin=OPEN)
    assert (code, out) == (0, f"def area(r{RAW}\n")
    assert prompt(server) == OPEN


async def test_fill_writes_the_file_back(server: TgiServer, env: dict[str, str], tmp_path: Path) -> None:
    """The whole code is shown, the file is filled, and what it was stays beside it."""
    path = tmp_path / "a.py"
    path.write_bytes(HOLED.replace("\n", "\r\n").encode())
    code, out, err = await run_bot("fill", "--write", "a.py", env=env, cwd=tmp_path)
    assert code == 0, err
    assert prompt(server).startswith("<PRE> def f():\r\n\t <SUF>")
    assert "Line 2 is what I filled in" in out
    assert "a.py is filled; what it was is in a.py.bak." in err
    assert path.read_bytes() == HOLED.replace("<FILL_ME>", RAW).replace("\n", "\r\n").encode()
    assert (tmp_path / "a.py.bak").read_bytes() == HOLED.replace("\n", "\r\n").encode()


async def test_a_fill_that_is_not_complete_writes_nothing(tmp_path: Path) -> None:
    """An answer as long as one may be ends somewhere."""
    path = tmp_path / "a.py"
    path.write_text(HOLED)
    async with TgiServer(answer_tokens=40) as server:
        env = environment(tmp_path / "data", MODEL_URL=server.url, MAX_NEW_TOKENS="16")
        code, out, err = await run_bot("fill", "--write", "a.py", env=env, cwd=tmp_path)
    assert code == 1
    assert out
    assert "a.py is as it was: the answer is not complete." in err
    assert path.read_text() == HOLED
    assert not (tmp_path / "a.py.bak").exists()


PASTE = "x = 1\n" * 33_333 + "xx"  # 200,000 characters


@pytest.mark.parametrize(
    ("arguments", "stdin", "counted"),
    [
        (["explain"], PASTE, "200,000"),
        (["complete"], PASTE, "200,000"),
        (["explain", "-f", "long.py"], "", "200,000"),
        (["fix", "-f", "half.py", "-f", "half.py", "-f", "half.py"], "", "133,334"),
        (["code", *(["x" * 99_999] * 2)], "", "199,999"),
        (["explain", *(["f(" * 49_999] * 2)], "", "199,997"),
        (["fill", "--write", "long.py"], "", "200,000"),
        # No more is read than tells that it is too much.
        (["ask", "why?"], PASTE, "100,022"),
    ],
)
async def test_a_long_paste_is_refused_with_the_limit(
    tmp_path: Path, arguments: list[str], stdin: str, counted: str
) -> None:
    """200,000 characters are refused though nobody is there who could tokenise them, by each way in."""
    (tmp_path / "long.py").write_text(PASTE)
    (tmp_path / "half.py").write_text(PASTE[:66_667])
    env = environment(tmp_path / "data", MODEL_URL="http://127.0.0.1:9")
    code, out, err = await run_bot(*arguments, env=env, cwd=tmp_path, stdin=stdin)
    assert (code, out) == (1, "")
    assert err == f"Your message has {counted} characters; I take up to 100,000. Please send a shorter part of it.\n"


@pytest.mark.parametrize("before", ["", "/fix ", "/complete ", "/code "])
async def test_a_long_line_of_a_chat_is_refused_with_the_limit(tmp_path: Path, before: str) -> None:
    """As a question, and behind a skill's name; the chat goes on."""
    env = environment(tmp_path / "data", MODEL_URL="http://127.0.0.1:9")
    line = before + PASTE.replace("\n", ";")
    code, out, _ = await run_bot("chat", env=env, cwd=tmp_path, stdin=f"{line}\n/help\n")
    assert code == 0
    assert "I take up to 100,000." in out
    assert "/forget     forget this conversation" in out


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (
            ["fix"],
            "",
            "There is no code to fix: name a file with -f, pipe it in, or type it.\nSee: python -m bot fix --",
        ),
        (["fix", "it crashes"], "", "There is no code to fix"),
        (["complete", "explain this", "-f", "a.py"], "", "I complete the code alone: leave the words out."),
        (["fill", "explain this"], "<FILL_ME>", "I fill the code alone: leave the words out."),
        (["manifest", "discord"], "", "--client-id is missing"),
        (["manifest", "discord", "--client-id", "me"], "", "the Application ID is a number"),
        (["code"], "", "Tell me what"),
        (["fill"], "x = 1", "`<FILL_ME>`"),
        (["complete", "-f", "none.py"], "", "none.py: No such file or directory."),
        (["explain"], "\x00\x01", "stdin is not a text file"),
        (["code", "-l", "klingon", "x"], "", "I know no language called klingon"),
        (["fill", "--write", "none.py"], "", "none.py: No such file or directory."),
        (["fill", "--write", "none.py", "-f", "x"], "", "leave the words and --file out"),
    ],
)
async def test_what_is_missing_or_wrong_is_a_sentence(
    env: dict[str, str], tmp_path: Path, arguments: list[str], stdin: str, sentence: str
) -> None:
    """Nothing on stdout, no traceback, exit code 2."""
    (tmp_path / "a.py").write_text("x = 1\n")
    code, out, err = await run_bot(*arguments, env=env, cwd=tmp_path, stdin=stdin)
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err


def test_a_chat_has_the_skills_too(tmp_path: Path) -> None:
    """Behind a slash, with their code; and a follow-up knows what was answered."""
    with model_server(0.0) as url:
        env = environment(tmp_path, MODEL_URL=url)
        with terminal("chat", env=env, cwd=tmp_path) as chat:
            chat.types("/code")
            chat.sees("Tell me what")
            chat.types("/Fix")
            chat.sees("Type or paste the code behind it: /fix ")
            chat.types("/help code")
            chat.sees("forget this conversation")
            for line in "/private hello", "/ask why", "/forget it":
                chat.types(line)
            chat.sees("There is no command /private.")
            chat.sees("There is no command /ask.")
            chat.sees("/forget takes nothing behind it.")
            assert " ".join(chat.text.split()).count("you> ") == 6, "none of it was asked"
            chat.types("/complete x = 1")
            chat.at_prompt()
            assert "x = 1 " in chat.text.partition("you> /complete x = 1")[2]
            chat.types("/explain")
            chat.at_prompt()
            chat.types("/nothing")
            chat.sees("There is no command /nothing")
            chat.presses("d")
            assert chat.ended() == 0


def test_what_is_typed_ahead_is_sent(tmp_path: Path) -> None:
    """While an answer is written, and before the first prompt: Enter sends, as it does at the prompt."""
    with model_server(0.05) as url:
        env = environment(tmp_path, MODEL_URL=url)
        with terminal("chat", env=env, cwd=tmp_path) as chat:
            chat.types(QUESTION)
            chat.sees(" ".join(ANSWER.split()[:3]))
            chat.process.send("/help\r")
            chat.sees("forget this conversation")
            chat.at_prompt()
            assert "...>" not in chat.text
            chat.presses("d")
            assert chat.ended() == 0
        with terminal("chat", env=env, cwd=tmp_path) as early:
            early.takes_keys()
            early.process.send("/status\r")
            early.sees("No question waits")
            early.at_prompt()
            assert "...>" not in early.text
            early.presses("d")
            assert early.ended() == 0
