"""Addresses that Slack's payloads name: where an interaction may be answered, and where a file lies. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

# Of Slack and of GovSlack (docs.slack.dev/govslack).
_DOMAINS = ("slack.com", "slack-gov.com")


def origin_of(url: str) -> str:
    """`scheme://host[:port]`; "" for what is no address."""
    try:
        parts = urlsplit(url)
    except ValueError:  # half an IPv6 address, say
        return ""
    return f"{parts.scheme}://{parts.netloc}"


def is_slacks(url: str, api_origin: str) -> bool:
    """Whether it is a host of Slack's, or that of the Web API itself. Nobody else is given what we have."""
    origin = origin_of(url)
    scheme, _, host = origin.partition("://")
    known = scheme == "https" and any(host == domain or host.endswith(f".{domain}") for domain in _DOMAINS)
    return known or origin == api_origin
