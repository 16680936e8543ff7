"""Code Llama's tokenizer.json where MODEL_TOKENIZER or ../shared has it."""

from __future__ import annotations

import os
from pathlib import Path

SHARED = Path(__file__).parents[2] / "shared" / "data" / "tokenizers" / "codellama" / "tokenizer.json"


def tokenizer_file() -> Path | None:
    """The file, or None: it is under Meta's licence and not part of this repository."""
    path = Path(os.environ.get("MODEL_TOKENIZER", SHARED))
    return path if path.is_file() else None
