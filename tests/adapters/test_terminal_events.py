"""Typed lines as inbound messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from adapters.terminal.events import inbound, thread_id
from conversation.attached import with_file
from conversation.model import ThreadId


def test_a_thread_of_the_terminal_is_named_by_user_and_name() -> None:
    """`terminal:local:<user>:<name>`."""
    assert str(thread_id("ada", "main")) == "terminal:local:ada:main"


@given(st.text(min_size=0, max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_a_thread_id_reads_back_from_its_text(platform: str, tenant: str, channel: str, thread: str) -> None:
    """Whatever stands in the parts, colons included."""
    identity = ThreadId(platform, tenant, channel, thread)
    assert ThreadId.parse(str(identity)) == identity


def test_a_message_is_keyed_by_its_own_id() -> None:
    """Two messages of one thread differ, a redelivery does not."""
    first = inbound(thread_id("ada", "main"), "1", "hi", 0.0)
    assert first.key == inbound(thread_id("ada", "main"), "1", "other", 9.0).key
    assert first.key != inbound(thread_id("ada", "main"), "2", "hi", 0.0).key


@given(st.text(alphabet="`~ab\n #", max_size=60))
def test_a_file_cannot_end_its_fence(content: str) -> None:
    """The piped text is one code block, whatever backticks it holds."""
    tokens = MarkdownIt().parse(with_file("what is this?", "stdin", content))
    fences = [token for token in tokens if token.type == "fence"]
    assert len(fences) == 1
    assert fences[0].content.removesuffix("\n") == content.removesuffix("\n")
