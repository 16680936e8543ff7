"""`python -m bot render`: stdin to stdout, as an operator uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal import ROOT, environment

DATA = ROOT / "tests" / "data" / "prompts"
TOKENIZER = Path(os.environ.get("MODEL_TOKENIZER", ROOT.parent / "shared/data/tokenizers/codellama/tokenizer.json"))
CHATS = json.loads((DATA / "llama2_chat_public.json").read_text())["cases"]
INFILLS = json.loads((DATA / "infill_public.json").read_text())["cases"]


def render(document: object, tmp_path: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run it."""
    return subprocess.run(
        [sys.executable, "-m", "bot", "render", *arguments],
        input=document if isinstance(document, str) else json.dumps(document),
        env=environment(tmp_path, **settings),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_dialog_is_rendered_as_tgi_takes_it(tmp_path: Path) -> None:
    """The golden text without the first `<s>`; no ids without a tokenizer; nothing dropped."""
    case = next(case for case in CHATS if len(case["messages"]) > 2)
    done = render({"messages": case["messages"]}, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "prompt": case["expected_prompt_text"].removeprefix("<s>"),
        "token_ids": None,
        "dropped_turns": 0,
    }


@pytest.mark.skipif(not TOKENIZER.exists(), reason="no tokenizer.json: set MODEL_TOKENIZER")
def test_the_ids_are_metas(tmp_path: Path) -> None:
    """With MODEL_TOKENIZER the golden ids come out too, for the dialog that holds raw tags."""
    case = next(case for case in CHATS if case["meta_flags_unsafe"])
    done = render({"messages": case["messages"]}, tmp_path, MODEL_TOKENIZER=str(TOKENIZER))
    assert json.loads(done.stdout)["token_ids"] == case["expected_token_ids"]


def test_a_dialog_beyond_the_window_says_how_many_turns_were_dropped(tmp_path: Path) -> None:
    """Whole pairs go, the last question stays."""
    pair = [{"role": "user", "content": "question " * 40}, {"role": "assistant", "content": "answer " * 40}]
    document = {"messages": [*pair * 20, {"role": "user", "content": "the last one"}]}
    answer = json.loads(render(document, tmp_path, CONTEXT_TOKENS="2048", MAX_NEW_TOKENS="256").stdout)
    assert answer["dropped_turns"] > 0
    assert answer["dropped_turns"] % 2 == 0
    assert answer["prompt"].endswith("[INST] the last one [/INST]")


def test_infill_renders_prefix_and_suffix(tmp_path: Path) -> None:
    """The golden text of prefix, suffix, middle."""
    case = INFILLS[0]
    done = render({"prefix": case["prefix"], "suffix": case["suffix"]}, tmp_path, "--infill")
    assert json.loads(done.stdout)["prompt"] == case["expected_prompt_text_psm"].removeprefix("<s>")


@pytest.mark.parametrize(
    ("document", "arguments", "settings", "says"),
    [
        ("no json", (), {}, "stdin is not JSON"),
        ({"messages": "hi"}, (), {}, '"messages" must be there and be a list'),
        ({"messages": []}, (), {}, "the dialog is empty"),
        ({"messages": [{"role": "tool", "content": "x"}]}, (), {}, "the role 'tool'"),
        ({"messages": [{"role": "user", "content": "x"}]}, (), {"MODEL_ID": "CodeLlama-70b-Instruct-hf"}, "70b"),
        ({"prefix": "a"}, ("--infill",), {}, '"suffix" must be there and be text'),
        ({"prefix": "a", "suffix": "b"}, ("--infill",), {"MODEL_ID": "CodeLlama-34b-Instruct-hf"}, "13b-Instruct"),
    ],
)
def test_what_cannot_be_rendered_is_refused_in_a_sentence(
    document: object, arguments: tuple[str, ...], settings: dict[str, str], says: str, tmp_path: Path
) -> None:
    """Exit code 1, the reason on stderr, nothing on stdout."""
    done = render(document, tmp_path, *arguments, **settings)
    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
