"""A hand on the mouse and the keyboard: Qt events at places of the image."""

from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PyQt6.QtWidgets import QApplication

LEFT, RIGHT, MIDDLE, NO = (
    Qt.MouseButton.LeftButton,
    Qt.MouseButton.RightButton,
    Qt.MouseButton.MiddleButton,
    Qt.MouseButton.NoButton,
)
PRESS, MOVE, RELEASE, DOUBLE = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.MouseButtonDblClick,
)
PLAIN = Qt.KeyboardModifier.NoModifier
SHIFT, CTRL, ALT = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)


class Hand:
    """Sends Qt events to a view, at places given in image coordinates."""

    def __init__(self, view):
        self.view = view
        self.target = view.canvas.viewport()

    def at(self, y, x):
        return QPointF(self.view.canvas.viewportTransform().map(QPointF(x, y)))

    def mouse(self, kind, place, button=NO, held=NO, modifiers=PLAIN):
        where = self.at(*place)
        everywhere = QPointF(self.target.mapToGlobal(where.toPoint()))
        event = QMouseEvent(kind, where, everywhere, button, held, modifiers)
        QApplication.sendEvent(self.target, event)

    def press(self, place, button=LEFT, modifiers=PLAIN, held=None):
        self.mouse(PRESS, place, button, button if held is None else held, modifiers)

    def move(self, place, held=NO):
        self.mouse(MOVE, place, NO, held)

    def release(self, place, button=LEFT, modifiers=PLAIN, held=NO):
        self.mouse(RELEASE, place, button, held, modifiers)

    def click(self, place, button=LEFT, modifiers=PLAIN):
        self.press(place, button, modifiers)
        self.release(place, button, modifiers)

    def double_click(self, place, button=LEFT):
        self.click(place, button)
        self.mouse(DOUBLE, place, button, button)
        self.release(place, button)

    def drag(self, points, button=LEFT):
        self.press(points[0], button)
        for point in points[1:]:
            self.move(point, button)
        self.release(points[-1], button)

    def key(self, key, kind=QEvent.Type.KeyPress, modifiers=PLAIN):
        QApplication.sendEvent(self.view.canvas, QKeyEvent(kind, key, modifiers))

    def tap(self, key, modifiers=PLAIN):
        self.key(key, modifiers=modifiers)
        self.key(key, QEvent.Type.KeyRelease, modifiers)

    def lose_focus(self):
        QApplication.sendEvent(self.view.canvas, QFocusEvent(QEvent.Type.FocusOut))

    def leave(self):
        QApplication.sendEvent(self.target, QEvent(QEvent.Type.Leave))

    def wheel(self, place, delta):
        where = self.at(*place)
        event = QWheelEvent(
            where, where, QPoint(), QPoint(0, delta), NO, PLAIN, Qt.ScrollPhase.NoScrollPhase, False
        )
        QApplication.sendEvent(self.target, event)
