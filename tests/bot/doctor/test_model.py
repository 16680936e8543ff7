"""What `doctor` says of the model: its server, its window, its template, a token, and what fills holes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from bot.doctor.findings import Finding, State
from bot.doctor.model import check_infilling, check_model
from conversation.prompts import Llama2Template
from conversation.prompts.canonical import CANONICAL_DIALOG, CANONICAL_IDS
from tests.bot.doctor.looking import NOBODY, black_hole, look, named, page, troubled
from tests.inference.test_embedded import needs_demo
from tests.inference.test_gguf import VALUES, gguf
from tests.servers.behaviour import Behaviour
from tests.servers.completions import CompletionsServer, LlamaCppServer
from tests.servers.raw import serving
from tests.servers.tgi import TgiServer

SEVEN = "codellama/CodeLlama-7b-Instruct-hf"
THIRTY_FOUR = "codellama/CodeLlama-34b-Instruct-hf"
WELL = ["model.server", "model.window", "model.template", "model.generation", "model.filling"]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is that runs the tests."""
    monkeypatch.setattr("bot.doctor.model.OPEN_SECONDS", 60.0)
    monkeypatch.setattr("bot.doctor.model.TOKEN_SECONDS", 60.0)


@pytest.fixture
async def tgi() -> AsyncIterator[TgiServer]:
    """One that tokenizes as Meta's code does."""
    async with TgiServer() as server:
        server.tokenized = list(CANONICAL_IDS)
        yield server


async def looked(url: str, **settings: object) -> list[Finding]:
    return await look(check_model, model_url=url, **settings)


async def test_a_model_that_answers_is_well(tgi: TgiServer) -> None:
    """Who it is, its window, its template, one token, and that it fills holes, too."""
    found = await looked(tgi.url)
    assert [finding.name for finding in found] == WELL
    assert troubled(found) == []
    assert named(found, "model.server").seen == f"{SEVEN} at {tgi.url}"
    assert named(found, "model.window").seen.startswith("4096 tokens, of which a reply has up to 1024; 56 answers")
    assert SEVEN in named(found, "model.filling").seen
    assert [request["parameters"]["max_new_tokens"] for request in tgi.requests] == [1]


# --- where it stands


async def test_a_server_that_loads_its_weights_is_a_result_and_no_failure() -> None:
    """TGI takes no connection before that; a wrong port looks the same, and is told beside it."""
    (finding,) = await looked(f"http://{NOBODY}")
    assert (finding.name, finding.state) == ("model.server", State.WARNING)
    assert "starting" in finding.seen
    assert "MODEL_URL" in finding.fix


async def test_an_endpoint_that_wakes_up_is_a_result_and_no_failure(tgi: TgiServer) -> None:
    """An Inference Endpoint at zero answers 503; so may it when it falls asleep between two calls."""
    tgi.behaviour = Behaviour(asleep=True)
    (finding,) = await looked(tgi.url)
    assert (finding.state, "is starting (HTTP 503)" in finding.seen) == (State.WARNING, True)
    tgi.behaviour = Behaviour(status=503, body=b"Service Unavailable", content_type="text/plain")
    found = await looked(tgi.url)
    assert named(found, "model.generation").state is State.WARNING
    assert "starting" in named(found, "model.generation").seen


