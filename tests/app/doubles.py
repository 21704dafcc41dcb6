"""Stand-ins for the tests: pipelines that compute nothing, messages that are only noted."""

import threading
import time
from dataclasses import replace

import numpy as np

from cellmend.image import Image
from cellmend.labels.confidence import Confidence
from cellmend.labels.places import grown
from cellmend.params import FilterSettings, RestoreSettings
from cellmend.provenance import Provenance
from cellmend.restore.filters import complete
from cellmend_app.messages import Messages
from cellmend_app.services.pipelines import (
    FilteredPart,
    RegionFound,
    Remade,
    Restored,
    Segmented,
    Tried,
)


class RecordingMessages(Messages):
    """Notes errors and questions instead of showing them."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self.errors = []
        self.questions = []
        self.unsaved = "cancel"
        self.yes = False

    def error(self, error, doing, *, panel="", remedies=None):
        self.errors.append((error, doing, panel))
        super().error(error, doing, panel=panel, remedies=remedies)

    def report(self, error, doing=""):
        self.reported = error

    def _offer(self, error, doing, remedies):
        self.offered = dict(remedies)

    def _box(self, title, text, details, icon=None):
        self.shown = (title, text)

    def ask_unsaved(self, name):
        self.questions.append(name)
        return self.unsaved

    def confirm(self, question, details, *, default=False):
        self.questions.append(question)
        return self.yes


def _record(step, diameter):
    if isinstance(step, FilterSettings):
        return Provenance("filter", step.filter, "", complete(step).model_dump(mode="json"))
    settings = RestoreSettings(model=step.model, diameter=diameter or 30.0)
    return Provenance("denoise", step.model, "", settings.model_dump(mode="json"))


class FakePipelines:
    """Restores by inverting, segments by threshold; `gate` holds the work back."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.error = None
        self.scale = 1
        self.requests = []
        self.device = "auto"
        self.found = {"cpu": "CPU", "cuda:0": "Quick"}

    def _wait(self, report):
        while not self.gate.is_set():
            report.check()
            time.sleep(0.005)
        report.check()
        if self.error is not None:
            raise self.error

    def warm_up(self, report):
        pass

    def devices(self):
        return self.found

    def try_device(self, device):
        if self.error is not None:
            raise self.error
        return Tried("cuda:0" if device == "auto" else device, 0.0123)

    def restore(self, image, request, report):
        self.requests.append(request)
        self._wait(report)
        data = np.kron(image.data.astype(np.float32), np.ones((self.scale, self.scale)))
        records = [_record(step, request.diameter) for step in request.steps]
        record = replace(records[-1], previous=tuple(records[:-1]))
        return Restored(Image(data.max() - data), record)

    def preview(self, image, request, report):
        self.requests.append(request)
        self._wait(report)
        y0, x0, y1, x1 = request.box
        return FilteredPart(request.plane[:, y0:y1, x0:x1].astype(np.float32), request.box)

    def segment(self, image, request, report):
        settings = request.settings
        self.requests.append(settings)
        report.step(1, 2, "looking")
        self._wait(report)
        masks = np.zeros(image.data.shape[-2:], np.uint32)
        height, width = masks.shape
        masks[: height // 2, : width // 2] = 1
        masks[height // 2 :, width // 2 :] = 2
        flows = np.zeros((2, *masks.shape), np.float32)
        cellprob = np.where(masks > 0, 3, -3).astype(np.float32)
        size = settings.diameter or 20.0
        used = settings.model_copy(update={"diameter": size}).model_dump(mode="json")
        record = Provenance("segment", settings.model, "", used, previous=request.previous)
        confidence = Confidence.of(masks, np.array([0.1, 0.3]), np.array([3.0, 2.0]))
        return Segmented(masks, flows, cellprob, size, record, confidence=confidence)

    def segment_region(self, image, request, report):
        self.requests.append(request)
        report.step(1, 2, "looking")
        self._wait(report)
        y0, x0, y1, x1 = window = grown(request.box, 5, image.data.shape)
        masks = np.zeros((y1 - y0, x1 - x0), np.uint32)
        masks[6:-6, 6:-6] = 1
        return RegionFound(masks, window, request.segment.settings.diameter or 20.0)

    def masks(self, flows, cellprob, settings, report):
        self.requests.append(settings)
        masks = (cellprob > settings.cellprob_threshold).astype(np.uint32)
        return Remade(masks, Confidence.of(masks, *np.ones((2, masks.max()))))

    def cell_at(self, request, report):
        self.requests.append(request)
        self._wait(report)
        y, x = request.at
        return ((y - 3, x - 3, y + 4, x + 4), np.ones((7, 7), bool)) if y > 3 else None
