"""Why somebody could not be reached, in words that lead to a remedy."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import urlsplit

import aiohttp

from bot.doctor.findings import Finding, failed

CALL_SECONDS = 5.0  # one call to somebody else; whoever needs longer is told to be silent


class Kind(Enum):
    """What stood in the way."""

    REFUSED = auto()
    NO_NAME = auto()
    SILENT = auto()
    UNREACHABLE = auto()
    UNTRUSTED = auto()
    NO_TLS = auto()
    PROXY = auto()
    NO_FILE = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Trouble:
    """`cause` and `fix` as a finding has them."""

    kind: Kind
    cause: str
    fix: str


def trouble(error: BaseException, url: str, variable: str) -> Trouble:
    """What kept a call from `url`, which is the value of `variable`, or with "" a service that all the world knows."""
    kind, detail = _kind(error)
    place = shown(url)
    host = urlsplit(url).hostname or place
    look = f"curl -sv -m 5 {place}" if place.startswith("http") else f"nc -zv -w 5 {host} {_port(url)}"
    causes = {
        Kind.REFUSED: f"nothing listens at {place}",
        Kind.NO_NAME: f"the name {host} cannot be looked up: no network, no DNS, or a typing mistake",
        Kind.SILENT: f"{place} does not answer: it hangs, or a firewall drops what is sent there",
        Kind.UNREACHABLE: f"there is no way from here to {host}: no network, or a firewall",
        Kind.UNTRUSTED: f"the certificate of {host} is not trusted: {detail}",
        Kind.NO_TLS: f"{place} does not speak TLS there",
        Kind.PROXY: "the proxy that HTTPS_PROXY or HTTP_PROXY names cannot be used",
        Kind.NO_FILE: f"a file cannot be used: {detail}",
        Kind.OTHER: f"the connection broke: {detail}",
    }
    fixes = {
        Kind.REFUSED: f"start it, or correct {variable}",
        Kind.NO_NAME: f"getent hosts {host}   # if it works elsewhere, it is the network here; else correct {variable}",
        Kind.SILENT: f"{look}   # if that works elsewhere, open the firewall; else see its log",
        Kind.UNREACHABLE: f"{look}   # open the firewall, or set HTTPS_PROXY",
        Kind.UNTRUSTED: "SSL_CERT_FILE=/path/of/your/authority.pem",
        Kind.NO_TLS: f"correct the scheme or the port of {variable}",
        Kind.PROXY: "correct HTTPS_PROXY and HTTP_PROXY, or unset them, or name the host in NO_PROXY",
        Kind.NO_FILE: f"correct the path in {variable}",
        Kind.OTHER: f"correct {variable}, or see its log",
    }
    if not variable:
        mend = f"mend this machine's network or DNS, open the firewall to {host}, or set HTTPS_PROXY"
        fixes |= dict.fromkeys((Kind.REFUSED, Kind.NO_NAME, Kind.NO_TLS, Kind.OTHER), mend)
    return Trouble(kind, causes[kind], fixes[kind])


def unreachable(name: str, who: str, error: BaseException, url: str, variable: str) -> Finding:
    """The finding for somebody who cannot be reached."""
    why = trouble(error, url, variable)
    return failed(name, f"{who} cannot be reached", why.cause, why.fix)


def shown(url: str) -> str:
    """`url` without what may be secret in it: name and password, query."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _port(url: str) -> int:
    return urlsplit(url).port or 6379


def _kind(error: BaseException) -> tuple[Kind, str]:
    """(kind, detail), from the most telling of the errors behind `error`."""
    chain = list(_chain(error))
    for kind, is_it in _SIGNS:
        for one in chain:
            if is_it(one):
                return kind, _detail(one)
    return Kind.OTHER, type(chain[-1]).__name__


def _is(*kinds: type[BaseException]) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, kinds)


def _has(*numbers: int) -> Callable[[BaseException], bool]:
    return lambda error: _errno(error) in numbers


_SIGNS: tuple[tuple[Kind, Callable[[BaseException], bool]], ...] = (
    (Kind.PROXY, _is(aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError)),
    (Kind.UNTRUSTED, _is(ssl.SSLCertVerificationError)),
    (Kind.NO_TLS, _is(ssl.SSLError)),
    (Kind.NO_NAME, _is(socket.gaierror)),
    (Kind.NO_FILE, _is(FileNotFoundError, PermissionError)),
    (Kind.REFUSED, _has(errno.ECONNREFUSED)),
    (Kind.UNREACHABLE, _has(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)),
    (Kind.SILENT, _is(TimeoutError)),
)


def _detail(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message or "it cannot be verified")
    return str(error.filename or error.strerror) if isinstance(error, OSError) else ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [getattr(one, "os_error", None), one.__cause__, one.__context__]


def _errno(error: BaseException) -> int | None:
    """Of several addresses' failures asyncio makes one error, whose numbers stand in its text."""
    if not isinstance(error, OSError):
        return None
    told = re.search(r"\[Errno (\d+)\]", str(error))
    return error.errno or (int(told[1]) if told else None)