@pytest.mark.parametrize(
    ("answer", "state", "seen", "fix"),
    [
        (page(200), State.FAILED, "is no JSON", "correct MODEL_URL"),
        (page(404), State.FAILED, "is no JSON", "correct MODEL_URL"),
        (page(200, b"[1]", kind="application/json"), State.FAILED, "answers HTTP 200", "MODEL_API"),
        (page(401, b""), State.FAILED, "MODEL_TOKEN", "MODEL_TOKEN="),
        (page(403, b""), State.FAILED, "MODEL_TOKEN", "MODEL_TOKEN="),
        (page(429, b""), State.WARNING, "too much to do", "wait"),
        (page(500, b""), State.FAILED, "HTTP 500", "log"),
        (page(302, b"", "Location: https://gpu.example/info?key=1"), State.FAILED, "leads elsewhere", "MODEL_URL=https://gpu.example"),
    ],
)  # fmt: skip
async def test_what_is_no_models_server_is_told(answer: bytes, state: State, seen: str, fix: str) -> None:
    """A web page, a key that is missing, a redirect, a broken server."""
    async with serving([answer]) as far:
        (finding,) = await looked(far.url)
    assert (finding.name, finding.state) == ("model.server", state)
    assert seen in finding.seen
    assert fix in finding.fix
    assert "key=1" not in finding.fix


async def test_another_protocol_is_recognised(tgi: TgiServer) -> None:
    """vLLM at the address of a TGI, and the other way round: MODEL_API is what is wrong."""
    async with CompletionsServer() as vllm:
        (finding,) = await looked(vllm.url)
    assert (finding.state, finding.fix) == (State.FAILED, "MODEL_API=completions")
    (finding,) = await looked(tgi.url, model_api="completions")
    assert (finding.state, finding.fix) == (State.FAILED, "MODEL_API=tgi")


async def test_json_that_is_not_tgis_is_told() -> None:
    """Some other service has an /info, too."""
    async with serving([page(200, b'{"app": "grafana"}', kind="application/json")]) as far:
        (finding,) = await looked(far.url)
    assert (finding.state, "not TGI's" in finding.cause) == (State.FAILED, True)


@pytest.mark.parametrize(
    ("url", "cause"), [("http://nowhere.invalid", "cannot be looked up"), ("https://{tgi}", "does not speak TLS")]
)
async def test_an_address_that_leads_nowhere_is_told(tgi: TgiServer, url: str, cause: str) -> None:
    """A name that does not exist, a scheme that is not spoken."""
    (finding,) = await looked(url.format(tgi=tgi.url.removeprefix("http://")))
    assert finding.state is State.FAILED
    assert cause in finding.cause
    assert "MODEL_URL" in finding.fix


