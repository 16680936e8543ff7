"""The process that holds the embedded model. Run as a script, with nothing but the standard library and `xllamacpp`.

It is a process of its own because building `xllamacpp.Server` holds Python's global lock until the weights are loaded
(1.3 s for 100 MB, minutes for a large file): in the bot's process no prompt would show and no lease would be renewed
meanwhile.

It reads one line of JSON from stdin (`Settings`), writes one to stdout (`{"address"}` or `{"error", "kind"}`) and ends
when stdin does, so also when the process that started it was killed.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TypedDict


class Settings(TypedDict):
    """What the process is told. The key does not go through the command line, where every user could read it."""

    model: str  # path of the .gguf file
    key: str
    slots: int
    context_tokens: int  # of each slot
    batch_tokens: int
    threads: int
    batch_threads: int
    cache_mib: int


def main() -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing that a library prints may be taken for the answer
    settings: Settings = json.loads(sys.stdin.readline())
    engine, answer = _build(settings)
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
    if engine is not None:
        sys.stdin.read()
    os._exit(0)  # nothing is left to write, and llama.cpp's own end would wait for a running batch


def _build(settings: Settings) -> tuple[Any, dict[str, str]]:
    try:
        from xllamacpp import CommonParams, Server  # noqa: PLC0415 - its failure is an answer
    except ImportError as exc:
        return None, {"error": str(exc), "kind": "import"}
    params = CommonParams()
    params.model.path = settings["model"]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["context_tokens"] * settings["slots"]  # it is split over the slots
    params.n_batch = params.n_ubatch = settings["batch_tokens"]
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["batch_threads"]
    params.cache_ram_mib = settings["cache_mib"]
    params.api_keys = [settings["key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.verbosity = -1
    try:
        engine = Server(params)
    except RuntimeError as exc:
        return None, {"error": str(exc), "kind": "model"}
    return engine, {"address": engine.listening_address}


if __name__ == "__main__":
    main()
