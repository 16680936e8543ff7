"""What log lines hold, and what they never do."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest

from bot.logs import configure_logs
from conversation.accounts import LOGGED
from conversation.errors import ModelRefused, StreamCut
from conversation.pseudonyms import pseudonym, use_key, without_ids
from inference.failures import from_payload, from_status, not_a_frame

CANARY = "swordfish"


class Payload(pydantic.BaseModel):
    """As libraries read what comes from outside."""

    text: int


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written to stderr, by a program that logs all it can."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root, was_raising = logging.getLogger(), logging.raiseExceptions
    before, level = root.handlers[:], root.level
    configure_logs("DEBUG")
    yield written
    root.handlers[:], logging.raiseExceptions = before, was_raising
    root.setLevel(level)


def read(lines: io.StringIO) -> list[dict[str, Any]]:
    """The lines as JSON."""
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_traceback_says_where_and_not_what(lines: io.StringIO) -> None:
    """pydantic repeats the value that it cannot read, a KeyError the key, and so do the errors that come of them."""
    try:
        try:
            Payload.model_validate({"text": CANARY})
        except pydantic.ValidationError as error:
            raise KeyError(CANARY) from error
    except KeyError:
        logging.getLogger("adapters.slack").exception("it broke")
    (line,) = read(lines)
    assert line["event"] == "it broke"
    assert "test_logs.py" in line["exception"]
    assert "builtins.KeyError: KeyError" in line["exception"]
    assert "ValidationError" in line["exception"]
    assert CANARY not in lines.getvalue()


def test_an_exception_group_tells_of_each_of_its_errors(lines: io.StringIO) -> None:
    """A worker dies of what one of its tasks raised."""
    try:
        raise ExceptionGroup(CANARY, [ValueError(CANARY), ModelRefused("HTTP 400", quoted=CANARY)])
    except ExceptionGroup:
        logging.getLogger("bot.wiring").exception("the worker died")
    (line,) = read(lines)
    assert "ValueError" in line["exception"]
    assert "conversation.errors.ModelRefused: HTTP 400" in line["exception"]
    assert CANARY not in lines.getvalue()


@pytest.mark.parametrize("form", ["%s", "%r"])
def test_an_error_in_a_message_says_what_is_ours_and_not_what_it_quotes(lines: io.StringIO, form: str) -> None:
    """A library's error is named only; of the system's the reason is said."""
    log = logging.getLogger("conversation.generation")
    for error in (
        StreamCut("no token within 30 s"),
        from_status(400, {}, json.dumps({"error": {"message": CANARY, "type": "BadRequestError"}}).encode()),
        from_payload({"error": CANARY, "error_type": "generation"}),
        not_a_frame(f"data: {CANARY}".encode()),
        ConnectionRefusedError(111, "Connection refused", CANARY),
        ValueError(CANARY),
    ):
        log.warning(form, error)
    assert [line["event"] for line in read(lines)] == [
        "no token within 30 s",
        "HTTP 400, BadRequestError",
        "in the stream",
        "a frame that is no answer",
        "ConnectionRefusedError: Connection refused",
        "ValueError",
    ]


def test_what_tgi_says_of_a_request_s_size_is_told() -> None:
    """Its sentences hold figures and no words of anybody, and an operator needs them."""
    body = json.dumps({"error": "`inputs` must have less than 4096 tokens", "error_type": "validation"}).encode()
    assert from_status(422, {}, body).detail == "HTTP 422: `inputs` must have less than 4096 tokens"


def test_ids_have_pseudonyms_also_where_nobody_thought_of_them(lines: io.StringIO) -> None:
    """The same id the same one; a job's id, a port and a word in capitals stay what they are."""
    logging.getLogger("aiohttp.client").info("channel 1300000000000000002 of U0HUMAN001, again U0HUMAN001")
    logging.getLogger("bot").info("job 3f2504e04f8911d39a0c0305e82c3301 at port 8008: UNAVAILABLE")
    first, second = read(lines)
    names = pseudonym("1300000000000000002"), pseudonym("U0HUMAN001")
    assert first["event"] == f"channel {names[0]} of {names[1]}, again {names[1]}"
    assert second["event"] == "job 3f2504e04f8911d39a0c0305e82c3301 at port 8008: UNAVAILABLE"


def test_a_pseudonym_depends_on_the_key() -> None:
    """Without it all ids could be tried out."""
    use_key(b"one key" * 4)
    one = pseudonym("U0HUMAN001")
    assert without_ids("U0HUMAN001") == one == pseudonym("U0HUMAN001")
    use_key(b"another" * 4)
    assert pseudonym("U0HUMAN001") != one


def test_libraries_do_not_tell_what_passes_through_them(lines: io.StringIO) -> None:
    """Whatever LOG_LEVEL is: below INFO they log payloads. We say what we say."""
    for name in ("discord.gateway", "slack_bolt.App", "aiohttp.client", "redis"):
        logging.getLogger(name).debug("payload: %s", CANARY)
    logging.getLogger("adapters.slack.status").debug("no status")
    assert [line["event"] for line in read(lines)] == ["no status"]


async def test_a_task_that_nobody_waited_for_is_named_without_its_error(lines: io.StringIO) -> None:
    """asyncio shows the task as Python does, with its coroutine, its name and its error's text."""

    async def fail() -> None:
        raise ValueError(CANARY)

    task = asyncio.create_task(fail(), name="look up channel 1300000000000000002")
    await asyncio.wait([task])
    del task
    gc.collect()
    (line,) = read(lines)
    assert line["event"] == "Task exception was never retrieved"
    assert "ValueError" in line["exception"]
    assert CANARY not in lines.getvalue()
    assert "1300000000000000002" not in lines.getvalue()


def test_the_fields_of_an_answer_s_line_are_fields_and_others_are_dropped(lines: io.StringIO) -> None:
    """What a library hangs on its records is not ours to publish."""
    logging.getLogger("conversation.accounts").info("answer settled", extra={"outcome": "complete", "seconds": 1.5})
    logging.getLogger("aiohttp.access").info("a request", extra={"remote_address": CANARY})
    first, second = read(lines)
    assert (first["event"], first["outcome"], first["seconds"]) == ("answer settled", "complete", 1.5)
    assert set(second) == {"event", "level", "logger", "timestamp"}
    assert {"outcome", "seconds"} <= set(LOGGED)


def test_the_file_of_a_chat_is_as_discreet(lines: io.StringIO, tmp_path: Path) -> None:
    """It stays on the disk when the talk is forgotten."""
    file = tmp_path / "chat.log"
    configure_logs("INFO", file)
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("conversation.worker").exception("job %s failed", "j1")
    assert "job j1 failed" in file.read_text()
    assert "test_logs.py" in file.read_text()
    assert CANARY not in file.read_text()
