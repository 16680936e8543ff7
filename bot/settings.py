"""Settings from the environment and `.env`, all checked at once. Nothing else in the project reads either."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from conversation.access_rules import parse as parse_access
from conversation.quotas import Quota, parse, quotas

DEFAULT_SYSTEM_PROMPT = (
    "You are a coding assistant in a team's chat. Answer briefly and precisely. Put code in fenced blocks that name "
    "their language. Say so when you are not sure."
)


class ModelApi(StrEnum):
    """What the model's server speaks."""

    TGI = "tgi"
    COMPLETIONS = "completions"
    EMBEDDED = "embedded"


class SettingsError(Exception):
    """Everything that is wrong with the settings, one paragraph each."""


def _setting(default: Any, description: str, example: str, **bounds: Any) -> Any:
    return Field(default=default, description=description, examples=[example], **bounds)


class Settings(BaseSettings):
    """Field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="forbid", env_ignore_empty=True, validate_default=True
    )

    slack_bot_token: SecretStr | None = _setting(None, "Slack's bot token", "xoxb-...")
    slack_app_token: SecretStr | None = _setting(None, "Slack's app token; present: Socket Mode", "xapp-...")
    slack_signing_secret: SecretStr | None = _setting(
        None, "Slack's signing secret, for HTTP events", "8f742231b10e..."
    )
    slack_api_url: str = _setting("https://slack.com/api/", "Slack's API, ends in /api/", "https://slack.com/api/")
    discord_token: SecretStr | None = _setting(None, "Discord's bot token", "MTA...")
    discord_help_channels: Annotated[tuple[str, ...], NoDecode] = _setting(
        (), "ids of Discord channels where every question is answered, between commas", "1041,1042"
    )
    discord_direct_messages: bool = _setting(
        True, "whether people are answered in Discord's direct messages, too", "false"
    )
    discord_api_url: str | None = _setting(
        None, "a local Discord for tests; absent: Discord itself", "http://127.0.0.1:8100"
    )

    redis_url: SecretStr | None = _setting(
        None, "Redis or Valkey; absent: a server of our own in DATA_DIR", "redis://:password@localhost:6379/0"
    )
    redis_prefix: str = _setting(
        "corral", "what every key begins with", "corral", pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$"
    )
    data_dir: Path = _setting(
        Path(platformdirs.user_data_dir("corral")),
        "where the store and the history of `chat` are kept",
        "/var/lib/corral",
    )

    model_api: ModelApi | None = _setting(
        None, "tgi, completions or embedded; absent: tgi when MODEL_URL is set, else embedded", "tgi"
    )
    model_url: str | None = _setting(None, "the model server's address", "http://localhost:8080")
    model_id: str | None = _setting(
        None,
        "the model's name; absent: what the server says; for embedded: the path of a GGUF file",
        "codellama/CodeLlama-34b-Instruct-hf",
    )
    model_token: SecretStr | None = _setting(None, "bearer token for the model server", "hf_...")
    model_tokenizer: str | None = _setting(
        None, "a tokenizer.json or a hub id; absent: the server's /tokenize counts", "./tokenizer.json"
    )
    context_tokens: int | None = _setting(
        None, "the window, prompt and reply together; absent: what the server says", "16384", ge=512
    )
    model_slots: int | None = _setting(
        None,
        "answers that the model makes at once, for all workers together; absent: TGI's limit less an eighth, 2 for "
        "embedded, 16 for completions",
        "16",
        ge=1,
        le=4096,
    )
    infill_model_url: str | None = _setting(
        None, "a second server, for `fill`, when the model cannot fill holes", "http://localhost:8081"
    )
    infill_model_id: str | None = _setting(
        None, "its model's name; absent: what the server says", "codellama/CodeLlama-13b-hf"
    )
    infill_model_token: SecretStr | None = _setting(None, "bearer token for that server; it gets no other", "hf_...")
    infill_model_tokenizer: str | None = _setting(
        None, "that model's tokenizer.json or hub id; absent: its server's /tokenize counts", "./tokenizer.json"
    )
    max_new_tokens: int = _setting(1024, "the longest reply, in tokens", "1024", ge=16, le=32_768)
    max_input_chars: int = _setting(100_000, "longer messages are refused", "100000", ge=100, le=2_000_000)
    system_prompt: str = _setting(DEFAULT_SYSTEM_PROMPT, "what every thread begins with", "Answer in TypeScript.")
    temperature: float = _setting(0.2, "0 is greedy; Meta's examples use 0.2", "0.2", ge=0, le=2)
    top_p: float = _setting(0.95, "nucleus sampling; 1 is off", "0.95", gt=0, le=1)
    model_patience_seconds: float = _setting(
        600, "how long a question waits for a model that is starting or busy", "600", ge=1, le=86_400
    )

    content_days: int = _setting(7, "threads are forgotten so many days after their last message", "7", ge=1, le=365)
    concurrency: int = _setting(64, "answers that one worker makes at once", "64", ge=1, le=1000)
    lease_seconds: float = _setting(4, "after a crash another worker goes on after so long", "4", ge=1, le=30)
    drain_seconds: float = _setting(20, "how long SIGTERM lets running answers finish", "20", ge=0, le=3600)
    http_host: str = _setting("127.0.0.1", "where /livez, /readyz and Slack's HTTP events listen", "127.0.0.1")
    http_port: int = _setting(8008, "the port of it; 0 chooses a free one", "8008", ge=0, le=65_535)
    metrics_host: str = _setting("127.0.0.1", "where Prometheus's /metrics listens", "127.0.0.1")
    metrics_port: int = _setting(9464, "the port of it; 0 chooses a free one", "9464", ge=0, le=65_535)
    access_allow: str = _setting(
        "",
        "who may ask, rules between semicolons; absent: every member",
        "slack workspace:T024BE7LD; discord guild:41 role:77; slack guests channel:C0123",
    )
    access_deny: str = _setting("", "who may not, whatever else is allowed", "slack user:U0666; discord channel:55")
    quota_person: str = _setting(
        "", "what one person may ask for; absent: no bound", "30 requests/hour, 100000 tokens/day"
    )
    quota_channel: str = _setting("", "what may be asked for in one channel", "300 requests/day")
    quota_tenant: str = _setting("", "what one workspace or server may ask for", "2000000 tokens/day")
    log_level: str = _setting("INFO", "DEBUG, INFO, WARNING or ERROR", "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    @field_validator("discord_help_channels", mode="before")
    @classmethod
    def _split_ids(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("model_url", "infill_model_url", "slack_api_url", "discord_api_url")
    @classmethod
    def _is_http(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and not _is_address(value, "http", "https"):
            raise ValueError("it must be an address that begins with http:// or https://")
        api = info.data.get("model_api")
        if info.field_name == "model_url" and value is None and api in {ModelApi.TGI, ModelApi.COMPLETIONS}:
            raise ValueError(f"it is missing, and MODEL_API={api} needs it")
        return value

    @field_validator("max_new_tokens")
    @classmethod
    def _leaves_room(cls, value: int, info: ValidationInfo) -> int:
        window = info.data.get("context_tokens")
        if window is not None and value > window // 2:
            raise ValueError(f"it is more than half of CONTEXT_TOKENS={window}, too little is left for the question")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_address(value.get_secret_value(), "redis", "rediss", "unix"):
            raise ValueError("it must be an address that begins with redis://, rediss:// or unix://")
        return value

    @field_validator("model_token", "infill_model_token", "slack_bot_token", "slack_app_token", "discord_token")
    @classmethod
    def _is_one_word(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().isprintable():
            raise ValueError("it must be one line without control characters")
        return value

    @field_validator("model_token", "infill_model_token")
    @classmethod
    def _is_the_only_key(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        """A request has one Authorization header: aiohttp refuses to send another beside an address's."""
        address = (info.field_name or "").replace("token", "url")
        url = info.data.get(address)
        if value is not None and isinstance(url, str) and "@" in urlsplit(url).netloc:
            names = f"{(info.field_name or '').upper()}, or the name and password in {address.upper()}"
            raise ValueError(f"a server takes one login: {names}")
        return value

    @field_validator("access_allow", "access_deny")
    @classmethod
    def _is_rules(cls, value: str, info: ValidationInfo) -> str:
        parse_access(value, is_deny=info.field_name == "access_deny")
        return value

    @field_validator("infill_model_id", "infill_model_token", "infill_model_tokenizer")
    @classmethod
    def _has_a_server(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("infill_model_url", "") is None:
            raise ValueError("it is of no use without INFILL_MODEL_URL, the address of the second server")
        return value

    @field_validator("system_prompt")
    @classmethod
    def _is_text(cls, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("it must be UTF-8 text") from None
        return value

    @field_validator("quota_person", "quota_channel", "quota_tenant")
    @classmethod
    def _is_quota(cls, value: str) -> str:
        parse(value)
        return value

    @property
    def bounds(self) -> tuple[Quota, ...]:
        """QUOTA_PERSON, QUOTA_CHANNEL and QUOTA_TENANT, read."""
        return quotas(self.quota_person, self.quota_channel, self.quota_tenant)

    @property
    def api(self) -> ModelApi:
        """MODEL_API, or what its absence means."""
        return self.model_api or (ModelApi.TGI if self.model_url else ModelApi.EMBEDDED)

    def of_infilling(self) -> Settings | None:
        """The settings of the second model; None without one. It is asked through the same API, and counts for
        itself."""
        if self.infill_model_url is None:
            return None
        api = ModelApi.COMPLETIONS if self.api is ModelApi.COMPLETIONS else ModelApi.TGI
        second = {
            "model_api": api,
            "model_url": self.infill_model_url,
            "model_id": self.infill_model_id,
            # Never the first one's: another server, perhaps of another house, must not learn it.
            "model_token": self.infill_model_token,
            "model_tokenizer": self.infill_model_tokenizer,
        }
        return self.model_copy(update={**second, "context_tokens": None, "model_slots": None})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then files named by NAME_FILE, then `.env`."""
        dotenv = _DotEnvWithoutFiles(settings_cls)
        return init_settings, env_settings, _SecretFiles(settings_cls, dotenv.files), dotenv


def _is_address(value: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and (parts.port or True) and bool(parts.netloc or parts.scheme == "unix")
    except ValueError:  # a port that is no number, a bracket that is not closed
        return False


def secret_names() -> tuple[str, ...]:
    """The variables that may also be given as NAME_FILE."""
    return tuple(name.upper() for name, info in Settings.model_fields.items() if "SecretStr" in str(info.annotation))


# Docker Compose reads the same `.env`; what it takes from there stands in the head of docker-compose.yml.
_COMPOSE_VARIABLES = frozenset(
    {
        "compose_file",
        "compose_profiles",
        "compose_project_name",
        "grafana_port",
        "http_bind",
        "python_image",
        "redis_acl_file",
        "tgi_quantize",
        "workers",
    }
)


class _DotEnvWithoutFiles(DotEnvSettingsSource):
    """`.env`, with its NAME_FILE lines kept apart: they are no settings of their own; and without Compose's."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        names = {f"{name.lower()}_file" for name in secret_names()}
        others = names | _COMPOSE_VARIABLES
        env = {name: value for name, value in self.env_vars.items() if name.lower() not in others}
        self.files = {name.lower(): value for name, value in self.env_vars.items() if name.lower() in names}
        self.env_vars = env


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """In the place of a secret whose file cannot be read. No field takes it, so it is told with all other mistakes."""

    told: str


class _SecretFiles(PydanticBaseSettingsSource):
    """`SLACK_BOT_TOKEN_FILE=/run/secrets/slack` gives SLACK_BOT_TOKEN what stands in that file, if anything does."""

    def __init__(self, settings_cls: type[BaseSettings], from_dotenv: Mapping[str, str | None]) -> None:
        super().__init__(settings_cls)
        self._from_dotenv = from_dotenv

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{field_name.upper()}_FILE"
        path = os.environ.get(variable) or self._from_dotenv.get(variable.lower())
        if not path or field_name.upper() not in secret_names():
            return None, field_name, False
        try:
            # An empty file is no secret: docker-compose.yml mounts one for each that may be set.
            return Path(path).read_text(encoding="utf-8").strip() or None, field_name, False
        except (OSError, UnicodeDecodeError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else "it is no UTF-8 text"
            told = (
                f"{variable}: cannot read {path}: {why}. Put the secret there, readable for this user, or "
                f"set {field_name.upper()}."
            )
            return _Unreadable(told), field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(info, name)[0] for name, info in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


def load_settings(**overrides: Any) -> Settings:
    """The settings, or SettingsError with every mistake at once."""
    try:
        return Settings(**overrides)
    except ValidationError as exc:
        told = "\n".join(mistake.told for mistake in _explain(exc.errors()))
        raise SettingsError(told) from None  # the cause would repeat the values
    except _NO_ENV_FILE as exc:
        raise SettingsError(_no_env_file(exc)) from None


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with one setting. `field` is its name in Settings; "" for what is no setting."""

    field: str
    told: str


def load_what_is_right() -> tuple[Settings, tuple[Mistake, ...]]:
    """The settings without those that are wrong, which are as if nobody had set them; and all the mistakes."""
    mistakes: tuple[Mistake, ...] = ()
    try:
        return Settings(), ()
    except ValidationError as exc:
        return _Forgiving(), tuple(_explain(exc.errors()))
    except _NO_ENV_FILE as exc:
        mistakes = (Mistake("", _no_env_file(exc)),)
    try:
        return _WithoutEnvFile(), mistakes
    except ValidationError as exc:
        return _ForgivingWithoutEnvFile(), (*mistakes, *_explain(exc.errors()))


class _WithoutEnvFile(Settings):
    model_config = SettingsConfigDict(env_file=None)


class _Forgiving(Settings):
    """Takes what is wrong for not set."""

    model_config = SettingsConfigDict(extra="ignore")

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_as_if_not_set(cls, value: object, handler: Callable[[object], object], info: ValidationInfo) -> object:
        try:
            return handler(value)
        except (ValidationError, ValueError):
            return cls.model_fields[info.field_name or ""].default


class _ForgivingWithoutEnvFile(_Forgiving):
    model_config = SettingsConfigDict(env_file=None)


_NO_ENV_FILE = (UnicodeDecodeError, OSError)


def _no_env_file(error: Exception) -> str:
    if isinstance(error, OSError):
        return f".env: cannot read it: {error.strerror}; make it readable for this user"
    return ".env: it is no UTF-8 text; save it as UTF-8"


def _explain(errors: Iterable[Any]) -> Iterable[Mistake]:
    for error in errors:
        name = str(error["loc"][0])
        if error["type"] == "extra_forbidden":
            yield Mistake("", f"{name.upper()}: there is no such setting; take it out of .env ({_nearest(name)})")
            continue
        if isinstance(error["input"], _Unreadable):
            yield Mistake(name, error["input"].told)
            continue
        info = Settings.model_fields[name]
        example = (info.examples or [""])[0]
        reason = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
        yield Mistake(name, f"{name.upper()}: {reason[0].lower()}{reason[1:]} ({info.description}; example: {example})")


def _nearest(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name.lower(), Settings.model_fields, n=1)
    return f"did you mean {close[0].upper()}?" if close else ".env.example lists all there are"
