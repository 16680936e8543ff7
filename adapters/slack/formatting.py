"""A model's Markdown, made safe for Slack's markdown block and for streams.

The block and `markdown_text` of a stream take standard Markdown and Slack renders it: headings (all of one size), bold,
italic, strikethrough, nested and task lists, quotes, rules, tables, links, fences with highlighting, backslash escapes;
an image becomes a link with its text. So Markdown goes through as it is, tables and task lists too. `markdown_text` of
chat.postMessage is said to show tables as text: post a block. `@channel` without brackets pings nobody as long as
`link_names` and `parse` are not given. Sources: docs.slack.dev/reference/block-kit/blocks/markdown-block (its edition
of 2026; an older one has no tables, task lists, rules and highlighting), vercel/chat#349 (tables in streams),
mdnanocom/chat#2 (tables and `markdown_text`).

What is changed, and nothing else:
- Slack's own words in angle brackets lose their power, everywhere (`neutral`).
- A link outside of code shows where it leads and stays a link: `[docs](https://evil.example/x)` becomes
  `[docs (evil.example)](https://evil.example/x)`. One that is not whole within 200 characters or on its line, or whose
  address is written wrongly, is broken apart, so that its address is text.
- An image becomes its text and its address: `![Logo](https://x.example/a.png)` becomes `Logo (https://x.example/a.png)`.
- `[1]: https://x.example` stays text, so that a link defined there cannot hide where it leads.
"""

from __future__ import annotations

from adapters.markdown.links import show_links
from adapters.slack.neutral import neutral


def to_slack(markdown: str) -> str:
    """What to send for `markdown`. Doing it again changes nothing that a model normally writes."""
    return neutral(show_links(markdown, final=True))


def stable(markdown: str) -> str:
    """The beginning of `to_slack` that stays the same whatever follows `markdown`, for streams that only append.

    It ends before an unfinished link, image or word of Slack's own, 311 characters before the end at most, and holds
    back nothing else. Costs as much as `to_slack` of the whole text, so call it per write and not per token.
    """
    return neutral(show_links(markdown, final=False), final=False)
