"""SECURITY.md and NOTICE are true: what they name is there."""

from __future__ import annotations

import re
import shlex

from bot.settings import Settings
from tests.servers.valkey import PLACEHOLDER, USERS
from tests.terminal import ROOT

PAGE = (ROOT / "SECURITY.md").read_text()
NOTICE = (ROOT / "NOTICE").read_text()
LINES = re.findall(r"^\| (\d+) \| (yes|partly|no) \| (.+?) \| (.*)\|$", PAGE, re.MULTILINE)


def test_every_line_of_the_list_is_there_and_says_whether_it_is_held() -> None:
    """In their order; one that is held is shown by a test, and one that is not names none."""
    assert [int(number) for number, *_ in LINES] == list(range(1, 26))
    assert all(("::test_" in shown) == (held != "no") for _, held, _, shown in LINES)


def test_every_test_that_is_named_exists() -> None:
    """A claim whose test was renamed is a claim again."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 40
    gone = [
        f"{path}::{name}"
        for path, name in named
        if not re.search(rf"^ *(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)
    ]
    assert gone == []


def test_every_file_and_setting_that_is_named_exists() -> None:
    """So what an operator is told to do can be done."""
    for path in re.findall(r"`((?:deploy|tests)/[\w/]+\.\w+)`", PAGE):
        assert (ROOT / path).exists(), path
    known = {name.upper() for name in Settings.model_fields} | {"SSL_CERT_FILE"}
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`", PAGE))
    assert {name.removesuffix("_FILE") if name not in known else name for name in named} <= known
    assert PLACEHOLDER in PAGE
    assert PLACEHOLDER in USERS.read_text()
    assert all(shlex.split(line)[0] == "user" for line in USERS.read_text().splitlines()), "an ACL file has no comments"


def test_the_notice_names_what_the_models_licence_asks_for() -> None:
    """Its sentence to the letter, the clause about very large services, other models, and acceptable use."""
    said = " ".join(NOTICE.split())
    sentence = "Llama 2 is licensed under the LLAMA 2 Community License, Copyright (c) Meta Platforms, Inc. "
    assert f"{sentence}All Rights Reserved." in said
    for part in ("https://ai.meta.com/llama/license/", "https://ai.meta.com/llama/use-policy/", "700 million"):
        assert part in said
    assert "must not be used to improve any other large language model" in said
    assert all(name in said for name in ("SmolLM2-135M-Instruct", "BSD-3-Clause", "Apache License"))
