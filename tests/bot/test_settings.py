"""Settings: all mistakes at once, each with its remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.settings import ModelApi, Settings, SettingsError, load_settings, secret_names
from bot.settings_text import env_example, settings_table

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env of whoever runs the tests, and none of their variables."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


def test_without_any_setting_everything_is_embedded() -> None:
    """A laptop with nothing installed needs no settings."""
    settings = load_settings()
    assert settings.api is ModelApi.EMBEDDED
    assert settings.redis_url is None


def test_an_address_alone_means_tgi(monkeypatch: pytest.MonkeyPatch) -> None:
    """MODEL_URL without MODEL_API is TGI."""
    monkeypatch.setenv("MODEL_URL", "http://localhost:8080")
    assert load_settings().api is ModelApi.TGI


def test_all_mistakes_come_at_once_with_name_reason_and_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to start five times to find five mistakes."""
    monkeypatch.setenv("HTTP_PORT", "many")
    monkeypatch.setenv("REDIS_URL", "localhost:6379")
    monkeypatch.setenv("MODEL_API", "tgi")
    monkeypatch.setenv("CONTEXT_TOKENS", "4096")
    monkeypatch.setenv("MAX_NEW_TOKENS", "4000")
    with pytest.raises(SettingsError) as error:
        load_settings()
    lines = str(error.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["REDIS_URL", "MODEL_URL", "MAX_NEW_TOKENS", "HTTP_PORT"]
    assert all("example: " in line for line in lines)


def test_an_unknown_key_in_the_env_file_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    """A typing mistake in .env is not silently a default."""
    (tmp_path / ".env").write_text("MODEL_ULR=http://localhost:8080\n")
    with pytest.raises(SettingsError, match=r"MODEL_ULR: there is no such setting.*did you mean MODEL_URL\?"):
        load_settings()


@pytest.mark.parametrize("in_env_file", [True, False])
def test_a_secret_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_env_file: bool) -> None:
    """NAME_FILE works from the environment and from .env."""
    (tmp_path / "token").write_text("xoxb-from-a-file\n")
    if in_env_file:
        (tmp_path / ".env").write_text(f"SLACK_BOT_TOKEN_FILE={tmp_path / 'token'}\n")
    else:
        monkeypatch.setenv("SLACK_BOT_TOKEN_FILE", str(tmp_path / "token"))
    token = load_settings().slack_bot_token
    assert token is not None
    assert token.get_secret_value() == "xoxb-from-a-file"


def test_an_empty_secret_file_is_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docker-compose.yml mounts a file for each secret that may be set; what .env says then counts."""
    (tmp_path / "empty").write_text("\n")
    for name in secret_names():
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "empty"))
    assert all(getattr(load_settings(), name.lower()) is None for name in secret_names())
    (tmp_path / ".env").write_text("DISCORD_TOKEN=from-dotenv\n")
    token = load_settings().discord_token
    assert token is not None
    assert token.get_secret_value() == "from-dotenv"


def test_a_secret_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which variable and which file."""
    monkeypatch.setenv("REDIS_URL_FILE", "/nowhere/redis")
    with pytest.raises(SettingsError, match="REDIS_URL_FILE: cannot read /nowhere/redis"):
        load_settings()


