"""The window's job without a window: denoise, segment, and a picture of it."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellmend.cli.batch import Batch
from cellmend.cli.pipeline import Pipeline
from cellmend.cli.save import planned, save
from cellmend.params import PipelineSettings, RestoreStep
from cellmend.progress import Reporter
from cellmend.samples import sample_path

KINDS = ("restored", "tif", "overlay")
RESTORE = (RestoreStep(model="denoise"),)


def mend_and_segment(files: Sequence[Path], folder: Path) -> int:
    """Leave the restored image, the masks and an overlay of each file in `folder`.

    Parameters
    ----------
    files
        Images or folders; without any, the sample that comes with the program.
    folder
        Where the results go; made if it is not there.

    Returns
    -------
    int
        The exit status.
    """
    settings = PipelineSettings(restore=RESTORE)
    pipeline = Pipeline(settings, "auto")
    args = Namespace(command="gui", json=False, dry_run=False, skip_existing=False)
    batch = Batch(args, settings.model_dump())

    def plan(source: Path) -> list[Path]:
        return planned(source, KINDS, folder)

    sources = batch.collect(str(file) for file in files or [sample_path()])
    results = pipeline.ahead(sources)

    def work(source: Path, outputs: list[Path], report: Reporter) -> Mapping[str, Any]:
        found = results.get(source, report)
        save(found, KINDS, folder)
        return {"cells": found.count, "diameter": found.result.diameter}

    batch.run(sources, plan, work)
    status = batch.finish()
    print(f"The results are in {folder.resolve()}", file=sys.stderr)
    return status
