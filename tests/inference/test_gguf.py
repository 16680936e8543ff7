"""What a GGUF file says of its model."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversation.errors import ModelUnavailable
from inference.embedded import demo_model
from inference.gguf import GgufModel, NotGguf, read_gguf


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if value and isinstance(value[0], int):
        return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))


def gguf(values: dict[str, Any]) -> bytes:
    """A file of version 3 without tensors."""
    pairs = b"".join(_text(name) + _value(value) for name, value in values.items())
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)) + pairs


VALUES: dict[str, Any] = {
    "general.architecture": "llama",
    "general.name": "Small",
    "llama.context_length": 2048,
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", "a", "<|tool|>"],
    "tokenizer.ggml.token_type": [2, 3, 3, 1, 4],
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.chat_template": "{{ messages }}",
}


def test_a_file_is_read_without_its_weights(tmp_path: Path) -> None:
    """Name, window, template and every token that a text could become a control token by."""
    path = tmp_path / "small.gguf"
    path.write_bytes(gguf(VALUES))
    found = read_gguf(path)
    assert found == GgufModel(
        "Small", 2048, "{{ messages }}", "<s>", "</s>", True, ("<s>", "</s>", "<|tool|>"), found.vocabulary
    )


def test_the_vocabularys_digest_is_the_vocabularys_alone(tmp_path: Path) -> None:
    """Another name leaves it as it is; another token does not."""
    digests = []
    for change in ({}, {"general.name": "Other"}, {"tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", "b", "<|tool|>"]}):
        path = tmp_path / "one.gguf"
        path.write_bytes(gguf({**VALUES, **change}))
        digests.append(read_gguf(path).vocabulary)
    assert digests[0] == digests[1] != digests[2]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(gguf(VALUES)) - 1), st.binary(max_size=9))
def test_a_damaged_file_is_refused_and_nothing_worse(tmp_path: Path, at: int, noise: bytes) -> None:
    """Cut anywhere and followed by anything, the file is NotGguf or is read; it neither hangs nor fills the memory."""
    path = tmp_path / "damaged.gguf"
    path.write_bytes(gguf(VALUES)[:at] + noise)
    try:
        found = read_gguf(path)
    except NotGguf:
        return
    assert found.context_tokens == VALUES["llama.context_length"]


def test_the_demo_model_describes_itself() -> None:
    """SmolLM2 has a template, 8,192 tokens of context, and more special tokens than its template writes."""
    try:
        path = demo_model()
    except ModelUnavailable as exc:
        pytest.skip(str(exc))
    found = read_gguf(path)
    assert (found.context_tokens, found.eos_token, found.add_bos) == (8192, "<|im_end|>", False)
    assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>", "<filename>"} <= set(found.special_tokens)
