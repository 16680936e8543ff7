"""What `doctor` says of MODEL_TOKENIZER."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from bot.doctor.findings import State
from bot.doctor.tokenizer import check_tokenizer
from tests.bot.doctor.looking import look
from tests.conversation.tokenizers_for_tests import codellama_path

CODE_LLAMAS = codellama_path()  # before the test's environment is emptied
SEVEN = "codellama/CodeLlama-7b-Instruct-hf"


@pytest.fixture
def foreign(tmp_path: Path) -> str:
    """A tokenizer.json of another vocabulary."""
    path = tmp_path / "tokenizer.json"
    Tokenizer(WordLevel({"a": 0, "?": 1}, "?")).save(str(path))
    return str(path)


async def test_without_one_there_is_nothing_to_look_at() -> None:
    """The server counts then."""
    (finding,) = await look(check_tokenizer)
    assert (finding.name, finding.state) == ("tokenizer", State.SKIPPED)


@pytest.mark.skipif(
    CODE_LLAMAS is None, reason="Code Llama's tokenizer.json is not here: set MODEL_TOKENIZER to its path"
)
async def test_code_llamas_is_known_by_its_ids() -> None:
    """The canonical dialog's."""
    (finding,) = await look(check_tokenizer, model_tokenizer=str(CODE_LLAMAS), model_id=SEVEN)
    assert (finding.state, finding.seen) == (State.OK, f"{CODE_LLAMAS} is Code Llama's")


@pytest.mark.parametrize(
    ("model_id", "state"),
    [(SEVEN, State.FAILED), (None, State.WARNING), ("Qwen/Qwen2.5-Coder-7B-Instruct", State.OK)],
)
async def test_another_vocabulary_is_wrong_for_code_llama_only(
    foreign: str, model_id: str | None, state: State
) -> None:
    """For a model that is not known here its ids say nothing."""
    (finding,) = await look(check_tokenizer, model_tokenizer=foreign, model_id=model_id)
    assert finding.state is state
    assert ("MODEL_TOKENIZER=" in finding.fix) == (state is not State.OK)


async def test_a_file_that_is_no_tokenizer_is_told(tmp_path: Path) -> None:
    """Not there, or something else; the variable and the file are named."""
    (tmp_path / "notes.json").write_text("{}")
    for name, cause in (("nowhere.json", "there is no tokenizer"), ("notes.json", "no tokenizer.json")):
        (finding,) = await look(check_tokenizer, model_tokenizer=str(tmp_path / name))
        assert finding.state is State.FAILED
        assert cause in finding.cause
        assert f"MODEL_TOKENIZER={tmp_path / name}" in finding.seen
        assert finding.fix == "MODEL_TOKENIZER=/path/tokenizer.json"


async def test_a_hub_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client tries again and again, for half a minute."""
    release = threading.Event()

    def fetch(*_: object, **__: object) -> str:
        release.wait(30)
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    monkeypatch.setattr("bot.doctor.tokenizer.FETCH_SECONDS", 0.1)
    (finding,) = await look(check_tokenizer, model_tokenizer="nobody/nothing")
    release.set()
    assert (finding.state, "did not come" in finding.seen) == (State.FAILED, True)
    assert "MODEL_TOKENIZER=/path" in finding.fix


async def test_a_name_on_the_hub_without_network_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file on this machine is the remedy."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (finding,) = await look(check_tokenizer, model_tokenizer="nobody/nothing")
    assert (finding.state, "cannot fetch" in finding.cause) == (State.FAILED, True)
