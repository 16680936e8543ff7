"""What a Content is in Slack: blocks, the text of notifications, and what may be streamed of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.slack.blocks import Button, blocks, escape, fallback
from adapters.slack.formatting import stable, to_slack
from conversation.model import Action, Offer
from conversation.ports import Content

# What a message of ours is: a part of an answer, what one stands under, a remark beside it.
ANSWER, ROOT, ASIDE = "corral_answer", "corral_root", "corral_aside"
PLAIN_NOTICE_LIMIT = 900  # with the text's 3,000 characters less than chat.update refuses
OPINION_ACTION = "corral:feedback"


def metadata(event_type: str, key: str) -> dict[str, Any]:
    """What our messages carry where only programs see it, and `key_in` reads back
    (docs.slack.dev/messaging/message-metadata)."""
    return {"event_type": event_type, "event_payload": {"key": key}}


def key_in(message: Any, event_type: str) -> str:
    """The key that one of our messages carries; "" for none."""
    carried = message.get("metadata") or {}
    if carried.get("event_type") != event_type:
        return ""
    return str((carried.get("event_payload") or {}).get("key") or "")


def whole(content: Content) -> list[dict[str, Any]]:
    """The blocks of a message. A notice without any text is the text."""
    text, notice = (content.text, content.notice) if content.text.strip() else (content.notice, "")
    return _blocks(text, notice, content.offers)


def below(content: Content) -> list[dict[str, Any]]:
    """The blocks that end a stream, below its text."""
    return _blocks("", content.notice, content.offers)


def notification(content: Content) -> str:
    """What the message is where no blocks are shown. Of a plain one that is all, so its notice stands there too."""
    text, notice = (content.text, content.notice) if content.text.strip() else (content.notice, "")
    return fallback(text) + (f"\n\n{escape(notice, PLAIN_NOTICE_LIMIT)}" if content.plain and notice else "")


def streamable(content: Content) -> str:
    """The beginning of what the message will show that surely stays; no white space at its end, which the end of a
    message takes away."""
    if content.final:
        return to_slack(content.text)
    return stable(content.text.removesuffix(content.closer)).rstrip()


def button_of(offer: Offer) -> Button:
    """The button for it, which `interactions.press` reads."""
    # Slack refuses two of the same in one block.
    name = f"{offer.action}:{offer.target}" if offer.action is Action.TRY else offer.action.value
    return Button(f"corral:{name}", offer.label, offer.target)


def _blocks(text: str, notice: str, offers: Sequence[Offer]) -> list[dict[str, Any]]:
    opinions = {offer.action: offer.target for offer in offers if offer.action in {Action.GOOD, Action.BAD}}
    feedback = None
    if len(opinions) == 2:
        feedback = (OPINION_ACTION, f"good:{opinions[Action.GOOD]}", f"bad:{opinions[Action.BAD]}")
    others = [offer for offer in offers if feedback is None or offer.action not in opinions]
    return blocks(text, notice, [button_of(offer) for offer in others], feedback)
