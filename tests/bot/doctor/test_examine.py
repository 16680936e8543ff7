"""All checks together: at once, within a bound, without a secret, and as a program."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.doctor import examine as examining
from bot.doctor.examine import Check, _Daemons, _run, examine
from bot.doctor.findings import Finding, State, failed, ok
from bot.doctor.redaction import redacted, secrets_of
from bot.settings import load_settings, load_what_is_right
from conversation.prompts.canonical import CANONICAL_IDS
from tests.bot.doctor.conftest import Valkey
from tests.bot.doctor.looking import NOBODY, black_hole, named, troubled
from tests.servers.discord import DiscordServer
from tests.servers.slack import SlackServer
from tests.servers.tgi import TgiServer
from tests.terminal import environment

CANARY = "canary"
NAME = re.compile(r"[a-z]+(\.[a-z_]+)?")


def everywhere(host: str) -> dict[str, str]:
    """Settings by which all four kinds of servers stand at one address."""
    return {
        "redis_url": f"redis://:{CANARY}-redis@{host}/0",
        "model_url": f"http://{host}",
        "model_token": f"{CANARY}-model",
        "infill_model_url": f"http://{host}",
        "slack_bot_token": f"xoxb-{CANARY}-bot",
        "slack_app_token": f"xapp-{CANARY}-app",
        "slack_signing_secret": f"{CANARY}-signing",
        "slack_api_url": f"http://{host}/api/",
        "discord_token": f"{CANARY}.discord.token",
        "discord_api_url": f"http://{host}",
    }


@pytest.fixture
async def town(valkey: Valkey) -> AsyncIterator[dict[str, str]]:
    """The variables of a whole installation that is well."""
    async with SlackServer() as slack, DiscordServer() as discord, TgiServer() as tgi:
        tgi.tokenized = list(CANONICAL_IDS)
        yield {
            "REDIS_URL": f"redis://:secret-word@{valkey('--appendonly', 'yes', '--requirepass', 'secret-word')}/0",
            "MODEL_URL": tgi.url,
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.api_url,
            "DISCORD_TOKEN": discord.bot_token,
            "DISCORD_API_URL": discord.url,
        }


async def program(tmp_path: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run it; (exit code, stdout, stderr)."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "doctor", *arguments),
        cwd=tmp_path,
        env=environment(tmp_path / "data", **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_whole_installation_that_is_well_ends_with_0(town: dict[str, str], tmp_path: Path) -> None:
    """As JSON: each check has looked, and nothing else is printed."""
    code, out, err = await program(tmp_path, "--json", **town)
    document = json.loads(out)
    assert (code, document["ok"], err) == (0, True, "")
    assert [one for one in document["findings"] if one["state"] in {"failed", "warning"}] == []
    looked = {one["name"].partition(".")[0] for one in document["findings"]}
    assert looked == {"settings", "machine", "store", "model", "tokenizer", "infill", "slack", "discord"}
    assert all(set(one) == {"name", "state", "seen", "cause", "fix"} for one in document["findings"])


async def test_one_failure_ends_with_1_and_stands_last(town: dict[str, str], tmp_path: Path) -> None:
    """For people, with the one thing to do in the last line."""
    code, out, err = await program(tmp_path, **{**town, "SLACK_BOT_TOKEN": "xoxb-other"})
    lines = out.splitlines()
    assert (code, err) == (1, "")
    assert lines[-2].startswith("1 failed, ")
    assert "SLACK_BOT_TOKEN" in lines[-1]


async def test_broken_settings_leave_the_rest_to_be_looked_at(town: dict[str, str], tmp_path: Path) -> None:
    """Every mistake is told, what needs a wrong setting is skipped, and the others have looked."""
    (tmp_path / ".env").write_text("MODEL_ULR=http://x\n")
    wrong = {"REDIS_URL": "localhost", "HTTP_PORT": "many"}
    code, out, err = await program(tmp_path, "--json", **{**town, **wrong})
    states = {one["name"]: one["state"] for one in json.loads(out)["findings"]}
    assert (code, err) == (1, "")
    assert [name for name, state in states.items() if state == "failed"] == [
        *("settings.redis_url", "settings.http_port", "settings.model_ulr"),
    ]
    assert states["store"] == "skipped"
    assert states["slack.token"] == states["discord.token"] == states["model.generation"] == "ok"


async def test_without_a_network_everything_is_told_and_nothing_waited_for(tmp_path: Path) -> None:
    """Nothing listens anywhere."""
    findings = await examine(load_settings(data_dir=tmp_path, **everywhere(NOBODY)))
    assert troubled(findings) == [
        *("store.connection", "model.server", "infill.server", "slack.token", "slack.app_token", "discord.token"),
    ]


async def test_a_check_that_does_not_come_back_is_a_finding_itself(tmp_path: Path) -> None:
    """Somebody takes every connection and never answers: all the others' findings are there."""
    async with black_hole() as place:
        settings = load_settings(data_dir=tmp_path, **everywhere(place))
        findings = await examine(settings, within_seconds=0.5)
    for name in ("store", "model", "infill", "slack", "discord"):
        assert named(findings, name).state is State.FAILED
        assert named(findings, name).seen == "no result within 0.5 s"
    assert named(findings, "machine.data_dir").state is State.OK


