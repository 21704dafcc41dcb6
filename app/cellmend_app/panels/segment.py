"""The panel that finds cells: model, diameter, channels, thresholds."""

from __future__ import annotations

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QStandardItemModel
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QLabel,
    QSpinBox,
    QToolButton,
    QWidget,
)

from cellmend.params import MaskSettings, NormalizeSettings, SegmentSettings, TileSettings
from cellmend_app.controls import name
from cellmend_app.document import Document
from cellmend_app.messages import Messages
from cellmend_app.panels.normalize import NormalizeFields
from cellmend_app.panels.parts import (
    ICON_SIZE,
    LONG_LABEL_WIDTH,
    Section,
    add,
    column,
    labelled,
    mark,
    muted,
    narrow,
    number,
)
from cellmend_app.panels.volume import VolumeFields
from cellmend_app.resources import Theme, icon
from cellmend_app.services.models import SEGMENTATION, ModelService
from cellmend_app.services.pipelines import SegmentRequest
from cellmend_app.services.segment import count_of_cells

DEFAULTS = MaskSettings()
LIVE_DELAY_MS = 250
"""A threshold must rest this long before the masks are made anew."""


class SegmentPanel(QWidget):
    """Collects the settings of a segmentation.

    Signals
    -------
    thresholds_changed(MaskSettings)
        A threshold was changed and has come to rest.
    scale_disk_toggled(bool)
        Whether the disk of the cells' diameter is to be shown on the image.
    model_changed()
        Another model is chosen.
    """

    thresholds_changed = pyqtSignal(object)
    scale_disk_toggled = pyqtSignal(bool)
    model_changed = pyqtSignal()

    def __init__(self, document: Document, models: ModelService, messages: Messages) -> None:
        super().__init__()
        self._document = document
        self._models = models
        self._listed_channels: tuple[str, ...] = ()
        self._chosen_channels: dict[tuple[str, ...], tuple[int, int]] = {}
        self._build_model()
        self._build_diameter()
        self._build_thresholds()
        self.problem = QLabel()
        self.problem.setProperty("wrong", True)
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.count = muted()
        self.count.setWordWrap(False)
        self._channel_rows = QWidget()
        add(
            column(self._channel_rows),
            labelled("Segment in", self.channel),
            labelled("Nuclei in", self.nuclei),
        )
        self.volume = VolumeFields()
        self.normalize = NormalizeFields()
        self._source_row = QWidget()
        self._source_row.setLayout(labelled("Image", self.source))
        self._layout = column(self)
        more = QWidget()
        add(
            column(more),
            labelled("Cell threshold", self.cellprob, width=LONG_LABEL_WIDTH),
            labelled("Flow threshold", self.flow, width=LONG_LABEL_WIDTH),
            labelled("Smallest cell", self.min_size, width=LONG_LABEL_WIDTH),
            labelled("Largest cell", self.max_size, width=LONG_LABEL_WIDTH),
            labelled("Iterations", self.niter, width=LONG_LABEL_WIDTH),
            self.whole,
            self.augment,
        )
        add(
            self._layout,
            labelled("Model", self.model),
            labelled("Diameter", self.diameter, self.auto, self.disk),
            self._source_row,
            self._channel_rows,
            self.volume,
            Section("More settings", more, open_=False),
            Section("Normalisation", self.normalize, open_=False),
            self.problem,
        )
        self._connect(messages)
        self._update_image()
        self._update_models()

    def add_button(self, button: QWidget) -> None:
        """Put the Segment button at the bottom."""
        self._layout.insertWidget(self._layout.count() - 1, button)

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in the colours of `theme`."""
        self.disk.setIcon(icon("measure", theme))

    def request(self) -> SegmentRequest:
        """Return what a press of Segment asks for."""
        settings = SegmentSettings(
            model=self.chosen_model,
            diameter=None if self.auto.isChecked() else self.diameter.value(),
            channels=self._channels(),
            normalize=self.normalize.settings(),
            masks=self.mask_settings(),
            tiles=TileSettings(augment=self.augment.isChecked()),
            **self.volume.settings(),
        )
        on_restored = self.source.isEnabled() and self.source.currentIndex() == 1
        return SegmentRequest(settings, on_restored)

    def show_settings(self, settings: SegmentSettings) -> None:
        """Fill the fields; what there is no field for is left out."""
        self.choose_model(settings.model)
        self.auto.setChecked(settings.diameter is None)
        if settings.diameter is not None:
            self.diameter.setValue(settings.diameter)
        if settings.channels is not None:
            self.channel.setCurrentIndex(settings.channels[0])
            self.nuclei.setCurrentIndex(settings.channels[1])
        masks = settings.masks
        self.cellprob.setValue(masks.cellprob_threshold)
        self.flow.setValue(masks.flow_threshold)
        self.min_size.setValue(masks.min_size)
        self.max_size.setValue(100 * masks.max_size_fraction)
        self.niter.setValue(masks.niter or 0)
        self.whole.setChecked(masks.exclude_on_edges)
        self.augment.setChecked(settings.tiles.augment)
        self.normalize.show_settings(settings.normalize or NormalizeSettings())
        self.volume.show_settings(settings)

    def mask_settings(self) -> MaskSettings:
        """Return the thresholds."""
        return MaskSettings(
            cellprob_threshold=self.cellprob.value(),
            flow_threshold=self.flow.value(),
            min_size=self.min_size.value(),
            max_size_fraction=self.max_size.value() / 100,
            exclude_on_edges=self.whole.isChecked(),
            niter=self.niter.value() or None,
        )

    @property
    def chosen_model(self) -> str:
        """The name of the chosen model, empty while the list is unknown."""
        return str(self.model.currentData() or "")

    @property
    def ready(self) -> bool:
        """Whether the chosen model is installed."""
        return self._models.installed(self.chosen_model)

    def choose_model(self, model: str) -> bool:
        """Choose a model by name; say whether it is in the list."""
        index = self.model.findData(model)
        if index >= 0:
            self.model.setCurrentIndex(index)
        return index >= 0

    def _build_model(self) -> None:
        self.model = QComboBox()
        self.model.setMinimumContentsLength(12)
        self.model.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        name(self.model, "Segmentation model", "The model that finds the cells")
        self.source = QComboBox()
        self.source.addItems(["Raw", "Restored"])
        name(self.source, "Image to segment", "Find cells in the raw or in the restored image")
        self.channel, self.nuclei = QComboBox(), QComboBox()
        for choice in (self.source, self.channel, self.nuclei):
            narrow(choice)
        name(self.channel, "Channel to segment", "The channel in which the cells are found")
        name(self.nuclei, "Nuclear channel", "A second channel that shows the nuclei, if any")

    def _build_diameter(self) -> None:
        self.diameter = number(1.0, 2000.0, self._document.diameter, 1.0)
        self.diameter.setSuffix(" px")
        self.diameter.setMinimumWidth(86)
        name(self.diameter, "Cell diameter", "The diameter of a typical cell, in image pixels")
        self.auto = QCheckBox("Auto")
        self.auto.setChecked(True)
        self.diameter.setDisabled(True)
        name(self.auto, "Estimate the diameter", "Estimate the diameter from the cells found")
        self.disk = QToolButton()
        self.disk.setCheckable(True)
        self.disk.setChecked(True)
        self.disk.setIconSize(ICON_SIZE)
        name(self.disk, "Scale disk", "Show a disk of this diameter at the image's corner")

    def _build_thresholds(self) -> None:
        self.cellprob = number(-6.0, 6.0, DEFAULTS.cellprob_threshold, 0.5)
        name(self.cellprob, "Cell probability threshold", "Lower finds more and larger cells")
        self.flow = number(0.0, 3.0, DEFAULTS.flow_threshold, 0.1, decimals=2)
        name(
            self.flow,
            "Flow threshold",
            "Lower drops more cells whose shape does not fit their flows; 0 keeps all",
        )
        self.min_size = QSpinBox()
        self.min_size.setRange(-1, 100_000)
        self.min_size.setValue(DEFAULTS.min_size)
        self.min_size.setSuffix(" px")
        name(self.min_size, "Smallest cell", "Cells of fewer pixels are dropped; -1 keeps all")
        self.max_size = number(0.1, 100.0, 100 * DEFAULTS.max_size_fraction, 5.0)
        self.max_size.setSuffix(" %")
        name(self.max_size, "Largest cell", "Cells of a larger part of the image are dropped")
        self.niter = QSpinBox()
        self.niter.setRange(0, 20_000)
        self.niter.setSpecialValueText("auto")
        name(self.niter, "Iterations", "Steps along the flows; long thin cells want 2000")
        self.whole = QCheckBox("Whole cells only")
        name(self.whole, "Whole cells only", "Drop cells that touch the border of the image")
        self.augment = QCheckBox("Average over flips (slower)")
        name(self.augment, "Test-time augmentation", "Run on flipped copies too, and average")

    def _connect(self, messages: Messages) -> None:
        self._live = QTimer(self)
        self._live.setSingleShot(True)
        self._live.setInterval(LIVE_DELAY_MS)
        self._live.timeout.connect(lambda: self.thresholds_changed.emit(self.mask_settings()))
        for box in (self.cellprob, self.flow, self.min_size, self.max_size, self.niter):
            box.valueChanged.connect(lambda _: self._live.start())
        self.whole.toggled.connect(lambda _: self._live.start())
        self.diameter.valueChanged.connect(self._document.set_diameter)
        self.auto.toggled.connect(self.diameter.setDisabled)
        self.disk.toggled.connect(self.scale_disk_toggled)
        self.model.currentIndexChanged.connect(lambda _: self.model_changed.emit())
        document = self._document
        document.diameter_changed.connect(self._show_diameter)
        document.image_changed.connect(self._update_image)
        document.pixel_size_changed.connect(lambda: self.volume.set_image(document.image))
        document.layers_changed.connect(self._update_source)
        document.labels_replaced.connect(self._update_count)
        document.plane_edited.connect(self._update_count)
        self._models.changed.connect(self._update_models)
        messages.refused.connect(self._refuse)

    def _channels(self) -> tuple[int, int] | None:
        if self._channel_rows.isHidden():
            return None
        return self.channel.currentIndex(), self.nuclei.currentIndex()

    def _show_diameter(self, pixels: float) -> None:
        self.diameter.blockSignals(True)
        self.diameter.setValue(pixels)
        self.diameter.blockSignals(False)

    def _update_image(self) -> None:
        image = self._document.image
        names = list(image.channel_names) if image is not None else []
        self._channel_rows.setVisible(len(names) > 1)
        self._list_channels(names, image.usual_channels if image is not None else (0, 0))
        self.volume.set_image(image)
        self._update_source()
        self._update_count()

    def _list_channels(self, names: list[str], usual: tuple[int, int]) -> None:
        """Offer channels; what was chosen for the last image with the same ones stays chosen."""
        listed = self._listed_channels
        self._chosen_channels[listed] = self.channel.currentIndex(), self.nuclei.currentIndex()
        self._listed_channels = tuple(names)
        if self._listed_channels == listed:
            return
        chosen = self._chosen_channels.get(self._listed_channels, usual)
        lists = ("mean of all", *names), ("none", *names)
        for field, items, index in zip((self.channel, self.nuclei), lists, chosen, strict=True):
            field.clear()
            field.addItems(items)
            for place, text in enumerate(items):
                field.setItemData(place, text, Qt.ItemDataRole.ToolTipRole)
            field.setCurrentIndex(index)

    def _update_source(self) -> None:
        restored = self._document.restored is not None
        self._source_row.setVisible(restored)
        if restored != self.source.isEnabled():
            self.source.setEnabled(restored)
            self.source.setCurrentIndex(int(restored))

    def _update_count(self) -> None:
        count = self._document.labels.count_cells(len(self._document.frame))
        self.count.setText(count_of_cells(count) if count else "No cells yet")

    def _update_models(self) -> None:
        chosen = self.chosen_model
        self.model.blockSignals(True)
        self.model.clear()
        for choice in self._models.of_task(SEGMENTATION):
            text = choice.name if choice.installed else f"{choice.name} (not installed)"
            self.model.addItem(text, choice.name)
            index = self.model.count() - 1
            self.model.setItemData(index, choice.description, Qt.ItemDataRole.ToolTipRole)
            items = self.model.model()
            if not choice.installed and isinstance(items, QStandardItemModel):
                item = items.item(index)
                if item is not None:
                    item.setEnabled(False)
        self.choose_model(chosen)
        self.model.blockSignals(False)
        self.model_changed.emit()

    def _refuse(self, panel: str, text: str) -> None:
        if panel == "segment":
            self.problem.setText(text)
            self.problem.setVisible(bool(text))
            mark(self.diameter, "diameter" in text.lower())
            mark(self.channel, "channel" in text.lower())
