"""Going from image to image: past damaged ones, and with what was chosen for the one before."""

import numpy as np
import pytest
import tifffile
from doubles import FakePipelines, RecordingMessages

from cellmend.image import Image
from cellmend.io.tiff import write_image
from cellmend_app.document import RestoredLayer
from cellmend_app.window import MainWindow

NAMES = ("CD45", "DAPI", "A stain with quite a long name, as microscopes give them")


@pytest.fixture
def window(qtbot):
    window = MainWindow(pipelines=FakePipelines(), messages=RecordingMessages())
    window.resize(1024, 700)
    window.show()
    qtbot.waitExposed(window)
    yield window
    window.messages.unsaved = "discard"
    window.close()


@pytest.fixture
def damaged(tmp_path):
    """A folder of four images, of which the first and the third are damaged."""
    place = tmp_path / "damaged"
    place.mkdir()
    for name in ("1.tif", "3.tif"):
        (place / name).write_bytes(b"II*\0nothing")
    for name in ("2.tif", "4.tif"):
        tifffile.imwrite(place / name, np.ones((20, 30), np.uint8))
    return place


@pytest.fixture
def stained(tmp_path):
    """A folder of two images of three named channels, and one of a single channel."""
    place = tmp_path / "stained"
    place.mkdir()
    pixels = np.random.default_rng(0).integers(0, 4000, (3, 40, 50), dtype=np.uint16)
    for name in ("a.ome.tif", "b.ome.tif"):
        write_image(place / name, Image(pixels, "CYX", NAMES))
    tifffile.imwrite(place / "c.tif", pixels[0])
    return place


def show(qtbot, window, path):
    with qtbot.waitSignal(window.services.files.opened):
        window.open(path)
    qtbot.wait(20)


def done(qtbot, window):
    qtbot.waitUntil(lambda: not window.runner.busy)


def test_a_folder_opens_whose_first_image_is_damaged(qtbot, window, damaged):
    show(qtbot, window, damaged)
    assert window.document.path == damaged / "2.tif"
    assert [path.name for path in window.services.files.folder] == [f"{n}.tif" for n in range(1, 5)]
    [(error, doing, _)] = window.messages.errors
    assert (error.path.name, doing) == ("1.tif", "open the image")


@pytest.mark.parametrize("key", ["next", "next-undone"])
def test_damaged_images_are_passed_by(qtbot, window, damaged, key):
    show(qtbot, window, damaged / "2.tif")
    window.actions_[key].trigger()
    done(qtbot, window)
    assert window.messages.errors[-1][0].path.name == "3.tif"
    assert window.document.path.name == "2.tif"
    with qtbot.waitSignal(window.services.files.opened):
        window.actions_[key].trigger()
    assert window.document.path.name == "4.tif"


def test_back_from_a_damaged_image_keeps_what_is_open(qtbot, window, damaged):
    files = window.services.files
    show(qtbot, window, damaged / "2.tif")
    image = window.document.image
    files.step(1)
    done(qtbot, window)
    files.step(-1)
    done(qtbot, window)
    assert window.document.image is image
    assert files.place == damaged / "2.tif"


def test_the_list_highlights_the_image_that_is_open(qtbot, window, damaged):
    show(qtbot, window, damaged / "2.tif")
    window.navigator.list.setCurrentRow(2)  # as a click does
    window.navigator._on_clicked(window.navigator.list.item(2))
    done(qtbot, window)
    assert window.navigator.list.currentRow() == 1


def test_the_open_image_is_seen_whole_in_a_long_list(qtbot, window, tmp_path):
    for number in range(30):
        tifffile.imwrite(tmp_path / f"{number:02}.tif", np.ones((4, 4), np.uint8))
    images = window.navigator.list
    for name in ("17.tif", "18.tif", "05.tif"):
        show(qtbot, window, tmp_path / name)
        seen = images.visualItemRect(images.currentItem())
        assert images.viewport().rect().contains(seen), name


def test_a_click_on_the_open_image_keeps_what_was_made_of_it(qtbot, window, stained):
    show(qtbot, window, stained / "c.tif")
    window.document.add_restored(RestoredLayer("denoise", window.document.image))
    window.navigator.list.itemClicked.emit(window.navigator.list.item(2))
    done(qtbot, window)
    assert window.document.restored is not None
    with qtbot.waitSignal(window.services.files.opened):
        window.navigator.list.itemClicked.emit(window.navigator.list.item(0))


