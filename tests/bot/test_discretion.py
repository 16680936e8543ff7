"""Log lines without secrets, whoever writes them."""

from __future__ import annotations

import errno
import json
import logging
from pathlib import Path

import pytest

from bot.discretion import HIDDEN, Discretion
from bot.logs import configure_logs
from bot.settings import load_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bot.discretion.getproxies", lambda: {"https": "http://me:canary-proxy@proxy:3128"})


def test_tokens_and_passwords_in_addresses_are_hidden() -> None:
    """As they are written, and as they are meant; names and hosts stay, so that a message still helps."""
    discretion = Discretion.of(
        load_settings(
            slack_bot_token="xoxb-canary",
            redis_url="rediss://corral:canary%2Fredis@store/0?password=canary-query&db=1",
            model_url="https://canary-user-token@models/",
            discord_token="short",
        )
    )
    secrets = ["xoxb-canary", "canary%2Fredis", "canary/redis", "canary-query", "canary-user-token", "canary-proxy"]
    for secret in secrets:
        assert discretion.hide(f"({secret})") == f"({HIDDEN})"
    assert discretion.hide("corral at store, short of models") == "corral at store, short of models"


def test_of_two_that_begin_alike_nothing_is_left() -> None:
    """The longer one first."""
    assert Discretion(["canary-1", "canary-1-more"]).hide("a canary-1-more b") == f"a {HIDDEN} b"
    assert Discretion([]).hide("as it is") == "as it is"


@pytest.mark.parametrize("secret", ['abc"def\\ghi-secret', "päss-wörter-1234"])
def test_a_line_of_json_hides_what_it_would_write_otherwise(secret: str) -> None:
    """JSON writes quotes, backslashes and other letters in its own way."""
    hidden = Discretion([secret]).hide(
        json.dumps({"event": secret}) + json.dumps({"event": secret}, ensure_ascii=False)
    )
    assert hidden.count(HIDDEN) == 2


def test_a_traceback_hides_them_too(tmp_path: Path) -> None:
    """What a library puts into its exception, and what it logs."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure_logs("INFO", tmp_path / "log", Discretion(["canary-secret"]))
        told = "https://me:canary-secret@host"
        try:
            raise OSError(errno.ECONNREFUSED, told)
        except OSError:
            logging.getLogger("a library").exception("Authorization: %s", "canary-secret")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    text = (tmp_path / "log").read_text()
    assert "canary" not in text
    assert "Traceback" in text
    assert text.count(HIDDEN) == 2
