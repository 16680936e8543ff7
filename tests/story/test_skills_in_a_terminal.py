"""Skills on the command line and in a chat, as people use them: real processes, a model server behind a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers.tgi import TgiServer
from tests.servers.toy_model import ToyModel
from tests.story.test_processes import model_server, run_bot
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


@pytest.mark.parametrize("skill", ["explain", "complete"])
async def test_a_long_paste_is_refused_with_the_limit(tmp_path: Path, skill: str) -> None:
    """200,000 characters are refused though nobody is there who could tokenise them."""
    env = environment(tmp_path / "data", MODEL_URL="http://127.0.0.1:9")
    code, out, err = await run_bot(skill, env=env, cwd=tmp_path, stdin="x = 1\n" * 33_334)
    assert (code, out) == (1, "")
    assert err == "Your message has 200,004 characters; I take up to 100,000. Please send a shorter part of it.\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (["fix"], "", "Give me the code to fix"),
        (["fix", "it crashes"], "", "Give me the code to fix"),
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
            chat.types("/complete x = 1")
            chat.at_prompt()
            assert "x = 1 " in chat.text.partition("you> /complete x = 1")[2]
            chat.types("/explain")
            chat.at_prompt()
            chat.types("/nothing")
            chat.sees("There is no command /nothing")
            chat.presses("d")
            assert chat.ended() == 0