def test_only_the_image_that_is_marked_is_written_anew_in_the_list(qtbot, window, stained):
    show(qtbot, window, stained / "b.ome.tif")
    rows, images = set(), window.navigator.list
    images.itemChanged.connect(lambda item: rows.add(images.row(item)))
    window.services.review.toggle_done()
    assert rows == {1}
    assert window.navigator.summary.text() == "3 images, 0 with masks, 1 done"


def test_the_channels_to_segment_stay_for_images_of_the_same_stains(qtbot, window, stained):
    panel = window.panels.segment
    show(qtbot, window, stained / "a.ome.tif")
    assert panel.request().settings.channels == (1, 0)
    panel.channel.setCurrentIndex(3)
    panel.nuclei.setCurrentIndex(2)
    show(qtbot, window, stained / "b.ome.tif")
    assert panel.request().settings.channels == (3, 2)
    show(qtbot, window, stained / "c.tif")
    assert panel.request().settings.channels is None
    show(qtbot, window, stained / "a.ome.tif")
    assert panel.request().settings.channels == (3, 2)


def test_colours_and_hidden_channels_stay_for_images_of_the_same_stains(qtbot, window, stained):
    show(qtbot, window, stained / "a.ome.tif")
    window.view.set_channel_colormap(1, "cyan")
    window.view.set_channel_visible(0, False)
    window.view.set_contrast(2, 5, 6)
    show(qtbot, window, stained / "b.ome.tif")
    assert [channel.visible for channel in window.view.channels] == [False, True, True]
    assert window.view.channels[1].colormap == "cyan"
    assert window.view.channels[2].limits != (5, 6)  # every image has a contrast of its own
    show(qtbot, window, stained / "c.tif")
    assert [channel.colormap for channel in window.view.channels] == ["grey"]


def test_long_names_of_channels_do_not_push_the_panel_out(qtbot, window, stained):
    show(qtbot, window, stained / "a.ome.tif")
    field = window.panels.segment.channel
    assert field.isVisible()
    assert field.visibleRegion().boundingRect().size() == field.size()
    assert field.itemData(3, 3) == NAMES[2]  # the tooltip says what the field cannot


def test_what_was_said_of_an_image_goes_with_it(qtbot, window, stained):
    show(qtbot, window, stained / "a.ome.tif")
    window.messages.note("Found 5 cells.")
    panels = window.panels.segment, window.panels.restore
    for name in ("segment", "restore"):
        window.messages.refused.emit(name, "The image is constant.")
    assert all(panel.problem.isVisible() for panel in panels)
    show(qtbot, window, stained / "b.ome.tif")
    assert window.status.message.text() == ""
    assert not any(panel.problem.isVisible() for panel in panels)


def test_undo_says_what_it_did(qtbot, window, stained):
    show(qtbot, window, stained / "c.tif")
    window.services.cells.draw([(5, 5), (5, 15), (15, 15), (15, 5)])
    window.services.history.undo()
    assert window.status.message.text() == "Undone: Draw cell 1."
    window.services.history.redo()
    assert window.status.message.text() == "Done again: Draw cell 1."


def test_cells_of_a_series_are_counted_in_every_frame(window):
    frames = np.zeros((2, 2, 20, 20), np.uint8)
    window.document.set_image(Image(frames, "TZYX"))
    labels = frames.astype(np.uint32)
    labels[:, :, 2:6, 2:6] = 1
    window.document.set_labels(labels)
    assert window.panels.segment.count.text() == "2 cells"
    window.document.set_labels(labels * (np.arange(2) == 0)[:, None, None, None])
    assert window.panels.segment.count.text() == "1 cell"


def test_auto_contrast_keeps_the_colours_of_a_photograph(qtbot, window):
    photograph = np.zeros((3, 20, 20), np.uint8)
    photograph[0, :10], photograph[2, :5] = 200, 50
    window.document.set_image(Image(photograph, "CYX"))
    first = [channel.limits for channel in window.view.channels]
    window.view.set_contrast(1, 3, 4)
    window.view.auto_contrast()
    assert [channel.limits for channel in window.view.channels] == first
    assert len(set(first)) == 1


def test_the_contrast_of_a_stack_goes_by_its_middle_too(window):
    stack = np.zeros((5, 20, 20), np.uint16)
    stack[2] = np.arange(400).reshape(20, 20)
    window.document.set_image(Image(stack, "ZYX"))
    assert window.view.channels[0].high > 390
