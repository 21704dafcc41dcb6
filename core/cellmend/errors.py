"""Every failure that Cellmend expects.

A message is written for the person at the screen: it names the file or the
value, says what is wrong and, in the hint, what to do about it.
"""

from __future__ import annotations

from pathlib import Path


class CellmendError(Exception):
    """A failure that was foreseen; its text is safe to show.

    Parameters
    ----------
    message
        What is wrong, in one sentence that names the thing.
    hint
        What the person can do about it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message if not hint else f"{message} {hint}")
        self.message = message
        self.hint = hint


class InputError(CellmendError):
    """A value or a combination of values that the person can set right."""


class FileFormatError(CellmendError):
    """A file that cannot be read or written.

    Parameters
    ----------
    path
        The file.
    reason
        What is wrong with it.
    """

    def __init__(self, path: str | Path, reason: str, *, hint: str = "") -> None:
        super().__init__(f"{path}: {reason}", hint=hint)
        self.path = Path(path)
        self.reason = reason


class AxesError(FileFormatError):
    """A file that neither says nor lets guess which of its dimensions is which.

    Parameters
    ----------
    path
        The file.
    shape
        Of the array in it.
    """

    def __init__(self, path: str | Path, shape: tuple[int, ...]) -> None:
        super().__init__(
            path,
            f"the axes of an array of shape {shape} cannot be guessed.",
            hint="Say which is which, with axes= or --axes, for instance TCZYX.",
        )
        self.shape = shape


class ModelError(CellmendError):
    """A model that is unknown, not installed, or does not fit the task."""


class MemoryLimitError(CellmendError):
    """The work needs more memory than the machine has."""


class DeviceError(CellmendError):
    """The compute device is missing or failed."""


class Cancelled(Exception):
    """The person stopped the work; not an error."""


def system_reason(error: OSError) -> str:
    """Return what the system refused, led by the file that it is about if that is known."""
    reason = error.strerror or str(error)
    return reason if error.filename is None else f"{error.filename}: {reason}"
