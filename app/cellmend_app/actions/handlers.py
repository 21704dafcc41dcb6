"""What actions do, where that is more than one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from PyQt6.QtWidgets import QApplication

from cellmend.errors import CellmendError
from cellmend.io.folder import output_path
from cellmend.io.project import ENDING
from cellmend.labels.region import Region
from cellmend.labels.stroke import Overlap
from cellmend.params import AnyStep
from cellmend_app.actions.workbench import Workbench
from cellmend_app.dialogs import files
from cellmend_app.dialogs.cells import FilterDialog, IdDialog
from cellmend_app.dialogs.device import DeviceDialog
from cellmend_app.dialogs.export import ExportDialog
from cellmend_app.dialogs.folder_run import FolderRunDialog
from cellmend_app.dialogs.models import ModelsDialog
from cellmend_app.dialogs.pixel_size import PixelSizeDialog
from cellmend_app.resources import Theme, palette, style_sheet
from cellmend_app.services.exports import about_replacing
from cellmend_app.services.models import RESTORATION
from cellmend_app.services.pipelines import RestoreRequest
from cellmend_app.services.pixel_size import set_pixel_size
from cellmend_app.services.storage import ExportRequest


def open_image(w: Workbench) -> None:
    """Ask for an image and open it."""
    path = files.choose_file(w.window, "Open image", w.preferences.folder, files.IMAGES)
    if path is not None:
        w.services.files.open(path)


def open_folder(w: Workbench) -> None:
    """Ask for a folder and open its first image."""
    path = files.choose_folder(w.window, "Open folder", w.preferences.folder)
    if path is not None:
        w.services.files.open(path)


def _new_file(w: Workbench, title: str, suggested: Path, kinds: str) -> Path | None:
    """Ask where to save."""

    def may_replace(path: Path) -> bool:
        return w.messages.confirm(*about_replacing([path]))

    return files.choose_new_file(w.window, title, suggested, kinds, may_replace)


def open_seg(w: Workbench) -> None:
    """Ask for a ``_seg.npy`` and open it with its image."""
    folder = w.preferences.folder
    path = files.choose_file(w.window, "Open segmentation", folder, files.SEGMENTATIONS)
    if path is not None:
        w.services.files.open(path)


def load_masks(w: Workbench) -> None:
    """Ask for masks and lay them over the open image."""
    path = files.choose_file(w.window, "Load masks", w.preferences.folder, files.MASKS)
    if path is not None:
        w.services.files.load_masks(path)


def load_layer(w: Workbench) -> None:
    """Ask for masks and show them beside those being edited."""
    path = files.choose_file(w.window, "Load masks as a layer", w.preferences.folder, files.MASKS)
    if path is not None:
        w.services.layers.load(path)


def step(w: Workbench, steps: int) -> None:
    """Go to another plane of a stack; where there is one plane only, to another image."""
    if w.document.plane_count > 1:
        w.document.plane += steps
    else:
        w.services.files.step(steps)


def save_project_as(w: Workbench) -> None:
    """Ask for a name and save a project, which is the one that is open from then on."""
    current = w.services.files.current
    if current is None:
        return
    suggested = w.services.files.project or output_path(current, ENDING)
    path = _new_file(w, "Save project", suggested, files.PROJECTS)
    if path is not None:
        w.services.files.save_project(path)


def export(w: Workbench) -> None:
    """Ask what to export, and do it."""
    current = w.services.files.current
    if current is None:
        return
    dialog = ExportDialog(current, w.services.exports.possible(), w.window)
    dialog.chosen.connect(w.services.exports.write)
    dialog.open()


def export_as(w: Workbench, kind: str) -> None:
    """Export one kind beside the image, under Cellpose's name."""
    w.services.exports.write(ExportRequest((kind,)))


def save_view(w: Workbench) -> None:
    """Ask for a name and save the picture on show as PNG."""
    current = w.services.files.current
    if current is None:
        return
    picture = w.view.grab_image()
    suggested = output_path(current, "_view.png")
    path = _new_file(w, "Save view", suggested, files.PICTURES)
    if path is not None:
        w.services.exports.write_picture(path, picture)


def toggle_objects(w: Workbench) -> None:
    """Show or hide the table of cells."""
    dock = w.panels.objects.parentWidget()
    if dock is not None:
        dock.setVisible(not dock.isVisible())


def save_table(w: Workbench) -> None:
    """Ask for a name and save the table of cells as CSV, Excel workbook or Parquet."""
    suggested = w.panels.objects.suggested
    if suggested is None:
        return
    path = _new_file(w, "Save table", suggested, files.TABLES)
    if path is not None:
        w.services.objects.save(path)


def close_window(w: Workbench) -> None:
    """Close the window, which asks about unsaved edits."""
    w.window.close()


def filter_cells(w: Workbench) -> None:
    """Open the dialog that selects cells that stand out."""
    FilterDialog(w.services.cells, w.services.objects, w.window).open()


def change_id(w: Workbench) -> None:
    """Ask for another id of the selected cell."""
    label = w.document.selected
    dialog = IdDialog(label, w.window)
    dialog.chosen.connect(lambda new: w.services.cells.change_id(label, new))
    dialog.open()


def choose_pixel_size(w: Workbench) -> None:
    """Ask for the size of a pixel and measure with it; can be undone."""
    document, preferences = w.document, w.preferences
    if document.image is None:
        return
    folder = preferences.folder if document.path is None else document.path.parent

    def take(size: Mapping[str, float], for_folder: bool) -> None:
        set_pixel_size(document, size)
        if for_folder:
            preferences.set_pixel_size(folder, size)

    dialog = PixelSizeDialog(document.image, preferences.pixel_size(folder), w.window)
    dialog.chosen.connect(take)
    dialog.open()


