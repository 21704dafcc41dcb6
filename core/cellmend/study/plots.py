"""The drawings of a study page, by matplotlib: plots as SVG, panels of pictures as PNG."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cellmend.errors import InputError
from cellmend.labels.outlines import outline_mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.floating[Any]]

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d31", "#7b6fd0")
"""Okabe and Ito's colours, which colour-blind eyes tell apart, and two more."""
OUTLINE = np.array([255, 214, 0], np.uint8)
PANEL_INCHES = 1.9
TITLE_WIDTH = 24
"""Letters of a title that fit over a small plot."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of a grid: (Y, X) uint8, the cells outlined, words above."""

    title: str
    image: NDArray[np.uint8]
    masks: NDArray[np.integer] | None = None


def check_available() -> None:
    """Refuse to start a study whose page could not be drawn.

    Raises
    ------
    InputError
        If a library of the optional extra is missing.
    """
    for name in ("matplotlib", "skimage"):
        try:
            __import__(name)
        except ModuleNotFoundError as error:
            raise InputError(
                f"A study needs {name}, which is not installed.",
                hint="Run: pip install 'cellmend[study]'.",
            ) from error


def curves(
    x: Sequence[float],
    lines: Mapping[str, Floats],
    *,
    x_name: str,
    y_name: str,
    bold: Collection[str] = (),
) -> str:
    """Draw one line per name; ``degraded`` and ``clean`` are black, dotted and solid.

    Where there are more names than colours, these come again with dashes. The names in
    `bold` have thick lines.
    """
    figure, (axes,) = _figure(1, width=6.4, height=4.0)
    looks = cycle((colour, dash) for dash in ("-", "--", "-.") for colour in COLOURS)
    for name, y in lines.items():
        style = {"degraded": ("black", ":"), "clean": ("black", "-")}.get(name)
        colour, dash = style or next(looks)
        width = 3.5 if name in bold else 1.4
        axes.plot(x, y, dash, color=colour, label=name, linewidth=width)
    axes.set(xlabel=x_name, ylabel=y_name, ylim=(0, 1))
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return _svg(figure)


def before_after(points: Mapping[str, Floats], *, name: str, columns: int = 5) -> str:
    """Draw a square per method: above the line is better.

    Parameters
    ----------
    points
        (images, 2) per method: the measure called `name` before and after.
    """
    across = min(len(points), columns)
    figure, every = _figure(across, -(-len(points) // across), width=2.2, height=2.3)
    for axes, (method, values), colour in zip(every, points.items(), COLOURS * 9, strict=False):
        axes.plot([0, 1], [0, 1], color="#b0bec5", linewidth=1)
        axes.scatter(values[:, 0], values[:, 1], s=14, color=colour, alpha=0.8, linewidths=0)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"{name} before", ylabel="after")
        axes.set_title(fill(method, TITLE_WIDTH), fontsize=9)
        axes.set_aspect("equal")
    for axes in every[len(points) :]:
        axes.set_visible(False)
    return _svg(figure)


def diameters(points: Mapping[str, Floats]) -> str:
    """Draw a square per model: true (x) and estimated (y) diameters, logarithmic.

    Parameters
    ----------
    points
        (images, 2) per model, in pixels.
    """
    figure, every = _figure(len(points), width=2.8, height=2.8)
    both = np.concatenate([values.ravel() for values in points.values()])
    ends = (0.8 * both.min(), 1.25 * both.max())
    for axes, (model, values), colour in zip(every, points.items(), COLOURS * 9, strict=False):
        axes.plot(ends, ends, color="#b0bec5", linewidth=1)
        axes.scatter(values[:, 0], values[:, 1], s=14, color=colour, alpha=0.8, linewidths=0)
        axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
        axes.set(xlabel="true diameter, px", ylabel="estimated diameter, px")
        axes.set_title(model, fontsize=9)
        axes.set_aspect("equal")
    return _svg(figure)


def ratios(values: Mapping[str, tuple[float, float]]) -> str:
    """Draw a bar per name, and a line at what it should reach; logarithmic."""
    figure, (axes,) = _figure(1, width=6.4, height=0.4 * len(values) + 0.8)
    for place, (ratio, target) in enumerate(values.values()):
        axes.barh(place, ratio, color="#00897b" if ratio >= target else "#d55e00", height=0.6)
        axes.plot([target, target], [place - 0.4, place + 0.4], color="black", linewidth=1.5)
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="#b0bec5", linewidth=1)
    return _svg(figure)


def spreads(values: Mapping[str, Mapping[str, Floats]]) -> str:
    """Draw a square per measure: every image as a point per method, the mean as a cross."""
    figure, every = _figure(len(values), width=3.4, height=3.4)
    for axes, (measure, methods) in zip(every, values.items(), strict=True):
        for index, points in enumerate(methods.values()):
            shift = np.linspace(-0.2, 0.2, len(points)) if len(points) > 1 else np.zeros(1)
            axes.scatter(index + shift, points, s=9, color="#90a4ae", linewidths=0)
            axes.plot(index, np.mean(points), "x", color="#d55e00", markersize=8)
        axes.set_xticks(range(len(methods)), list(methods), rotation=60, ha="right", fontsize=7)
        axes.set_ylim(0, None)
        axes.set_title(measure, fontsize=9)
    return _svg(figure)


def picture_grid(rows: Sequence[tuple[str, Sequence[Panel]]]) -> bytes:
    """Draw rows of panels, each with a name at its left, as PNG."""
    from matplotlib.figure import Figure

    columns = max(len(panels) for _, panels in rows)
    figure = Figure(
        figsize=(PANEL_INCHES * columns + 0.3, (PANEL_INCHES + 0.25) * len(rows)),
        dpi=110,
        layout="constrained",
    )
    every = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, panels) in zip(every, rows, strict=True):
        for axes, panel in zip(line, panels, strict=False):
            axes.imshow(outlined(panel), interpolation="nearest")
            axes.set_title(panel.title, fontsize=7, pad=2)
        for axes in line:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(name, fontsize=7)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def outlined(panel: Panel) -> NDArray[np.uint8]:
    """Return the picture as RGB with the outlines of its cells."""
    rgb = np.repeat(panel.image[..., None], 3, axis=2)
    if panel.masks is not None:
        rgb[outline_mask(panel.masks)] = OUTLINE
    return rgb


def _figure(
    columns: int, rows: int = 1, *, width: float, height: float
) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    every = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axes in every:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.xaxis.label.set_fontsize(8)
        axes.yaxis.label.set_fontsize(8)
    return figure, every


def _svg(figure: Figure) -> str:
    """Return SVG with text as text; ids and dates do not differ from run to run."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "cellmend"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
