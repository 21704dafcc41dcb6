"""What ran: written beside every result, so that it can be made again."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

RECORDED_PACKAGES = ("torch", "numpy", "numba", "scipy")


@dataclass(frozen=True)
class Provenance:
    """One step of work: the action, the model, its hash, the settings and the versions."""

    action: str
    model: str
    model_sha256: str
    settings: Mapping[str, Any]
    device: str = "cpu"
    seed: int | None = None
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    versions: Mapping[str, str] = field(default_factory=lambda: package_versions())
    previous: tuple[Provenance, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @property
    def history(self) -> tuple[Provenance, ...]:
        """What was done, step by step, this one last."""
        return (*(step for earlier in self.previous for step in earlier.history), self)

    @property
    def title(self) -> str:
        """The models and filters in their order, such as ``denoise + sharpen``."""
        return " + ".join(step.model for step in self.history)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Provenance:
        """Return the record that `as_dict` gave.

        Raises
        ------
        TypeError
            If the values are not those of a record.
        """
        previous = tuple(cls.from_dict(step) for step in values.get("previous", ()))
        return cls(**{**values, "previous": previous})


def cellmend_version() -> str:
    """Return the installed version, or ``0+source`` when run from a bare checkout."""
    try:
        return metadata.version("cellmend")
    except metadata.PackageNotFoundError:
        return "0+source"


def package_versions() -> dict[str, str]:
    """Return the versions of Python, Cellmend and the packages that decide results."""
    versions = {"python": platform.python_version(), "cellmend": cellmend_version()}
    for name in RECORDED_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
