"""What people write, out of the `text` of Slack's events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.mrkdwn import begins_with_mention, mentions, message_links, plain, without_mention

NAMES = {"U1": "Ann", "U2": "Bob & Co", "W3": "Eve"}


def escaped(text: str) -> str:
    """As Slack escapes what people type."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize(
    ("mrkdwn", "typed"),
    [
        ("hello", "hello"),
        ("", ""),
        ("if a &lt; b &amp;&amp; c &gt; d", "if a < b && c > d"),
        (
            "&amp;lt; stays an entity, &amp;amp; too, &quot; &copy; &#60; as well",
            "&lt; stays an entity, &amp; too, &quot; &copy; &#60; as well",
        ),
        ("<https://x.example/a?b=1&amp;c=2>", "https://x.example/a?b=1&c=2"),
        ("<https://x.example|the docs>", "the docs (https://x.example)"),
        ("<https://x.example|a &lt;b&gt; &amp;amp;>", "a <b> &amp; (https://x.example)"),
        ("<https://x.example/a|https://x.example/a>", "https://x.example/a"),
        ("<http://example.com|example.com> and <http://b.example/|b.example>", "example.com and b.example"),
        ("<http://sys.info|sys.info>.append()", "sys.info.append()"),
        ("<https://good.example|evil.example>", "evil.example (https://good.example)"),
        ("<mailto:a@b.example|a@b.example> <mailto:c@d.example>", "a@b.example c@d.example"),
        ("<tel:+15551234|+1 555 1234>", "+1 555 1234"),
        ("<@U1> and <@U2|bobby>, <@W3> <@U9> <@U8|zed>", "@Ann and @Bob & Co, @Eve @U9 @zed"),
        ("<#C1|general> <#C2> <#C3|>", "#general #C2 #C3"),
        ("<!here> <!channel> <!everyone> <!here|here> <!channel|@channel>", "@here @channel @everyone @here @channel"),
        ("<!subteam^S1|@team> <!subteam^S2>", "@team @S2"),
        ("<!date^1392734382^{date} at {time}|Feb 18, 2014>", "Feb 18, 2014"),
        ("```if (a &lt; b) {\n\tx-&gt;y &amp;= 1;\n}```", "```if (a < b) {\n\tx->y &= 1;\n}```"),
        ("```curl <https://x.example/a?b=1&amp;c=2> | sh```", "```curl https://x.example/a?b=1&c=2 | sh```"),
        ("`#include &lt;vector&gt;` and `List&lt;String&gt;`", "`#include <vector>` and `List<String>`"),
        ("*bold* _italic_ ~struck~ :tada: \u200b  two  spaces", "*bold* _italic_ ~struck~ :tada: \u200b  two  spaces"),
        ("a <> b", "a <> b"),
    ],
)
def test_a_message_reads_as_it_was_typed(mrkdwn: str, typed: str) -> None:
    """Slack's words become what people see, and entities are undone once."""
    assert plain(mrkdwn, NAMES) == typed


@given(st.text())
def test_any_typed_text_comes_back_byte_for_byte(typed: str) -> None:
    """Escaping by Slack and reading by us cancel out."""
    assert plain(escaped(typed), NAMES) == typed


@given(st.text(), st.text())
def test_a_name_is_no_markup(name: str, text: str) -> None:
    """Whatever somebody calls himself stands there as it is."""
    shown = plain(f"<@U1> {escaped(text)}", {"U1": name})
    assert shown == f"@{name or 'U1'} {text}"


def test_mentions_are_found_in_order_once_each_and_not_in_code() -> None:
    """Ids of users of the workspace and of others (W...), with and without names."""
    assert mentions("<@U2> hi <@U1|ann> <@W3>, <@U2> again") == ["U2", "U1", "W3"]
    assert mentions("`<@U1>` ```\n<@U2>\n``` <@U3>") == ["U3"]
    assert mentions("a lone ` <@U1>") == ["U1"]
    assert mentions("&lt;@U1&gt; <#C1|x> <!here> @U1") == []


@pytest.mark.parametrize(
    ("mrkdwn", "user"),
    [
        ("<@U1> hello", "U1"),
        ("  \n<@U1|corral>", "U1"),
        ("<@U1><@U2> hello", "U1"),
        ("hello <@U1>", None),
        ("`<@U1>` hello", None),
        ("&lt;@U1&gt; hello", None),
        ("", None),
    ],
)
def test_the_first_word_tells_whom_a_message_addresses(mrkdwn: str, user: str | None) -> None:
    """White space before it does not count."""
    assert begins_with_mention(mrkdwn) == user


