"""Token ids from a file and from servers."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.errors import ModelRefused, ModelUnavailable
from conversation.ports import Piece
from inference.http import ModelServer, Timeouts
from inference.tokenizers import FileTokenizer, ServerTokenizer, TokenizeApi
from tests.servers.behaviour import Behaviour, ModelWebServer
from tests.servers.completions import CompletionsServer, LlamaCppServer
from tests.servers.tgi import TgiServer
from tests.servers.toy_model import decode, encode

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data" / "tokenizers" / "codellama" / "tokenizer.json"
DIALOGS = ROOT / "tests" / "data" / "prompts" / "llama2_chat_public.json"


def _bytes_tokenizer() -> dict[str, Any]:
    """A tokenizer.json of single characters, with added tokens of three kinds."""
    words = [chr(code) for code in range(32, 127)] + ["\n"]
    vocabulary = {word: number for number, word in enumerate(["<unk>", "<s>", "<|tool|>", "    ", *words])}
    added = [("<unk>", True), ("<s>", True), ("<|tool|>", False), ("    ", False)]
    kind = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "added_tokens": [{**kind, "id": vocabulary[word], "content": word, "special": flag} for word, flag in added],
        "normalizer": None,
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "[\\s\\S]"}, "behavior": "Isolated", "invert": False},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    }  # fmt: skip


@pytest.fixture
def tokenizer_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(_bytes_tokenizer()))
    return path


async def test_what_a_person_typed_is_never_a_special_token(tokenizer_file: Path) -> None:
    """`<s>` and a tag-like added token are parsed in control pieces only; runs of spaces, also added, in all."""
    tokenizer = await FileTokenizer.load(tokenizer_file)
    assert await tokenizer.encode([Piece("<s><|tool|>", control=True)]) == [1, 2]
    plain = await tokenizer.encode([Piece("<s><|tool|>    x")])
    assert plain[-2] == 3
    assert not {0, 1, 2} & set(plain)
    assert len(plain) == len("<s><|tool|>") + 2


async def test_pieces_are_encoded_one_after_the_other(tokenizer_file: Path) -> None:
    """The ids of several pieces are theirs in order, without a BOS of its own, however long they are."""
    tokenizer = await FileTokenizer.load(tokenizer_file.parent)
    long = Piece("a" * 50_000)
    parts = [await tokenizer.encode([piece]) for piece in (Piece("<s>", control=True), Piece("b<s>"), long)]
    assert await tokenizer.encode([Piece("<s>", control=True), Piece("b<s>"), long]) == [
        *parts[0],
        *parts[1],
        *parts[2],
    ]
    assert await tokenizer.encode([]) == []


async def test_a_vocabulary_is_known_by_its_content(tokenizer_file: Path, tmp_path: Path) -> None:
    """The fingerprint is the same for the same content, wherever it lies, and another for another."""
    first = await FileTokenizer.load(tokenizer_file)
    again = await FileTokenizer.load(str(tokenizer_file.parent))
    changed = _bytes_tokenizer()
    changed["added_tokens"].pop()
    other = tmp_path / "other.json"
    other.write_text(json.dumps(changed))
    assert first.fingerprint == again.fingerprint
    assert (await FileTokenizer.load(other)).fingerprint != first.fingerprint


async def test_a_tokenizer_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    """A wrong path and a wrong file are told apart."""
    with pytest.raises(ModelRefused, match="MODEL_TOKENIZER"):
        await FileTokenizer.load(tmp_path / "none.json")
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    with pytest.raises(ValueError, match=r"no tokenizer\.json"):
        await FileTokenizer.load(wrong)


async def test_all_golden_dialogs_have_their_ids() -> None:
    """Meta's rule, piece by piece, gives the golden ids of every dialog, those with control words in the text too."""
    source = Path(os.environ.get("MODEL_TOKENIZER", SHARED))
    if not source.exists():
        pytest.skip("no Code Llama tokenizer: set MODEL_TOKENIZER, or put ../shared beside the repository")
    if not DIALOGS.exists():
        pytest.skip("the golden dialogs are not here")
    tokenizer = await FileTokenizer.load(source)
    cases = json.loads(DIALOGS.read_text())["cases"]
    assert {case["id"][:8] for case in cases} >= {"chat-066", "chat-067", "chat-068"}
    for case in cases:
        turns = [(message["role"], message["content"]) for message in case["messages"]]
        if turns[0][0] == "system":
            turns[:2] = [("user", f"<<SYS>>\n{turns[0][1]}\n<</SYS>>\n\n{turns[1][1]}")]
        pieces: list[Piece] = []
        for (_, question), (_, answer) in zip(turns[::2], turns[1::2], strict=False):
            text = f"[INST] {question.strip()} [/INST] {answer.strip()} "
            pieces += [Piece("<s>", control=True), Piece(text), Piece("</s>", control=True)]
        pieces += [Piece("<s>", control=True), Piece(f"[INST] {turns[-1][1].strip()} [/INST]")]
        assert await tokenizer.encode(pieces) == case["expected_token_ids"], case["id"]


