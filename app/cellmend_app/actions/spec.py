"""What an action is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cellmend_app.actions.workbench import Workbench

Test = Callable[[Workbench], bool]
Run = Callable[[Workbench], None]


def always(_: Workbench) -> bool:
    """Say that it is possible at any time."""
    return True


@dataclass(frozen=True)
class Spec:
    """One action.

    Parameters
    ----------
    id, text
        Its name in code and on screen.
    run
        What it does.
    keys
        Its usual shortcuts, as long as the person gives it no others; the first one is shown.
    tip
        What the tooltip says instead of the text.
    icon
        The name of its icon, if it has one.
    when
        Whether it is possible now.
    why_not
        Why it is not possible, where that needs words; shown as its tooltip.
    checked
        For actions that are on or off: whether it is on now.
    group
        Of the checkable actions of one group exactly one is on.
    """

    id: str
    text: str
    run: Run
    keys: tuple[str, ...] = ()
    tip: str = ""
    icon: str = ""
    when: Test = always
    why_not: Callable[[Workbench], str] | None = None
    checked: Test | None = None
    group: str = ""


def tip_of(spec: Spec, keys: Sequence[str]) -> str:
    """Return the tooltip of an action: what it does, and the first of its keys."""
    return with_keys(spec.tip or spec.text.rstrip("…"), keys[:1])


def with_keys(tip: str, keys: Sequence[str]) -> str:
    """Return a tooltip that names keys."""
    return f"{tip}  ({', '.join(keys)})" if keys else tip
