"""Discord's messages in the conversation's words, rule by rule, without a Discord."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.discord.channels import Kind, Place, place_of
from adapters.discord.events import CREATED, DELETED, UPDATED, Deleted, Ears, Edited, File, News, Said, translate
from adapters.discord.identity import Identity
from adapters.discord.payloads import Malformed, milliseconds_of, snowflake_at
from conversation.model import Belonging, ThreadId
from storage.records import dump_message, load_message

ME = Identity(user="100", application="100")
HELP, FORUM, ROLE = "20", "21", "200"
EARS = Ears(ME, frozenset({HELP, FORUM}), frozenset({ROLE}))
GENERAL = Place("1", "10", Kind.CHANNEL)
IN_HELP = Place("1", HELP, Kind.CHANNEL)
THREAD = Place("1", "30", Kind.THREAD, "10", "a thread", "100")
POST = Place("1", "31", Kind.THREAD, FORUM, "Segfault", "7")
VOICE = Place("1", "40", Kind.VOICE)
DM = Place("@me", "50", Kind.DIRECT)
ID = str(snowflake_at(1_700_000_000_000))

Json = dict[str, Any]


def message(content: str = "why?", *, mentions: tuple[str, ...] = (), user: str = "7", **more: Any) -> Json:
    """What MESSAGE_CREATE brings."""
    return {
        "id": ID,
        "channel_id": "10",
        "guild_id": "1",
        "type": 0,
        "content": content,
        "author": {"id": user, "username": "ada", "global_name": "Ada"},
        "member": {"nick": None},
        "mentions": [{"id": one, "username": f"user{one}"} for one in mentions],
        "mention_roles": [],
        "attachments": [],
        **more,
    }


def reply(to: str, author: str | None, content: str = "why?", **more: Any) -> Json:
    """A reply to the message `to`; without an author that is deleted."""
    referenced = None if author is None else {"id": to, "author": {"id": author}}
    return message(
        content,
        type=19,
        message_reference={"message_id": to, "channel_id": "10"},
        referenced_message=referenced,
        **more,
    )


def said(payload: Json, place: Place) -> Said:
    """What is heard of it; it must be something."""
    found = translate(CREATED, payload, place, EARS)
    assert isinstance(found, Said)
    return found


def follows(payload: Json, place: Place) -> bool:
    """Whether it is a follow-up, if we take part there."""
    found = translate(CREATED, payload, place, EARS)
    return isinstance(found, Said) and not (found.heard.is_ours or found.heard.elsewhere)


def is_asked(payload: Json, place: Place) -> bool:
    """Whether it is for us in any case."""
    found = translate(CREATED, payload, place, EARS)
    return isinstance(found, Said) and found.heard.is_ours


class TestWhatIsForUs:
    @pytest.mark.parametrize("place", [GENERAL, IN_HELP, THREAD, POST, VOICE, DM])
    def test_a_mention_is_for_us_everywhere(self, place: Place) -> None:
        """Of our name or of our role."""
        assert is_asked(message("<@100> why?", mentions=("100",)), place)
        assert is_asked(message(f"<@&{ROLE}> why?", mention_roles=[ROLE]), place)

    @pytest.mark.parametrize("place", [GENERAL, IN_HELP, THREAD, VOICE])
    def test_a_reply_to_us_is_for_us(self, place: Place) -> None:
        """Without a ping."""
        assert is_asked(reply("9", ME.user), place)

    def test_people_talk(self) -> None:
        """Where nobody asked us anything."""
        assert translate(CREATED, message(), GENERAL, EARS) is None
        assert translate(CREATED, message(), VOICE, EARS) is None
        assert translate(CREATED, reply("9", "8"), GENERAL, EARS) is None

    def test_in_a_help_channel_questions_are_for_us(self) -> None:
        """Those that are said to nobody else."""
        assert is_asked(message("How do I sort?"), IN_HELP)
        assert is_asked(message("", attachments=[{"filename": "a.py", "url": "https://x", "size": 1}]), IN_HELP)
        assert is_asked(message("thanks!", attachments=[{"filename": "a.py", "url": "https://x", "size": 1}]), IN_HELP)
        for said_to_others in (
            message("thanks!"),
            message(""),
            message("<@8> why?", mentions=("8",)),
            reply("9", "8"),
            reply("9", None),
        ):
            assert not is_asked(said_to_others, IN_HELP)

    def test_in_a_thread_all_that_is_said_to_nobody_else_follows(self) -> None:
        """Also small words, but thanks."""
        assert follows(message("yes"), THREAD)
        assert follows(message("and then?"), THREAD)
        assert follows(reply("9", "7", "I mean this"), THREAD)
        for between_people in (
            message("<@8> look", mentions=("8",)),
            message("<@&9> look", mention_roles=["9"]),
            reply("9", "8"),
            reply("9", None),
            message("thanks a lot"),
        ):
            assert not follows(between_people, THREAD)

    def test_in_somebodys_post_helpers_need_a_mention(self) -> None:
        """In a thread that we opened nobody does."""
        assert follows(message("and then?", user="7"), POST)
        assert not follows(message("try valgrind", user="8"), POST)
        assert is_asked(message("<@100> is it?", user="8", mentions=("100",)), POST)
        ours = Place("1", "32", Kind.THREAD, HELP, "q", ME.user)
        assert follows(message("me too", user="8"), ours)

    def test_bots_hooks_and_discord_itself_ask_nothing(self) -> None:
        """Nor do we."""
        author = {"id": "8", "username": "bot"}
        for other in (
            message(author={**author, "bot": True}),
            message(author={**author, "system": True}),
            message(webhook_id="8"),
            message(user=ME.user),
            message(type=7),
            message(type=18),
            message(type=21),
        ):
            assert translate(CREATED, other, DM, EARS) is None

    def test_a_sticker_says_nothing(self) -> None:
        """In a thread; in direct messages it is answered that we can be asked."""
        assert translate(CREATED, message(""), THREAD, EARS) is None
        assert is_asked(message(""), DM)


class TestWhatItBecomes:
    def test_where_it_belongs(self) -> None:
        """A question's thread has the question's id; in threads, direct messages and voice channels all is one."""
        mention = message("<@100> why?", mentions=("100",))
        found = {place.kind: said(mention, place).heard.message for place in (GENERAL, THREAD, VOICE, DM)}
        assert found[Kind.CHANNEL].address == ThreadId("discord", "1", "10", ID)
        assert found[Kind.THREAD].address == ThreadId("discord", "1", "10", "30")
        assert found[Kind.VOICE].address == ThreadId("discord", "1", "40", "40")
        assert found[Kind.DIRECT].address == ThreadId("discord", "@me", "50", "50")
        assert found[Kind.CHANNEL].reply_to == {"channel": "10", "user": "7", "from": ID, "title": "why?"}
        assert found[Kind.THREAD].reply_to == {"channel": "10", "user": "7", "thread": "30"}
        assert found[Kind.VOICE].reply_to == {"channel": "40", "user": "7", "thread": "40"}
        assert found[Kind.DIRECT].reply_to == {"channel": "50", "user": "7", "thread": "50", "dm": "1"}

    def test_who_said_it_and_when(self) -> None:
        """The nickname first; the id tells the time."""
        heard = said(message("<@100> hi <@8>", mentions=("100", "8")), GENERAL).heard.message
        assert (heard.author_id, heard.author_name, heard.text) == ("7", "Ada", "hi @user8")
        assert heard.sent_at == 1_700_000_000
        nick = message("<@100> hi", mentions=("100",), member={"nick": "Countess"})
        assert said(nick, GENERAL).heard.message.author_name == "Countess"

    def test_a_posts_title_belongs_to_it(self) -> None:
        """Only to its first message; also when that has no text."""
        assert said(message("It crashes.", id="31"), POST).heard.message.text == "Segfault\n\nIt crashes."
        assert said(message("", id="31"), POST).heard.message.text == "Segfault"
        assert said(message("more"), POST).heard.message.text == "more"

    def test_what_was_forwarded_belongs_to_it(self) -> None:
        """Forwarding is no reply."""
        forwarded = message(
            "",
            message_reference={"type": 1, "message_id": "9", "channel_id": "10"},
            message_snapshots=[{"message": {"content": "it fails"}}],
        )
        heard = said(forwarded, DM).heard.message
        assert (heard.text, heard.above) == ("it fails", ())

    def test_files_come_with_it(self) -> None:
        """As Discord tells of them."""
        file = {"filename": "a.py", "url": "https://cdn/a.py", "size": 3, "content_type": "text/plain", "id": "1"}
        assert said(message("q", attachments=[file]), DM).files == (File("a.py", "https://cdn/a.py", 3, "text/plain"),)

    def test_read_again_from_the_history_it_is_the_same(self) -> None:
        """There it has no guild and no membership: only the author's roles are not known then."""
        live = message("<@100> why?", mentions=("100",))
        again = {name: value for name, value in live.items() if name not in {"guild_id", "member"}}
        heard, read = said(live, GENERAL).heard, said(again, GENERAL).heard
        assert (heard.message.belonging, read.message.belonging) == (Belonging.MEMBER, Belonging.UNKNOWN)
        assert heard == replace(read, message=replace(read.message, belonging=Belonging.MEMBER))


