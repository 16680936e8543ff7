"""A model's Markdown, made safe for Slack's markdown block and for streams."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from adapters.markdown.addresses import leads_to
from adapters.slack.formatting import stable, to_slack

# What Slack would act on, written independently of the code under test.
PING = re.compile(
    r"<\\?(?:!\\?(?:(?i:channel|here|everyone|group)|(?:subteam|date)\\?\^)|@[UW][A-Z0-9]+[|>]|#[CDG][A-Z0-9]+[|>])"
)
MASKED = re.compile(r"<(?:https?|mailto):[^<>|\n]*\|[^<>\n]*>")
INVISIBLE = "\u200b"
LONGEST_HELD_BACK = 311

ANSWER = """# Sorting

Use `sorted(items, key=len)`; see [the docs](https://docs.python.org/3/howto/sorting.html).

```python
def sort(items: list[str]) -> list[str]:
\treturn sorted(items)  # a < b && c > d &amp; <!-- [x](https://in.code.example) -->
```

1. first
   - nested `vector<int>` and List<String>
   - [ ] open task
   - [x] done

| Name | Cost |
| --- | ---: |
| `sort` | O(n log n) |

> Quoted, 1 < 2.

<details><summary>More</summary>plain</details>
"""

FRAGMENTS = [
    *"[]()!`|\\<>:\"' \t\n-=*_~#a1",
    "``",
    "```",
    "```py\n",
    "~~~",
    "\n\n",
    "\r\n",
    "    ",
    "- ",
    "> ",
    "](",
    "![",
    "]:",
    "word ",
    "https://evil.example/x",
    "[docs](https://evil.example/x)",
    "[evil.example](https://evil.example)",
    "](https://evil.example/)",
    "![a](https://i.example/y.png)",
    "[1]: https://evil.example",
    "[docs][1]",
    "| a | b |\n|---|---|\n",
    "<!channel>",
    "<!chan",
    "nel>",
    "<@U123ABC>",
    "<!subteam^",
    "S1>",
    "<#C1|x>",
    "<https://evil.example|docs>",
    "<https://",
    "&lt;",
    "<!DOCTYPE html>",
    "x" * 60,
    "y" * 160,
]
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join) | st.text(max_size=60)


@pytest.mark.parametrize(
    "text",
    [
        ANSWER,
        "",
        "word",
        "#include <vector>\n#include <string>",
        "a < b > c <= d << e <> f",
        "<!DOCTYPE html><!-- comment --><![CDATA[x]]><!ELEMENT a>",
        "std::vector<std::pair<int, std::string>> v; List<@NonNull String> l; List<@UUID String> u; <#CGFloat#>",
        "<https://example.com> and <mailto:a@example.com> and https://example.com/a_(b)?c=[d]",
        "@channel @here @everyone and #general ping nobody",
        "&lt;!channel&gt; &amp; &#60;!here&#62;",
        "items[i](args) and handlers[name](std::move(x)) and rows[0](obj.attr) and m[k]: int",
        "[section](#sorting) and [file](src/main.py)",
        "`[docs](https://evil.example/x)` and ``a ` [b](https://c.example)``",
        "```md\n[docs](https://evil.example/x)\n![a](https://b.example/c.png)\n[1]: https://d.example\n```",
        "~~~\n[docs](https://evil.example/x)\n~~~",
        "a lone ` here\n\n`[docs](https://evil.example/x)`",
        "[never closed\n\nb]: c and x]: y",
        "- ```\n  [docs](https://evil.example/x)\n  ```",
        "> ```\n> [docs](https://evil.example/x)\n> ```",
        "```\nnever closed [docs](https://evil.example/x)",
        "if (!arr[0]) return ![1, 2].includes(x) && !map[k];",
        "\n".join(f"- item {number}" for number in range(300)),
    ],
)
def test_what_is_harmless_stays_byte_for_byte(text: str) -> None:
    """Code, generics, entities, tables, HTML, addresses that are shown: Slack gets them as the model wrote them."""
    if text == ANSWER:
        text = text.replace("[the docs]", "[the docs (docs.python.org)]")
    assert to_slack(text) == text


@pytest.mark.parametrize(
    ("word", "place"),
    [
        (word, place)
        for word in (
            "<!channel>",
            "<!here>",
            "<!everyone>",
            "<!group>",
            "<!here|here>",
            "<!HERE>",
            "<!subteam^S012AB3CD>",
            "<!subteam^S012AB3CD|@team>",
            "<!date^1392734382^{date}|soon>",
            "<@U012AB3CD>",
            "<@W012AB3CD|bob>",
            "<@U1>",
            "<#C012AB3CD>",
            "<#C012AB3CD|general>",
            "<https://evil.example|docs>",
            "<mailto:a@evil.example|docs>",
            r"<\!channel>",
            r"<\@U012AB3CD\>",
        )
        for place in ("{}", "a {} b", "`{}`", "```\n{}\n```", "    {}", "| {} |", "[{}](foo)", "![{}](foo)", "- [ ] {}")
    ],
)
def test_words_that_ping_or_hide_are_neutral_everywhere(word: str, place: str) -> None:
    """Only an invisible character behind the `<` is added."""
    text = place.format(word)
    shown = to_slack(text)
    assert not PING.search(shown)
    assert not MASKED.search(shown)
    assert f"<{INVISIBLE}{word[1:]}" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[docs](https://evil.example/x)", "[docs (evil.example)](https://evil.example/x)"),
        ("[docs](https://evil.example/x 'title')", "[docs (evil.example)](https://evil.example/x 'title')"),
        ("[docs](<https://evil.example/a b>)", "[docs (evil.example)](<https://evil.example/a b>)"),
        ("[**docs** and `x`](http://evil.example:8080)", "[**docs** and `x` (evil.example)](http://evil.example:8080)"),
        ("[](https://evil.example/x)", "[evil.example](https://evil.example/x)"),
        ("[evil.example](https://evil.example/x)", "[evil.example](https://evil.example/x)"),
        ("[https://evil.example/x](https://evil.example/x)", "[https://evil.example/x](https://evil.example/x)"),
        ("[www.Evil.example.](https://evil.example)", "[www.Evil.example.](https://evil.example)"),
        ("[https://good.example](https://evil.example)", "[https://good.example (evil.example)](https://evil.example)"),
        (
            "[good.example](https://good.example.evil.net)",
            "[good.example (good.example.evil.net)](https://good.example.evil.net)",
        ),
        (f"`{'x ' * 120}[a](https://b.example)`", f"`{'x ' * 120}[a (b.example)](https://b.example)`"),
        ("[a](https://good.example@evil.example)", "[a (evil.example)](https://good.example@evil.example)"),
        ("[a](https:\\/\\/evil.example)", "[a (evil.example)](https:\\/\\/evil.example)"),
        ("[a](https&colon;//evil.example)", "[a (evil.example)](https&colon;//evil.example)"),
        ("[a](//evil.example/x)", "[a (evil.example)](//evil.example/x)"),
        ("[a](evil.example/x)", "[a (evil.example)](evil.example/x)"),
        ("[a](vscode://evil.example/x)", "[a (evil.example)](vscode://evil.example/x)"),
        ("[mail](mailto:a@evil.example?subject=b)", "[mail (a@evil.example)](mailto:a@evil.example?subject=b)"),
        ("[paypal](https://r\u0430i.example)", "[paypal (xn--ri-7kc.example)](https://r\u0430i.example)"),
        ("| [a](https://evil.example) |", "| [a (evil.example)](https://evil.example) |"),
        ("# [a](https://evil.example)", "# [a (evil.example)](https://evil.example)"),
        ("[two\nlines](https://evil.example)", "[two\nlines (evil.example)](https://evil.example)"),
        (
            "`code` [a](https://evil.example) `code`",
            "`code` [a (evil.example)](https://evil.example) `code`",
        ),
        (
            "[a](https://one.example) [b](https://two.example)",
            "[a (one.example)](https://one.example) [b (two.example)](https://two.example)",
        ),
        (
            "```\nx\n```\n[a](https://evil.example)",
            "```\nx\n```\n[a (evil.example)](https://evil.example)",
        ),
    ],
)
def test_a_link_shows_where_it_leads(text: str, shown: str) -> None:
    """The host that a browser would go to stands in the label, unless it does already."""
    assert to_slack(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "a lone ` [docs](https://evil.example)",
        "a lone `\nand `code` [docs](https://evil.example) `code`",
        "| a | b | c |\n|---|---|---|\n| ` | [docs](https://evil.example) | ` |",
        "| a | b |\n|---|---|\n| `x | `y` [docs](https://evil.example) `z` |",
        "[docs][a`]\n\n[a`]: https://evil.example/`",
        "[docs](![https://evil.example](y))",
        "[evil.example [docs <https://a.example/]> x](https://evil.example)",
        "<https://`x> [docs](https://evil.example) ` ",
        "``` [docs](https://evil.example) `",
        f"` {'far ' * 60}` [docs](https://evil.example) `",
        "[x <https://a.example/]> docs](https://evil.example)",
        '[a](b "t\n\n[docs](https://evil.example)\n")',
        "[a](\n\n[docs](https://evil.example))",
        "![~~~](x)\n\n~~~\n[docs](https://evil.example)\n~~~",
        "```![a](`)\n\n```\n[docs](https://evil.example)\n```",
    ],
)
def test_no_trick_with_code_or_nesting_hides_a_link(text: str) -> None:
    """What a reader of Markdown may take for a link shows its host, though it looks like code at first."""
    for label, where in _links(to_slack(text)):
        assert where in label


def _links(markdown: str) -> list[tuple[str, str]]:
    """(label, where it leads) of each link and image, by a whole Markdown parser."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    links: list[tuple[str, str]] = []
    for block in parser.parse(markdown):
        labels: list[str] = []
        targets: list[str] = []
        for token in block.children or []:
            if token.type == "image":
                links.append(("an image", str(token.attrs["src"])))
            elif token.type == "link_open":
                # <https://x> shows its address as it is.
                targets.append("" if token.info == "auto" else leads_to(str(token.attrs["href"])))
                labels.append("")
            elif token.type == "link_close":
                links.append((labels.pop().lower(), targets.pop().removeprefix("www.")))
            else:
                labels = [label + token.content for label in labels]
    return links


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_every_link_of_every_text_shows_where_it_leads(text: str) -> None:
    """Also where a parser of CommonMark with tables and reference links reads the text otherwise than we do."""
    for label, where in _links(to_slack(text)):
        assert where in label


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![Logo](https://x.example/a.png)", "Logo (https://x.example/a.png)"),
        ('![Logo](https://x.example/a.png "Title")', "Logo (https://x.example/a.png)"),
        ("![](https://x.example/a.png)", f"https://x.example/a.png{INVISIBLE}"),
        ("![plot](plot.png)", "plot (plot.png)"),
        ("see![a](b.png)", "see a (b.png)"),
        ("![a [b](https://evil.example)](c)", "a [b (evil.example)](https://evil.example) (c)"),
        (
            "[![build](https://ci.example/b.svg)](https://ci.example)",
            "[build (https://ci.example/b.svg)](https://ci.example)",
        ),
        ("[docs]![(https://evil.example)]()", f"[docs]{INVISIBLE}(https://evil.example){INVISIBLE}"),
        ("![never closed", f"!{INVISIBLE}[never closed"),
        (
            f"![data](data:image/png;base64,{'A' * 300})",
            f"!{INVISIBLE}[data](data:image/png;base64,{'A' * 300})",
        ),
    ],
)
def test_an_image_becomes_its_text_and_address(text: str, shown: str) -> None:
    """Nothing is loaded or hidden, and no other Markdown comes of it."""
    assert to_slack(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[1]: https://evil.example", f"[1]{INVISIBLE}: https://evil.example"),
        ("> - [a b]: <https://evil.example>", f"> - [a b]{INVISIBLE}: <https://evil.example>"),
        ("[a](https://evil.example/ x)", f"[a]{INVISIBLE}(https://evil.example/ x)"),
        ("[a](\nhttps://evil.example)", f"[a]{INVISIBLE}(\nhttps://evil.example)"),
        (f"[a](https://evil.example/{'x' * 200})", f"[a]{INVISIBLE}(https://evil.example/{'x' * 200})"),
    ],
)
def test_what_cannot_be_judged_is_no_link(text: str, shown: str) -> None:
    """Definitions, broken and overlong links are shown as they are written."""
    assert to_slack(text) == shown


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_no_text_pings(text: str) -> None:
    """However Slack's words are cut, nested or pieced together by what is changed."""
    shown = to_slack(text)
    assert not PING.search(shown)
    assert not MASKED.search(shown)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=14), st.data())
