"""The deployment's files as Docker Compose, Docker and Prometheus read them, as far as that goes without them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
HTTP_COMPOSE = ROOT / "deploy" / "compose.http.yml"
PROFILES = ("7b", "13b", "34b", "34b-2gpu", "cpu")
IMAGE = "corral:local"

# https://docs.docker.com/reference/compose-file/interpolation/: the only forms that are used here
VARIABLE = re.compile(r"\$\$|\$\{([A-Z_]+)(?::-([^}]*))?\}")


def yaml(path: Path) -> Any:
    """The document with its anchors merged. Raises on a key that stands twice."""
    return YAML(typ="safe", pure=True).load(path.read_text("utf-8"))


def compose(path: Path = COMPOSE, **variables: str) -> Any:
    """A compose file with these variables and the defaults of the others."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[2] or "")

    def filled(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: filled(item) for key, item in node.items()}
        if isinstance(node, list):
            return [filled(item) for item in node]
        return VARIABLE.sub(value, node) if isinstance(node, str) else node

    return filled(yaml(path))


def services(profile: str) -> dict[str, Any]:
    """What `docker compose --profile PROFILE up` starts."""
    found: dict[str, Any] = compose()["services"]
    return {name: service for name, service in found.items() if profile in service.get("profiles", [profile])}


def ours(found: Mapping[str, Any]) -> dict[str, Any]:
    """Those among the services that are Corral itself."""
    return {name: service for name, service in found.items() if service["image"] == IMAGE}


def seconds(text: str) -> int:
    """`90s`, `30m`."""
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One line of a Dockerfile, continued ones joined."""

    name: str
    value: str

    @property
    def words(self) -> list[str]:
        """The exec form, a JSON array. ValueError for the shell form."""
        words: list[str] = json.loads(self.value)
        return words


def dockerfile() -> list[list[Instruction]]:
    """Its stages, what stands before the first one in a list of its own.

    https://docs.docker.com/reference/dockerfile/
    """
    stages: list[list[Instruction]] = [[]]
    for line in _joined((ROOT / "Dockerfile").read_text("utf-8")):
        name, _, value = line.partition(" ")
        if name == "FROM":
            stages.append([])
        stages[-1].append(Instruction(name, value.strip()))
    return stages


def last(stage: list[Instruction], name: str) -> Instruction:
    """The instruction that counts when there are several."""
    return [instruction for instruction in stage if instruction.name == name][-1]


def _joined(text: str) -> Iterator[str]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return (re.sub(r"\s+", " ", line) for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines())