class TestEdits:
    def edited(self, payload: Json, place: Place = GENERAL) -> Edited | None:
        found = translate(UPDATED, payload, place, EARS)
        assert found is None or isinstance(found, Edited)
        return found

    def test_an_edit_has_a_name_of_its_own(self) -> None:
        """The same when it is told again. It may be one of a message that was for us before."""
        edit = self.edited(message("better", edited_timestamp="2023-11-14T22:14:00+00:00"))
        assert edit is not None
        assert edit.edit_id == f"{ID}/edited/2023-11-14T22:14:00+00:00"
        assert edit.said.heard.message.text == "better"
        assert not edit.said.heard.is_ours

    def test_a_question_can_be_mended_for_an_hour(self) -> None:
        """What is old asks nothing any more."""
        mention = message("<@100> why?", mentions=("100",))
        soon = self.edited({**mention, "edited_timestamp": "2023-11-14T23:10:00+00:00"})
        late = self.edited({**mention, "edited_timestamp": "2023-11-14T23:20:00+00:00"})
        assert soon is not None
        assert soon.said.heard.is_ours
        assert late is not None
        assert not late.said.heard.is_ours

    def test_what_discord_changes_is_no_edit(self) -> None:
        """Links that got a preview, pins, threads."""
        assert self.edited(message()) is None
        assert self.edited({"id": ID, "channel_id": "10", "guild_id": "1", "embeds": [{}]}) is None
        assert self.edited({"id": ID, "channel_id": "10", "edited_timestamp": "2023-11-14T22:14:00+00:00"}) is None

    def test_a_deletion_knows_its_place(self) -> None:
        """And goes to the thread that an answer may have opened."""
        gone = translate(DELETED, {"id": ID, "channel_id": "10", "guild_id": "1"}, GENERAL, EARS)
        assert isinstance(gone, Deleted)
        assert gone.message.address == ThreadId("discord", "1", "10", ID)
        assert gone.message.key == said(message("<@100>?", mentions=("100",)), GENERAL).heard.message.key
        assert gone.message.reply_to["thread"] == ID


