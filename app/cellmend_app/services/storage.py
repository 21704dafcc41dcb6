"""What the I/O lane does: read images with their masks, write results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QImage

import cellmend
from cellmend.errors import AxesError, CellmendError, FileFormatError
from cellmend.export import kinds
from cellmend.export.kinds import DEFAULT_PATTERN, KINDS, Results, export_path
from cellmend.export.seg_npy import seg_file
from cellmend.image import Image
from cellmend.io import folder as names
from cellmend.io import pairs, scenes, seg_npy
from cellmend.io import project as projects
from cellmend.io.atomic import replacing
from cellmend.io.labels import read_labels
from cellmend.io.project import PackedMasks
from cellmend.params import Scale
from cellmend.progress import Reporter
from cellmend_app.document import LabelContent, labels_shape
from cellmend_app.services import listing, project_content
from cellmend_app.services.listing import Listing
from cellmend_app.services.project_content import OpenedProject, ProjectContent
from cellmend_app.services.seg_content import OpenedSeg, SegContent

RESTORED = "restored"
"""The kind of export that `ExportRequest.scale` is about."""


@dataclass(frozen=True)
class ExportRequest:
    """What to export: kinds of `cellmend.export.kinds`, where to, and under which names.

    Parameters
    ----------
    kinds
        At least one.
    folder
        Where to; beside the image if None.
    pattern
        The beginning of the files' names.
    scale
        The values of the restored image.
    """

    kinds: tuple[str, ...]
    folder: Path | None = None
    pattern: str = DEFAULT_PATTERN
    scale: Scale = "unit"

    def files(self, image: Path) -> list[Path]:
        """Return the files that will be written for an image.

        Raises
        ------
        InputError
            If the pattern is wrong.
        """
        return [
            export_path(image, end, self.folder, self.pattern)
            for kind in self.kinds
            for end in KINDS[kind].writers
        ]


@dataclass(frozen=True, eq=False)
class Loaded:
    """An image as read, with what was saved beside it, and its folder.

    Parameters
    ----------
    path, image
        The image.
    seg
        What its ``_seg.npy`` holds, or else the masks beside it; None where there are none.
    complaint
        Why these could not be read, if so.
    listing
        The images to step through.
    project
        The project that was opened, if it was one.
    axes
        What the person said the dimensions of the file are, where it does not say it.
    unread
        Why an image before this one could not be opened, if so.
    """

    path: Path
    image: Image
    seg: OpenedSeg | None
    complaint: CellmendError | None
    listing: Listing
    project: OpenedProject | None = None
    axes: str | None = None
    unread: CellmendError | None = None


@dataclass(frozen=True)
class AxesQuestion:
    """A file that does not say what its dimensions are.

    Parameters
    ----------
    path
        The file.
    lengths
        Of its dimensions, in its order.
    guess
        What they were taken for, as a letter each; empty if nothing could be guessed.
    """

    path: Path
    lengths: tuple[int, ...]
    guess: str


def load(
    paths: Sequence[Path],
    report: Reporter,
    axes: Mapping[tuple[int, ...], str] | None = None,
    counts: Mapping[Path, int] | None = None,
) -> Loaded:
    """Read the image that `paths` name, and what lies beside it.

    A project or a ``_seg.npy`` stands for its image, a folder for its first image that can be
    read.
    Several paths make up the list to step through. `axes` are what the person said of
    files that do not say it, by the lengths of their dimensions; `counts` is how many images
    files are known to hold.

    Raises
    ------
    CellmendError
        If the image cannot be read, or there is none.
    """
    known = counts or {}
    if is_project(paths[0]):
        return _load_project(paths[0], report, known)
    seg_path = paths[0] if paths[0].name.endswith(names.SEG_NPY) else None
    listed = [image_of_seg(path) if path.name.endswith(names.SEG_NPY) else path for path in paths]
    candidates, files = listing.choose(listed)
    chosen, image, told, unread = _first_readable(candidates, axes or {}, report)
    report.check()
    first = listing.name_of(chosen, image.scenes)
    own = seg_path if chosen == listed[0] else None
    seg, complaint = _masks_or_complaint(own or pairs.masks_beside(first), image)
    report.check()
    there = _listing(files, first, image, known)
    return Loaded(first, image, seg, complaint, there, axes=told, unread=unread)


def _first_readable(
    paths: Sequence[Path], axes: Mapping[tuple[int, ...], str], report: Reporter
) -> tuple[Path, Image, str | None, CellmendError | None]:
    """Read the first image that can be read; return it with why one before it cannot."""
    unread: CellmendError | None = None
    for path in paths:
        report.check()
        try:
            image, told = read_as_told(path, axes)
        except AxesError:
            raise  # it can be read once the person was asked
        except CellmendError as error:
            unread = unread or error
        else:
            return path, image, told, unread
    assert unread is not None
    raise unread


def _listing(
    files: Sequence[Path], opened: Path, image: Image, counts: Mapping[Path, int]
) -> Listing:
    """Return the images of files, one of which is open."""
    known = {**counts, scenes.split(opened)[0]: image.scenes}
    return Listing.of(listing.listed(files, known, opened))


def read_image(path: Path, axes: Mapping[tuple[int, ...], str]) -> Image:
    """Read an image, with the axes that are known for its lengths where it does not say them."""
    return read_as_told(path, axes)[0]


def read_as_told(path: Path, axes: Mapping[tuple[int, ...], str]) -> tuple[Image, str | None]:
    """Do what `read_image` does; return the axes that were needed for it, too."""
    try:
        image = cellmend.read(path)
    except AxesError as error:
        if error.shape not in axes:
            raise
        told = axes[error.shape]
        return cellmend.read(path, told), told
    known = axes.get(stored_lengths(image))
    if known in (None, image.guessed_axes):
        return image, None
    return cellmend.read(path, known), known


def stored_lengths(image: Image) -> tuple[int, ...]:
    """Return the lengths of a file's dimensions, in its order, if its axes were guessed."""
    return tuple(image.size(letter) for letter in image.guessed_axes)


