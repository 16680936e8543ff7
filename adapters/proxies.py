"""The way out of this machine that its environment names."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_for(url: str) -> str | None:
    """The proxy for `url` that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name; never one for this machine itself. aiohttp's
    trust_env is not used: it also reads ~/.netrc."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    with suppress(ValueError):
        if ip_address(host).is_loopback:
            return None
    if host == "localhost" or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return getproxies().get(parts.scheme) or None
