"""What pip's log means in plain words. Pure: text in, Problem out.

pip ends most failures with the same "No matching distribution"; the cause stands further up, in warnings, or only in
what `pip -vv` says. So causes are looked for from the most certain to the least, and only in what
pip wrote about the last package: an index that stumbled earlier and then answered is not the cause.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from scripts.provision.pins import REPLACEABLE
from scripts.provision.problem import Problem

_AGAIN = "then call make again"


@dataclass(frozen=True, slots=True)
class _Said:
    """What a cause's words are made from: pip's `text`, the `hit` of its pattern, the unreachable `host`."""

    text: str
    hit: re.Match[str]
    host: str
    environ: Mapping[str, str]


def explain(log: str, environ: Mapping[str, str] = os.environ) -> Problem:
    """The Problem behind pip's output `log` (its whole text; nothing in it is trusted to be there)."""
    starts = [match.start() for match in re.finditer(r"^(?:Collecting|Processing) ", log, re.MULTILINE)]
    text = log[starts[-1] :] if starts else log
    for pattern, problem in _CAUSES:
        if hit := re.search(pattern, text):
            return problem(_Said(text, hit, _host(text), environ))
    last = re.findall(r"ERROR: (.+)", text)
    return Problem(
        f"pip failed: {last[-1] if last else 'it gave no reason'}", "read .venv/setup.log", f"make clean, {_AGAIN}"
    )


def missing_package(problem: Problem) -> str:
    """The replaceable package that this Problem is about, or ""."""
    return next((name for name in REPLACEABLE if f"No ready-made {name} " in problem.what), "")


def _host(text: str) -> str:
    named = re.search(r"host='([^']+)'", text) or re.search(r"https?://(?:[^/\s@]*@)?([^/\s:']+)", text)
    return named[1] if named else "the package index"


def _proxy_in_use(environ: Mapping[str, str]) -> str:
    """Host and port of the proxy, without its login: this text ends in bug reports."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "PIP_PROXY"):
        if environ.get(name):
            return f"{name} names {urlsplit(environ[name]).netloc.rpartition('@')[2] or 'something unreadable'}"
    return ""


def _disk(_said: _Said) -> Problem:
    return Problem("The disk is full.", "free at least 1 GB in this directory", _AGAIN)


def _hashes(said: _Said) -> Problem:
    named = re.search(r"HASHES.*\n\s*([A-Za-z0-9._-]+==[^\s:]+)", said.text)
    return Problem(
        f"A downloaded package is not the one that is pinned: {named[1] if named else 'see .venv/setup.log'}.",
        "call make again; if it stays so, a mirror or proxy changes the file: try another network",
        "do not edit the hashes by hand",
    )


def _proxy(said: _Said) -> Problem:
    which = _proxy_in_use(said.environ) or "pip's own configuration names it: pip config list"
    if "407" in said.text:
        return Problem(
            f"The proxy wants a login ({which}).",
            "export HTTPS_PROXY=http://user:password@host:port   and call make again",
        )
    return Problem(
        f"The proxy could not be used on the way to {said.host} ({which}).",
        "correct it:  export HTTPS_PROXY=http://host:port",
        "or, if there is none:  unset HTTPS_PROXY https_proxy   (and: pip config unset global.proxy)",
    )


def _certificate(said: _Said) -> Problem:
    return Problem(
        f"The certificate of {said.host} was not accepted. A proxy that opens TLS, or a mirror with its own authority?",
        "pip config set global.cert /path/to/the/authority.pem   (or the variable PIP_CERT)",
    )


def _network(said: _Said) -> Problem:
    using = _proxy_in_use(said.environ)
    return Problem(
        f"The network is down, or {said.host} cannot be reached from here" + (f" ({using})." if using else "."),
        f"check the connection, {_AGAIN}",
        "behind a proxy:  export HTTPS_PROXY=http://host:port   (or: pip config set global.proxy ...)",
        "with a mirror:   pip config set global.index-url https://your.mirror/simple",
    )


def _status(said: _Said) -> Problem:
    return Problem(
        f"The package index {said.host} answered HTTP {said.hit[1]}.",
        "check which index pip uses, and its login:  pip config list",
        "when it is only overloaded, wait a few minutes and call make again",
    )


def _no_wheel(said: _Said) -> Problem:
    name = said.hit[1].lower()
    libc = " ".join(platform.libc_ver()).strip() or ("not glibc" if sys.platform == "linux" else "")
    parts = [f"{platform.system()} {platform.machine()}", libc, f"Python {platform.python_version()}"]
    what = f"No ready-made {name} for this machine ({', '.join(filter(None, parts))}), or your mirror lacks it."
    if name in REPLACEABLE:
        variable, part = REPLACEABLE[name]
        url = "redis://localhost:6379/0" if variable == "REDIS_URL" else "http://localhost:8080"
        return Problem(f"{what} It is {part}.", f"set {variable}={url} (in the environment or .env); make goes on then")
    return Problem(
        what,
        "use another Python:  make clean; make chat PYTHON=python3.12",
        "Corral is made for Linux with glibc 2.28 or newer and macOS 13 or newer, on x86-64 and ARM",
    )


def _unwritable(_said: _Said) -> Problem:
    return Problem("Files of .venv cannot be written.", f"make this directory your user's own, {_AGAIN}")


# The order matters: a proxy's failure also says "connection broken", and all of them end in "No matching distribution".
_CAUSES: tuple[tuple[str, Callable[[_Said], Problem]], ...] = (
    (r"No space left on device|Disk quota exceeded", _disk),
    (r"DO NOT MATCH THE HASHES", _hashes),
    (r"ProxyError|Tunnel connection failed|407 Proxy", _proxy),
    (r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|SSLError", _certificate),
    (r"\b(40[13]|429|5\d\d) (?:Client|Server) Error", _status),
    (r"too many (\d{3}) error responses", _status),
    (r"HTTP error (40[13]|429|5\d\d)", _status),
    (r"connection broken by|NewConnectionError|Max retries|Read timed out|ConnectionReset|IncompleteRead", _network),
    (r"No matching distribution found for ([A-Za-z0-9._-]+)", _no_wheel),
    (r"Permission denied|Read-only file system", _unwritable),
)