@example(["<!chan", "nel>", "<@U123ABC>"], None)
@example(["](https://evil.example/)", "["], None)
def test_a_stream_only_appends_and_ends_as_the_whole_text(fragments: list[str], data: st.DataObject | None) -> None:
    """For every way to cut a text: what was shown stays, pings nobody, and is not far behind."""
    text = "".join(fragments)
    ends = list(range(len(text) + 1))
    if data is not None and len(text) > 150:
        ends = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=60)))
    whole = to_slack(text)
    before = ""
    for end in ends:
        shown = stable(text[:end])
        assert shown.startswith(before)
        assert whole.startswith(shown)
        so_far = to_slack(text[:end])
        assert so_far.startswith(shown)
        assert len(so_far) - len(shown) <= LONGEST_HELD_BACK + len(INVISIBLE)
        assert not PING.search(shown)
        before = shown


def test_an_answer_streams_without_holding_back_what_is_decided() -> None:
    """Prose, code and tables are shown at once, to the last character."""
    assert stable("Use") == "Use"
    for end in range(len(ANSWER)):
        begun = ANSWER[:end]
        if not any(sign in begun[-4:] for sign in ("<", "]", "!")) and "](" not in begun[-70:]:
            assert stable(begun) == to_slack(begun)


@pytest.mark.parametrize(
    ("begun", "shown"),
    [
        ("Hello <!chan", "Hello "),
        ("Hello <@U12", "Hello "),
        ("Hello <!-", "Hello <!-"),
        ("Hello <!here", f"Hello <{INVISIBLE}!here"),
        ("a <b", "a <b"),
        ("see [docs", "see [docs"),
        ("see [docs](https://exam", "see [docs"),
        ("an image ![alt", "an image "),
        ("really!", "really"),
        ("in `code [a](https://b.example) and", "in `code [a"),
        ("in `code [a](https://b.example)` and", "in `code [a](https://b.example)` and"),
        ("see <https://exam", "see "),
        (f"`[a](https://b.example){'y ' * 100}", f"`[a (b.example)](https://b.example){'y ' * 100}"),
    ],
)
def test_a_stream_holds_back_what_is_unfinished(begun: str, shown: str) -> None:
    """And nothing before it."""
    assert stable(begun) == shown


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_code_keeps_every_character(text: str) -> None:
    """A fence of any content is sent as it is, but for the invisible characters in what would ping."""
    code = text.replace("`", "'").replace("\r", "")
    shown = to_slack(f"Before:\n\n````js\n{code}\n````\n\nAfter.")
    assert shown.replace(INVISIBLE, "") == f"Before:\n\n````js\n{code}\n````\n\nAfter.".replace(INVISIBLE, "")


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(exclude_characters="`|\r\n\u200b<"), min_size=1, max_size=80))
def test_a_code_span_keeps_every_character(code: str) -> None:
    """Links and images in it too."""
    if "]:" not in code:
        text = f"Call `{code}[a](https://b.example/c)` like that."
        assert to_slack(text) == text


def test_doing_it_again_changes_nothing() -> None:
    """So a text that was made safe before is not spoiled."""
    text = f"{ANSWER}\n![Logo](https://x.example/a.png) <!here> [1]: x\n[1]: https://x.example"
    assert to_slack(to_slack(text)) == to_slack(text)


def test_every_beginning_of_hostile_text_is_quick() -> None:
    """The work stays in proportion to the text: no look-ahead starts over and over."""
    for piece in ("![", "`", "` a ", "](", "](https://e/", "[", "<https:", "```\n", "> ", "\\"):
        text = piece * (12_000 // len(piece))
        calls = _search_calls(text)
        assert calls < 40 * len(text)


def _search_calls(text: str) -> int:
    """How many Python and C calls `to_slack` makes: a measure that does not depend on the machine's load."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        to_slack(text)
    finally:
        sys.setprofile(None)
    return calls
