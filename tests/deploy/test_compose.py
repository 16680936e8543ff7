"""docker-compose.yml: whole, hardened, and true to the settings."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.settings import Settings, load_settings, secret_names
from tests.deploy.reading import COMPOSE, HTTP_COMPOSE, PROFILES, ROOT, VARIABLE, compose, ours, seconds, services

SERVICES: dict[str, Any] = compose()["services"]
HEADER = COMPOSE.read_text("utf-8").partition("\nname:")[0]
# What sends SIGTERM's drain beyond DRAIN_SECONDS: leases handed over, platforms left, connections closed.
HAND_OVER_SECONDS = 15
EXACT_TAG = re.compile(r"^[a-z0-9./-]+:v?\d+\.\d+\.\d+$")


@pytest.mark.parametrize("path", [COMPOSE, HTTP_COMPOSE], ids=lambda path: path.name)
def test_the_compose_files_keep_the_compose_specification(path: Path) -> None:
    """The specification's own schema finds nothing."""
    call = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_each_profile_has_all_parts(profile: str) -> None:
    """One process that listens, a store, one model (inside the process for `cpu`), and what watches them."""
    found = services(profile)
    model = set() if profile == "cpu" else {f"tgi-{profile}"}
    bots = {"bot-cpu"} if profile == "cpu" else {"bot", "worker"}
    assert set(found) == bots | model | {"redis", "prometheus", "grafana"}
    gpus = [device["count"] for name in model for device in devices(found[name])]
    assert gpus == ([] if profile == "cpu" else [2] if profile == "34b-2gpu" else [1])


def devices(service: Any) -> list[Any]:
    """The GPUs that it reserves."""
    found: list[Any] = service["deploy"]["resources"]["reservations"]["devices"]
    assert all(device["driver"] == "nvidia" and device["capabilities"] == ["gpu"] for device in found)
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened_and_bounded(name: str) -> None:
    """A read-only root, no capability, no way to gain one, logs that end, a restart of its own."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "userns_mode", "devices"} & set(service)
    assert service["restart"] == "unless-stopped"
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])
    assert all("size=" in mount for mount in service["tmpfs"])
    assert not any("docker.sock" in mount for mount in service.get("volumes", []))
    assert seconds(service["stop_grace_period"]) > 10, "Docker's own 10 s cut things off"


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_an_exact_version_and_has_a_health_check(name: str) -> None:
    """Ours is built here, and its check stands in the Dockerfile."""
    service = SERVICES[name]
    if name in ours(SERVICES):
        assert "healthcheck" not in service
        return
    assert EXACT_TAG.match(service["image"]), service["image"]
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    if not name.startswith("tgi-"):  # whose image's Python lies in root's home
        assert re.match(r"^[1-9]\d*:\d+$", service["user"]), "a number that is not root's"


def test_nothing_is_published_but_grafana_on_loopback() -> None:
    """And Slack's HTTP events where compose.http.yml is added, by default on loopback too."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"grafana": ["127.0.0.1:3000:3000"]}
    overlay = compose(HTTP_COMPOSE)["services"]
    assert set(overlay) == {name for name in ours(SERVICES) if name != "worker"}
    assert all(service["ports"] == ["127.0.0.1:8008:8008"] for service in overlay.values())
    assert all(SERVICES[name]["environment"]["HTTP_PORT"] == "8008" for name in overlay)


def test_only_who_needs_somebody_can_reach_them() -> None:
    """Two services meet where they share a network."""
    networks = compose()["networks"]
    met = {
        frozenset({one, other})
        for one, service in SERVICES.items()
        for other, its in SERVICES.items()
        if one < other and set(service["networks"]) & set(its["networks"])
    }
    corral, models = set(ours(SERVICES)), {name for name in SERVICES if name.startswith("tgi-")}
    allowed = {frozenset({"prometheus", "grafana"})}
    allowed |= {frozenset({one, "redis"}) for one in corral}
    allowed |= {frozenset({one, other}) for one in corral | models for other in corral | models | {"prometheus"}}
    assert met == {pair for pair in allowed if len(pair) == 2}
    assert networks["store"] == networks["inside"] == networks["view"] == {"internal": True}
    assert SERVICES["redis"]["networks"] == ["store"]
    assert not {name for name in SERVICES if "outside" in SERVICES[name]["networks"]} - corral


def test_a_name_has_one_address() -> None:
    """Two services that share a second, outside network would find each other there, too, where they should not."""
    for name, network in compose()["networks"].items():
        users = {service["image"] for service in SERVICES.values() if name in service["networks"]}
        assert network.get("internal") or len(users) == 1, name