async def test_a_server_that_never_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It hangs, or a firewall drops what is sent."""
    monkeypatch.setattr("bot.doctor.model_address.CALL_SECONDS", 0.3)
    async with black_hole() as place:
        (finding,) = await looked(f"http://{place}")
    assert (finding.state, "does not answer" in finding.cause) == (State.FAILED, True)


async def test_a_password_in_the_address_is_not_shown(tgi: TgiServer) -> None:
    """The address is, without it."""
    found = await looked(tgi.url.replace("http://", "http://me:sesame@"))
    assert "sesame" not in repr(found)
    assert named(found, "model.server").seen.endswith(tgi.url)


# --- its key, its window, its name


async def test_a_key_that_is_not_taken_is_told() -> None:
    """/info is open to everybody: that shows only when something is asked."""
    async with TgiServer(token="right") as far:
        found = await looked(far.url, model_token="wrong")
        assert troubled(found) == ["model.template", "model.generation"]
        for name in troubled(found):
            assert "MODEL_TOKEN=" in named(found, name).fix
            assert "wrong" not in repr(named(found, name))
        far.tokenized = list(CANONICAL_IDS)
        assert troubled(await looked(far.url, model_token="right")) == []


async def test_a_window_that_is_smaller_than_the_settings_say_is_told(tgi: TgiServer) -> None:
    """What the server has is used."""
    finding = named(await looked(tgi.url, context_tokens=16384), "model.window")
    assert (finding.state, finding.fix.startswith("CONTEXT_TOKENS=4096")) == (State.WARNING, True)


async def test_a_window_too_small_for_the_replies_fails(tgi: TgiServer) -> None:
    """`run` would refuse every question."""
    (finding,) = await looked(tgi.url, max_new_tokens=2048)
    assert (finding.name, finding.state) == ("model.server", State.FAILED)
    assert finding.fix.startswith("MAX_NEW_TOKENS=1024")


async def test_more_slots_than_the_server_takes_are_told(tgi: TgiServer) -> None:
    """It would answer 429."""
    finding = named(await looked(tgi.url, model_slots=100), "model.slots")
    assert (finding.state, finding.fix.startswith("MODEL_SLOTS=56")) == (State.WARNING, True)


async def test_a_name_that_is_not_what_is_served_is_told(tgi: TgiServer) -> None:
    """It decides how prompts are written; a server that knows only a path says nothing against it."""
    finding = named(await looked(tgi.url, model_id=THIRTY_FOUR), "model.name")
    assert (finding.state, finding.fix) == (State.WARNING, f"MODEL_ID={SEVEN}")
    tgi.model_id = "/data/model"
    assert troubled(await looked(tgi.url, model_id=THIRTY_FOUR)) == []


@pytest.mark.parametrize("model_id", ["codellama/CodeLlama-34b-hf", "codellama/CodeLlama-70b-Instruct-hf"])
async def test_a_model_that_does_not_chat_fails(tgi: TgiServer, model_id: str) -> None:
    """With one that does."""
    tgi.model_id = model_id
    (finding,) = await looked(tgi.url)
    assert (finding.state, "34b-Instruct" in finding.fix) == (State.FAILED, True)


# --- what it reads and says


async def test_another_tokenizer_fails(tgi: TgiServer) -> None:
    """Answers would be worse, and nothing else shows it: the first id that differs is told."""
    tgi.tokenized = [1, *CANONICAL_IDS]
    found = await looked(tgi.url)
    assert troubled(found) == ["model.template"]
    assert "twice" in named(found, "model.template").cause
    assert "MODEL_ID" in named(found, "model.template").fix


async def test_a_server_that_does_not_tokenize_is_a_warning(tgi: TgiServer) -> None:
    """A proxy may let only some routes through."""

    async def closed(request: web.Request) -> web.StreamResponse:
        return web.Response(status=404, text="no such page")

    tgi._tokenize = closed  # type: ignore[method-assign]
    await tgi.stop()
    await tgi.start()
    finding = named(await looked(tgi.url), "model.template")
    assert (finding.state, "MODEL_TOKENIZER" in finding.fix) == (State.WARNING, True)


class MetasLlamaCpp(LlamaCppServer):
    """llama.cpp with Code Llama's vocabulary, as far as the canonical dialog goes."""

    known: dict[str, tuple[int, ...]]

    async def _tokenize(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if body["content"] in self.known:
            return web.json_response({"tokens": self.known[body["content"]]})
        return await super()._tokenize(request)


async def test_llama_cpp_is_compared_by_its_own_ids() -> None:
    """It is sent ids: they are built piece by piece from its /tokenize."""
    pieces = [piece.text for piece in Llama2Template().render(CANONICAL_DIALOG)]
    async with MetasLlamaCpp() as far:
        lengths = dict(zip(pieces, (1, 10, 1, 1, 8), strict=True)) | {"<s>": 1}
        far.known, at = {}, 0
        for piece in pieces:
            far.known[piece], at = CANONICAL_IDS[at : at + lengths[piece]], at + lengths[piece]
        assert at == len(CANONICAL_IDS)
        settings = {"model_api": "completions", "model_id": SEVEN}
        assert troubled(await looked(far.url, **settings)) == []
        far.known = {}
        assert troubled(await looked(far.url, **settings)) == ["model.template"]


async def test_a_model_with_a_template_of_its_own_is_not_compared(tmp_path: Path) -> None:
    """Its right ids are not known here."""
    folder = tmp_path / "model"
    folder.mkdir()
    turn = "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    template = f"{{% for m in messages %}}{turn}{{% endfor %}}<|im_start|>assistant\n"
    vocabulary = {"<|im_start|>": 0, "<|im_end|>": 1, "a": 2}
    (folder / "tokenizer.json").write_text(
        json.dumps({"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": vocabulary, "merges": []}})
    )
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template})
    )
    async with CompletionsServer() as far:
        settings = {"model_api": "completions", "model_id": "toy", "model_tokenizer": str(folder)}
        found = await looked(far.url, **settings)
    assert named(found, "model.template").state is State.SKIPPED


