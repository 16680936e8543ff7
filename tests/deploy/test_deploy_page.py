"""docs/deploy.md names what there is."""

from __future__ import annotations

import re

from tests.deploy.reading import PROFILES, ROOT, compose
from tests.deploy.test_tgi import PAIRINGS

PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
SERVICES = compose()["services"]


def commands() -> list[str]:
    """Each line of a block, and each piece between backticks."""
    blocks = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", PAGE)


def test_each_profile_is_told_with_its_window() -> None:
    """The table's rows are the profiles, and the window is what TGI is launched with."""
    rows = dict(re.findall(r"^\| `([\w-]+)` \|.*?\| ([\d,]+) \|", PAGE, re.MULTILINE))
    assert tuple(rows) == PROFILES
    told = {profile: window.replace(",", "") for profile, window in rows.items() if profile in PAIRINGS}
    assert told == {profile: arguments["--max-total-tokens"] for profile, arguments in PAIRINGS.items()}


def test_every_file_of_the_page_exists_or_is_made() -> None:
    """In the checkout, or in ./secrets by the first run; the ACL user's file is made by the command that names it."""
    named = {word for text in commands() for word in re.findall(r"\b((?:deploy|scripts)/[\w./-]+\w)", text)}
    assert {"deploy/first-run.sh", "deploy/compose.http.yml", "deploy/corral.service"} <= named
    assert not {name for name in named if not (ROOT / name).exists()}
    secrets = {name for text in commands() for name in re.findall(r"\bsecrets/(\w+)", text)}
    assert secrets <= set(compose()["secrets"]) | {"redis_users"}


def test_every_compose_command_names_services_that_there_are() -> None:
    """`docker compose run --rm bot doctor` must not end in an unknown service."""
    seen = set()
    for text in commands():
        for verb, rest in re.findall(
            r"docker compose (run|logs|exec|stop|restart|up -d --force-recreate) ([^&|;]*)", text
        ):
            words = [word for word in rest.split() if word[0] != "-" and not word.isdigit()]
            names = words[:1] if verb in {"run", "exec"} else words
            assert set(names) <= set(SERVICES), text
            seen |= set(names)
    assert {"bot", "bot-cpu", "worker", "redis", "grafana", "tgi-34b"} <= seen


def test_every_variable_that_goes_into_dot_env_is_one_of_compose() -> None:
    """Corral's own settings go into corral.env: what stands in .env does not reach the container."""
    head = (ROOT / "docker-compose.yml").read_text("utf-8").partition("\nname:")[0]
    named = {name for text in commands() for name in re.findall(r"echo ([A-Z_]+)=\S+ >> \.env", text)}
    assert {"COMPOSE_PROFILES", "WORKERS", "PYTHON_IMAGE"} <= named
    assert all(f"#   {name} " in head for name in named - {"COMPOSE_FILE"})


def test_images_are_named_with_the_versions_that_are_run() -> None:
    """An update of a version in one place only would be a backup by another server."""
    images = [*(service["image"] for service in SERVICES.values()), SERVICES["bot"]["build"]["args"]["PYTHON_IMAGE"]]
    for name in ("valkey/valkey", "python"):
        found = set(re.findall(rf"(?<![\w/]){name}:[\w.-]+", PAGE))
        assert len(found) == 1
        assert found <= set(images)
