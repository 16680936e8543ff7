"""`make bench`: every benchmark, one after the other; exit code 1 when one misses its bar."""

from __future__ import annotations

import asyncio
import sys

from benchmarks import prefix_reuse


def main() -> int:
    """Run them with their defaults."""
    print("== How much of a thread's prompts a server's prefix cache can reuse (python -m benchmarks.prefix_reuse)")
    return asyncio.run(prefix_reuse.main(threads=40))


if __name__ == "__main__":
    sys.exit(main())
