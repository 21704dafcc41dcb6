"""Reading and writing the project file, a zip archive."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

from cellmend.errors import CellmendError, FileFormatError, InputError
from cellmend.image import Image
from cellmend.io.atomic import replacing
from cellmend.io.limits import check_file, check_size, memory_limit
from cellmend.io.project import manifest as m
from cellmend.io.project.image import relative_path
from cellmend.io.project.model import (
    ImageLayer,
    ImageReference,
    MaskLayer,
    Project,
    Review,
    Step,
    now,
)
from cellmend.io.project.packing import (
    PackedMasks,
    pack_confidence,
    pack_pixels,
    unpack_confidence,
    unpack_pixels,
)
from cellmend.provenance import cellmend_version

ENDING = ".cellmend"

_MANIFEST = "manifest.json"
_MOST_ENTRIES = 1_000_000
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_HINT = "If an autosaved version of it is offered at the next start, take that."


def write(path: str | Path, project: Project) -> None:
    """Write a project as a whole, or leave the file that was there.

    Raises
    ------
    InputError
        If it has no masks, or masks or `active` do not fit.
    FileFormatError
        If the file cannot be written.
    """
    file = Path(path)
    _check(project)
    data: dict[str, bytes] = {}
    content = m.dump(_described(project, file, data))
    with replacing(file) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        # The data are compressed already.
        archive.writestr(_MANIFEST, content, compress_type=zipfile.ZIP_DEFLATED)
        for name, packed in data.items():
            archive.writestr(name, packed, compress_type=zipfile.ZIP_STORED)


def read(path: str | Path) -> Project:
    """Read a project; its image stays where it is (see `load_image`).

    Nothing from the file is run or written anywhere, and no more memory is used than
    its masks and images need.

    Raises
    ------
    FileFormatError
        If it is damaged, no project, of a newer version, or claims more than fits.
    """
    file = Path(path)
    check_file(file)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = _Entries(file, archive)
            found = m.parse(entries.manifest())
            _check_claims(file, found)
            return _project(found, entries)
    except CellmendError:
        raise
    except Exception as error:  # damaged archives raise anything
        text = str(error).rstrip(".")
        raise FileFormatError(file, f"it is not a whole project: {text}.", hint=_HINT) from error


# -- writing


def _check(project: Project) -> None:
    if not 0 <= project.active < len(project.masks):
        raise InputError("A project needs a layer of masks to work on.")
    image = project.image
    space = tuple(n for n, axis in zip(image.shape, image.axes, strict=True) if axis != "C")
    for layer in project.masks:
        if layer.masks.shape != space:
            raise InputError(
                f"The masks {layer.name!r} of shape {layer.masks.shape} do not fit the image"
                f" ({space})."
            )


def _described(project: Project, file: Path, data: dict[str, bytes]) -> m.Manifest:
    """Return the manifest; the data go into `data` under their names in the archive."""
    return m.Manifest(
        written_by=cellmend_version(),
        written_at=now(),
        image=_image_entry(project.image, file, data),
        masks=tuple(_mask_entry(i, layer, data) for i, layer in enumerate(project.masks)),
        active=project.active,
        layers=tuple(
            m.LayerEntry(
                name=layer.name,
                provenance=_plain(layer.provenance),
                pixels=_packed(f"images/{i}", layer.image, data),
                **_picture(layer.image.data.shape, layer.image),
            )
            for i, layer in enumerate(project.layers, start=1)
        ),
        settings=dict(project.settings),
        history=tuple(m.StepEntry(action=s.action, time=s.time) for s in project.history),
        review=m.ReviewEntry(state=project.review.state, note=project.review.note),
    )


def _image_entry(image: ImageReference, file: Path, data: dict[str, bytes]) -> m.ImageEntry:
    return m.ImageEntry(
        path=str(image.path),
        relative_path=relative_path(image.path, file),
        sha256=image.sha256,
        pixels=None if image.embedded is None else _packed("images/0", image.embedded, data),
        **_picture(image.shape, image),
    )


def _mask_entry(number: int, layer: MaskLayer, data: dict[str, bytes]) -> m.MaskEntry:
    blocks = {f"masks/{number}/{i}": block for i, block in enumerate(layer.masks.blocks)}
    data |= blocks
    return m.MaskEntry(
        name=layer.name,
        shape=layer.masks.shape,
        blocks=tuple(blocks),
        manual=tuple(sorted(layer.manual)),
        colour=layer.colour,
        confidence=_confidence_entry(number, layer, data),
        provenance=_plain(layer.provenance),
    )


def _confidence_entry(
    number: int, layer: MaskLayer, data: dict[str, bytes]
) -> m.ConfidenceEntry | None:
    packed, cells = (b"", 0) if layer.confidence is None else pack_confidence(layer.confidence)
    if not cells:
        return None
    name = f"confidence/{number}"
    data[name] = packed
    return m.ConfidenceEntry(file=name, cells=cells)


def _packed(name: str, image: Image, data: dict[str, bytes]) -> m.Pixels:
    data[name] = pack_pixels(image.data)
    return m.Pixels(file=name, dtype=image.data.dtype.name)


def _picture(shape: tuple[int, ...], image: Image | ImageReference) -> Mapping[str, object]:
    size = image.pixel_size_um
    return {
        "shape": shape,
        "axes": image.axes,
        "channel_names": tuple(image.channel_names),
        "pixel_size_um": None if size is None else dict(size),
    }


def _plain(record: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if record is None else dict(record)


# -- reading


class _Entries:
    """The archive, which gives out what is asked for by name, no more than the file is long."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self._left = path.stat().st_size
        entries = archive.infolist()
        if len(entries) > _MOST_ENTRIES:
            raise ValueError(f"it has {len(entries):,} entries")
        for entry in entries:
            outside = entry.filename.startswith(("/", "\\")) or ".." in entry.filename
            if outside or entry.compress_type not in _PACKINGS or entry.flag_bits & 1:
                raise ValueError(f"it has an entry that no project has ({entry.filename!r})")

    def manifest(self) -> bytes:
        size = self._info(_MANIFEST).file_size
        if size > m.LARGEST_MANIFEST:
            raise ValueError(f"its manifest claims {size:,} bytes")
        return self._archive.read(_MANIFEST)

    def data(self, name: str) -> bytes:
        info = self._info(name)
        # Data are stored as they are: entries that are longer than the file are a bomb.
        self._left -= info.file_size
        if info.compress_type != zipfile.ZIP_STORED or self._left < 0:
            raise ValueError(f"{name} is not stored as a project stores its data")
        return self._archive.read(name)

    def _info(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._archive.getinfo(name)
        except KeyError:
            raise ValueError(f"{name} is missing in it") from None


def _check_claims(file: Path, found: m.Manifest) -> None:
    """Refuse a manifest whose masks and images together cannot fit in memory."""
    claims: list[tuple[tuple[int, ...], str]] = [(mask.shape, "uint32") for mask in found.masks]
    claims += [(layer.shape, layer.pixels.dtype) for layer in found.layers]
    rows = (mask.confidence for mask in found.masks)
    claims += [((4, told.cells), "float64") for told in rows if told is not None]
    if found.image.pixels is not None:
        claims.append((found.image.shape, found.image.pixels.dtype))
    for shape, dtype in claims:
        check_size(file, shape, dtype)
    total = sum(prod(shape) * np.dtype(dtype).itemsize for shape, dtype in claims)
    if total > memory_limit():
        raise ValueError(f"its layers claim {total / 2**30:,.0f} GiB of memory")


def _project(found: m.Manifest, entries: _Entries) -> Project:
    project = Project(
        image=_reference(found.image, entries),
        masks=tuple(_mask_layer(entry, entries) for entry in found.masks),
        active=found.active,
        layers=tuple(
            ImageLayer(entry.name, _image(entry, entry.pixels, entries), entry.provenance)
            for entry in found.layers
        ),
        settings=found.settings,
        history=tuple(Step(step.action, step.time) for step in found.history),
        review=Review(found.review.state, found.review.note),
    )
    try:
        _check(project)
    except InputError as error:
        raise ValueError(error.message) from error
    return project


def _reference(entry: m.ImageEntry, entries: _Entries) -> ImageReference:
    image = None if entry.pixels is None else _image(entry, entry.pixels, entries)
    return ImageReference(
        path=Path(entry.path),
        relative_path=entry.relative_path,
        shape=entry.shape,
        axes=entry.axes,
        channel_names=entry.channel_names,
        pixel_size_um=entry.pixel_size_um,
        sha256=entry.sha256,
        embedded=image,
    )


def _mask_layer(entry: m.MaskEntry, entries: _Entries) -> MaskLayer:
    masks = PackedMasks(entry.shape, tuple(entries.data(name) for name in entry.blocks))
    masks.unpack()  # damage is found now, and not when the layer is first shown
    told = entry.confidence
    return MaskLayer(
        name=entry.name,
        masks=masks,
        manual=frozenset(entry.manual),
        colour=entry.colour,
        provenance=entry.provenance,
        confidence=None if told is None else unpack_confidence(entries.data(told.file), told.cells),
    )


def _image(entry: m.Picture, pixels: m.Pixels, entries: _Entries) -> Image:
    data = unpack_pixels(entries.data(pixels.file), entry.shape, np.dtype(pixels.dtype))
    try:
        return Image(data, entry.axes, entry.channel_names, entry.pixel_size_um)
    except InputError as error:
        raise ValueError(error.message) from error
