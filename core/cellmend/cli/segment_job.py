"""What ``segment`` does with a file: as a whole or block by block, here or on a worker."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellmend.cli.ahead import Ahead
from cellmend.cli.pipeline import Found, Pipeline
from cellmend.cli.save import each_kind, save
from cellmend.errors import InputError
from cellmend.io.folder import output_path
from cellmend.io.windows import stored_shape
from cellmend.params import BlockwiseSettings
from cellmend.progress import Reporter
from cellmend.scale import is_large

if TYPE_CHECKING:
    from cellmend.scale.workers import Workers

WORKPLACE = "_{key}.partial"
"""How the name of the folder ends that holds what is made of an image in blocks."""
OF_WHOLE_IMAGES = ("flows", "npy")
"""Kinds of results that hold the flows, which are not kept of blocks."""


@dataclass(frozen=True)
class SegmentFiles:
    """How files are segmented; it can be sent to a worker.

    Attributes
    ----------
    settings
        Of the restoration and the segmentation.
    kinds
        What is written.
    folder
        Where to; beside each image if None.
    axes
        What the dimensions of the files are, where they do not say it.
    device
        Where the networks run.
    """

    settings: BlockwiseSettings
    kinds: tuple[str, ...]
    folder: Path | None
    axes: str | None
    device: str

    def __call__(self, source: Path, report: Reporter) -> Mapping[str, Any]:
        """Segment a whole image and write the results; return what is told of it."""
        return self.saved(source, self.ahead([source]).get(source, report))

    def check(self) -> None:
        """Raise `ModelError` unless the models are there."""
        _ = self._pipeline

    def ahead(self, files: Sequence[Path]) -> Ahead[Found]:
        """Return what restores and segments whole images."""
        if files:
            self._pipeline.load()
        return self._pipeline.ahead(files, self.axes)

    def saved(self, source: Path, found: Found) -> Mapping[str, Any]:
        """Write the results of a whole image; return what is told of it."""
        save(found, self.kinds, self.folder)
        removed = {why: count for why, count in found.result.removed.items() if count}
        details = {"cells": found.count, "diameter": round(found.result.diameter, 2)}
        return {**details, "removed": removed} if removed else details

    def in_blocks(
        self, source: Path, workers: Workers | None, report: Reporter
    ) -> Mapping[str, Any]:
        """Segment an image block by block and write the results; return what is told of it.

        What is made on the way lies in a folder beside the results, which is removed in the
        end. A run that was stopped goes on from there.
        """
        from cellmend.scale.export import write
        from cellmend.scale.plan import plan_of
        from cellmend.scale.run import run

        plan = plan_of(source, self.settings, self.axes, self.device)
        workplace = output_path(source, WORKPLACE.format(key=plan.key), self.folder)
        result = run(plan, workplace, workers, report)
        each_kind(self.kinds, lambda kind: write(result, source, kind, self.folder))
        shutil.rmtree(workplace)
        diameter = float(result.provenance.settings["diameter"])
        return {"cells": result.count, "diameter": round(diameter, 2)}

    @cached_property
    def _pipeline(self) -> Pipeline:
        return Pipeline(self.settings, self.device)


def in_blocks(source: Path, settings: BlockwiseSettings, kinds: Sequence[str]) -> bool:
    """Tell whether an image is done in blocks: where it is wanted, or the image is very large.

    Raises
    ------
    InputError
        If blocks are wanted, and also what is not kept of blocks.
    """
    lacking = [kind for kind in kinds if kind in OF_WHOLE_IMAGES]
    if settings.blocks is None:
        return not lacking and is_large(stored_shape(source))
    if lacking:
        raise InputError(
            f"--save {lacking[0]!r} cannot be had of an image that is done in blocks.",
            hint="Leave out one of the two.",
        )
    return True