async def test_llama_cpp_counts_and_encodes_both_kinds_of_pieces_exactly() -> None:
    """Special tokens are parsed in control pieces only, and what was asked once is not asked again."""
    async with LlamaCppServer() as far:
        server = ModelServer(far.url)
        tokenizer = ServerTokenizer(server, TokenizeApi.LLAMA_CPP, "toy")
        pieces = [Piece("<s>", control=True), Piece("[INST] <s> list"), Piece("</s>", control=True), Piece("")]
        wanted = [1, *encode("[INST] <s> list", parse_special=False), 2]
        assert tokenizer.exact
        assert await tokenizer.encode(pieces) == wanted
        asked = len(far.tokenize_requests)
        assert await tokenizer.encode([*pieces, *pieces]) == wanted * 2
        assert len(far.tokenize_requests) == asked
        await server.aclose()


@pytest.mark.parametrize(("kind", "api"), [(TgiServer, TokenizeApi.TGI), (CompletionsServer, TokenizeApi.VLLM)])
async def test_other_servers_count_the_text_that_is_sent(kind: Callable[[], ModelWebServer], api: TokenizeApi) -> None:
    """All pieces are one text, and the BOS that the server adds is not counted."""
    async with kind() as far:
        server = ModelServer(far.url)
        tokenizer = ServerTokenizer(server, api, "toy", model="toy")
        ids = await tokenizer.encode(
            [Piece("<s>", control=True), Piece("[INST] list"), Piece(" [/INST]", control=True)]
        )
        assert ids == encode("<s>[INST] list [/INST]", parse_special=True)
        assert not tokenizer.exact
        assert await tokenizer.encode([Piece("")]) == []
        await server.aclose()


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_the_toy_vocabulary_loses_nothing(text: str) -> None:
    """What the test servers encode decodes to the same text: a test's expectation stands on that."""
    assert decode(encode(text, parse_special=False)) == text


async def test_a_server_that_does_not_answer_is_unavailable() -> None:
    """Silence, an error and another server's answer all end in a ModelError, one and not a group of them."""
    async with LlamaCppServer() as far:
        server = ModelServer(far.url, timeouts=Timeouts(request=0.2))
        tokenizer = ServerTokenizer(server, TokenizeApi.LLAMA_CPP, "toy")
        far.behaviour = Behaviour(status=503)
        with pytest.raises(ModelUnavailable):
            await tokenizer.encode([Piece("a"), Piece("b")])
        far.behaviour = Behaviour(first_token_delay=30)
        with pytest.raises(ModelUnavailable, match=r"0\.2 s"):
            await tokenizer.encode([Piece("a"), Piece("b")])
        far.behaviour = Behaviour()
        odd = ServerTokenizer(server, TokenizeApi.TGI, "toy")
        far.tokenized = [1]
        with pytest.raises(ModelUnavailable, match="TGI"):
            await odd.encode([Piece("a")])
        await server.aclose()


async def test_many_texts_are_asked_for_together_but_not_all_at_once() -> None:
    """A thread's turns are counted side by side, at most eight at a time."""
    async with LlamaCppServer(Behaviour(first_token_delay=0.02)) as far:
        server = ModelServer(far.url)
        tokenizer = ServerTokenizer(server, TokenizeApi.LLAMA_CPP, "toy")
        await asyncio.gather(*(tokenizer.encode([Piece(f"{a}-{b}") for b in range(8)]) for a in range(5)))
        assert len(far.tokenize_requests) == 40
        assert 1 < far.tokenizing_peak <= 8
        await server.aclose()
