"""What Prometheus is told: the service's own figures, and those of its model as OpenTelemetry names them.

The names and buckets of `gen_ai_*` are OpenTelemetry's (semantic conventions for generative AI client metrics), in the
form that its Prometheus exporter gives them. No label holds what comes from outside: each value is one of a known set,
or "other", so that nobody can be told from it and nobody can make the series grow.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import prometheus_client
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bot.health import serving
from conversation.errors import StoreUnavailable
from conversation.observing import EventResult, ModelRequest, Observer, Outcome, Reply
from storage.gauges import Gauges

READ_SECONDS = 2.0  # Prometheus waits for ten
PLATFORMS = ("slack", "discord", "terminal")
PROVIDERS = frozenset({"tgi", "vllm", "sglang", "llamacpp"})
OTHER = "other"
# A prompt is sent as it is, to be gone on with; a chat's turns are never sent as such.
OPERATION = "text_completion"
# Settings name two models. A server that calls its model otherwise each time must not make a series each time.
MOST_MODELS = 8

# From a model that stands by to a queue of a quarter of an hour.
WAIT_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1280)
# OpenTelemetry's, each by its own metric's page.
TOKEN_BUCKETS = tuple(4**power for power in range(14))
DURATION_BUCKETS = tuple(0.01 * 2**power for power in range(14))
FIRST_CHUNK_BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_MODEL_LABELS = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")


class _Gauges(Collector):
    """What was read of the store for just this scrape. A store that is away has no figures."""

    def __init__(self) -> None:
        self.read: Gauges | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        depth = GaugeMetricFamily("bot_queue_depth", "Questions that are not settled, running ones too.")
        dead = GaugeMetricFamily("bot_dead_letters", "Questions that were given up, as far back as they are kept.")
        if self.read is not None:
            depth.add_metric([], self.read.queued)
            dead.add_metric([], self.read.dead)
        yield from (depth, dead)


class Metrics:
    """An Observer that counts for Prometheus, of one process."""

    def __init__(self) -> None:
        # Each counter would have a second series with the time when it was made.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        self._models: dict[str, str] = {}
        self._gauges = _Gauges()
        registry.register(self._gauges)
        ProcessCollector(registry=registry)

        def histogram(name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, about, labels, buckets=buckets, registry=registry)

        self._events = Counter(
            "bot_events_total", "What platforms delivered, by what became of it.", ("platform", "result"),
            registry=registry,
        )  # fmt: skip
        self._replies = Counter("bot_replies_total", "Accepted messages by how they ended.", ("outcome",),
                                registry=registry)  # fmt: skip
        self._requests = Counter(
            "bot_platform_requests_total", "Calls of platforms' APIs, by what was answered.", ("method", "code"),
            registry=registry,
        )  # fmt: skip
        self._lost = Counter("bot_lease_lost_total", "Jobs that another worker took from this one.", registry=registry)
        self._wait = histogram(
            "bot_queue_wait_seconds", "From a question's acceptance until the model was free for it.", WAIT_BUCKETS
        )
        self._first_text = histogram(
            "bot_first_text_seconds",
            "From a question's acceptance until its platform had taken the first text.",
            WAIT_BUCKETS,
        )
        self._reply = histogram("bot_reply_seconds", "From a question's acceptance to its settlement.", WAIT_BUCKETS)
        self._tokens = histogram(
            "gen_ai_client_token_usage", "Number of input and output tokens used.", TOKEN_BUCKETS,
            *_MODEL_LABELS, "gen_ai_token_type",
        )  # fmt: skip
        self._duration = histogram(
            "gen_ai_client_operation_duration_seconds", "GenAI operation duration.", DURATION_BUCKETS,
            *_MODEL_LABELS, "error_type",
        )  # fmt: skip
        self._first_chunk = histogram(
            "gen_ai_client_operation_time_to_first_chunk_seconds",
            "Time to receive the first chunk of a streamed response.",
            FIRST_CHUNK_BUCKETS,
            *_MODEL_LABELS,
        )
        # A series that begins with its first event has no rate for it.
        for outcome in Outcome:
            self._replies.labels(outcome.value)
        for platform in PLATFORMS:
            for result in EventResult:
                self._events.labels(platform, result.value)

    def heard(self, platform: str, result: EventResult) -> None:
        """See Observer."""
        self._events.labels(platform if platform in PLATFORMS else OTHER, result.value).inc()

    def called(self, method: str, code: str) -> None:
        """See Observer. The adapters name what they know, and the rest "other"."""
        self._requests.labels(method, code).inc()

    def asked(self, provider: str, model_id: str, request: ModelRequest) -> None:
        """See Observer."""
        model = (OPERATION, provider if provider in PROVIDERS else OTHER, self._model(model_id))
        self._duration.labels(*model, request.error).observe(request.seconds)
        if request.first_chunk_seconds is None:
            return  # what it had read of the prompt by then nobody knows
        self._first_chunk.labels(*model).observe(request.first_chunk_seconds)
        self._tokens.labels(*model, "input").observe(request.prompt_tokens)
        self._tokens.labels(*model, "output").observe(request.answer_tokens)

    def settled(self, reply: Reply) -> None:
        """See Observer."""
        self._replies.labels(reply.outcome.value).inc()
        if reply.outcome is Outcome.ERRAND:
            return
        self._reply.observe(reply.seconds)
        if reply.queue_wait_seconds is not None:
            self._wait.observe(reply.queue_wait_seconds)
        if reply.first_text_seconds is not None:
            self._first_text.observe(reply.first_text_seconds)

    def lease_lost(self) -> None:
        """See Observer."""
        self._lost.inc()

    def page(self, accept: str, gauges: Gauges | None) -> tuple[bytes, str]:
        """The page and its content type, as the scraper's Accept header wants it."""
        encode, content_type = choose_encoder(accept)
        self._gauges.read = gauges
        return encode(self._registry), content_type

    def _model(self, model_id: str) -> str:
        if model_id not in self._models and len(self._models) < MOST_MODELS:
            self._models[model_id] = model_id
        return self._models.get(model_id, OTHER)


@asynccontextmanager
async def serve_metrics(
    host: str, port: int, metrics: Metrics, read: Callable[[], Awaitable[Gauges]]
) -> AsyncIterator[int]:
    """Serve `/metrics` for as long as the context lasts; gives the port. `read` is asked for each page; without its
    figures the page has all others. OSError when the port is taken."""

    async def page(request: web.Request) -> web.Response:
        gauges: Gauges | None = None
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(READ_SECONDS):
                gauges = await read()
        body, content_type = metrics.page(request.headers.get("Accept", ""), gauges)
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.add_routes([web.get("/metrics", page)])
    async with serving(app, host, port) as found:
        yield found


_: type[Observer] = Metrics
