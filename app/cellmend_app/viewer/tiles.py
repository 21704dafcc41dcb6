"""Large pictures on screen: squares of screen pixels, rendered in other threads and kept.

A tile is made for one zoom and copied to the screen as it is, which is what makes
moving the image quick. While tiles of a new zoom or of other content are rendered,
those there were before stand in for them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, floor, log2
from typing import cast

import numpy as np
from PyQt6.QtCore import QObject, QRect, QRectF, Qt, QThreadPool, pyqtSignal, pyqtSlot
from PyQt6.QtGui import QImage, QPainter, QTransform
from PyQt6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from cellmend.labels.runs import Box
from cellmend_app.viewer.render import Bytes
from cellmend_app.viewer.sources import Part, Source

TILE = 512
"""Side of a tile, in pixels of the screen."""
BUDGET = 64 << 20
"""Bytes of tiles that one layer keeps, unless more are on screen at once."""
AT_ONCE = 1 << 19
"""Screen pixels that an edit may render at once in the GUI thread; more go to the others."""
THREADS = 2

Key = tuple[float, int, int]
"""Scale, row and column of a tile."""


@dataclass(eq=False)
class Tile:
    """Pixels of a tile, and whether they are those of now.

    Parameters
    ----------
    pixels
        What the source rendered; may be written to.
    image
        The same memory for Qt.
    current
        False where what the tile shows has changed since.
    """

    pixels: Bytes
    image: QImage
    current: bool = True


@dataclass(eq=False)
class Job:
    """A tile to be rendered.

    Parameters
    ----------
    item, key, source
        For whom, which tile, and of what.
    outdated
        The source changed meanwhile, so that the tile has to be rendered once more.
    """

    item: TileItem
    key: Key
    source: Source
    outdated: bool = False


class TileRenderer(QObject):
    """Renders tiles in other threads, those asked for last first.

    All bookkeeping is done in the GUI thread; other threads only call `Source.render`.
    """

    _rendered = pyqtSignal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(THREADS)
        self._waiting: list[Job] = []
        self._running = 0
        self._rendered.connect(self._on_rendered)

    @property
    def busy(self) -> bool:
        """Whether there are tiles to come."""
        return bool(self._waiting or self._running)

    def request(self, job: Job) -> None:
        """Render a tile when a thread is free, and hand it to its item."""
        self._waiting.append(job)
        self._pump()

    def drop(self, item: TileItem) -> None:
        """Forget what an item waits for and no thread has begun with."""
        kept = []
        for job in self._waiting:
            if job.item is item:
                item.forget(job)
            else:
                kept.append(job)
        self._waiting = kept

    def shutdown(self) -> None:
        """Render nothing more, and wait for the threads."""
        self._waiting.clear()
        self._pool.waitForDone()

    def _pump(self) -> None:
        while self._waiting and self._running < THREADS:
            job = self._waiting.pop()
            self._running += 1
            self._pool.start(partial(self._render, job))

    def _render(self, job: Job) -> None:
        try:
            result: object = job.source.render(job.item.part(job.key, job.source))
        except BaseException as error:  # raised again in the GUI thread, which shows it
            result = error
        try:
            self._rendered.emit(job, result)
        except RuntimeError:  # the window is gone
            return

    @pyqtSlot(object, object)
    def _on_rendered(self, job: Job, result: object) -> None:
        self._running -= 1
        self._pump()
        if isinstance(result, BaseException):
            job.item.forget(job)
            raise result
        job.item.take(job, cast(Bytes, result))


class TileItem(QGraphicsItem):
    """Shows a source over its area of the scene.

    Parameters
    ----------
    renderer
        What renders its tiles.
    """

    def __init__(self, renderer: TileRenderer) -> None:
        super().__init__()
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption)
        self._renderer = renderer
        self._source: Source | None = None
        self._area = QRectF()
        self._tiles: OrderedDict[Key, Tile] = OrderedDict()
        self._jobs: dict[Key, Job] = {}
        self._scale = 0.0
        self._backdrop = 0.0
        self._columns: tuple[float, float] | None = None

    # -- what is shown

    @property
    def source(self) -> Source | None:
        """What is shown."""
        return self._source

    def show_source(self, source: Source | None, changed: Sequence[Box] | None = None) -> None:
        """Show another source. One of the same size takes the place of the former smoothly.

        `changed` are the boxes in which it differs from the former; by default it may anywhere.
        """
        former, self._source = self._source, source
        if source is None or former is None or source.size != former.size:
            self._tiles.clear()
            self.prepareGeometryChange()
            height, width = (0.0, 0.0) if source is None else source.size
            self._area = QRectF(0, 0, width, height)
            changed = None
        if changed is None:
            self.refresh()
            return
        for box in changed:
            self.refresh_box(box)

    def refresh(self) -> None:
        """Render everything anew."""
        self._renderer.drop(self)
        for job in self._jobs.values():
            job.outdated = True
        for tile in self._tiles.values():
            tile.current = False
        self.update()

    def refresh_box(self, box: Box) -> None:
        """Render anew what shows a box of the scene: at once if it is small."""
        y0, x0, y1, x1 = box
        for job in self._jobs.values():
            job.outdated = True
        for key in [key for key in self._tiles if key[0] != self._scale]:
            if _screen_rect(box, key[0]).intersects(_tile_rect(key)):
                self._tiles[key].current = False
        touched = _screen_rect(box, self._scale)
        here = [
            (key, touched.intersected(_tile_rect(key)))
            for key in self._tiles
            if key[0] == self._scale and touched.intersects(_tile_rect(key))
        ]
        at_once = sum(cut.width() * cut.height() for _, cut in here) <= AT_ONCE
        for key, cut in here:
            if at_once and self._tiles[key].current:
                self._patch(key, cut)
            else:
                self._tiles[key].current = False
        margin = 2.0 / self._scale if self._scale else 0.0
        shown = QRectF(x0, y0, x1 - x0, y1 - y0)
        self.update(shown.adjusted(-margin, -margin, margin, margin))

    def set_columns(self, start: float, end: float) -> None:
        """Show only what lies between two columns of the scene."""
        self._columns = start, end
        self.update()

    def finish(self, exposed: QRectF, scale: float) -> None:
        """Render at once what a part of the scene needs at a scale."""
        if self._source is None or not self.isVisible():
            return
        for key in self._keys(exposed.intersected(self._area), scale):
            tile = self._tiles.get(key)
            if tile is None or not tile.current:
                self._keep(key, self._source.render(self.part(key, self._source)), current=True)
        self.update()

    # -- called by the renderer

    @staticmethod
    def part(key: Key, source: Source) -> Part:
        """Return the part of the screen that a tile covers."""
        scale, row, column = key
        height, width = (max(1, round(side * scale)) for side in source.size)
        y, x = row * TILE, column * TILE
        return Part(scale, y, x, min(TILE, height - y), min(TILE, width - x))

    def take(self, job: Job, pixels: Bytes) -> None:
        """Keep a tile that was rendered."""
        self.forget(job)
        if self._source is None or job.source.size != self._source.size:
            return
        self._keep(job.key, pixels, current=not job.outdated and job.source is self._source)
        if job.key[0] == self._scale:
            self.update(_scene_rect(job.key))

    def forget(self, job: Job) -> None:
        """Take note that a job is not under way any more."""
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]

    # -- Qt

    def boundingRect(self) -> QRectF:
        """Return the area in the scene."""
        return self._area

    def paint(
        self,
        painter: QPainter | None,
        option: QStyleOptionGraphicsItem | None,
        widget: QWidget | None = None,
    ) -> None:
        """Paint the tiles that are exposed, and ask for those that are missing."""
        if self._source is None or painter is None or option is None:
            return
        exposed = option.exposedRect.intersected(self._area)
        if self._columns is not None:
            start, end = self._columns
            exposed = exposed.intersected(QRectF(start, 0, end - start, self._area.height()))
            painter.setClipRect(exposed, Qt.ClipOperation.IntersectClip)
        transform = painter.worldTransform()
        density = 1.0 if widget is None else widget.devicePixelRatioF()
        self._set_scale(transform.m11() * density)
        painter.setWorldTransform(
            QTransform(1 / density, 0, 0, 1 / density, transform.dx(), transform.dy())
        )
        for key in self._keys(exposed, self._scale):
            self._paint_tile(painter, key, self._source)
        painter.setWorldTransform(transform)
        self._evict(widget)

    # -- details

    def _set_scale(self, scale: float) -> None:
        if scale != self._scale:
            self._renderer.drop(self)
            self._scale = scale

    def _keys(self, exposed: QRectF, scale: float) -> Iterator[Key]:
        """Yield the tiles under a part of the scene."""
        if self._source is None or exposed.isEmpty():
            return
        height, width = (max(1, round(side * scale)) for side in self._source.size)
        bottom = min(ceil(exposed.bottom() * scale), height)
        right = min(ceil(exposed.right() * scale), width)
        for row in range(floor(exposed.top() * scale) // TILE, ceil(bottom / TILE)):
            for column in range(floor(exposed.left() * scale) // TILE, ceil(right / TILE)):
                yield scale, row, column

    def _paint_tile(self, painter: QPainter, key: Key, source: Source) -> None:
        tile = self._tiles.get(key)
        if tile is None:
            self._paint_stand_in(painter, key)
        else:
            self._tiles.move_to_end(key)
            painter.drawImage(key[2] * TILE, key[1] * TILE, tile.image)
        if (tile is None or not tile.current) and key not in self._jobs:
            job = self._jobs[key] = Job(self, key, source)
            self._renderer.request(job)

    def _paint_stand_in(self, painter: QPainter, missing: Key) -> None:
        """Paint tiles of another zoom, enlarged or made smaller, where one is missing."""
        scales = {key[0] for key in self._tiles} - {self._scale}
        area = _scene_rect(missing)
        best: list[Key] = []
        for scale in sorted(scales, key=lambda other: abs(log2(other / self._scale))):
            wanted = list(self._keys(area.intersected(self._area), scale))
            there = [key for key in wanted if key in self._tiles]
            best = max(best, there, key=len) if len(there) < len(wanted) else there
            if len(there) == len(wanted):
                break
        if not best:
            return
        painter.save()
        painter.setClipRect(QRectF(_tile_rect(missing)), Qt.ClipOperation.IntersectClip)
        ratio = self._scale / best[0][0]
        painter.scale(ratio, ratio)
        for _, row, column in best:
            painter.drawImage(column * TILE, row * TILE, self._tiles[best[0][0], row, column].image)
        painter.restore()

    def _keep(self, key: Key, pixels: Bytes, *, current: bool) -> None:
        pixels = np.ascontiguousarray(pixels)
        self._tiles[key] = Tile(pixels, image_over(pixels), current)
        self._tiles.move_to_end(key)

    def _patch(self, key: Key, cut: QRect) -> None:
        """Render a rectangle of the screen anew in a tile."""
        if self._source is None:
            return
        pixels = self._source.render(Part(key[0], cut.y(), cut.x(), cut.height(), cut.width()))
        top, left = cut.y() - key[1] * TILE, cut.x() - key[2] * TILE
        kept = self._tiles[key].pixels
        room = kept[top : top + cut.height(), left : left + cut.width()]
        room[:] = pixels[: room.shape[0], : room.shape[1]]

    def _evict(self, widget: QWidget | None) -> None:
        """Let go of the tiles not used for longest, but never of what is on screen."""
        budget = BUDGET
        if widget is not None:
            on_screen = widget.width() * widget.height() * widget.devicePixelRatioF() ** 2
            budget = max(BUDGET, round(12 * on_screen))
        held = sum(tile.pixels.nbytes for tile in self._tiles.values())
        while held > budget and len(self._tiles) > 1:
            held -= self._tiles.popitem(last=False)[1].pixels.nbytes


def image_over(pixels: Bytes) -> QImage:
    """Return a picture that reads an array itself: grey (Y, X), or (Y, X, 4) as B, G, R, A."""
    kind = (
        QImage.Format.Format_Grayscale8
        if pixels.ndim == 2
        else QImage.Format.Format_ARGB32_Premultiplied
    )
    height, width = pixels.shape[:2]
    data = cast(bytes, pixels.data)  # Qt takes any buffer, and does not copy it
    return QImage(data, width, height, pixels.strides[0], kind)


def _tile_rect(key: Key) -> QRect:
    return QRect(key[2] * TILE, key[1] * TILE, TILE, TILE)


def _scene_rect(key: Key) -> QRectF:
    side = TILE / key[0]
    return QRectF(key[2] * side, key[1] * side, side, side)


def _screen_rect(box: Box, scale: float) -> QRect:
    """Return the screen pixels that a box of the scene may have changed, outlines included."""
    y0, x0, y1, x1 = box
    margin = ceil(2 * scale) + 6
    left, top = floor(x0 * scale) - margin, floor(y0 * scale) - margin
    return QRect(left, top, ceil(x1 * scale) + margin - left, ceil(y1 * scale) + margin - top)
