"""Text to token ids, from a file on this machine or by asking the server."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson
from tokenizers import Tokenizer as FastTokenizer

from conversation.errors import ModelError, ModelRefused, ModelUnavailable
from conversation.ports import Piece, Tokenizer
from inference.http import ModelServer

THREAD_CHARS = 20_000  # a longer text is encoded off the event loop; below that the change of thread costs more
CACHED_IDS = 1_000_000  # in all; about 40 MB as tuples of small numbers
CONCURRENT_REQUESTS = 8  # of one tokenizer, so that a long thread does not take all of the server's connections


class FileTokenizer:
    """Tokenizer from a tokenizer.json, the format of the `tokenizers` library.

    Plain pieces are encoded with every token that a tag-like text could stand for switched off: an `<s>` that a person
    typed becomes ordinary pieces, as sentencepiece writes it. Control pieces are parsed for special tokens. A BOS is
    never added. Each piece is encoded alone, so a vocabulary that begins a text with a space does so for each: this is
    how Meta's reference encodes the turns of Llama 2.
    """

    def __init__(self, data: bytes) -> None:
        """`data` is the file's content. Takes a good part of a second: see `load`. Raises ValueError."""
        try:
            self._control = FastTokenizer.from_str(data.decode())
            self._plain = FastTokenizer.from_str(_all_special(data))
        except Exception as exc:  # the library raises nothing narrower
            raise ValueError(f"no tokenizer.json: {exc}") from exc
        self._plain.encode_special_tokens = True  # "encode them as if they were none"
        for tokenizer in (self._control, self._plain):
            tokenizer.no_truncation()
            tokenizer.no_padding()
        self._fingerprint = "file:" + hashlib.sha256(data).hexdigest()[:16]

    @classmethod
    async def load(cls, source: str | Path) -> FileTokenizer:
        """From a tokenizer.json, a folder that holds one, or the name of a model on the Hugging Face hub, without
        blocking the event loop. Raises ModelUnavailable when it is not there, ValueError when it is not one."""
        return await asyncio.to_thread(lambda: cls(_read(source)))

    @property
    def fingerprint(self) -> str:
        """Digest of the file's content."""
        return self._fingerprint

    async def encode(self, pieces: Sequence[Piece]) -> list[int]:
        """See Tokenizer."""
        if sum(len(piece.text) for piece in pieces) > THREAD_CHARS:
            return await asyncio.to_thread(self._encode, pieces)
        return self._encode(pieces)

    def _encode(self, pieces: Sequence[Piece]) -> list[int]:
        ids: list[int] = []
        for piece in pieces:
            tokenizer = self._control if piece.control else self._plain
            ids += tokenizer.encode(piece.text, add_special_tokens=False).ids
        return ids


class TokenizeApi(StrEnum):
    """Whose POST /tokenize it is."""

    TGI = "tgi"  # {"inputs"}: adds BOS, and special tokens are always parsed
    LLAMA_CPP = "llamacpp"  # {"content", "add_special", "parse_special"}: exact for both kinds of pieces
    VLLM = "vllm"  # {"prompt", "add_special_tokens"}: special tokens are always parsed


