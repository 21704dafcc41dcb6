"""The drawing surface: zoom and pan, and Qt events made into calls of the tool."""

from __future__ import annotations

from math import floor

from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QWheelEvent,
)
from PyQt6.QtWidgets import QApplication, QFrame, QGraphicsView, QWidget

from cellmend_app.tools.protocol import Pointer, Tool
from cellmend_app.viewer.marks import BrushCircle, Trace
from cellmend_app.viewer.zoom import ZoomView

BACKGROUND = QColor(24, 26, 30)
WHEEL_STEP = 1.2
DIVIDER_REACH = 6
"""The line between two layers is grabbed from this many screen pixels away."""

_LEFT, _MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton


class Canvas(ZoomView):
    """Where the image is seen and the tools are used.

    Left drag moves the image where the tool does not want it; middle drag and Space with
    left drag always do. A double click that the tool does not want, and Space alone, fit.

    Signals
    -------
    hovered(y, x)
        The image pixel under the pointer; it may lie outside the image.
    left()
        The pointer is no longer over the canvas.
    clicked(y, x)
        The left button was clicked where no tool took it.
    compare_held(held)
        The key that shows the image before restoration went down or up.
    divider_moved(x)
        The line between two layers was dragged to a column of the image.
    """

    hovered = pyqtSignal(int, int)
    left = pyqtSignal()
    clicked = pyqtSignal(float, float)
    compare_held = pyqtSignal(bool)
    divider_moved = pyqtSignal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tool: Tool | None = None
        self._held: Qt.MouseButton | None = None
        self._grabbed: QPoint | None = None
        self._dragged = False
        self._ignoring = False
        self._space = False
        self._space_used = False
        self.divider: float | None = None
        """Where the line between two layers stands, in columns of the image; None for none."""
        self._dividing = False
        self._circle, self._trace = BrushCircle(), Trace()
        for mark in (self._circle, self._trace):
            mark.setZValue(100)
            mark.hide()
            self._surface.addItem(mark)
        self.scale_changed.connect(lambda _: self._draw_marks())
        self._look()

    # -- the tool

    @property
    def tool(self) -> Tool | None:
        """The tool in use."""
        return self._tool

    def set_tool(self, tool: Tool | None) -> None:
        """Use another tool; what the former one has half done is dropped."""
        if self._tool is not None:
            self.cancel()
            self._tool.changed.disconnect(self._draw_marks)
        self._tool = tool
        if tool is not None:
            tool.changed.connect(self._draw_marks)
        self._draw_marks()

    def cancel(self) -> bool:
        """Drop what the tool has half done; return whether there was anything."""
        busy = self._tool is not None and self._tool.busy
        if self._tool is not None:
            self._tool.cancel()
        if self._held is not None:
            self._held, self._ignoring = None, True
        self._draw_marks()
        return busy

    # -- Qt events

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Start a gesture; a second button drops the one under way."""
        assert event is not None
        event.accept()
        if self._held is not None or self._grabbed is not None or self._ignoring:
            self.cancel()
            self._grabbed, self._ignoring = None, True
            return
        if event.button() == _LEFT and self._on_divider(event.position()):
            self._dividing = True
        elif event.button() == _MIDDLE or (event.button() == _LEFT and self._space):
            self._grab(event, click=False)
        elif self._tool is not None and self._tool.press(self._pointer(event)):
            self._held = event.button()
        elif event.button() == _LEFT:
            self._grab(event, click=True)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Go on with the gesture, or hover."""
        assert event is not None
        place = self.to_image(event.position())
        self.hovered.emit(floor(place.y()), floor(place.x()))
        self._circle.place(place.y(), place.x(), self._radius(), self.scale_factor)
        if self._dividing:
            self._divide(event)
        elif self._grabbed is not None:
            self._drag(event)
        elif self._held is not None and not event.buttons() & self._held:
            self._release(event)  # the release went to another window
        elif self._tool is not None and not self._ignoring:
            self._tool.move(self._pointer(event))
        if not event.buttons():
            self._ignoring = False

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """End the gesture."""
        assert event is not None
        event.accept()
        if self._dividing:
            self._dividing = False
        elif self._grabbed is not None:
            clicked = not self._dragged
            self._grabbed = None
            self._show_cursor()
            if clicked and event.button() == _LEFT:
                self._click(event)
        elif self._held == event.button():
            self._release(event)
        if not event.buttons():
            self._ignoring = False

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Fit, unless the tool wants the second press."""
        self.mousePressEvent(event)
        if self._grabbed is not None and event is not None and event.button() == _LEFT:
            self._dragged = True
            self.fit()

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Zoom at the pointer."""
        assert event is not None
        event.accept()
        turns = event.angleDelta().y() / 120.0
        if turns:
            self.zoom(WHEEL_STEP**turns, event.position())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Take Esc, Space and the compare key; leave the rest to the window."""
        assert event is not None
        if event.key() == Qt.Key.Key_Escape and self.cancel():
            event.accept()
        elif self._tool is not None and self._tool.takes(event.key(), event.modifiers()):
            self._tool.key(event.key(), event.modifiers())
        elif event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._space, self._space_used = True, False
                self._show_cursor()
        elif event.key() == Qt.Key.Key_C and not event.modifiers():
            if not event.isAutoRepeat():
                self.compare_held.emit(True)
        else:
            event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:
        """End what Space and the compare key began."""
        assert event is not None
        if event.isAutoRepeat():
            return
        if event.key() == Qt.Key.Key_Space and self._space:
            self._space = False
            self._show_cursor()
            if not self._space_used:
                self.fit()
        elif event.key() == Qt.Key.Key_C:
            self.compare_held.emit(False)
        else:
            event.ignore()

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        """Drop everything that is held: its end would never be told."""
        self.cancel()
        self._grabbed, self._ignoring, self._space = None, False, False
        self._dividing = False
        self._show_cursor()
        self.compare_held.emit(False)
        super().focusOutEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """Let keys that the tool takes now go before the shortcuts of the window."""
        before = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride
        if before and self._tool is not None:
            assert isinstance(event, QKeyEvent)
            if self._tool.takes(event.key(), event.modifiers()):
                event.accept()
                return True
        return super().event(event)

    def viewportEvent(self, event: QEvent | None) -> bool:
        """Hide the brush circle when the pointer leaves."""
        if event is not None and event.type() == QEvent.Type.Leave:
            self._circle.hide()
            self.left.emit()
        return super().viewportEvent(event)

    def contextMenuEvent(self, event: object) -> None:
        """Show no menu: the right button belongs to the tools."""

    # -- details

    def _look(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setBackgroundBrush(BACKGROUND)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.MinimalViewportUpdate)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontAdjustForAntialiasing)
        self._show_cursor()

    def _grab(self, event: QMouseEvent, *, click: bool) -> None:
        self._grabbed = event.position().toPoint()
        self._dragged = not click
        self._space_used = True

    def _drag(self, event: QMouseEvent) -> None:
        assert self._grabbed is not None
        if not event.buttons():
            self._grabbed = None  # the release went to another window
            self._show_cursor()
            return
        moved = event.position().toPoint() - self._grabbed
        if not self._dragged and moved.manhattanLength() < QApplication.startDragDistance():
            return
        self._dragged, self._fitted = True, False
        self._viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
        self._grabbed = event.position().toPoint()
        self._scroll_by(QPointF(-moved))
        self.moved.emit()

    def _click(self, event: QMouseEvent) -> None:
        if self._tool is not None:
            self._tool.click(self._pointer(event))
            return
        place = self.to_image(event.position())
        self.clicked.emit(place.y(), place.x())

    def _on_divider(self, at: QPointF) -> bool:
        if self.divider is None:
            return False
        return abs(self.to_image(at).x() - self.divider) * self.scale_factor <= DIVIDER_REACH

    def _divide(self, event: QMouseEvent) -> None:
        if event.buttons() & _LEFT:
            self.divider_moved.emit(self.to_image(event.position()).x())
        else:
            self._dividing = False  # the release went to another window

    def _release(self, event: QMouseEvent) -> None:
        self._held = None
        if self._tool is not None:
            self._tool.release(self._pointer(event))

    def _pointer(self, event: QMouseEvent) -> Pointer:
        place = self.to_image(event.position())
        return Pointer(place.y(), place.x(), event.button(), event.modifiers(), self.scale_factor)

    def _radius(self) -> float:
        return 0.0 if self._tool is None else self._tool.cursor_radius

    def _draw_marks(self) -> None:
        scale = self.scale_factor
        place = self._circle.pos()
        shown = self._circle.isVisible()
        self._circle.place(place.y(), place.x(), self._radius(), scale)
        self._circle.setVisible(shown and self._radius() > 0)
        if self._tool is None:
            self._trace.show_points((), scale)
        else:
            self._trace.show_points(self._tool.trace, scale, self._tool.handles)
        self._show_cursor()

    def _show_cursor(self) -> None:
        shape = Qt.CursorShape.ArrowCursor
        if self._space:
            shape = Qt.CursorShape.OpenHandCursor
        elif self._radius() > 0 or (self._tool is not None and self._tool.busy):
            shape = Qt.CursorShape.CrossCursor
        if self._viewport().cursor().shape() != shape:
            self._viewport().setCursor(shape)
