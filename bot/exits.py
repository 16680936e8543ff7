"""The program's exit codes."""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1  # it tried and could not
EXIT_USAGE = 2  # a setting or an argument is wrong: nothing was tried
EXIT_INTERRUPTED = 130  # what shells report for a program that Ctrl-C ended
