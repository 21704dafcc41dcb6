"""The networks of a worker, loaded once for all its blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from cellmend.errors import ModelError
from cellmend.net.card import file_sha256

if TYPE_CHECKING:
    from cellmend.registry import Model, ModelEntry
    from cellmend.restore import Restorer
    from cellmend.segment import Segmenter


@dataclass(frozen=True)
class ModelOnWorkers:
    """A model that every worker loads by itself.

    Attributes
    ----------
    name
        Name or file.
    sha256
        Of the file; a worker that has another one refuses it.
    device
        Where it runs.
    """

    name: str
    sha256: str
    device: str

    @classmethod
    def of(cls, name: str, entry: ModelEntry, device: str) -> ModelOnWorkers:
        """Return what workers load of a model that is called `name` in the settings."""
        return cls(name, file_sha256(entry.path), device)

    def segmenter(self) -> Segmenter:
        """Return the network of a model that segments.

        Raises
        ------
        ModelError
            If this machine has no such model, or another one of this name.
        """
        return _segmenter(self)

    def restorer(self) -> Restorer:
        """Return the network of a model that restores; errors are those of `segmenter`."""
        return _restorer(self)

    def check(self, model: Model) -> None:
        """Raise `ModelError` unless `model` is this one."""
        if model.sha256 != self.sha256:
            raise ModelError(
                f"The model {self.name!r} of a worker is another one than that of this program.",
                hint="Copy the same file to every machine.",
            )


@lru_cache(maxsize=2)
def _segmenter(wanted: ModelOnWorkers) -> Segmenter:
    from cellmend.segment import Segmenter

    segmenter = Segmenter(wanted.name, wanted.device)
    wanted.check(segmenter.model)
    return segmenter


@lru_cache(maxsize=4)
def _restorer(wanted: ModelOnWorkers) -> Restorer:
    from cellmend.restore import Restorer

    restorer = Restorer(wanted.name, wanted.device)
    wanted.check(restorer.model)
    return restorer
