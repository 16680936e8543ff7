"""What the way to the prompt must not import: each takes a part of a second, and a person waits."""

from __future__ import annotations

import subprocess
import sys

from tests.terminal import ROOT


def test_chat_begins_without_the_libraries_that_only_a_model_needs() -> None:
    """transformers comes with the first foreign chat template, the others with their adapter."""
    program = "import sys, bot.talk; print([n for n in ('transformers', 'text_generation', 'tokenizers', 'xllamacpp') "
    done = subprocess.run(
        [sys.executable, "-c", program + "if n in sys.modules])"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "[]"
