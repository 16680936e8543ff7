"""What a child process is told."""

from __future__ import annotations

import pytest

from inference.children import child_environment


def test_a_child_knows_no_secret_and_finds_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the operator calls them."""
    for name in ("SLACK_BOT_TOKEN", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY", "REDIS_URL"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    told = child_environment()
    assert "canary" not in told.values()
    assert (told["PYTHONPATH"], told["OMP_NUM_THREADS"]) == ("/somewhere", "2")
