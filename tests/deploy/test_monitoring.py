"""Prometheus and Grafana ask for metrics that there are, of processes that they reach."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from bot.metrics import Metrics
from tests.deploy.reading import ROOT, compose, ours, yaml

DEPLOY = ROOT / "deploy"
SERVICES: dict[str, Any] = compose()["services"]
HISTOGRAM = ("_bucket", "_sum", "_count")


def exported() -> dict[str, tuple[str, set[str]]]:
    """What the service itself counts: name to kind and labels, out of its registry."""
    found = {}
    for collector in Metrics()._registry._collector_to_names:
        describe = getattr(collector, "describe", collector.collect)
        labels = set(getattr(collector, "_labelnames", ()))
        for family in describe():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = (family.type, labels)
    return {name: about for name, about in found.items() if not name.startswith("process_")}


SERVICE_METRICS = exported()
# https://github.com/huggingface/text-generation-inference/blob/v3.3.7/docs/source/reference/metrics.md
TGI_METRICS: dict[str, tuple[str, set[str]]] = {
    "tgi_batch_current_max_tokens": ("gauge", set()),
    "tgi_batch_current_size": ("gauge", set()),
    "tgi_queue_size": ("gauge", set()),
    "tgi_request_count": ("counter", set()),
    "tgi_request_success": ("counter", set()),
    "tgi_request_generated_tokens": ("histogram", set()),
    "tgi_request_input_length": ("histogram", set()),
    "tgi_request_mean_time_per_token_duration": ("histogram", set()),
    "tgi_request_queue_duration": ("histogram", set()),
}
# Prometheus's own.
OWN_METRICS: dict[str, tuple[str, set[str]]] = {"up": ("gauge", set()), "ALERTS": ("gauge", {"alertstate"})}
EVERY_METRIC = {**SERVICE_METRICS, **TGI_METRICS, **OWN_METRICS}
FUNCTIONS = {
    "absent", "delta", "deriv", "histogram_quantile", "increase", "max", "max_over_time", "min_over_time", "rate",
    "sum", "vector",
}  # fmt: skip
WORDS = {"and", "or", "unless", "by"}


def series() -> dict[str, set[str]]:
    """The names as a query writes them, with their labels."""
    found: dict[str, set[str]] = {}
    for name, (kind, labels) in EVERY_METRIC.items():
        every = labels | {"job", "instance"}
        found |= {name + suffix: every | {"le"} for suffix in HISTOGRAM} if kind == "histogram" else {name: every}
    return found


def words_of(query: str) -> tuple[set[str], set[str]]:
    """The series and the labels that stand in a PromQL query."""
    without_strings = re.sub(r'"[^"]*"', '""', query)
    labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", without_strings))
    for group in re.findall(r"\bby\s*\(([^)]*)\)", without_strings):
        labels |= {label.strip() for label in group.split(",")}
    plain = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby\s*\([^)]*\)", " ", without_strings)
    return set(re.findall(r"[A-Za-z_:][A-Za-z0-9_:]*", plain)) - FUNCTIONS - WORDS, labels


def dashboard() -> Any:
    return json.loads((DEPLOY / "grafana" / "dashboards" / "corral.json").read_text("utf-8"))


def targets() -> Iterator[tuple[str, Any]]:
    for panel in dashboard()["panels"]:
        yield from ((panel["title"], target) for target in panel.get("targets", []))


def alerts() -> list[Any]:
    return [rule for group in yaml(DEPLOY / "prometheus" / "rules.yml")["groups"] for rule in group["rules"]]


def queries() -> list[tuple[str, str]]:
    """Every query there is, with the place where it stands."""
    return [(title, target["expr"]) for title, target in targets()] + [
        (rule["alert"], rule["expr"]) for rule in alerts()
    ]


@pytest.mark.parametrize(("place", "query"), queries())
def test_a_query_asks_for_series_and_labels_that_there_are(place: str, query: str) -> None:
    """Prometheus answers a wrong name with nothing, and an alert on it never fires."""
    known = series()
    names, labels = words_of(query)
    assert names, place
    assert names <= set(known), place
    assert all(labels <= known[name] for name in names), place
    assert query.count("(") == query.count(")")


def test_the_words_of_a_query_are_found() -> None:
    """This page's own reader of queries sees what it must."""
    query = 'sum by (le, code) (rate(a_bucket{job="corral", x!~"y"}[5m])) > 10 and max(b_total) == 0'
    assert words_of(query) == ({"a_bucket", "b_total"}, {"le", "code", "job", "x"})


def test_the_dashboard_shows_every_metric_of_the_service() -> None:
    """What is counted and shown nowhere is noticed too late."""
    shown = {name for _, target in targets() for name in words_of(target["expr"])[0]}
    bare = {re.sub("(_bucket|_sum|_count)$", "", name) for name in shown}
    assert set(SERVICE_METRICS) <= bare
    assert {name for name in bare if name.startswith("tgi_")} - {"tgi_request"} <= set(TGI_METRICS) | {
        "tgi_request_count"
    }


def test_the_dashboard_asks_the_data_source_that_is_provisioned() -> None:
    """By the uid that both name, and Grafana finds both where compose mounts them."""
    (source,) = yaml(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert all(target["datasource"] == {"type": "prometheus", "uid": source["uid"]} for _, target in targets())
    (provider,) = yaml(DEPLOY / "grafana" / "provisioning" / "dashboards" / "corral.yml")["providers"]
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == provider["options"]["path"] + "/corral.json"
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])


def test_panels_do_not_lie_on_each_other() -> None:
    """Each place of Grafana's grid of 24 columns is taken once."""
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        places = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & places, panel["title"]
        assert max(x for x, _ in places) < 24
        taken |= places


def test_prometheus_scrapes_every_process_of_ours_and_the_model() -> None:
    """By names that they have in a network that it shares with them, on the ports where they listen."""
    config = yaml(DEPLOY / "prometheus" / "prometheus.yml")
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    (found,) = jobs["corral"]["dns_sd_configs"]
    for service in ours(SERVICES).values():
        assert service["networks"]["inside"]["aliases"] == found["names"]
        assert service["environment"]["METRICS_PORT"] == str(found["port"])
        assert service["environment"]["METRICS_HOST"] == "0.0.0.0"
    (model,) = jobs["model"]["static_configs"]
    assert model["targets"] == ["model:80"]
    assert "inside" in SERVICES["prometheus"]["networks"]
    assert all((DEPLOY / "prometheus" / name).exists() for name in config["rule_files"])
    assert "./deploy/prometheus:/etc/prometheus:ro" in SERVICES["prometheus"]["volumes"]
    assert "--config.file=/etc/prometheus/prometheus.yml" in SERVICES["prometheus"]["command"]


def test_there_is_an_alert_for_each_trouble_that_people_feel() -> None:
    """Each says what is seen and what to do first, and names jobs that there are."""
    assert {rule["alert"] for rule in alerts()} == {
        "CorralIsGone", "CorralIsNotScraped", "ModelIsDown", "QueueGrows", "NothingIsAnswered", "FirstTextIsSlow",
        "PlatformLimitsUs", "DeadLetters",
    }  # fmt: skip
    jobs = {job["job_name"] for job in yaml(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]}
    for rule in alerts():
        assert set(rule["annotations"]) == {"summary", "action"}
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(re.findall(r'job="(\w+)"', rule["expr"])) <= jobs
