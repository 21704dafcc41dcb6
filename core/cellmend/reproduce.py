"""The command line and the Python script that do again what the record of a run tells.

Both name only what differs from its default, but always the diameter, so that it need not
be estimated again.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cellmend.errors import CellmendError, InputError
from cellmend.io.folder import RESTORED_TIF, output_path
from cellmend.params import (
    AnySettings,
    BlockwiseSettings,
    FilterSettings,
    NormalizeSettings,
    RestoreSettings,
    RestoreStep,
    SegmentSettings,
    Settings,
)
from cellmend.provenance import Provenance
from cellmend.registry import find
from cellmend.restore.degrade import TASKS

SEGMENT, FILTER, RESTORE = "segment", "filter", "restore"

_NORMALIZE = {
    "normalize.enabled": "--no-normalize",
    "normalize.percentiles": "--percentiles",
    "normalize.lowhigh": "--lowhigh",
    "normalize.per_plane": "--per-plane",
    "normalize.tile_size": "--tile-norm",
    "normalize.sharpen_radius": "--sharpen",
    "normalize.smooth_radius": "--smooth",
    "normalize.background": "--background",
    "normalize.dark_frame": "--dark-frame",
    "normalize.invert": "--invert",
}
SWITCHES: dict[str, dict[str, str]] = {
    SEGMENT: {
        "diameter": "--diameter",
        "channels": "--channels",
        "masks.flow_threshold": "--flow-threshold",
        "masks.cellprob_threshold": "--cellprob-threshold",
        "masks.min_size": "--min-size",
        "masks.max_size_fraction": "--max-size-fraction",
        "masks.exclude_on_edges": "--exclude-on-edges",
        "masks.niter": "--niter",
        "tiles.augment": "--augment",
        "tiles.batch_size": "--batch-size",
        "stitch_threshold": "--stitch-threshold",
        "do_3d": "--do-3d",
        "anisotropy": "--anisotropy",
        "flow_smoothing": "--flow-smoothing",
        "blocks": "--blocks",
        "block_depth": "--block-depth",
        "block_overlap": "--block-overlap",
        **_NORMALIZE,
    },
    RESTORE: {
        "diameter": "--diameter",
        "channels": "--channels",
        "tiles.batch_size": "--batch-size",
        **_NORMALIZE,
    },
    FILTER: {
        "radius": "--radius",
        "strength": "--strength",
        "iterations": "--iterations",
        **_NORMALIZE,
    },
}
"""The switch of each setting that has one, by what is run."""

_LONG = 88


@dataclass(frozen=True)
class Step:
    """One step of a record, ready to be written down.

    Parameters
    ----------
    kind
        One of `SWITCHES`.
    model
        The name of the model, or of the filter.
    options
        The settings to name, by their dotted path.
    installed
        Whether the model is there.
    """

    kind: str
    model: str
    options: Mapping[str, Any]
    installed: bool = True

    @classmethod
    def of(cls, record: Provenance) -> Step:
        """Return the step that a record tells of.

        Raises
        ------
        InputError
            If it is none that can be run here.
        """
        if record.action == FILTER:
            return _filter_step(record)
        segments = record.action == SEGMENT
        settings: BlockwiseSettings | RestoreSettings = (
            _settings(BlockwiseSettings, record) if segments else _settings(RestoreSettings, record)
        )
        usual = _usual_normalization(record.model)
        options = {"diameter": settings.diameter}
        options |= _changed(settings, type(settings)(model=settings.model))
        options |= _normalization(settings.normalize, usual)
        if options.get("do_3d"):
            options.pop("stitch_threshold", None)  # it is for planes
        kind = SEGMENT if segments else RESTORE
        return cls(kind, record.model, options, installed=usual is not None)

    def in_one_go(self, diameter: float) -> bool:
        """Whether ``segment --restore`` does this before finding cells of a diameter."""
        if self.kind == FILTER:
            return self.options.keys() <= {"radius", "strength", "iterations"}
        alike = self.kind == RESTORE and self.options["diameter"] == diameter
        return alike and self.options.keys() <= {"diameter", "channels"}

    @property
    def word(self) -> str:
        """What ``segment --restore`` calls it, where that does it in one go."""
        if self.kind == FILTER:
            return FilterSettings.model_validate({"filter": self.model, **self.options}).text
        return RestoreStep(model=self.model, channels=self.options.get("channels")).text


def steps_of(record: Provenance) -> list[Step]:
    """Return what a record tells, in the order in which it was done.

    Raises
    ------
    InputError
        If a step is none that can be run here.
    """
    return [Step.of(one) for one in record.history]


def command_line(
    record: Provenance, image: str | Path, *, axes: str | None = None, notes: Sequence[str] = ()
) -> str:
    """Return the command that does again what a record tells.

    Where the image was restored in a way that ``segment --restore`` has no words for, at
    another diameter for instance, there are several commands, a line each.

    Parameters
    ----------
    record
        Of a segmentation or of a restoration.
    image
        The file.
    axes
        What its dimensions are, if they had to be told.
    notes
        Sentences to be put before it as comments.

    Raises
    ------
    InputError
        If a step of the record is none that can be run here.
    """
    steps = steps_of(record)
    source, reading = Path(image), {} if axes is None else {"--axes": axes}
    before, last = steps[:-1], steps[-1]
    told = [*notes, *_notes(steps, switches=True)]
    if last.kind == SEGMENT and all(one.in_one_go(last.options["diameter"]) for one in before):
        return _text(told, [_command(last, source, reading, before)])
    lines = []
    for step in steps:
        lines.append(_command(step, source, reading))
        source, reading = output_path(source, RESTORED_TIF), {}
    if last.kind == SEGMENT:
        told.append("The masks are named after the restored image, which is written first.")
    return _text(told, lines)


def python_script(
    record: Provenance, image: str | Path, *, axes: str | None = None, notes: Sequence[str] = ()
) -> str:
    """Return Python code that does again what a record tells; see `command_line`.

    After it, ``masks`` are the masks; of a restoration alone, ``pixels`` are those restored.

    Raises
    ------
    InputError
        If a step of the record is none that can be run here, or was done in blocks.
    """
    steps = steps_of(record)
    if any(name.startswith("block") for step in steps for name in step.options):
        raise InputError(
            "A run in blocks is not told in Python.", hint="Take the command line in its place."
        )
    told = [repr(str(image))] if axes is None else [repr(str(image)), f"axes={axes!r}"]
    lines = ["import cellmend"]
    if any(step.kind == FILTER for step in steps):
        lines.append("from cellmend.restore import filter_image")
    lines += ["", _call("image = cellmend.read", told)]
    names, source = _names(steps), "image"
    for index, (name, step) in enumerate(zip(names, steps, strict=True)):
        lines.append(_python_step(name, step, source, names[:index]))
        source = f"{name}.image"
    lines.append("masks = found.masks" if steps[-1].kind == SEGMENT else f"pixels = {source}.data")
    return _text([*notes, *_notes(steps, switches=False)], lines) + "\n"


def _filter_step(record: Provenance) -> Step:
    from cellmend.restore.filters import complete

    settings = _settings(FilterSettings, record)
    options = _changed(settings, complete(FilterSettings(filter=settings.filter)))
    options |= _normalization(settings.normalize, NormalizeSettings())
    return Step(FILTER, settings.filter, options)


def _settings(kind: type[AnySettings], record: Provenance) -> AnySettings:
    try:
        return kind.model_validate(dict(record.settings))
    except ValidationError as error:
        raise InputError(
            f"The record of the step {record.action!r} is not understood.",
            hint="It may have been written by another version of Cellmend.",
        ) from error


def _usual_normalization(model: str) -> NormalizeSettings | None:
    """Return how a model scales images unless it is told otherwise; None if it cannot be used."""
    try:
        return find(model).card.normalize
    except CellmendError:
        return None


def _normalization(
    used: NormalizeSettings | None, usual: NormalizeSettings | None
) -> dict[str, Any]:
    """Return what to say of the normalisation: nothing if it is the usual one."""
    if used is None or used == usual:
        return {}
    changed = _changed(used, NormalizeSettings()) or {"percentiles": used.percentiles}
    return {f"normalize.{name}": value for name, value in changed.items()}


def _changed(settings: Settings, usual: Settings) -> dict[str, Any]:
    """Return the fields that differ, by their dotted path; `_normalization` is for that one."""
    found: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value, other = getattr(settings, name), getattr(usual, name)
        if name == "normalize" or value == other:
            continue
        if isinstance(value, Settings):
            inside = _changed(value, other)
            found |= {f"{name}.{inner}": changed for inner, changed in inside.items()}
        else:
            found[name] = value
    return found


def _notes(steps: Sequence[Step], *, switches: bool) -> Iterator[str]:
    """Say what the text cannot; without quotes, which a shell may read in comments, too."""
    for step in steps:
        if not step.installed:
            yield f"The model {step.model} is not installed here. Name its file in its place."
        for path, value in step.options.items():
            if switches and path not in SWITCHES[step.kind]:
                yield f"No switch sets {path} to {value}. Write it to a file for --config."


def _command(
    step: Step, source: Path, reading: Mapping[str, str], before: Sequence[Step] = ()
) -> str:
    words = ["cellmend", SEGMENT if step.kind == SEGMENT else RESTORE, _path_word(source)]
    for switch, value in reading.items():
        words += _switch(switch, value)
    for one in before:
        words += _switch("--restore", one.word)
    words += _model_words(step)
    for path, value in step.options.items():
        if path in SWITCHES[step.kind]:
            words += _switch(SWITCHES[step.kind][path], value)
    return shlex.join(words)


def _model_words(step: Step) -> list[str]:
    if step.kind == FILTER:
        return ["--task", FILTER, *_switch("--filter", step.model)]
    if step.kind == RESTORE and step.model in TASKS:
        return _switch("--task", step.model)
    usual = step.kind == SEGMENT and step.model == SegmentSettings().model
    return [] if usual else _switch("--model", step.model)


def _switch(switch: str, value: object) -> list[str]:
    """Return a switch and its value; one that is on or off is named where it is not as usual."""
    if isinstance(value, bool):
        return [switch]
    word = _word(value)
    return [f"{switch}={word}"] if word.startswith("-") else [switch, word]


def _word(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _path_word(path: Path) -> str:
    text = str(path)
    return f"./{text}" if text.startswith("-") else text


def _names(steps: Sequence[Step]) -> list[str]:
    """Return names for the results of steps, numbered if there are several restorations."""
    several = sum(step.kind != SEGMENT for step in steps) > 1
    return [
        "found" if step.kind == SEGMENT else f"restored{number if several else ''}"
        for number, step in enumerate(steps, 1)
    ]


def _python_step(name: str, step: Step, source: str, earlier: Sequence[str]) -> str:
    options = [f"{path.rsplit('.', 1)[-1]}={_literal(v)}" for path, v in step.options.items()]
    if step.kind == FILTER:
        return _call(f"{name} = filter_image", [source, repr(step.model), *options])
    if step.kind == RESTORE:
        return _call(f"{name} = cellmend.Restorer({step.model!r}).run", [source, *options])
    if earlier:  # kept in the record of the run
        records = [f"{one}.provenance" for one in earlier]
        options.append(f"previous=({', '.join(records)}{',' if len(records) == 1 else ''})")
    return _call(f"{name} = cellmend.Segmenter({step.model!r}).run", [source, *options])


def _literal(value: object) -> str:
    return repr(str(value)) if isinstance(value, Path) else repr(value)


def _call(function: str, arguments: Sequence[str]) -> str:
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= _LONG or len(arguments) == 1:
        return line
    return "\n".join([f"{function}(", *(f"    {one}," for one in arguments), ")"])


def _text(notes: Sequence[str], lines: Sequence[str]) -> str:
    return "\n".join([*(f"# {note}" for note in notes), *lines])
