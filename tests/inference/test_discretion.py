"""What stays out of messages, and so out of logs."""

from __future__ import annotations

import orjson
import pytest

from conversation.errors import ModelUnavailable
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
