"""slack_sdk's client as we want it: nothing repeated, nothing of people's texts logged, the environment honoured.

- A repeated post is a second message, so the SDK's retry handlers are off; who sends looks for the first one before it
  sends again.
- Proxies: HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured, except for this machine itself. Custom CA: SSL_CERT_FILE
  and SSL_CERT_DIR are.
"""

from __future__ import annotations

import logging
import ssl
from urllib.parse import urlsplit

from slack_sdk.web.async_client import AsyncWebClient

from adapters.proxies import proxy_for

CALL_SECONDS = 10


def web_client(token: str, api_url: str) -> AsyncWebClient:
    """A client of the Web API at `api_url`, which ends in `/api/`. Its calls end after ten seconds at the latest."""
    # Its debug lines hold people's texts, and are built for every call even when nobody reads them.
    quiet = logging.getLogger(f"{__name__}.sdk")
    quiet.setLevel(logging.INFO)
    client = AsyncWebClient(
        token,
        api_url,
        timeout=CALL_SECONDS,
        # aiohttp's own context is made when it is imported, before a program could set SSL_CERT_FILE.
        ssl=ssl.create_default_context() if urlsplit(api_url).scheme == "https" else None,
        logger=quiet,
        retry_handlers=[],
    )
    # The SDK takes HTTPS_PROXY from the environment and overlooks NO_PROXY.
    client.proxy = proxy_for(api_url)
    return client
