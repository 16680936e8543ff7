"""Prepares .venv: `python scripts/setup_venv.py run` for `make chat`, `dev` for `make test` and `make check`.

Written so that any Python since 2.7 can read this file: an old one shall say what to do instead of a SyntaxError.
"""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this is the one file that an older Python gets to see
    sys.stderr.write(
        "\nCorral needs Python 3.11 or newer; %s is Python %d.%d.\n" % ((sys.executable,) + sys.version_info[:2])  # noqa: UP031, RUF005
        + "  To go on: install a newer one beside it and name it, for example  make chat PYTHON=python3.13\n\n"
    )
    sys.exit(1)

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from scripts.provision.steps import main

sys.exit(main(sys.argv[1:]))
