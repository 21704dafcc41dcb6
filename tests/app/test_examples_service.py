"""Examples of a training, drawn by a real child process."""

import numpy as np
import pytest
import tifffile

from cellmend_app.services.train_examples import ExamplesService
from cellmend_app.services.train_request import FindCells, TrainRequest
from cellmend_app.workers import JobRunner

TIMEOUT = 120_000


@pytest.fixture
def service(qapp):
    runner = JobRunner()
    service = ExamplesService(runner)
    yield service
    service.shutdown()
    runner.shutdown()


@pytest.fixture
def image(tmp_path):
    """An image of four squares, with its masks."""
    masks = np.kron(np.array([[1, 0, 2], [0, 0, 0], [3, 0, 4]], np.uint8), np.ones((16, 16), int))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, (200 * (masks > 0) + np.arange(48) % 7).astype(np.uint8))
    tifffile.imwrite(tmp_path / "a_masks.tif", masks.astype(np.uint8))
    return path


def request(path, **more):
    return TrainRequest((path,), "mine", "", 2, crop=32, device="cpu", **more)


def test_the_picture_comes_and_its_file_goes(qtbot, service, image):
    with qtbot.waitSignal(service.drawn, timeout=TIMEOUT) as blocker:
        service.draw(request(image, tone=1.0))
        folder = service._picture.parent
        assert service.running
        service.draw(request(image))  # one at a time
    picture = blocker.args[0]
    assert picture.width() > 2 * picture.height() > 6 * 32
    assert not service.running
    assert not folder.exists()


def test_what_cannot_be_read_is_named(qtbot, service, image):
    tifffile.imwrite(image.with_name("a_masks.tif"), np.ones((5, 5), np.uint8))
    with qtbot.waitSignal(service.failed, timeout=TIMEOUT) as blocker:
        service.draw(request(image, aim=FindCells(degrade="denoise")))
    assert "a_masks.tif" in blocker.args[0] or "a.tif" in blocker.args[0]
    assert not service.running


def test_it_can_be_stopped(qtbot, service, image):
    with qtbot.waitSignal(service.stopped, timeout=TIMEOUT):
        service.draw(request(image))
        service.stop()
    assert not service.running