@pytest.mark.parametrize("prefix", ["", "INFILL_"])
def test_two_keys_for_one_server_are_refused(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    """A password in the address and MODEL_TOKEN cannot both be sent; the message holds neither."""
    monkeypatch.setenv(f"{prefix}MODEL_TOKEN", "canary-token")
    monkeypatch.setenv(f"{prefix}MODEL_URL", "http://me:canary-password@gpu:8080")
    with pytest.raises(
        SettingsError, match=rf"one login: {prefix}MODEL_TOKEN, or the name and password in {prefix}MODEL_URL"
    ) as error:
        load_settings()
    assert "canary" not in str(error.value)
    monkeypatch.delenv(f"{prefix}MODEL_TOKEN")
    assert load_settings().model_token is None


def test_an_env_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A sentence, and no traceback."""
    (tmp_path / ".env").symlink_to(tmp_path / ("x" * 300))
    with pytest.raises(SettingsError, match=r"\.env: cannot read it"):
        load_settings()


def test_no_secret_is_in_an_error_or_in_the_settings_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused address may hold a password."""
    monkeypatch.setenv("REDIS_URL", "http://:canary-password@localhost")
    monkeypatch.setenv("DISCORD_TOKEN", "canary-token")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "canary" not in str(error.value)
    monkeypatch.delenv("REDIS_URL")
    assert "canary" not in repr(load_settings())


def test_quotas_are_read_at_the_start_with_every_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound that nobody can read must not be none."""
    monkeypatch.setenv("QUOTA_PERSON", "30 requests/hour")
    assert [str(bound) for quota in load_settings().bounds for bound in quota.bounds] == ["30 requests/hour"]
    monkeypatch.setenv("QUOTA_PERSON", "30 per hour, 5 questions/day")
    monkeypatch.setenv("QUOTA_TENANT", "none")
    with pytest.raises(SettingsError) as error:
        load_settings()
    person, tenant = str(error.value).splitlines()
    assert "'30 per hour' is no bound; in '5 questions/day' 'questions' is neither" in person
    assert tenant.startswith("QUOTA_TENANT: 'none' is no bound")


SECOND = {"INFILL_MODEL_URL": "http://localhost:8081"}


@pytest.mark.parametrize("name", ["INFILL_MODEL_ID", "INFILL_MODEL_TOKEN", "INFILL_MODEL_TOKENIZER"])
def test_what_is_set_for_a_second_model_needs_its_address(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Without one it would be ignored in silence."""
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsError, match=f"{name}: it is of no use without INFILL_MODEL_URL"):
        load_settings()
    monkeypatch.setenv("INFILL_MODEL_URL", "localhost")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert [line.partition(":")[0] for line in str(error.value).splitlines()] == ["INFILL_MODEL_URL"]


def test_the_second_server_gets_its_own_token_and_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never the first one's: it may be another house's."""
    first = {"MODEL_URL": "http://localhost:8080", "MODEL_TOKEN": "one", "MODEL_TOKENIZER": "./one.json"}
    for name, value in (first | SECOND).items():
        monkeypatch.setenv(name, value)
    second = load_settings().of_infilling()
    assert second is not None
    assert (second.model_url, second.model_token, second.model_tokenizer) == (SECOND["INFILL_MODEL_URL"], None, None)
    monkeypatch.setenv("INFILL_MODEL_TOKEN", "two")
    monkeypatch.setenv("INFILL_MODEL_TOKENIZER", "./two.json")
    second = load_settings().of_infilling()
    assert second is not None
    assert second.model_token is not None
    assert second.model_token.get_secret_value() == "two"
    assert second.model_tokenizer == "./two.json"


def test_the_example_file_is_true() -> None:
    """.env.example holds every setting there is, as the class describes it."""
    assert (ROOT / ".env.example").read_text() == env_example()
    assert {"REDIS_URL", "SLACK_BOT_TOKEN", "MODEL_TOKEN"} <= set(secret_names())


def test_the_table_of_the_readme_is_true() -> None:
    """It holds every setting there is, as the class describes it."""
    assert f"\n{settings_table()}\n" in (ROOT / "README.md").read_text()


def test_what_compose_takes_from_the_same_file_is_no_mistake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its variables are those of the compose file's head; a misspelled setting still is one."""
    head = (ROOT / "docker-compose.yml").read_text().partition("\nname:")[0]
    named = re.findall(r"^#   ([A-Z_]+)  ", head, re.MULTILINE)
    assert "COMPOSE_PROFILES" in named
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("".join(f"{name}=1\n" for name in [*named, "COMPOSE_FILE"]))
    load_settings()
    with (tmp_path / ".env").open("a") as file:
        file.write("WORKER=2\n")
    with pytest.raises(SettingsError, match="WORKER: there is no such setting"):
        load_settings()
