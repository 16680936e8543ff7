"""Text Generation Inference is launched with what its documentation has, and as the pairings say."""

from __future__ import annotations

import pytest

from tests.deploy.reading import compose, services

# Of TGI 3.3's launcher, `text-generation-launcher --help`: what each is, and what it is without. Each is read from the
# environment, too: the name in capitals, with underscores.
LAUNCHER = {
    "--model-id": "a model of the hub, or a directory",
    "--sharded": "true, false: over several GPUs; absent: over all there are",
    "--num-shard": "over how many",
    "--quantize": "bitsandbytes, bitsandbytes-nf4, bitsandbytes-fp4, eetq, fp8; others need weights made for them",
    "--max-concurrent-requests": "more are refused; 128",
    "--max-stop-sequences": "of one request; 4",
    "--max-input-tokens": "the longest prompt; since 2.0, before: --max-input-length",
    "--max-total-tokens": "the window: prompt and reply together",
    "--max-batch-prefill-tokens": "of all prompts that are read at once; --max-input-tokens + 50",
    "--usage-stats": "on, off, no-stack; since 2.2; on",
}
COMMON = {"--max-concurrent-requests": "64", "--max-stop-sequences": "8", "--usage-stats": "off"}
LARGE = {**COMMON, "--max-input-tokens": "14336", "--max-total-tokens": "16384", "--max-batch-prefill-tokens": "4096"}
SMALL = {**COMMON, "--max-input-tokens": "8192", "--max-total-tokens": "10240", "--max-batch-prefill-tokens": "4096"}
# The pairings of Code Llama's announcement, https://huggingface.co/blog/codellama
PAIRINGS = {
    "7b": {**SMALL, "--model-id": "codellama/CodeLlama-7b-Instruct-hf"},
    "13b": {**LARGE, "--model-id": "codellama/CodeLlama-13b-Instruct-hf"},
    "34b": {**LARGE, "--model-id": "codellama/CodeLlama-34b-Instruct-hf", "--quantize": "bitsandbytes"},
    "34b-2gpu": {
        **LARGE,
        "--model-id": "codellama/CodeLlama-34b-Instruct-hf",
        "--sharded": "true",
        "--num-shard": "2",
    },
}
# No arguments of the launcher: where what it compiles goes.
ENVIRONMENT = {"HOME"}


def launched(profile: str) -> dict[str, str]:
    """The launcher's arguments in this profile."""
    service = services(profile)[f"tgi-{profile}"]
    assert "command" not in service
    variables = service["environment"]
    assert all(isinstance(value, str) for value in variables.values()), "YAML would turn off into false"
    return {argument(name): value for name, value in variables.items() if name not in ENVIRONMENT}


def quantizations() -> list[str]:
    """Those that take ordinary weights."""
    return LAUNCHER["--quantize"].partition(";")[0].split(", ")


def argument(variable: str) -> str:
    """MAX_INPUT_TOKENS is --max-input-tokens."""
    return "--" + variable.lower().replace("_", "-")


@pytest.mark.parametrize("profile", PAIRINGS)
def test_each_pairing_is_launched_with_its_arguments(profile: str) -> None:
    """No more and no less."""
    assert launched(profile) == PAIRINGS[profile]


@pytest.mark.parametrize("profile", PAIRINGS)
def test_every_argument_is_one_that_the_launcher_documents(profile: str) -> None:
    """TGI ignores a variable that it does not know."""
    found = launched(profile)
    assert set(found) <= set(LAUNCHER)
    assert found.get("--quantize", "eetq") in quantizations()
    assert int(found["--max-input-tokens"]) + 1024 <= int(found["--max-total-tokens"]), "MAX_NEW_TOKENS must fit"


def test_another_quantization_can_be_chosen_for_34b() -> None:
    """TGI_QUANTIZE, for those who have less memory or want more speed."""
    for kind in ("bitsandbytes-nf4", "eetq"):
        assert kind in quantizations()
        service = compose(TGI_QUANTIZE=kind)["services"]["tgi-34b"]
        assert service["environment"]["QUANTIZE"] == kind


@pytest.mark.parametrize("profile", PAIRINGS)
def test_what_tgi_needs_of_its_container(profile: str) -> None:
    """Shared memory between shards, a disk for the weights, time to load them and to end its streams."""
    service = services(profile)[f"tgi-{profile}"]
    assert service["image"] == "ghcr.io/huggingface/text-generation-inference:3.3.7"
    assert service["shm_size"] == "1g"
    assert service["volumes"] == ["tgi-data:/data"]
    assert service["healthcheck"]["test"] == ["CMD", "curl", "-fsS", "http://localhost:80/health"]
    assert service["healthcheck"]["start_period"] == "30m"
    assert service["networks"]["inside"] == {"aliases": ["model"]}
    assert services(profile)["bot"]["environment"]["MODEL_URL"] == "http://model:80"
    (tmp,) = service["tmpfs"]
    assert "exec" in tmp.partition(":")[2].split(","), "Triton loads what it compiles from there"
