"""ACCESS_ALLOW and ACCESS_DENY as settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_rule_that_says_nothing_is_told_with_the_other_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once, each with its variable."""
    monkeypatch.setenv("ACCESS_ALLOW", "slack channel:#general; slack user:U1; discord role:helpers")
    monkeypatch.setenv("ACCESS_DENY", "terminal")
    monkeypatch.setenv("CONCURRENCY", "0")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    allow, deny = (line for line in str(caught.value).splitlines() if line.startswith("ACCESS_"))
    assert allow.startswith('ACCESS_ALLOW: in the rule "slack channel:#general" #general is no id')
    assert 'in the rule "discord role:helpers" helpers is no id' in allow
    assert deny.startswith('ACCESS_DENY: in the rule "terminal" terminal is followed by nothing')
    assert "CONCURRENCY: " in str(caught.value)


def test_rules_may_stand_in_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the environment of a container."""
    monkeypatch.setenv("ACCESS_ALLOW", "slack user:U1\nslack user:U2\n")
    assert load_settings().access_allow == "slack user:U1\nslack user:U2\n"