class ServerTokenizer:
    """Tokenizer that asks the server's own /tokenize; what it answered is remembered.

    With `exact` the ids are the prompt's. Without it (TGI, vLLM: special tokens are always parsed) plain pieces must
    be neutralised first, and the ids are those of all the pieces as one text: right for counting the text form.
    """

    def __init__(self, server: ModelServer, api: TokenizeApi, fingerprint: str, *, model: str = "") -> None:
        self._server = server
        self._api = api
        self._fingerprint = fingerprint
        self._model = model  # vLLM wants its name
        self._cache = _IdCache(CACHED_IDS)
        self._slots = asyncio.Semaphore(CONCURRENT_REQUESTS)

    @property
    def fingerprint(self) -> str:
        """As given: the server names no vocabulary."""
        return self._fingerprint

    @property
    def exact(self) -> bool:
        """Plain pieces never yield a special token, whatever they hold."""
        return self._api is TokenizeApi.LLAMA_CPP

    async def encode(self, pieces: Sequence[Piece]) -> list[int]:
        """See Tokenizer."""
        if not self.exact:
            pieces = [Piece("".join(piece.text for piece in pieces), control=True)]
        # Copied before anything is awaited: another call may push entries out meanwhile.
        known = {piece: self._cache[piece] for piece in pieces if piece in self._cache}
        asked = [piece for piece in dict.fromkeys(pieces) if piece.text and piece not in known]
        failure: Exception | None = None
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {piece: group.create_task(self._ask(piece), name="tokenize") for piece in asked}
        except* ModelError as failures:
            failure = failures.exceptions[0]
        if failure is not None:
            raise failure
        for piece, task in tasks.items():
            known[piece] = self._cache[piece] = task.result()
        return [token for piece in pieces for token in known.get(piece, ())]

    async def _ask(self, piece: Piece) -> tuple[int, ...]:
        async with self._slots:
            if self._api is TokenizeApi.TGI:
                return await self._ask_tgi(piece.text)
            if self._api is TokenizeApi.VLLM:
                body: dict[str, Any] = {"model": self._model, "prompt": piece.text, "add_special_tokens": False}
            else:
                body = {"content": piece.text, "add_special": False, "parse_special": piece.control}
            data = await self._server.post_json("/tokenize", body)
        try:
            return tuple(int(token) for token in data["tokens"])
        except (KeyError, TypeError, ValueError) as exc:
            raise ModelUnavailable("/tokenize gives no ids", quoted=str(data)[:200]) from exc

    async def _ask_tgi(self, text: str) -> tuple[int, ...]:
        data = await self._server.post_json("/tokenize", {"inputs": text})
        try:
            # Tokens that the server added itself stand for no characters of the text.
            added = next((index for index, token in enumerate(data) if token["stop"] > token["start"]), len(data))
            return tuple(int(token["id"]) for token in data[added:])
        except (KeyError, TypeError, ValueError) as exc:
            raise ModelUnavailable("/tokenize is not TGI's", quoted=str(data)[:200]) from exc


class _IdCache:
    """The least recently used go first, once all together are too many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._entries: OrderedDict[Piece, tuple[int, ...]] = OrderedDict()

    def __contains__(self, piece: Piece) -> bool:
        return piece in self._entries

    def __getitem__(self, piece: Piece) -> tuple[int, ...]:
        self._entries.move_to_end(piece)
        return self._entries[piece]

    def __setitem__(self, piece: Piece, ids: tuple[int, ...]) -> None:
        if piece in self._entries:
            return
        self._entries[piece] = ids
        self._size += len(ids) + 1
        while self._size > self._limit:
            _, gone = self._entries.popitem(last=False)
            self._size -= len(gone) + 1


def _all_special(data: bytes) -> str:
    """The same tokenizer with every tag-like added token marked special. Qwen's `<|fim_prefix|>`, for one, is added but
    not special, and would be found in plain text; runs of spaces, which some vocabularies add too, must be."""
    config = orjson.loads(data)
    for token in config.get("added_tokens") or ():
        content = str(token.get("content", ""))
        token["special"] = bool(token.get("special")) or (
            content.startswith(("<", "[")) and content.endswith((">", "]"))
        )
    return orjson.dumps(config).decode()


def _read(source: str | Path) -> bytes:
    path = Path(source).expanduser()
    if path.is_dir():
        path /= "tokenizer.json"
    if path.is_file():
        return path.read_bytes()
    name = str(source)
    if name.endswith(".json") or name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ModelRefused(f"there is no tokenizer at {name}: set MODEL_TOKENIZER to a tokenizer.json")
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 - slow, and needed by few

    try:
        return Path(hf_hub_download(name, "tokenizer.json", etag_timeout=10)).read_bytes()
    except Exception as exc:  # a dozen classes of three libraries; what to do is the same
        raise ModelUnavailable(
            f"cannot fetch tokenizer.json of {name}: {exc}; set MODEL_TOKENIZER to a file instead"
        ) from exc


_: tuple[type[Tokenizer], ...] = (FileTokenizer, ServerTokenizer)
