"""Code Llama's tokenizer, read once."""

from __future__ import annotations

import pytest

from tests.conversation.tokenizers_for_tests import CodeLlamaTokenizer, codellama_tokenizer


@pytest.fixture(scope="session")
def codellama() -> CodeLlamaTokenizer:
    """Skips where the file is not found."""
    return codellama_tokenizer()