async def test_a_server_without_ids_is_not_compared() -> None:
    """vLLM without MODEL_TOKENIZER is sent text, and says no ids of it."""
    async with CompletionsServer() as far:
        far.model_id = SEVEN  # type: ignore[attr-defined]
        found = await looked(far.url, model_api="completions", model_id=SEVEN)
    assert named(found, "model.template").state is State.SKIPPED
    assert "MODEL_TOKENIZER" in named(found, "model.template").seen
    assert "does not exist" in named(found, "model.generation").cause  # the name is not vLLM's


async def test_a_window_that_nobody_tells_has_to_be_set() -> None:
    """Some servers do not say it."""
    async with CompletionsServer() as far:
        far.context_tokens = None
        (finding,) = await looked(far.url, model_api="completions")
    assert (finding.state, "CONTEXT_TOKENS=" in finding.fix) == (State.FAILED, True)


@pytest.mark.parametrize(
    ("behaviour", "state", "cause"),
    [
        (Behaviour(status=429, body=b'{"error": "busy", "error_type": "overloaded"}'), State.WARNING, "busy"),
        (Behaviour(status=500, body=b'{"error": "cuda", "error_type": "generation"}'), State.FAILED, "cuda"),
        (Behaviour(error_after=0), State.FAILED, "it broke"),
        (Behaviour(cut_after=0), State.FAILED, "broke"),
    ],
)
async def test_a_model_that_makes_no_token_is_told(
    tgi: TgiServer, behaviour: Behaviour, state: State, cause: str
) -> None:
    """Though its /info is well: too much to do passes, everything else does not."""
    tgi.next_behaviours.append(behaviour)
    found = await looked(tgi.url)
    assert troubled(found) == ["model.generation"]
    assert named(found, "model.generation").state is state
    assert cause in named(found, "model.generation").cause


