"""What a child process of ours is told of its environment: nothing that could be a secret."""

from __future__ import annotations

import os

_NAMES = frozenset(
    {
        *("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LANG", "TZ", "SYSTEMROOT", "WINDIR"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES"),
    }
)
_BEGINNINGS = ("LC_", "PYTHON", "OMP_", "GGML_", "MALLOC_")


def child_environment() -> dict[str, str]:
    """The variables that an interpreter and llama.cpp need. The others may be the platforms' tokens, under whatever
    name the operator keeps them, and anybody who debugs the child could read them."""
    return {name: value for name, value in os.environ.items() if name in _NAMES or name.startswith(_BEGINNINGS)}
