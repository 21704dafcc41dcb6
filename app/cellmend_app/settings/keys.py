"""The shortcuts of actions: the usual ones, or those that a person gave them."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend_app.settings.preferences import Preferences


class Keys(QObject):
    """Which keys each action has; no key has two.

    Parameters
    ----------
    preferences
        Where those that are not the usual ones are remembered.
    usual
        The usual keys of every action, by its id.

    Signals
    -------
    changed()
        Some action has other keys.
    """

    changed = pyqtSignal()

    def __init__(self, preferences: Preferences, usual: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__()
        self._preferences = preferences
        self._usual = usual
        known = preferences.keys.items()
        self._given = {action: keys for action, keys in known if action in usual}

    def of(self, action: str) -> tuple[str, ...]:
        """Return the keys of an action, the first of which is shown."""
        return self._given.get(action, self._usual[action])

    def owner(self, key: str) -> str:
        """Return the action that has a key; empty if none has."""
        return next((action for action in self._usual if key in self.of(action)), "")

    def give(self, action: str, key: str) -> None:
        """Let an action have this key alone, which another loses; an empty one: none."""
        self._assign(action, (key,) if key else ())

    def give_usual(self, action: str) -> None:
        """Let an action have its usual keys again, which others lose."""
        self._assign(action, self._usual[action])

    def give_all_usual(self) -> None:
        """Let every action have its usual keys again."""
        self._given = {}
        self._tell()

    def _assign(self, action: str, keys: tuple[str, ...]) -> None:
        for other in self._usual:
            if other != action and not set(keys).isdisjoint(self.of(other)):
                self._given[other] = tuple(key for key in self.of(other) if key not in keys)
        self._given[action] = keys
        self._tell()

    def _tell(self) -> None:
        given = self._given.items()
        self._given = {action: keys for action, keys in given if keys != self._usual[action]}
        self._preferences.keys = self._given
        self.changed.emit()
