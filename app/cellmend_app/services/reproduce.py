"""The last run as a command line or a Python script, on the clipboard."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtGui import QGuiApplication

from cellmend.errors import CellmendError
from cellmend.provenance import Provenance
from cellmend_app.commands import AddRestored, ChangeMaskLayers, ReplaceLabels, ReplaceRegion
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.services.open_save import FileService

EDITED = "The masks were edited by hand after this run, which is not done again here."
PART = "Cells of a part of the image were found after this run, which is not done again here."


class ReproduceService:
    """Tells how to do again without the window what was done in it."""

    def __init__(self, document: Document, files: FileService, messages: Messages) -> None:
        self._document = document
        self._files = files
        self._messages = messages

    @property
    def record(self) -> Provenance | None:
        """The record of the run that made the masks, or else the restored image."""
        document = self._document
        if document.path is None:
            return None
        if document.results is not None and document.results.provenance is not None:
            return document.results.provenance
        return None if document.restored is None else document.restored.provenance

    @property
    def missing(self) -> str:
        """Say why there is no record, if so."""
        if self.record is not None:
            return ""
        if PART in notes_on(self._document):
            return "Only a run on the whole image can be copied, not that of a part"
        return "Restore the image or find its cells first"

    def copy_command(self) -> None:
        """Put the command that does the last run again on the clipboard."""
        from cellmend.reproduce import command_line

        self._copy(command_line, "the command line")

    def copy_python(self) -> None:
        """Put the Python script that does the last run again on the clipboard."""
        from cellmend.reproduce import python_script

        self._copy(python_script, "the Python script")

    def _copy(self, write: Callable[..., str], what: str) -> None:
        record, clipboard = self.record, QGuiApplication.clipboard()
        if record is None or clipboard is None:
            return
        notes = notes_on(self._document)
        if record.action != "segment":
            notes = [note for note in notes if note != EDITED]
        try:
            text = write(record, self._files.current, axes=self._files.axes, notes=notes)
        except CellmendError as error:
            self._messages.error(error, f"copy {what}")
            return
        clipboard.setText(text)
        self._messages.note(f"Copied {what} of the last run.")


def notes_on(document: Document) -> list[str]:
    """Say how the masks on show are others than those that a run made.

    Edits that were undone do not count.
    """
    undo, notes = document.undo, set()
    for index in reversed(range(undo.index())):
        step = undo.command(index)
        if isinstance(step, ReplaceLabels):
            break
        if isinstance(step, ReplaceRegion):
            notes.add(PART)
        elif not isinstance(step, AddRestored | ChangeMaskLayers):
            notes.add(EDITED)
    return sorted(notes, reverse=True)
