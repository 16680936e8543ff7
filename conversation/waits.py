"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import random
from collections.abc import Iterator

SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0


def growing_waits(shortest: float = SHORTEST_WAIT_SECONDS, longest: float = LONGEST_WAIT_SECONDS) -> Iterator[float]:
    """Seconds between tries, for ever; random, so that replicas do not come back all at once."""
    wait = shortest
    while True:
        yield wait * random.uniform(0.5, 1.0)
        wait = min(wait * 2, longest)