def is_project(path: Path) -> bool:
    """Whether a path is named as a project is."""
    return path.suffix.lower() == projects.ENDING


def _load_project(path: Path, report: Reporter, counts: Mapping[Path, int]) -> Loaded:
    project = projects.read(path)
    report.check()
    image = projects.load_image(project, path)
    report.check()
    opened = OpenedProject.of(path, project)
    try:
        source = listing.name_of(projects.find_image(project, path), image.scenes)
        files = names.siblings(scenes.split(source)[0])
    except FileFormatError:  # the project carries its image
        source = path.with_name(project.image.path.name)
        files = [source]
    return Loaded(source, image, None, None, _listing(files, source, image, counts), opened)


def write_project(path: Path, content: ProjectContent, masks: NDArray[np.uint32]) -> Path:
    """Write a project and return its path."""
    there = names.is_there(content.path)
    sha256 = projects.checksum(content.path) if there else ""
    project = project_content.make(content, PackedMasks.of(masks), sha256=sha256)
    if not there:  # it came with the project, and goes with it
        reference = replace(project.image, embedded=content.image)
        project = replace(project, image=reference)
    projects.write(path, project)
    return path


def image_of_seg(path: Path) -> Path:
    """Return the image that a ``_seg.npy`` belongs to.

    Raises
    ------
    FileFormatError
        If it is neither beside it nor where the file says.
    """
    stem = path.name.removesuffix(names.SEG_NPY)
    beside = [other for other in names.images_in(path.parent) if other.stem == stem]
    if beside:
        return beside[0]
    told = Path(seg_npy.read(path).filename)
    for candidate in (told, path.with_name(told.name)):
        if told.name and names.is_there(candidate):
            return candidate
    raise FileFormatError(path, "its image is not beside it.", hint="Put them in one folder.")


def read_masks(path: Path) -> NDArray[np.uint32]:
    """Read masks of any format."""
    return read_labels(path)


def read_content(path: Path) -> LabelContent:
    """Read masks of any format and make them ready to be edited."""
    return LabelContent.of(read_labels(path), copy=False)


def read_seg(path: Path, image: Image) -> OpenedSeg:
    """Read a ``_seg.npy`` and make it ready to be shown with its image.

    Raises
    ------
    FileFormatError
        If it cannot be read, or what it holds cannot be shown.
    """
    seg = seg_npy.read(path)
    try:
        return OpenedSeg.of(seg, labels_shape(image))
    except Exception as error:  # values of any type may be in the wrong place
        reason = f"its content cannot be shown ({type(error).__name__}: {error})."
        raise FileFormatError(path, reason) from error


def read_beside(path: Path, image: Image) -> OpenedSeg:
    """Read masks that lie beside an image, of any format, and make them ready to be shown.

    Raises
    ------
    FileFormatError
        If they cannot be read, or do not fit the image.
    """
    if path.name.endswith(names.SEG_NPY):
        return read_seg(path, image)
    content, shape = read_content(path), labels_shape(image)
    if content.labels.shape != shape:
        reason = f"its masks have the shape {content.labels.shape}, the image needs {shape}."
        raise FileFormatError(path, reason, hint="Keep masks of other images elsewhere.")
    return OpenedSeg(content)


def write_seg(content: SegContent) -> Path:
    """Write ``<stem>_seg.npy`` and return its path."""
    path = names.output_path(content.image, names.SEG_NPY)
    seg = seg_file(
        results(content),
        content.settings,
        diameter=content.diameter,
        manual=content.manual,
        restored_by=content.restored.name if content.restored is not None else "",
    )
    seg_npy.write(path, seg)
    return path


def results(content: SegContent) -> Results:
    """Return what can be exported of the content."""
    output, restored = content.results, content.restored
    made = None if output is None else output.provenance
    record = None if restored is None else restored.provenance
    return Results(
        source=content.image,
        image=content.pixels,
        masks=content.masks,
        flows=None if output is None else output.flows,
        cellprob=None if output is None else output.cellprob,
        restored=None if restored is None else restored.image,
        provenance=made.as_dict() if made else None,
        restored_provenance=record.as_dict() if record else None,
        confidence=content.confidence,
    )


def export(content: SegContent, request: ExportRequest) -> list[Path]:
    """Write what is asked for and return the files."""
    found, layer = results(content), content.restored
    if layer is not None and RESTORED in request.kinds:
        from cellmend.restore import to_scale  # slow to load

        scaled = to_scale(layer.image, found.image, request.scale, layer.normalize)
        found = replace(found, restored=scaled)
    return [
        path
        for kind in request.kinds
        for path in kinds.export(found, kind, request.folder, request.pattern)
    ]


def write_picture(path: Path, picture: QImage) -> Path:
    """Write what is on show as PNG.

    Raises
    ------
    FileFormatError
        If the file cannot be written.
    """
    with replacing(path) as temporary:
        if not picture.save(str(temporary), "PNG"):
            raise FileFormatError(path, "the picture cannot be written there.")
    return path


def _masks_or_complaint(
    path: Path | None, image: Image
) -> tuple[OpenedSeg | None, CellmendError | None]:
    if path is None:
        return None, None
    try:
        return read_beside(path, image), None
    except CellmendError as error:
        return None, error
