"""Where a link leads, in words that a person can judge."""

from __future__ import annotations

import re
from urllib.parse import unquote

# A scheme that the web knows, any scheme with `//`, or none with `//`: browsers take backslashes for slashes.
_URL = re.compile(r"(?:(?:https?|ftp):|[a-z][a-z0-9+.-]*:(?=//)|(?=[/\\]{2}))[/\\]*([^/\\?#]*)", re.IGNORECASE)
_CONTACT = re.compile(r"(?:mailto|tel|sms|slack):([^?]*)", re.IGNORECASE)
# Without a slash behind it `obj.attr` is rather code than a host.
_BARE = re.compile(r"(www\.[\w.-]+|(?:[\w-]+\.)+[a-z]{2,}(?=(?::\d+)?/))", re.IGNORECASE)
_IGNORED = re.compile(r"[\s\x00-\x1f]")
_PORT = re.compile(r":\d*\Z")
_WORD = re.compile(r"[\w.@+-]+")


def leads_to(destination: str) -> str:
    """The host, mail address or number that a link leads to, as a browser reads it; "" for a place beside the text.

    `destination` is what Markdown makes of the source, without escapes. A host in other letters than ASCII is given as
    `xn--...`, since some of them look like Latin ones.
    """
    destination = _IGNORED.sub("", destination)
    if url := _URL.match(destination):
        host = _PORT.sub("", unquote(url[1].rpartition("@")[2])).lower().rstrip(".")
        return re.sub(r"[^\w.:-]", "?", _ascii(host)) or "?"
    if contact := _CONTACT.match(destination):
        return re.sub(r"[^\w.@+:-]", "?", unquote(contact[1])) or "?"
    bare = _BARE.match(destination)
    return _ascii(bare[1].lower()) if bare else ""


def names(label: str, where: str) -> bool:
    """Whether a link's label shows already where it leads."""
    words = {word.strip("._-").removeprefix("www.") for word in _WORD.findall(label.lower())}
    return where.lower().removeprefix("www.") in words


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:  # no name that can be looked up
        return host.encode("ascii", "replace").decode()