async def test_a_model_that_hangs_is_told(tgi: TgiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its health does not show that."""
    monkeypatch.setattr("bot.doctor.model.TOKEN_SECONDS", 0.3)
    tgi.next_behaviours.append(Behaviour(stall_after=0))
    finding = named(await looked(tgi.url), "model.generation")
    assert (finding.state, finding.seen) == (State.FAILED, "no token within 0.3 s")


async def test_a_server_that_takes_long_to_be_known_is_told(monkeypatch: pytest.MonkeyPatch, tgi: TgiServer) -> None:
    """A chat template from far away, say."""
    monkeypatch.setattr("bot.doctor.model.OPEN_SECONDS", 0.0)
    (finding,) = await looked(tgi.url)
    assert (finding.name, finding.state) == ("model.server", State.FAILED)
    assert "not known within" in finding.seen


# --- what fills holes


async def test_what_fills_holes_is_told(tgi: TgiServer) -> None:
    """Nothing, the second server, or the model itself."""
    tgi.model_id = THIRTY_FOUR
    nothing = named(await looked(tgi.url), "model.filling")
    assert (nothing.state, "INFILL_MODEL_URL" in nothing.fix) == (State.SKIPPED, True)
    second = named(
        await looked(tgi.url, infill_model_url="http://x", infill_model_id="CodeLlama-7b-hf"), "model.filling"
    )
    assert second.seen == "holes are filled by CodeLlama-7b-hf"


async def test_the_second_server_makes_a_token_of_a_filling(tgi: TgiServer) -> None:
    """By the infilling prompt, and from a model that need not chat."""
    tgi.model_id = "codellama/CodeLlama-13b-hf"
    found = await look(check_infilling, model_url="http://x", infill_model_url=tgi.url)
    assert [finding.name for finding in found] == ["infill.server", "infill.window", "infill.generation"]
    assert troubled(found) == []
    assert "<PRE>" in tgi.requests[-1]["inputs"]


async def test_a_second_server_that_cannot_fill_fails(tgi: TgiServer) -> None:
    """The variable that names the model is the second's."""
    tgi.model_id = THIRTY_FOUR
    (finding,) = await look(check_infilling, model_url="http://x", infill_model_url=tgi.url)
    assert (finding.name, finding.state) == ("infill.server", State.FAILED)
    assert "13b" in finding.fix
    assert "INFILL_MODEL_ID" in finding.fix
    (away,) = await look(check_infilling, model_url="http://x", infill_model_url=f"http://{NOBODY}")
    assert (away.state, "INFILL_MODEL_URL" in away.fix) == (State.WARNING, True)


async def test_without_a_second_server_there_is_nothing_to_look_at() -> None:
    """That is no failure."""
    (finding,) = await look(check_infilling)
    assert (finding.name, finding.state) == ("infill", State.SKIPPED)


# --- the embedded model


@needs_demo
async def test_the_embedded_model_makes_a_token() -> None:
    """The demo model, in a process that is gone afterwards."""
    found = await look(check_model)
    assert troubled(found) == []
    assert "the demo model" in named(found, "model.server").seen
    assert named(found, "model.generation").state is State.OK


@needs_demo
async def test_an_embedded_model_that_takes_long_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large file takes minutes."""
    monkeypatch.setattr("bot.doctor.model.TOKEN_SECONDS", 0.01)
    finding = named(await look(check_model), "model.generation")
    assert (finding.state, "MODEL_ID" in finding.fix) == (State.WARNING, True)
    monkeypatch.setattr("bot.doctor.model.OPEN_SECONDS", 0.0)
    (sooner,) = await look(check_model)
    assert (sooner.name, sooner.state) == ("model.server", State.WARNING)


async def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    """Not there, or something else."""
    (tmp_path / "notes.gguf").write_text("no model")
    for path in ("nowhere.gguf", "notes.gguf"):
        (finding,) = await look(check_model, model_id=str(tmp_path / path))
        assert (finding.name, finding.state) == ("model.server", State.FAILED)
        assert path in finding.cause
        assert "MODEL_ID=" in finding.fix


async def test_a_missing_system_library_is_told_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp is linked with libgomp."""
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("bot.doctor.machine.platform.freedesktop_os_release", lambda: {"ID": "fedora"})
    template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    (tmp_path / "model.gguf").write_bytes(gguf(VALUES | {"tokenizer.chat_template": template}))
    found = await look(check_model, model_id=str(tmp_path / "model.gguf"), max_new_tokens=256)
    finding = named(found, "model.generation")
    assert (finding.state, finding.fix) == (State.FAILED, "sudo dnf install libgomp")


async def test_an_embedded_model_whose_window_is_too_small_for_the_replies(tmp_path: Path) -> None:
    """With the setting that makes it fit."""
    template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    (tmp_path / "model.gguf").write_bytes(gguf(VALUES | {"tokenizer.chat_template": template}))
    found = await look(check_model, model_id=str(tmp_path / "model.gguf"), max_new_tokens=4096)
    finding = next(finding for finding in found if finding.state is State.FAILED)
    assert finding.seen == "the window is too small"
    assert finding.fix.startswith("MAX_NEW_TOKENS=")


async def test_a_demo_model_that_is_not_installed_is_told_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make chat` brings it."""
    monkeypatch.setattr("inference.embedded.importlib.util.find_spec", lambda _: None)
    found = await look(check_model)
    finding = next(finding for finding in found if finding.state is State.FAILED)
    assert finding.fix.startswith("run `make chat`")
