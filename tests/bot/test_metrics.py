"""The page that Prometheus reads."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from bot.metrics import DURATION_BUCKETS, MOST_MODELS, TOKEN_BUCKETS, Metrics, serve_metrics
from conversation.errors import StoreUnavailable
from conversation.observing import EventResult, ModelRequest, Outcome, Reply
from storage.gauges import Gauges
from tests.scraping import Page, scrape

MODEL = {
    "gen_ai_operation_name": "text_completion",
    "gen_ai_provider_name": "tgi",
    "gen_ai_request_model": "codellama/CodeLlama-7b-Instruct-hf",
}


def page_of(metrics: Metrics) -> Page:
    """What is there now."""
    return Page(metrics.page("", Gauges(0, 0))[0].decode())


async def store_of_three() -> Gauges:
    """Three questions that wait, one that was given up."""
    return Gauges(3, 1)


async def store_that_is_away() -> Gauges:
    raise StoreUnavailable


async def store_that_never_answers() -> Gauges:
    await asyncio.Event().wait()
    raise AssertionError


def test_every_metric_has_the_name_that_dashboards_ask_for() -> None:
    """Those of facts that operators and OpenTelemetry agreed on; a rename breaks dashboards without a sound."""
    metrics = Metrics()
    metrics.called("chat.postMessage", "200")
    metrics.asked("tgi", "m", ModelRequest(10, 5, 1.0, 0.1))
    text = page_of(metrics).text
    types = dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE"))
    assert {name: kind for name, kind in types.items() if not name.startswith("process_")} == {
        "bot_dead_letters": "gauge",
        "bot_events_total": "counter",
        "bot_first_text_seconds": "histogram",
        "bot_lease_lost_total": "counter",
        "bot_platform_requests_total": "counter",
        "bot_queue_depth": "gauge",
        "bot_queue_wait_seconds": "histogram",
        "bot_replies_total": "counter",
        "bot_reply_seconds": "histogram",
        "gen_ai_client_operation_duration_seconds": "histogram",
        "gen_ai_client_operation_time_to_first_chunk_seconds": "histogram",
        "gen_ai_client_token_usage": "histogram",
    }


def test_a_request_to_the_model_is_told_as_opentelemetry_says() -> None:
    """Tokens by their type, durations in seconds, an error by its kind; in the buckets of the conventions."""
    metrics = Metrics()
    model_id = MODEL["gen_ai_request_model"]
    metrics.asked("tgi", model_id, ModelRequest(100, 20, 2.0, 0.25))
    metrics.asked("tgi", model_id, ModelRequest(120, 0, 0.5, None, error="ModelOverloaded"))
    page = page_of(metrics)
    assert page.value("gen_ai_client_token_usage_sum", **MODEL, gen_ai_token_type="input") == 100
    assert page.value("gen_ai_client_token_usage_sum", **MODEL, gen_ai_token_type="output") == 20
    assert page.value("gen_ai_client_operation_duration_seconds_sum", **MODEL) == 2.0
    refused = page.value("gen_ai_client_operation_duration_seconds_count", **MODEL, error_type="ModelOverloaded")
    assert refused == 1, "what the server did not begin has a duration, and used no tokens"
    assert page.value("gen_ai_client_operation_time_to_first_chunk_seconds_sum", **MODEL) == 0.25
    assert (TOKEN_BUCKETS[-1], DURATION_BUCKETS[-1]) == (67_108_864, 81.92)


def test_an_answer_is_counted_once_by_how_it_ended() -> None:
    """What did not happen has no duration, and an errand none at all."""
    metrics = Metrics()
    metrics.settled(Reply(Outcome.COMPLETE, 0.5, 1.5, 3.0))
    metrics.settled(Reply(Outcome.FAILED, None, None, 9.0))
    metrics.settled(Reply(Outcome.ERRAND, seconds=5.0))
    metrics.lease_lost()
    page = page_of(metrics)
    assert page.counted("bot_replies_total") == {("complete",): 1, ("failed",): 1, ("errand",): 1}
    assert page.value("bot_replies_total", outcome="dead") == 0, "a series is there before its first event"
    assert (page.value("bot_reply_seconds_count"), page.value("bot_reply_seconds_sum")) == (2, 12.0)
    assert page.value("bot_queue_wait_seconds_sum") == 0.5
    assert (page.value("bot_first_text_seconds_count"), page.value("bot_first_text_seconds_sum")) == (1, 1.5)
    assert page.value("bot_lease_lost_total") == 1


def test_no_label_grows_with_what_comes_from_outside() -> None:
    """A platform that nobody knows, servers of all kinds, and a server that calls its model otherwise each time."""
    metrics = Metrics()
    metrics.heard("C0CANARY01", EventResult.ACCEPTED)
    for number in range(1000):
        metrics.asked(f"server{number}", f"model{number}", ModelRequest(1, 1, 1.0, 0.1))
    page = page_of(metrics)
    assert page.value("bot_events_total", platform="other", result="accepted") == 1
    counts = page.counted("gen_ai_client_operation_duration_seconds_count")
    assert len(counts) == MOST_MODELS + 1
    assert {labels[2] for labels in counts} == {"other"}
    assert "CANARY" not in page.text


async def test_the_page_knows_what_the_store_holds() -> None:
    """Queue and dead letters are the whole installation's: each process tells the same."""
    async with serve_metrics("127.0.0.1", 0, Metrics(), store_of_three) as port:
        page = await scrape(f"http://127.0.0.1:{port}/metrics")
    assert (page.value("bot_queue_depth"), page.value("bot_dead_letters")) == (3, 1)


@pytest.mark.parametrize("store", [store_that_is_away, store_that_never_answers])
async def test_a_store_that_is_away_takes_only_its_own_figures_with_it(
    store: Callable[[], Awaitable[Gauges]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that never answers; no old figure stands there as if it were one of now."""
    monkeypatch.setattr("bot.metrics.READ_SECONDS", 0.1)
    metrics = Metrics()
    metrics.page("", Gauges(3, 1))
    metrics.lease_lost()
    async with serve_metrics("127.0.0.1", 0, metrics, store) as port:
        page = await scrape(f"http://127.0.0.1:{port}/metrics")
    assert page.value("bot_queue_depth") is None
    assert page.value("bot_dead_letters") is None
    assert page.value("bot_lease_lost_total") == 1


async def test_openmetrics_is_given_to_who_asks_for_it() -> None:
    """As a newer Prometheus does."""
    async with serve_metrics("127.0.0.1", 0, Metrics(), store_of_three) as port, aiohttp.ClientSession() as session:
        headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with session.get(f"http://127.0.0.1:{port}/metrics", headers=headers) as response:
            assert response.headers["Content-Type"].startswith("application/openmetrics-text")
            assert (await response.text()).endswith("# EOF\n")


async def test_nothing_but_metrics_is_there_and_the_port_is_ours_alone() -> None:
    """A second server there is refused by the system, which the program then says."""
    async with serve_metrics("127.0.0.1", 0, Metrics(), store_of_three) as port:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as response:
            assert response.status == 404
        with pytest.raises(OSError, match="address already in use") as taken:
            async with serve_metrics("127.0.0.1", port, Metrics(), store_of_three):
                pass
        assert taken.value.errno == errno.EADDRINUSE
