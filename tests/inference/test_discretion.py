"""What stays out of messages, and so out of logs."""

from __future__ import annotations

import base64

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from conversation.errors import ModelError, ModelUnavailable
from inference.failures import from_status
from inference.http import ModelServer


async def test_a_password_in_the_address_is_not_told() -> None:
    """The host is, so that the message still helps."""
    server = ModelServer("http://user:hunter2@127.0.0.1:9/prefix")
    with pytest.raises(ModelUnavailable) as error:
        await server.get_json("/info")
    await server.aclose()
    assert "http://127.0.0.1:9/prefix" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_request_that_comes_back_in_an_error_is_not_told() -> None:
    """FastAPI's form of a 422 holds the input."""
    body = orjson.dumps({"detail": [{"loc": ["body", "prompt"], "input": "canary question"}]})
    error = from_status(422, {}, body)
    assert "detail" in str(error)
    assert "canary" not in str(error)


@pytest.mark.parametrize("status", [401, 500])
async def test_a_key_that_a_server_repeats_is_not_told(status: int) -> None:
    """Proxies say what they were sent."""

    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"error": f"not for {request.headers['Authorization']}"}, status=status)

    app = web.Application()
    app.add_routes([web.get("/info", echo), web.post("/generate_stream", echo)])
    async with TestServer(app) as site:
        address = str(site.make_url("/"))
        for server in (
            ModelServer(address, token="canary-token"),
            ModelServer(address.replace("//", "//me:canary%20password@", 1)),
        ):
            with pytest.raises(ModelError) as told:
                await server.get_json("/info")
            with pytest.raises(ModelError) as streamed:
                async with server.stream("/generate_stream", {}):
                    pass
            await server.aclose()
            for error in (told.value, streamed.value):
                assert "[hidden]" in str(error)
                assert "canary" not in str(error)
                assert base64.b64encode(b"me:canary password").decode() not in str(error)