@pytest.mark.parametrize(
    ("mrkdwn", "left"),
    [
        ("<@B1> what is a monad?", "what is a monad?"),
        ("<@B1|corral> what?", "what?"),
        ("<@B1>: what?", "what?"),
        ("<@B1>, what?", "what?"),
        ("<@B1>:tada: thanks", ":tada: thanks"),
        ("  <@B1>   <@B1>\n\nwhat?", "what?"),
        ("<@B1>", ""),
        ("<@B1>\n    def f():\n        pass", "    def f():\n        pass"),
        ("<@B1>\n\tmake\n", "\tmake\n"),
        ("<@B1> ```\n  code <@B1>\n```", "```\n  code <@B1>\n```"),
        ("what is it, <@B1>?", "what is it,?"),
        ("hey <@B1>, how", "hey, how"),
        ("hey <@B1> how", "hey how"),
        ("hey <@B1>", "hey"),
        ("hey <@B1>\nhow", "hey\nhow"),
        ("hey\n<@B1> how", "hey\nhow"),
        ("hey\n<@B1>\n  how", "hey\n  how"),
        ("(<@B1>)", "()"),
        ("thanks<@B1>thanks", "thanksthanks"),
        ("a <@B1>'s b", "a 's b"),
        ("`<@B1>` stays", "`<@B1>` stays"),
        ("<@U2> and <@B1> and <@U3>", "<@U2> and and <@U3>"),
        ("no mention <@B12>", "no mention <@B12>"),
    ],
)
def test_a_mention_goes_with_the_space_that_it_brought(mrkdwn: str, left: str) -> None:
    """Code and indentation stay."""
    assert without_mention(mrkdwn, "B1") == left


WORDS = st.lists(
    st.sampled_from(
        ["<@B1>", "<@U2>", " ", "  ", "\n", "\t", "word", "`", "```", "`<@B1>`", ",", ":", "&lt;", "    x"]
    ),
    max_size=12,
).map("".join)


@given(WORDS)
def test_without_mentions_nothing_but_space_and_mentions_is_lost(mrkdwn: str) -> None:
    """And nobody is left to be mentioned by that id outside of code."""
    left = without_mention(mrkdwn, "B1")
    assert "B1" not in mentions(left)
    lost = "".join(mrkdwn.replace("<@B1>", "").split())
    kept = "".join(left.replace("<@B1>", "").split())
    assert lost in (kept, f",{kept}", f":{kept}")
    if "<@B1>" not in mrkdwn:
        assert left == mrkdwn


def test_links_to_messages_are_found() -> None:
    """Channel, timestamp and thread, as Slack writes them in a link; other addresses are none."""
    text = (
        "see <https://acme.slack.com/archives/C123ABC/p1234567890123456"
        "?thread_ts=1234567890.000100&amp;cid=C123ABC|this> "
        "and https://a.enterprise.slack.com/archives/D1/p1700000000000002, "
        "`<https://acme.slack.com/archives/G7/p1700000000000003>` "
        "<https://acme.slack.com/archives/C123ABC/p1234567890123456?thread_ts=1234567890.000100&amp;cid=C123ABC>"
    )
    assert message_links(text) == [
        ("C123ABC", "1234567890.123456", "1234567890.000100"),
        ("D1", "1700000000.000002", None),
        ("G7", "1700000000.000003", None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/acme.slack.com/archives/C1/p1234567890123456",
        "https://acme.slack.com.evil.example/archives/C1/p1234567890123456",
        "https://slack.com/archives/C1/p1234567890123456",
        "http://acme.slack.com/archives/C1/p1234567890123456",
        "https://acme.slack.com/archives/C1/p123456789012345",
        "https://acme.slack.com/archives/C1/p12345678901234567",
        "https://acme.slack.com/archives/C1",
    ],
)
def test_other_addresses_are_no_links_to_messages(text: str) -> None:
    """The host is Slack's, and the timestamp has sixteen digits."""
    assert message_links(text) == []


def test_a_thread_that_is_no_timestamp_is_none() -> None:
    """It would be asked for at Slack."""
    link = "https://acme.slack.com/archives/C1/p1234567890123456?thread_ts=../admin"
    assert message_links(link) == [("C1", "1234567890.123456", None)]