def test_the_bot_waits_for_the_store_and_not_for_the_model() -> None:
    """A model loads for minutes; a bot that waited for it would answer nobody, not even with that sentence."""
    for service in ours(SERVICES).values():
        assert service["depends_on"] == {"redis": {"condition": "service_healthy"}}
    assert not [name for name, service in SERVICES.items() if "depends_on" in service and name not in ours(SERVICES)]
    assert "profiles" not in SERVICES["redis"], "it must be there whatever profile waits for it"


def test_stopping_leaves_time_to_drain() -> None:
    """Docker's SIGKILL comes after DRAIN_SECONDS and the hand-over, and TGI ends its streams."""
    for service in ours(SERVICES).values():
        drain = int(service["environment"]["DRAIN_SECONDS"])
        assert seconds(service["stop_grace_period"]) >= drain + HAND_OVER_SECONDS
        assert service["init"] is True
    assert {seconds(SERVICES[name]["stop_grace_period"]) for name in SERVICES if name.startswith("tgi-")} == {100}


def test_every_variable_of_the_services_is_a_setting() -> None:
    """A typing mistake would silently be a default."""
    overlay = compose(HTTP_COMPOSE)["services"]
    for name, service in [*ours(SERVICES).items(), *overlay.items()]:
        known = {*(field.upper() for field in Settings.model_fields), *(f"{secret}_FILE" for secret in secret_names())}
        assert set(service["environment"]) <= known, name


def test_every_secret_setting_may_come_from_a_file() -> None:
    """Each has a file in ./secrets, and the service that reads it is given it."""
    for service in ours(SERVICES).values():
        paths = {f"{name}_FILE": f"/run/secrets/{name.lower()}" for name in secret_names()}
        assert paths.items() <= service["environment"].items()
        assert set(service["secrets"]) == {name.lower() for name in secret_names()}


def test_every_secret_that_a_service_is_given_has_a_file() -> None:
    """And none stands in the file itself."""
    declared = compose()["secrets"]
    given = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert given == set(declared)
    assert all(where == {"file": f"./secrets/{name}"} for name, where in declared.items())


@pytest.mark.parametrize("path", [COMPOSE, HTTP_COMPOSE], ids=lambda path: path.name)
def test_every_variable_of_the_file_is_told_in_its_header(path: Path) -> None:
    """With what it is, where people look first."""
    used = {match[1] for match in VARIABLE.finditer(path.read_text("utf-8")) if match[1]}
    told = set(re.findall(r"^#   ([A-Z_]+)  ", HEADER, re.MULTILINE))
    assert used <= told
    if path == COMPOSE:
        assert told - used <= {"COMPOSE_PROFILES", "HTTP_BIND"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_file_that_is_mounted_exists(name: str) -> None:
    """Docker makes a directory of what is missing, and says nothing."""
    declared = set(compose()["volumes"])
    for mount in SERVICES[name].get("volumes", []):
        source, target = mount.split(":")[:2]
        assert target.startswith("/")
        if source.startswith("./"):
            assert (ROOT / source).exists(), source
            assert mount.endswith(":ro")
        else:
            assert source in declared or source == "/dev/null"


def test_the_first_run_makes_what_compose_reads_and_keeps_it(tmp_path: Path) -> None:
    """All secrets, in a folder for its owner alone; a second call changes nothing."""
    made = first_run(tmp_path)
    assert {path.name for path in (made / "secrets").iterdir()} == set(compose()["secrets"])
    assert (made / "secrets").stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in (made / "secrets").iterdir())
    (env_file,) = SERVICES["bot"]["env_file"]
    assert (made / env_file["path"]).read_text() == (ROOT / ".env.example").read_text()
    password = (made / "secrets" / "redis_password").read_text()
    assert len(password) == 48
    assert (made / "secrets" / "redis_url").read_text() == f"redis://:{password}@redis:6379/0"
    (made / "secrets" / "discord_token").write_text("a token")
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    first_run(tmp_path)
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ours(SERVICES))
def test_the_settings_are_right_before_any_token_is_put_in(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty secrets are none; the store is the one beside it, and the model's address the one of the profile."""
    made = first_run(tmp_path)
    for field in Settings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)
        monkeypatch.delenv(f"{field.upper()}_FILE", raising=False)
    for variable, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(variable, value.replace("/run/secrets", str(made / "secrets")))
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert (
        settings.slack_bot_token is settings.slack_app_token is settings.discord_token is settings.model_token is None
    )
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value().endswith("@redis:6379/0")
    assert settings.model_url == (None if name == "bot-cpu" else "http://model:80")


def first_run(directory: Path) -> Path:
    """deploy/first-run.sh in a copy of what it touches."""
    shutil.copytree(ROOT / "deploy", directory / "deploy", dirs_exist_ok=True)
    shutil.copy(ROOT / ".env.example", directory)
    script = directory / "deploy" / "first-run.sh"
    subprocess.run(["sh", str(script)], cwd="/", capture_output=True, timeout=30, check=True)
    return directory