def next_overlap(w: Workbench) -> None:
    """Go to the next rule for pixels of other cells."""
    rules = get_args(Overlap)
    w.document.set_overlap(rules[(rules.index(w.document.overlap) + 1) % len(rules)])


def restore(w: Workbench, task: str) -> None:
    """Run the restoration that the panel's choice gives to `task`."""
    try:
        step = w.panels.restore.step(task)
    except CellmendError as error:
        w.messages.error(error, "restore the image", panel="restore")
        return
    _restore(w, step)


def apply_filter(w: Workbench) -> None:
    """Filter the image with the panel's filter."""
    _restore(w, w.panels.restore.filters.settings())


def run_steps(w: Workbench) -> None:
    """Run the listed steps, one after another."""
    _restore(w, *w.document.steps)


def _restore(w: Workbench, *steps: AnyStep) -> None:
    diameter = None if w.panels.segment.auto.isChecked() else w.document.diameter
    w.services.restore.run(RestoreRequest(steps, diameter))


def segment(w: Workbench) -> None:
    """Find cells with the panel's settings."""
    w.services.segment.run(w.panels.segment.request())


def segment_visible(w: Workbench) -> None:
    """Find the cells of what is seen of the plane on show."""
    region = Region.of_box(w.view.visible_box(), w.document.labels_shape)
    w.services.region.run(w.panels.segment.request(), region, "Segment the visible part")


def save_settings(w: Workbench) -> None:
    """Ask for a name and save the settings of the next run."""
    current = w.services.files.current
    suggested = (w.preferences.folder if current is None else current.parent) / "settings.yaml"
    path = _new_file(w, "Save settings", suggested, files.SETTINGS)
    if path is not None:
        w.services.settings.save(path, w.panels.segment.request())


def load_settings(w: Workbench) -> None:
    """Ask for a file of settings and fill the panel from it."""
    path = files.choose_file(w.window, "Load settings", w.preferences.folder, files.SETTINGS)
    if path is not None:
        w.services.settings.load(path)


def choose_device(w: Workbench) -> None:
    """Open the dialog that chooses where networks run."""
    DeviceDialog(w.services.device, w.window).open()


def segment_folder(w: Workbench) -> None:
    """Open the dialog that segments the images of the folder."""
    if w.folder_run is None:
        w.folder_run = FolderRunDialog(w.services.folder_run, w.services.models, w.window)
    files = w.services.files
    w.folder_run.prepare(
        files.folder,
        files.has_masks,
        w.panels.segment.request().settings,
        w.document.steps,
    )
    w.folder_run.show()
    w.folder_run.raise_()


def train(w: Workbench, *, restoring: bool) -> None:
    """Open the dialog that trains a model to restore images, or to find cells."""
    from cellmend_app.dialogs.train import Surroundings, TrainDialog  # brings a plotting library

    if w.train is None:
        services = w.services
        w.train = TrainDialog(
            services.training,
            services.training_data,
            services.training_examples,
            services.models,
            w.window,
        )
        w.train.trained.connect(lambda name: offer_model(w, name))
    around = Surroundings(
        corrected=w.services.files.corrected(),
        segmenter=w.panels.segment.chosen_model,
        diameter=w.panels.segment.request().settings.diameter,
        folder=w.preferences.folder,
        device=w.services.device.current,
    )
    w.train.prepare(around, w.theme, restoring=restoring)
    w.train.show()
    w.train.raise_()


def offer_model(w: Workbench, name: str) -> None:
    """Read the list of models anew and choose the model `name` in the panel of its task."""
    job = w.services.models.refresh()
    job.succeeded.connect(lambda _: choose_model(w, name))


def choose_model(w: Workbench, name: str) -> None:
    """Choose the model `name` in the panel of its task."""
    if w.services.models.task_of(name) in RESTORATION:
        w.panels.restore.choose_model(name)
    else:
        w.panels.segment.choose_model(name)


def add_model(w: Workbench) -> None:
    """Ask for a weight file and add it to the person's models."""
    path = files.choose_file(w.window, "Add a model", w.preferences.folder, files.MODELS)
    if path is not None:
        w.services.models.add(path)


def manage_models(w: Workbench) -> None:
    """Open the list of models, to read about them, and rename or remove those of one's own."""
    ModelsDialog(w.services.models, w.messages, w.window).open()


def switch_theme(w: Workbench) -> None:
    """Go from dark to light or back."""
    w.preferences.light = not w.preferences.light
    apply_theme(w.theme)
    if w.train is not None:
        w.train.curve.set_theme(w.theme)


def apply_theme(theme: Theme) -> None:
    """Give the whole program the colours of `theme`."""
    app = QApplication.instance()
    if isinstance(app, QApplication):
        app.setPalette(palette(theme))
        app.setStyleSheet(style_sheet(theme))


def toggle_channel(w: Workbench, channel: int) -> None:
    """Show or hide a channel of the layer on show, if it has that one."""
    channels = w.view.channels
    if channel < len(channels) and len(channels) > 1:
        w.view.set_channel_visible(channel, not channels[channel].visible)


def step_channels(w: Workbench, steps: int) -> None:
    """Go from all channels together to each alone, and round."""
    channels = w.view.channels
    if len(channels) < 2:
        return
    shown = [index for index, channel in enumerate(channels) if channel.visible]
    state = shown[0] + 1 if len(shown) == 1 else 0
    state = (state + steps) % (len(channels) + 1)
    for index in range(len(channels)):
        w.view.set_channel_visible(index, state in (0, index + 1))
