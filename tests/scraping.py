"""A page of metrics as Prometheus reads it."""

from __future__ import annotations

import aiohttp
from prometheus_client.parser import text_string_to_metric_families


class Page:
    """The samples of one page."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """The sample with exactly these labels; None when there is none. Empty labels are no labels to Prometheus."""
        for (found, its), value in self._samples.items():
            if found == name and {key: text for key, text in its if text} == labels:
                return value
        return None

    def counted(self, name: str) -> dict[tuple[str, ...], float]:
        """Of a counter: the samples that are not 0, by the values of their labels, ordered by the labels' names."""
        return {
            tuple(text for _, text in sorted(its)): value
            for (found, its), value in self._samples.items()
            if found == name and value
        }


async def scrape(url: str) -> Page:
    """What stands at this address now."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        return Page(await response.text())
