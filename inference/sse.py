"""Frames out of a server-sent event stream, whatever the network did to its bytes."""

from __future__ import annotations

LINE_LIMIT_BYTES = 1 << 20
"""No frame of a model is so long. Without the limit a broken proxy could fill the memory with one endless line."""


class LineTooLong(ValueError):
    """A line grew beyond LINE_LIMIT_BYTES; the stream is unusable."""


class SseReader:
    """Collects bytes and gives the payloads of `data:` lines.

    Each `data:` line is one payload: the servers spoken to here (TGI, llama.cpp, vLLM, SGLang) write one JSON object
    per line, so the multi-line events of the standard (https://html.spec.whatwg.org/multipage/server-sent-events.html)
    do not occur, and a missing blank line does no harm. Lines end in LF or CRLF. Comments and other fields are dropped.
    Payloads are bytes: a character split between two network chunks is whole again when its line is.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that `data` completes, in order. Raises LineTooLong."""
        # Only the new bytes are searched, else a line that comes byte by byte would cost the square of its length.
        if b"\n" not in data:
            self._rest += data
            if len(self._rest) > LINE_LIMIT_BYTES:
                raise LineTooLong(f"a line of more than {LINE_LIMIT_BYTES} bytes")
            return []
        if self._rest:  # most often the network's chunks are whole frames
            data = bytes(self._rest) + data
            self._rest.clear()
        lines = data.split(b"\n")
        if len(data) > LINE_LIMIT_BYTES and any(len(line) > LINE_LIMIT_BYTES for line in lines):
            raise LineTooLong(f"a line of more than {LINE_LIMIT_BYTES} bytes")
        self._rest += lines.pop()
        return [payload for line in lines if line and (payload := _payload(line))]

    def flush(self) -> list[bytes]:
        """What the stream's clean end leaves behind: a last line without its line end."""
        line, self._rest = bytes(self._rest), bytearray()
        payload = _payload(line)
        return [payload] if payload else []


def _payload(line: bytes) -> bytes:
    return line[5:].strip() if line.startswith(b"data:") else b""
