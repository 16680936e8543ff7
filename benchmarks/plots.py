"""Line plots as PNG, with Pillow alone: a few axes do not need a plotting library and the packages behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.report import Panel, Plot, Series

SCALE = 2  # drawn so much larger and made smaller, which smooths the lines
WIDTH, HEIGHT = 640, 360  # of a panel, pixels
LEFT, TOP, RIGHT, BOTTOM = 58, 62, 20, 48  # around the axes
LEAST = 0.1  # on a logarithmic axis: a zero has no place there
TEXT, GRID, PAPER = "#333333", "#dddddd", "#ffffff"
# Told apart by people who do not see red and green (Okabe and Ito, https://jfly.uni-koeln.de/color/).
COLOURS = ("#0072b2", "#d55e00", "#777777", "#009e73")


def draw(plot: Plot, directory: Path) -> Path:
    """Write `directory`/<name>.png and give its path."""
    width = WIDTH * len(plot.panels)
    image = Image.new("RGB", (width * SCALE, HEIGHT * SCALE), PAPER)
    for number, panel in enumerate(plot.panels):
        _Axes(ImageDraw.Draw(image), panel, WIDTH * number).draw()
    path = directory / f"{plot.name}.png"
    image.resize((width, HEIGHT), Image.Resampling.LANCZOS).save(path, optimize=True)
    return path


class _Axes:
    def __init__(self, pen: ImageDraw.ImageDraw, panel: Panel, left: int) -> None:
        self._pen, self._panel, self._left = pen, panel, left
        points = [point for series in panel.series for point in series.points]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        if panel.log_x:
            first, last = math.floor(math.log10(max(min(xs), LEAST))), math.ceil(math.log10(max(*xs, 10 * LEAST)))
            self._xs = [10.0**power for power in range(first, last + 1)]
        else:
            self._xs = _ticks(min(xs), max(xs))
        self._ys = _ticks(min(0.0, *ys), max(ys))

    def draw(self) -> None:
        panel, right, bottom = self._panel, WIDTH - RIGHT, HEIGHT - BOTTOM
        self._text(LEFT, 18, panel.title, size=16, anchor="lm")
        self._text(LEFT, TOP - 16, panel.y, anchor="lm")
        self._text((LEFT + right) / 2, HEIGHT - 14, panel.x, anchor="mm")
        for x in self._xs:
            self._line([(self._x(x), TOP), (self._x(x), bottom)], GRID, 1)
            self._text(self._x(x), bottom + 12, f"{x:g}", anchor="mm")
        for y in self._ys:
            self._line([(LEFT, self._y(y)), (right, self._y(y))], GRID, 1)
            self._text(LEFT - 8, self._y(y), f"{y:g}", anchor="rm")
        for number, (series, colour) in enumerate(zip(panel.series, COLOURS, strict=False)):
            self._curve(series, colour)
            at = right - 130 * (len(panel.series) - number)
            self._line([(at, TOP - 16), (at + 20, TOP - 16)], colour, 3)
            self._text(at + 26, TOP - 16, series.name, anchor="lm")

    def _curve(self, series: Series, colour: str) -> None:
        points = [(self._x(x), self._y(y)) for x, y in series.points]
        self._line(points, colour, 2)
        if len(points) <= 30:
            for x, y in points:
                box = [(self._left + x - 3) * SCALE, (y - 3) * SCALE, (self._left + x + 3) * SCALE, (y + 3) * SCALE]
                self._pen.ellipse(box, fill=colour)

    def _x(self, value: float) -> float:
        low, high = self._xs[0], self._xs[-1]
        if self._panel.log_x:
            share = math.log(max(value, low) / low) / math.log(high / low)
        else:
            share = (value - low) / (high - low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        low, high = self._ys[0], self._ys[-1]
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def _line(self, points: Sequence[tuple[float, float]], colour: str, width: int) -> None:
        scaled = [((self._left + x) * SCALE, y * SCALE) for x, y in points]
        self._pen.line(scaled, fill=colour, width=width * SCALE, joint="curve")

    def _text(self, x: float, y: float, text: str, *, size: int = 13, anchor: str) -> None:
        font = ImageFont.load_default(size * SCALE)
        self._pen.text(((self._left + x) * SCALE, y * SCALE), text, fill=TEXT, font=font, anchor=anchor)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most `low` to at least `high`, about six."""
    rough = (high - low or 1.0) / 6
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 10) for number in range(first, last + 1)]