class TestWhateverComes:
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    )

    @settings(max_examples=200)
    @given(st.sampled_from([CREATED, UPDATED, DELETED]), st.sampled_from(sorted(message())), anything)
    def test_a_field_can_be_anything(self, event: str, field: str, value: object) -> None:
        """Nothing breaks, and what is understood can be stored."""
        payload = message("<@100> why?", mentions=("100",), edited_timestamp="2023-11-14T23:10:00+00:00")
        found = translate(event, {**payload, field: value}, GENERAL, EARS)
        assert_storable(found)

    @given(st.sampled_from([CREATED, UPDATED, DELETED]), anything)
    def test_a_payload_can_be_anything(self, event: str, payload: object) -> None:
        """It is nothing to us then."""
        assert translate(event, payload, GENERAL, EARS) is None

    @given(st.text())
    def test_what_people_type_can_be_anything(self, content: str) -> None:
        """And is stored as it can be."""
        assert_storable(translate(CREATED, message(content), DM, EARS))


class TestPlaces:
    @pytest.mark.parametrize(
        ("channel", "place"),
        [
            ({"id": "10", "type": 0, "guild_id": "1"}, GENERAL),
            ({"id": "10", "type": 5, "guild_id": "1"}, GENERAL),
            (
                {"id": "30", "type": 11, "guild_id": "1", "parent_id": "10", "name": "a thread", "owner_id": "100"},
                THREAD,
            ),
            ({"id": "40", "type": 13, "guild_id": "1"}, VOICE),
            ({"id": "21", "type": 15, "guild_id": "1"}, Place("1", "21", Kind.FORUM)),
            ({"id": "50", "type": 1}, DM),
            ({"id": "60", "type": 4, "guild_id": "1"}, None),
            ({"id": "60", "type": 99, "guild_id": "1"}, None),
        ],
    )
    def test_kinds_of_channels(self, channel: Json, place: Place | None) -> None:
        """Discord's types; of those that nobody writes in, none."""
        assert place_of(channel) == place

    def test_a_channel_without_its_guild_is_malformed(self) -> None:
        """Unless it is known where it came from."""
        with pytest.raises(Malformed):
            place_of({"id": "10", "type": 0})
        assert place_of({"id": "10", "type": 0}, "1") == GENERAL

    @given(st.integers(1_420_070_400_000, 2_000_000_000_000))
    def test_an_id_tells_its_time(self, milliseconds: int) -> None:
        """To the millisecond."""
        assert milliseconds_of(str(snowflake_at(milliseconds))) == milliseconds


def assert_storable(news: News | None) -> None:
    """It reads back from what the store keeps."""
    heard = news.heard if isinstance(news, Said) else news.said.heard if isinstance(news, Edited) else None
    kept = news.message if isinstance(news, Deleted) else heard.message if heard is not None else None
    if kept is not None:
        assert load_message(dump_message(kept)) == kept
