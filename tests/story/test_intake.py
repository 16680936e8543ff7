"""The first step of every message."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.errors import MessageTooLong
from conversation.intake import Intake, Stopped, storable
from conversation.model import Command, Skill
from tests.story.conftest import Town


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=50))
def test_whatever_was_read_can_be_written(text: str) -> None:
    """Half characters are replaced, everything else is byte-exact."""
    assert storable(text) == text
    assert storable("a\ud800b\udfff") == "a\ufffdb\ufffd"
    storable(text + "\udcff").encode()


async def test_the_word_stop_stops_only_where_an_answer_runs(town: Town) -> None:
    """Elsewhere it is a question like any other."""
    intake = Intake(town.inbox, 100)
    alone = await intake.receive(town.message("stop"))
    assert not isinstance(alone, Stopped)
    assert isinstance(await intake.receive(town.message("Stop!")), Stopped)
    assert await town.inbox.depth() == 1


async def test_a_command_has_no_length_and_is_no_word(town: Town) -> None:
    """Continue is accepted as what it is."""
    accepted = await Intake(town.inbox, 100).receive(town.message("", command=Command.CONTINUE))
    assert not isinstance(accepted, Stopped)
    assert accepted.is_new


async def test_the_limit_is_counted_in_characters_and_refuses_before_anything_is_stored(town: Town) -> None:
    """100 are taken, 101 are not."""
    intake = Intake(town.inbox, 100)
    await intake.receive(town.message("é" * 100))
    with pytest.raises(MessageTooLong):
        await intake.receive(town.message("é" * 101))
    with pytest.raises(MessageTooLong) as caught:
        await intake.receive(replace(town.message("Continue this code:"), skill=Skill.COMPLETE, code="x" * 200_000))
    assert "200,000 characters; I take up to 100." in caught.value.user_notice
    assert await town.inbox.depth() == 1


def test_code_is_storable_too(town: Town) -> None:
    """Half a character in it would fail when it is stored."""
    message = Intake(town.inbox, 100).check(replace(town.message("Fill"), skill=Skill.FILL, code="a\ud800<FILL_ME>"))
    assert message.code == "a\ufffd<FILL_ME>"
