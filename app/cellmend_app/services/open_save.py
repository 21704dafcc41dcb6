"""Open images and projects, step through the folder, save.

All reading and writing runs in the I/O lane (see `storage`). Edits that are
not saved are never lost without a question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from cellmend.errors import AxesError, CellmendError
from cellmend.export.seg_npy import RunSettings
from cellmend.image import Image
from cellmend.io import folder as names
from cellmend.io import scenes
from cellmend.io.project import Step
from cellmend_app.commands import AddRestored, ReplaceLabels
from cellmend_app.document import Document, LabelContent
from cellmend_app.messages import Messages
from cellmend_app.services import storage
from cellmend_app.services.listing import Listing
from cellmend_app.services.pixel_size import with_size_of_folder
from cellmend_app.services.project_content import OpenedProject, ProjectContent
from cellmend_app.services.scenes import SceneService
from cellmend_app.services.seg_content import OpenedSeg, SegContent
from cellmend_app.services.storage import AxesQuestion, Loaded
from cellmend_app.settings import Preferences
from cellmend_app.workers import JobHandle, JobRunner

Then = Callable[[], None]


class FileService(QObject):
    """Reads and writes the files of the document.

    Signals
    -------
    opened(path), saved(path)
        An image is on show; a file was written.
    folder_changed()
        The list of images, or which of them is open, changed.
    axes_asked(AxesQuestion)
        A file was opened whose axes only the person knows.
    """

    axes_asked = pyqtSignal(object)
    opened = pyqtSignal(object)
    saved = pyqtSignal(object)
    folder_changed = pyqtSignal()

    def __init__(
        self,
        document: Document,
        runner: JobRunner,
        messages: Messages,
        preferences: Preferences,
    ) -> None:
        super().__init__(messages)
        self._document = document
        self._runner = runner
        self._messages = messages
        self._preferences = preferences
        self._reading: JobHandle | None = None
        self._asked: Path | None = None
        self._saved = self._state
        self._listing = Listing([])
        self._scenes = SceneService(runner, self)
        self._scenes.found.connect(self._show_images_of)
        self._axes: dict[tuple[int, ...], str] = {}
        self._history: tuple[Step, ...] = ()
        self.run_settings = RunSettings()
        self.project: Path | None = None
        self.axes: str | None = None  # what the open file was read with, if it did not say

    @property
    def current(self) -> Path | None:
        """The image that is open."""
        return self._document.path

    @property
    def place(self) -> Path | None:
        """Where in the folder the person is: at the image that is open, or asked for since."""
        return self._asked or self.current

    @property
    def reading(self) -> bool:
        """Whether an image is being read, to be open when that is done."""
        return self._reading is not None

    @property
    def folder(self) -> list[Path]:
        """The images to step through."""
        return self._listing.images

    @property
    def unsaved(self) -> bool:
        """Whether what is saved was changed: the masks, in a project the pixel size too."""
        (revision, size), (masks, size_kept) = self._state, self._saved
        changed = revision != masks or (self.project is not None and size != size_kept)
        return self._document.modified and changed

    @property
    def _state(self) -> tuple[int, dict[str, float]]:
        return self._document.revision, dict(self._document.pixel_size)

    def has_masks(self, path: Path) -> bool:
        """Whether masks of any kind lie beside the image `path`."""
        return path in self._listing.masked

    def name_inside(self, path: Path) -> str:
        """Return what an image is called in its file, if the file holds several and names them."""
        return self._scenes.names.get(path, "")

    def corrected(self) -> list[Path]:
        """Return the images of the folder to train on: masks only computed do not count."""
        return [path for path in self.folder if path in self._listing.corrected]

    @property
    def known_axes(self) -> dict[tuple[int, ...], str]:
        """What the person said of files that do not say their axes, by their lengths."""
        return dict(self._axes)

    def pixel_size_of(self, path: Path) -> dict[str, float]:
        """Return the pixel size that the person gave for images of a folder that tell none."""
        return self._preferences.pixel_size(path.parent)

    def masks_written(self, path: Path) -> None:
        """Take note of masks that were written for an image; show them if it is open."""
        self._note_masks(path)
        self.folder_changed.emit()
        image = self._document.image
        if image is not None and path == self.current and not self.unsaved:
            seg = names.output_path(path, names.SEG_NPY)
            job = self._runner.submit(
                "io", lambda report: storage.read_seg(seg, image), title="Reading"
            )
            job.succeeded.connect(lambda opened: self._show_written(opened, image))
            job.failed.connect(lambda error: self._messages.error(error, "show the new masks"))

    # -- opening

    def open(self, *paths: Path) -> None:
        """Open an image, a project, a ``_seg.npy``, or the first of a folder or of several."""
        if paths:
            self.guard(lambda: self._read(paths))

    def step(self, steps: int) -> None:
        """Open the next (1) or previous (-1) image of the folder, going round at its ends.

        An image that could not be opened is passed by.
        """
        if self.place not in self.folder or len(self.folder) < 2:
            return
        wanted = self.folder[(self.folder.index(self.place) + steps) % len(self.folder)]
        if wanted == self.current:
            self._asked = None
        else:
            self.open(wanted)

    def set_axes(self, question: AxesQuestion, axes: str) -> None:
        """Take the answer to a question, also for other files of the same lengths."""
        self._axes[question.lengths] = axes
        if axes != question.guess:
            self.open(question.path)

    def load_masks(self, path: Path) -> None:
        """Show the masks of a file over the open image; can be undone."""
        image = self._document.image
        job = self._runner.submit("io", lambda report: storage.read_content(path), title="Reading")
        job.failed.connect(lambda error: self._messages.error(error, "read the masks"))

        def take(masks: LabelContent) -> None:
            if not self._document.shows(image):
                return
            try:
                step = ReplaceLabels(self._document, masks, f"Load {path.name}")
            except CellmendError as error:
                self._messages.error(error, "show the masks")
                return
            self._document.undo.push(step)
            self._messages.note(f"Loaded {path.name}.")

        job.succeeded.connect(take)

    def guard(self, then: Then) -> None:
        """Do `then`, after asking what becomes of edits that are not saved."""
        if not self.unsaved or self.current is None:
            then()
            return
        choice = self._messages.ask_unsaved(self.current.name)
        if choice == "save":
            self.save(then)
        elif choice == "discard":
            then()

    # -- saving

    def save(self, then: Then | None = None) -> None:
        """Write the open project, or else ``<stem>_seg.npy``, then do `then`."""
        if self.project is not None:
            self.save_project(self.project, then)
            return
        content = self.content()
        if content is not None:
            masks = self._document.labels.snapshot()
            written = self._when_saved(lambda path: self._note_masks(content.image), then)
            self._write(lambda: storage.write_seg(content.with_masks(masks.copy())), written)

    def save_project(self, path: Path, then: Then | None = None) -> None:
        """Write a project, which is the one that is open from then on, then do `then`."""
        content, masks = self.project_content(), self._document.labels.snapshot()
        if content is not None:
            written = self._when_saved(self._set_project, then)
            self._write(lambda: storage.write_project(path, content, masks.copy()), written)

    def _note_masks(self, image: Path) -> None:
        """Take note that an image has a ``_seg.npy``."""
        self._listing.masked.add(image)
        self._listing.corrected.add(image)

    def _when_saved(
        self, note: Callable[[Path], None], then: Then | None
    ) -> Callable[[Path], None]:
        """Return what to do when what is shown now was written."""
        image, state = self._document.image, self._state

        def written(path: Path) -> None:
            if self._document.shows(image):
                note(path)
                if self._state == state:
                    self._saved = state
                    self._document.mark_saved()
            self.announce(path)
            if then is not None:
                then()

        return written

    def _set_project(self, path: Path) -> None:
        self.project = path

    def project_content(self) -> ProjectContent | None:
        """Return what a project keeps but the masks being edited; None if nothing is open."""
        document = self._document
        if document.image is None or document.path is None:
            return None
        return ProjectContent.of(document, self.run_settings, self._history)

    def content(self) -> SegContent | None:
        """Return what is to be saved, with the masks that are edited; None if nothing is open."""
        document, restored = self._document, self._document.restored
        if document.image is None or document.path is None:
            return None
        return SegContent(
            image=document.path,
            pixels=document.image,
            masks=document.labels.full,
            manual=frozenset(document.manual),
            diameter=document.diameter,
            results=document.results,
            restored=None if restored is None else restored.sized_as(document.image),
            settings=self.run_settings,
            confidence=document.confidence,
        )

    def announce(self, path: Path) -> None:
        """Say that a file was written."""
        self._messages.note(f"Saved {path.name}")
        self.saved.emit(path)

    # -- the work

    def _read(self, paths: Sequence[Path]) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._asked = paths[0] if paths[0] in self.folder else None
        known, counts = self.known_axes, dict(self._scenes.counts)
        job = self._runner.submit(
            "io", lambda report: storage.load(paths, report, known, counts), title="Opening"
        )
        self._reading = job
        job.succeeded.connect(self._take)
        job.failed.connect(self._on_unread)
        job.finished.connect(lambda: self._forget(job))

    def _on_unread(self, error: BaseException) -> None:
        if isinstance(error, AxesError):
            self.axes_asked.emit(AxesQuestion(error.path, error.shape, ""))
        else:
            self._messages.error(error, "open the image")

    def _ask_axes(self, loaded: Loaded) -> None:
        lengths = storage.stored_lengths(loaded.image)
        if lengths and lengths not in self._axes and loaded.project is None:
            question = AxesQuestion(loaded.path, lengths, loaded.image.guessed_axes)
            self.axes_asked.emit(question)

    def _forget(self, job: JobHandle) -> None:
        if self._reading is job:
            self._reading = None

    def _take(self, loaded: Loaded) -> None:
        document = self._document
        self._asked = None
        image = loaded.image
        if loaded.project is None:
            image = with_size_of_folder(image, self.pixel_size_of(loaded.path))
        document.set_image(image, loaded.path)
        self.run_settings = RunSettings()
        self.project, self._history = None, ()
        self.axes = loaded.axes
        if loaded.project is not None:
            self._take_project(loaded.project)
        elif loaded.seg is not None:
            self._take_seg(loaded.seg)
        document.mark_saved()
        self._saved = self._state
        self._listing = loaded.listing
        self._preferences.folder = loaded.path.parent
        self.folder_changed.emit()
        self.opened.emit(loaded.path)
        if loaded.unread is not None:
            self._messages.error(loaded.unread, "open the image")
        if loaded.complaint is not None:
            self._messages.error(loaded.complaint, "read the saved masks")
        file, number = scenes.split(loaded.path)
        if loaded.image.scenes > 1:
            many = self._scenes.counts[file] = loaded.image.scenes
            self._messages.note(f"{file.name}: image {number} of the {many} in the list")
        self._scenes.look_through([*self.folder, file])
        self._ask_axes(loaded)

    def _show_images_of(self, files: Mapping[Path, Listing]) -> None:
        """List the images of files in the place of these."""
        self._listing = self._listing.with_images_of(files)
        self.folder_changed.emit()

    def _take_project(self, opened: OpenedProject) -> None:
        document = self._document
        try:
            document.set_labels(opened.labels, opened.manual, opened.confidence)
            document.set_mask_layers(opened.others)
        except CellmendError as error:
            self._messages.error(error, "show the masks of the project")
            return
        self.project, self._history = opened.path, opened.project.history
        self.run_settings = opened.run
        document.set_steps(opened.restore or document.steps)
        if opened.restored is not None:
            document.add_restored(opened.restored)
        if opened.diameter is not None:
            document.set_diameter(opened.diameter)
        if document.path is not None:
            document.review.mark(document.path, opened.project.review.state)

    def _take_seg(self, opened: OpenedSeg) -> None:
        document = self._document
        try:
            document.set_labels(opened.labels, opened.manual)
        except CellmendError as error:
            self._messages.error(error, "show the saved masks")
            return
        self.run_settings = opened.run
        document.set_results(opened.results)
        if opened.restored is not None and document.plane_count == 1:
            document.add_restored(opened.restored)
        if opened.diameter is not None:
            document.set_diameter(opened.diameter)

    def _show_written(self, opened: OpenedSeg, image: Image) -> None:
        """Show masks that were written for the image, as a step that can be undone."""
        document = self._document
        if not document.shows(image) or self.unsaved:
            return
        text = "Segment folder"
        masks = ReplaceLabels(
            document, opened.labels, text, manual=opened.manual, results=opened.results
        )
        document.undo.beginMacro(text)
        document.undo.push(masks)
        if opened.restored is not None and document.plane_count == 1:
            document.undo.push(AddRestored(document, opened.restored, text))
        document.undo.endMacro()
        self.run_settings = opened.run
        if opened.diameter is not None:
            document.set_diameter(opened.diameter)
        if self.project is None:
            document.mark_saved()
            self._saved = self._state

    def _write(self, work: Callable[[], Path], written: Callable[[Path], None]) -> None:
        job = self._runner.submit("io", lambda report: work(), title="Saving")
        job.failed.connect(lambda error: self._messages.error(error, "save"))
        job.succeeded.connect(written)
