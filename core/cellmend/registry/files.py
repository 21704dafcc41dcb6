"""Models in memory: tensors and card together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cellmend.errors import ModelError
from cellmend.net.card import file_sha256
from cellmend.net.unet import CPNet
from cellmend.net.weights import build_net, read_weights
from cellmend.registry.card import ModelCard, task_of_name
from cellmend.registry.store import find


@dataclass(frozen=True)
class Model:
    """A network that is ready to run, and its card."""

    name: str
    path: Path
    card: ModelCard
    net: CPNet

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the weight file."""
        return file_sha256(self.path)


def load_model(path_or_name: str | Path) -> Model:
    """Load a model by its name or from a Cellmend or Cellpose 1-3 weight file.

    Raises
    ------
    ModelError
        If there is no such model, in which case the message lists those there are;
        or if it holds no network.
    FileFormatError
        If the file is damaged, holds more than tensors, or is of Cellpose 4.
    """
    entry = find(path_or_name)
    if entry.card.task == "size":
        raise ModelError(
            f"The model {entry.name!r} estimates diameters; it neither segments nor restores.",
            hint="It is used by itself wherever the diameter is not given.",
        )
    return Model(entry.name, entry.path, entry.card, build_net(read_weights(entry.path)))


def card_of_weights(path: Path) -> ModelCard:
    """Make a card for a weight file that has none, from the shapes of its tensors."""
    net = build_net(read_weights(path))
    return ModelCard(
        name=path.stem,
        task="segmentation" if net.nout >= 3 else task_of_name(path.name),
        nchan=net.nchan,
        nout=net.nout,
        backbone=net.backbone,
        widths=net.widths,
        diam_mean=float(net.diam_mean),
    )
