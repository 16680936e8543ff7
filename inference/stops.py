"""Stop strings, found across the pieces of a stream.

Servers check them at token ends only; TGI leaves them in the text, others cut them off. Here the text that could be
the beginning of one is held back until that is decided, and whole tokens are held back, so that the ids given out are
always exactly those of the text given out: a checkpoint may be made after any chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from conversation.ports import Chunk


class StopStrings:
    """Lets chunks through up to the first stop string.

    A chunk without text (a token in the middle of a character) waits for the one that completes it.
    """

    __slots__ = ("_firsts", "_held", "_stops", "hit")

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._firsts = {stop[0] for stop in self._stops}
        self._held: list[Chunk] = []
        self.hit = False  # a stop string was found: nothing more will come

    def push(self, chunk: Chunk) -> Chunk | None:
        """What can be given out now, as one chunk."""
        if chunk.text and not self._held and self._firsts.isdisjoint(chunk.text):
            return chunk  # nearly every token: no stop string can begin in it
        self._held.append(chunk)
        text = "".join(piece.text for piece in self._held)
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.hit = True
            return self._release(len(self._held), min(found))
        safe = len(text) - self._open_end(text)
        count = end = 0
        for number, piece in enumerate(self._held, start=1):
            end += len(piece.text)
            if end > safe:
                break
            if piece.text:  # a trailing piece without text stays, until its character is whole
                count = number
        return self._release(count) if count else None

    def rest(self) -> Chunk | None:
        """What was held back, once the stream has ended without a stop string. Ids that led to no text are dropped:
        an end token, or half a character, which a continuation makes anew."""
        while self._held and not self._held[-1].text:
            self._held.pop()
        return self._release(len(self._held)) if self._held else None

    def _open_end(self, text: str) -> int:
        """How many characters at the end could begin a stop string."""
        return max(
            (
                length
                for stop in self._stops
                for length in range(min(len(stop) - 1, len(text)), 0, -1)
                if text.endswith(stop[:length])
            ),
            default=0,
        )

    def _release(self, count: int, cut_at: int | None = None) -> Chunk:
        out, self._held = self._held[:count], self._held[count:]
        text = "".join(piece.text for piece in out)
        tokens = sum(piece.tokens for piece in out)
        if cut_at is not None:
            return Chunk(text[:cut_at], _ids_within(out, cut_at), tokens)
        return Chunk(text, _ids(out), tokens)


def _ids(pieces: Sequence[Chunk]) -> tuple[int, ...]:
    """All ids, or none: a gap in the middle would make a wrong text of the rest."""
    if any(piece.tokens and not piece.token_ids for piece in pieces):
        return ()
    return tuple(token for piece in pieces for token in piece.token_ids)


def _ids_within(pieces: Sequence[Chunk], length: int) -> tuple[int, ...]:
    """The ids whose text lies wholly within the first `length` characters; none when the cut divides a token."""
    whole: list[Chunk] = []
    end = 0
    for piece in pieces:
        end += len(piece.text)
        if end > length:
            return _ids(whole) if end - len(piece.text) == length else ()
        whole.append(piece)
    return _ids(whole)
