"""The table of actions brought to life as Qt actions."""

from __future__ import annotations

from PyQt6.QtCore import QObject
from PyQt6.QtGui import QAction, QActionGroup, QKeySequence
from PyQt6.QtWidgets import QWidget

from cellmend_app.actions.spec import Spec, tip_of, with_keys
from cellmend_app.actions.table import PRIMARY, specs
from cellmend_app.actions.workbench import Workbench
from cellmend_app.resources import Theme, icon


class Actions(QObject):
    """The table brought to life for one workbench."""

    def __init__(self, workbench: Workbench, parent: QObject) -> None:
        super().__init__(parent)
        self._workbench = workbench
        self._specs = {spec.id: spec for spec in specs()}
        self._groups: dict[str, QActionGroup] = {}
        self._explained: list[tuple[QWidget, str, tuple[str, ...]]] = []
        self._actions = {spec.id: self._make(spec) for spec in self._specs.values()}
        self.set_theme(workbench.theme)
        self._set_keys()
        workbench.keys.changed.connect(self._set_keys)
        self.refresh()

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def all(self) -> list[QAction]:
        """Return every action."""
        return list(self._actions.values())

    def refresh(self) -> None:
        """Ask every action whether it is possible, and whether it is on."""
        for name, spec in self._specs.items():
            action = self._actions[name]
            action.setEnabled(spec.when(self._workbench))
            if spec.checked is not None:
                action.setChecked(spec.checked(self._workbench))
            if spec.why_not is not None:
                action.setToolTip(spec.why_not(self._workbench) or self._tip(spec))

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in the colours of `theme`."""
        for name, spec in self._specs.items():
            if spec.icon:
                color = "accent_text" if name == PRIMARY else "text"
                self._actions[name].setIcon(icon(spec.icon, theme, color=color))

    def explain(self, control: QWidget, *names: str) -> None:
        """Let the tooltip of a control name the keys of actions that do what it does."""
        self._explained.append((control, control.toolTip(), names))
        self._name_keys(control, control.toolTip(), names)

    def _set_keys(self) -> None:
        """Give every action its keys, and say them."""
        for name, spec in self._specs.items():
            keys = self._workbench.keys.of(name)
            self._actions[name].setShortcuts([QKeySequence(key) for key in keys])
            self._actions[name].setToolTip(self._tip(spec))
        for explained in self._explained:
            self._name_keys(*explained)

    def _tip(self, spec: Spec) -> str:
        return tip_of(spec, self._workbench.keys.of(spec.id))

    def _name_keys(self, control: QWidget, tip: str, names: tuple[str, ...]) -> None:
        keys = [key for name in names for key in self._workbench.keys.of(name)[:1]]
        control.setToolTip(with_keys(tip, keys))

    def _make(self, spec: Spec) -> QAction:
        action = QAction(spec.text, self)
        action.setObjectName(spec.id)
        action.setCheckable(spec.checked is not None)
        action.triggered.connect(lambda: self._run(spec))
        if spec.group:
            self._group(spec.group).addAction(action)
        return action

    def _group(self, name: str) -> QActionGroup:
        if name not in self._groups:
            self._groups[name] = QActionGroup(self)
        return self._groups[name]

    def _run(self, spec: Spec) -> None:
        spec.run(self._workbench)
        self.refresh()
