"""What people say in a help channel that is no question: thanks, greetings, and that it works now. Pure."""

from __future__ import annotations

import re

_THANKS = (
    r"thank(?:s| you| u)|thx|thnx|tysm|tyvm|tks|ty|cheers|much appreciated|appreciate (?:it|that|you)|"
    r"you(?:'re| are) welcome|no problem|np|yw|my pleasure|anytime"
)
_GREETINGS = (
    r"hi+|hey+|hello+|hiya|yo|howdy|welcome|good (?:morning|afternoon|evening|night|day)|gm|gn|bye+|see you|cya"
)
_AGREEMENT = (
    r"ok(?:ay|ey)?|kk?|yes|yep|yeah|yup|no|nope|sure|right|true|same|agreed|exactly|indeed|got it|i see|makes sense|"
    r"never ?mind|nvm|done|solved|fixed|fixed it|(?:that|this|it)(?: just)? (?:works?|worked|helps?|helped|did it)|"
    r"works(?: now)?|worked|working now"
)
_JOY = r"lol|lmao|rofl|(?:ha){2,}h?|nice|cool|great|awesome|amazing|perfect|wow|wonderful|excellent|brilliant|gg|brb"
_TAIL = (
    r"so much|very much|a lot|a bunch|a ton|again|all|everyone|everybody|guys|folks|there|team|friends?|man|mate|bro|"
    r"dude|sir|too|now|for (?:the|your|all the|all your) (?:help|answers?|time|tips?|info)|for (?:this|that|it)|"
    r"in advance|in there|well|then|as well|really|and|but|oh|ah|the|one|just"
)
_SMALL = re.compile(rf"(?:(?:{_THANKS}|{_GREETINGS}|{_AGREEMENT}|{_JOY}|{_TAIL})\b[\W_]*)+")
# Said to a running answer or to a thread: alone in a channel they mean nothing.
_SIGNS = frozenset({"stop", "quiet", "mute", "be quiet", "back", "unmute", "come back", "forget", "?", "+1"})
# A long text says more than that; and the pattern has several ways to read some words, too many in a long one.
MAX_CHARACTERS = 120
_MARKS = " \t\n*_~>|.,;:!?()[]\"'-"
_EMOJI = re.compile(r"<a?:\w+:\d+>|:\w+:")


def is_thanks(text: str) -> bool:
    """Whether this is small talk that thanks: in a thread "yes" may answer a question of ours, but this ends it."""
    return is_small_talk(text) and re.search(rf"\b(?:{_THANKS})\b", text.lower()) is not None


def is_small_talk(text: str) -> bool:
    """Whether this can be left without an answer: nothing but thanks, greetings, agreement, emoji or signs to us."""
    said = _EMOJI.sub(" ", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").strip().lower()
    if len(said) > MAX_CHARACTERS:
        return False
    if said.rstrip("!.") in _SIGNS:
        return True
    words = said.lstrip(_MARKS)
    return not any(one.isalnum() for one in words) or _SMALL.fullmatch(words) is not None