async def test_what_was_found_before_a_check_hung_is_kept(tmp_path: Path) -> None:
    """And so is it when a check breaks of a mistake of ours."""

    async def hangs(_: object):  # type: ignore[no-untyped-def]
        yield ok("a.first", "seen")
        await asyncio.Event().wait()

    async def breaks(_: object):  # type: ignore[no-untyped-def]
        yield ok("b.first", "seen")
        raise KeyError(f"{CANARY}-key")

    settings = load_settings(data_dir=tmp_path)
    hung = await _run(Check("a", hangs), settings, frozenset(), 0.05)
    assert [(one.name, one.state) for one in hung] == [("a.first", State.OK), ("a", State.FAILED)]
    broken = await _run(Check("b", breaks), settings, frozenset(), 5.0)
    assert [(one.name, one.state) for one in broken] == [("b.first", State.OK), ("b", State.FAILED)]
    assert broken[1].seen == "this check broke: KeyError"
    assert CANARY not in repr(broken)


def test_a_thread_that_hangs_does_not_keep_the_program() -> None:
    """A name that is looked up cannot be called off: the loop ends without it."""
    release = threading.Event()

    async def look() -> None:
        asyncio.get_running_loop().set_default_executor(_Daemons())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await asyncio.to_thread(release.wait)
        assert await asyncio.to_thread(sum, [1, 2]) == 3
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)

    asyncio.run(look())
    release.set()  # reached only because nobody waited for it


def test_the_bound_leaves_room_for_the_programs_own_start() -> None:
    """15 seconds are promised."""
    assert examining.WITHIN_SECONDS <= 10.0


# --- secrets


@pytest.mark.parametrize("broken", [False, True])
async def test_no_finding_holds_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: bool) -> None:
    """Everything is refused by somebody, with every secret a canary; in addresses, too."""
    async with SlackServer() as slack, DiscordServer() as discord, TgiServer(token="right") as tgi:
        variables = everywhere(NOBODY) | {
            "slack_api_url": slack.api_url,
            "discord_api_url": discord.url,
            "model_url": tgi.url,
            "infill_model_url": tgi.url,
        }
        if broken:
            variables["redis_url"] = f"http://:{CANARY}-redis@localhost"
            variables["model_url"] = f"ftp://:{CANARY}-url@localhost"
            variables["discord_token"] = f"{CANARY}\x07"
        for name, value in variables.items():
            monkeypatch.setenv(name.upper(), value)
        monkeypatch.setenv("DATA_DIR", str(tmp_path))
        findings = await examine(*load_what_is_right())
    assert troubled(findings)
    assert CANARY not in repr(findings)
    assert all(NAME.fullmatch(finding.name) for finding in findings)


async def test_a_password_in_an_address_is_in_no_finding(tmp_path: Path) -> None:
    """Whether somebody is there or not."""
    async with TgiServer() as tgi:
        for place in (tgi.url.removeprefix("http://"), NOBODY, "nowhere.invalid"):
            url = f"http://user:{CANARY}@{place}"
            given = {
                "model_url": url,
                "infill_model_url": url,
                "slack_bot_token": "xoxb-1",
                "slack_api_url": f"{url}/api/",
            }
            given |= {"discord_token": "a.b.c", "discord_api_url": url, "redis_url": url.replace("http", "redis")}
            findings = await examine(load_settings(data_dir=tmp_path, **given), within_seconds=5.0)
            assert troubled(findings)
            assert CANARY not in repr(findings)


async def test_no_secret_stands_in_what_the_program_prints(tmp_path: Path) -> None:
    """On stdout or stderr, whichever form is asked for."""
    async with SlackServer() as slack, DiscordServer() as discord:
        slack.fail("auth.test", f"{CANARY}-bot said Slack")
        variables = {name.upper(): value for name, value in everywhere(NOBODY).items()}
        variables |= {"SLACK_API_URL": slack.api_url, "DISCORD_API_URL": discord.url, "LOG_LEVEL": "DEBUG"}
        for arguments in ((), ("--json",)):
            code, out, err = await program(tmp_path, *arguments, **variables)
            assert code == 1
            assert CANARY not in out
            assert err == ""


def test_what_others_call_themselves_cannot_write_into_the_terminal(tmp_path: Path) -> None:
    """Control characters, half characters and endless names."""
    finding = redacted(ok("a", "\x1b]0;x\x07 \udcff\n" + "long" * 1000), secrets_of(load_settings(data_dir=tmp_path)))
    assert finding.seen.isprintable()
    assert len(finding.seen) < 1300


def test_what_a_library_quotes_is_hidden(tmp_path: Path) -> None:
    """Whole values and parts of addresses, the longest first; short ones would take words apart."""
    given: dict[str, object] = {**everywhere(NOBODY), "slack_signing_secret": f"{CANARY}-redis-and-more"}
    given |= {"model_token": None, "model_url": f"http://user:{CANARY}-url@x", "discord_token": "xyz"}
    secrets = secrets_of(load_settings(data_dir=tmp_path, **given))
    assert NOBODY not in repr(secrets)  # where the store is may be told
    quoted = failed("a", f"got {CANARY}-redis-and-more", f"http://user:{CANARY}-url@x", f"xoxb-{CANARY}-bot xyz")
    assert redacted(quoted, secrets) == Finding("a", State.FAILED, "got ***", "http://user:***@x", "*** xyz")
