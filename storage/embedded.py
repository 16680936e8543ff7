"""A Valkey server of our own, for a machine that has none: join it or start it; the last one out stops it.

Three locks, all of them flocks, which the kernel drops when a process dies however it dies:

- `start.lock`   one process at a time decides whether a server must be started or stopped;
- `users.lock`   every process that uses the server holds it shared; who gets it alone is the last one;
- `server.lock`  the server itself holds it, by inheritance. So "is a server alive on these data?" has an answer even
  when its socket is gone or it does not reply: two servers never write the same files, and no stored process id, which
  may belong to a stranger by then, is ever needed. The server is stopped by asking it over its socket.

A process that was killed leaves the server running; the next one to start adopts it.
"""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote

from conversation.errors import StoreUnavailable
from storage.valkey_process import NO_BINARY, Answer, ask, diagnose, send, spawn

try:
    import fcntl
except ImportError:  # Windows: `start` says what to do there
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

# The kernel's sockaddr_un holds 104 bytes on macOS and 108 on Linux, the end mark included.
SOCKET_PATH_BYTES = 100
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01


class EmbeddedValkey:
    """One process's use of the server whose data stand in `data_dir`/valkey. The methods block: call them through
    `asyncio.to_thread`, one at a time."""

    def __init__(self, data_dir: str | os.PathLike[str]) -> None:
        self.directory = Path(data_dir).expanduser().absolute() / "valkey"
        self.log_path = self.directory / "valkey.log"
        self._users: IO[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._log_start = 0  # where in its log the server's own story begins, bytes

    def start(self, timeout_seconds: float = 30.0) -> str:
        """The server's address, `unix://...`, once it takes commands. Repeating it is safe, and brings back a server
        that died. Raises StoreUnavailable with the remedy in its text; then nothing new is held."""
        if fcntl is None:
            raise StoreUnavailable(NO_BINARY)
        deadline = time.monotonic() + timeout_seconds
        self._prepare_directory()
        was_user = self._users is not None
        try:
            with self._gate(deadline):
                self._join()
                socket_path = self._socket_path()
            self._await_server(socket_path, deadline)
        except BaseException:
            if not was_user:
                self.stop()
            raise
        return f"unix://{quote(str(socket_path))}?db=0"

    def stop(self) -> bool:
        """Leave the server; True when this was its last user and it has ended, with everything on disk. Repeating it
        is safe. It never raises: a server that does not obey is logged, and the next start adopts it."""
        users, self._users = self._users, None
        if users is None:
            return False
        with users:
            try:
                with self._gate(time.monotonic() + 2 * STOP_SECONDS):
                    # Not given: somebody else is in.
                    return _try_lock(users) and self._shut_down()
            except (StoreUnavailable, OSError) as exc:
                log.warning("left the embedded store without looking whether it is still used: %s", exc)
                return False

    def is_alive(self) -> bool:
        """Whether a server lives on these data now. Changes nothing and waits for nobody."""
        if fcntl is None or not (self.directory / "server.lock").exists():
            return False
        with (self.directory / "server.lock").open("rb") as server_lock:
            try:
                # Shared, so that two who look at once do not see each other.
                fcntl.flock(server_lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

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
        """To be asked behind the gate. Where the data directory's path is too long for a socket, a file in it names a
        short directory, private like itself."""
        path = self.directory / "valkey.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
            return path
        pointer = self.directory / "socket-directory"
        if pointer.exists():
            directory = Path(os.fsdecode(pointer.read_bytes()))
            if _is_private(directory):
                return directory / "valkey.sock"
        # A random name: one made of the user's id could be taken by somebody else before us.
        directory = Path(tempfile.mkdtemp(prefix="corral-"))
        if len(os.fsencode(directory / "valkey.sock")) > SOCKET_PATH_BYTES:
            directory.rmdir()
            raise StoreUnavailable(f"{path} is too long for a socket: set DATA_DIR or TMPDIR to a shorter path")
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
            # Somebody holds it alone only behind the gate, where we are: this does not wait.
            fcntl.flock(users, fcntl.LOCK_SH | fcntl.LOCK_NB)
            self._users = users

    def _await_server(self, socket_path: Path, deadline: float) -> None:
        spawned = False
        while (answer := ask(socket_path)) is not Answer.READY:
            if answer is Answer.BROKEN:
                raise StoreUnavailable(diagnose("the embedded store cannot write", self.log_path, self._log_start))
            if answer is Answer.NONE:
                with self._gate(deadline), self._lock_file("server.lock") as server_lock:
                    if _try_lock(server_lock):  # no server lives
                        if spawned:
                            what = "the embedded store ended while it started"
                            raise StoreUnavailable(diagnose(what, self.log_path, self._log_start))
                        self._spawn(socket_path, server_lock)
                        spawned = True
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"the embedded store did not get ready in time: {answer.value}, but one runs on {self.directory}. "
                    f"Its log is {self.log_path}; if it hangs, end that valkey-server: nothing is lost by it"
                )
            time.sleep(POLL_SECONDS)

    def _spawn(self, socket_path: Path, server_lock: IO[bytes]) -> None:
        socket_path.unlink(missing_ok=True)
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._server = spawn(self.directory, socket_path, self.log_path, [server_lock.fileno()])

    def _shut_down(self) -> bool:
        """To be done behind the gate, by the last user."""
        socket_path = self._socket_path()
        deadline = time.monotonic() + STOP_SECONDS
        ask_again = 0.0
        with self._lock_file("server.lock") as server_lock:
            while not _try_lock(server_lock):
                now = time.monotonic()
                if now > deadline:
                    log.warning("the embedded store did not stop within %g s; see %s", STOP_SECONDS, self.log_path)
                    return False
                if now > ask_again:  # a server that has only just begun may not listen yet
                    send(socket_path, b"SHUTDOWN\r\n")
                    ask_again = now + 0.5
                time.sleep(POLL_SECONDS)
        if self._server is not None:
            self._server.wait(STOP_SECONDS)
            self._server = None
        self._remove_short_directory(socket_path)
        return True

    def _remove_short_directory(self, socket_path: Path) -> None:
        if socket_path.parent != self.directory:
            with suppress(OSError):  # what is left is used again by the next start
                socket_path.unlink(missing_ok=True)
                socket_path.parent.rmdir()
                (self.directory / "socket-directory").unlink()


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
