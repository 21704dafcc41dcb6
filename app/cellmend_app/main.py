"""Start the program."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from cellmend_app.actions.handlers import apply_theme
from cellmend_app.messages import ReportDialog
from cellmend_app.resources import program_icon, theme_named
from cellmend_app.settings import Preferences
from cellmend_app.window import MainWindow

WARM_UP_AFTER_MS = 600
"""After the window shows: the first picture comes before the imports that computing needs."""

logger = logging.getLogger("cellmend_app")


def main(files: Sequence[str] = ()) -> int:
    """Open the window on `files` and return the exit status when it closes."""
    install_exception_hook(lambda error: ReportDialog(error, "start Cellmend", None).exec())
    start_logging(user_folder())
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("Cellmend")
    app.setOrganizationName("Cellmend")
    app.setWindowIcon(program_icon())
    app.setStyle("Fusion")
    preferences = Preferences()
    apply_theme(theme_named(light=preferences.light))
    window = MainWindow(preferences)
    install_exception_hook(window.messages.report)
    window.show()
    if files:
        window.open(*map(Path, files))
    window.services.models.refresh()
    window.services.recovery.look()
    QTimer.singleShot(WARM_UP_AFTER_MS, window.warm_up)
    return app.exec()


def install_exception_hook(report: Callable[[BaseException], object]) -> None:
    """Show exceptions that nothing caught; PyQt would end the program on them."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        sys.__excepthook__(kind, error, trace)
        if QApplication.instance() is not None:
            report(error)

    sys.excepthook = hook


def user_folder() -> Path:
    """Return the folder of the person's models and of the log."""
    return Path(os.environ.get("CELLMEND_HOME") or Path.home() / ".cellmend")


def start_logging(folder: Path) -> None:
    """Log to a rotating file in `folder`; a folder that cannot be written is no reason to stop."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            folder / "cellmend.log", maxBytes=1_000_000, backupCount=3, encoding="utf-8"
        )
    except OSError:
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("cellmend_app")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
