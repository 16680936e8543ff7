"""What stands at the model's address, before anything of the program's own asks it.

A server that is starting is a result and no failure: TGI takes no connection before its weights are loaded, and an
Inference Endpoint that sleeps answers 503 for minutes.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from bot.doctor.findings import Finding, failed, warning
from bot.doctor.network import CALL_SECONDS, Kind, shown, trouble
from bot.settings import ModelApi, Settings
from inference.http import ModelServer

BODY_BYTES = 64 << 10
_PATHS = {ModelApi.TGI: "/info", ModelApi.COMPLETIONS: "/v1/models"}
_WAKING = {502, 503, 504}


@dataclass(frozen=True, slots=True)
class Names:
    """How one of the two models is called in findings and in the settings."""

    check: str
    url: str
    model: str


MODEL = Names("model", "MODEL_URL", "MODEL_ID")
INFILL = Names("infill", "INFILL_MODEL_URL", "INFILL_MODEL_ID")


async def look_at(settings: Settings, names: Names) -> Finding | dict[str, Any]:
    """What stands at MODEL_URL: a finding when no model's server answers there, else its own words about itself."""
    assert settings.model_url is not None
    name, path = f"{names.check}.server", _PATHS[settings.api]
    token = settings.model_token.get_secret_value() if settings.model_token is not None else None
    server = ModelServer(settings.model_url, token=token)
    try:
        status, headers, body = await _get(server, path)
        if status in {404, 405} and (other := await _other_api(server, settings.api)) is not None:
            cause = f"{server.shown_url} speaks {other}'s protocol and not {settings.api}'s"
            return failed(name, f"there is no {path}", cause, f"MODEL_API={other}")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return _unreachable(name, error, settings.model_url, names)
    finally:
        await server.aclose()
    place = server.shown_url
    if (finding := _by_status(name, place, status)) is not None:
        return finding
    if 300 <= status < 400:
        target = shown(headers.get("Location", "")).removesuffix(path) or "<the address that it names>"
        told = f"{place} leads elsewhere (HTTP {status})"
        return failed(name, told, "redirects are not followed", f"{names.url}={target}")
    return _by_body(name, f"{place}{path}", status, body, settings, names)


def _by_status(name: str, place: str, status: int) -> Finding | None:
    if status in _WAKING:
        cause = "its server, or the endpoint behind it, is starting: that takes minutes"
        return warning(name, f"{place} is starting (HTTP {status})", cause, "wait; if it lasts, see the server's log")
    if status in {401, 403}:
        return refused_key(name, place, status)
    if status == 429:
        return warning(name, f"{place} has too much to do (HTTP 429)", "others ask it, too", "wait, and ask again")
    if status >= 500:
        told = f"{place} fails (HTTP {status})"
        return failed(name, told, "the model's server is broken", "see the server's log; start it anew")
    return None


def _by_body(
    name: str, address: str, status: int, body: bytes, settings: Settings, names: Names
) -> Finding | dict[str, Any]:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        cause = "a web page, a proxy or a log-in page answers, and no model's server"
        return failed(name, f"{address} is no JSON (HTTP {status})", cause, f"correct {names.url}")
    has_no_list = settings.api is ModelApi.COMPLETIONS and 400 <= status < 500  # some servers serve one model unnamed
    if isinstance(data, dict) and (status == 200 or has_no_list):
        return data
    cause = "no model's server of this kind listens there"
    return failed(name, f"{address} answers HTTP {status}", cause, f"correct {names.url} or MODEL_API")


async def _get(server: ModelServer, path: str) -> tuple[int, dict[str, str], bytes]:
    async with asyncio.timeout(CALL_SECONDS):
        async with server.session.get(server.base_url + path, allow_redirects=False) as response:
            body = await response.content.read(BODY_BYTES)
            while len(body) < BODY_BYTES and (more := await response.content.read(BODY_BYTES - len(body))):
                body += more
            return response.status, dict(response.headers), body


async def _other_api(server: ModelServer, api: ModelApi) -> ModelApi | None:
    other = ModelApi.COMPLETIONS if api is ModelApi.TGI else ModelApi.TGI
    status, _, body = await _get(server, _PATHS[other])
    with suppress(orjson.JSONDecodeError):
        if status == 200 and isinstance(orjson.loads(body), dict):
            return other
    return None


def _unreachable(name: str, error: BaseException, url: str, names: Names) -> Finding:
    why = trouble(error, url, names.url)
    if why.kind is Kind.REFUSED:
        cause = "Text Generation Inference opens its port when the weights are loaded, which takes minutes"
        fix = f"wait; if it is not starting, start it, or correct {names.url}"
        return warning(name, f"{why.cause}: it is starting, or not there", cause, fix)
    return failed(name, "the model's server cannot be reached", why.cause, why.fix)


def refused_key(name: str, place: str, status: int) -> Finding:
    """For a server that does not take the key it is sent."""
    cause = "it wants the key that it was started with (TGI: --api-key), or a Hugging Face token"
    return failed(name, f"{place} does not take MODEL_TOKEN (HTTP {status})", cause, "MODEL_TOKEN=<that key>")
