"""Running networks on planes: batches, bounded memory, tiles against whole planes."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

import cellmend
from cellmend.errors import Cancelled, MemoryLimitError
from cellmend.metrics import average_precision
from cellmend.net import predict as predicting
from cellmend.net.predict import attempts, predict, predict_all
from cellmend.net.runner import Runner
from cellmend.net.seamless import predict_seamless
from cellmend.net.unet import CPNet
from cellmend.params import TileSettings
from cellmend.planes import resize_plane
from cellmend.restore.degrade import Degradation, degrade

DATA = Path(__file__).parents[2].parent / "shared" / "data"
CPU = torch.device("cpu")


class Narrow(Runner):
    """A runner whose device has room for `pixels` pixels of tiles and refuses more."""

    def __init__(self, pixels, lying=False, device=CPU):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            super().__init__(CPNet(2, 3, (8, 8, 8, 8)).eval(), device)
        self.pixels, self.lying = pixels, lying
        self.seen = []

    def bytes_needed(self, pixels):
        return 0 if self.lying else pixels

    def __call__(self, batch, *options, **more):
        if len(batch) * batch[0, 0].size > self.pixels:
            raise MemoryLimitError("full")
        self.seen.append(batch.shape)
        return super().__call__(batch, *options, **more)


class Notes:
    def __init__(self):
        self.messages = set()

    def step(self, done, total, message=""):
        self.messages.add(message)

    def check(self):
        pass


@pytest.fixture
def plane():
    return np.random.default_rng(0).random((2, 200, 230), np.float32)


@pytest.mark.parametrize("lying", [False, True])
@pytest.mark.parametrize(
    ("room", "notice"),
    [
        (10**9, ""),
        (3 * 128**2, "little memory: batches of 2"),
        (80**2, "little memory: tiles of 64 px"),
    ],
)
def test_less_memory_means_smaller_batches_then_smaller_tiles(
    monkeypatch, plane, room, notice, lying
):
    monkeypatch.setattr(predicting, "free_memory", lambda device: room)
    notes, runner = Notes(), Narrow(room, lying)
    found = predict(runner, plane, TileSettings(size=128, batch_size=4), notes)
    assert notes.messages == {notice}
    assert found.pixels.shape == (3, 200, 230)
    assert all(shape[0] * shape[2] * shape[3] <= room for shape in runner.seen)


def test_where_nothing_fits_the_error_says_so(monkeypatch, plane):
    monkeypatch.setattr(predicting, "free_memory", lambda device: 100)
    with pytest.raises(MemoryLimitError, match="single small tile"):
        predict(Narrow(100), plane, TileSettings())


def test_the_cpu_comes_last(plane):
    device = torch.device("meta")
    ways = list(attempts(Narrow(0, device=device), TileSettings(size=128, batch_size=2)))
    assert [way.runner.device.type for way in ways] == ["meta"] * 3 + ["cpu"] * 3
    assert ways[3].tiles == ways[0].tiles
    assert ways[3].notice == "little memory: on the CPU"


def test_small_planes_share_batches(plane):
    runner = Narrow(10**9)
    planes = [plane[:, :60, :60], plane[:, :100], plane[:, 60:120, :60], plane[:, :60, 60:120]]
    together = predict_all(runner, planes, TileSettings(batch_size=3))
    assert [shape[0] for shape in runner.seen] == [3, 2]
    for one, found in zip(planes, together, strict=True):
        np.testing.assert_allclose(
            found.pixels, predict(runner, one, TileSettings()).pixels, atol=1e-6
        )


def validation_image(name):
    path = next(iter(sorted((DATA / name / "val").glob("*_img.tif"))), None)
    if path is None:
        pytest.skip("the validation images are not here")
    image = tifffile.imread(path)
    return image if image.ndim == 2 else image[0]


def test_tiles_find_the_same_cells_as_the_whole_image():
    segmenter = cellmend.Segmenter("generalist", "cpu")
    counts = []
    for name in ("cells/gp_wholecell", "cells/mdck_zo1", "cells/cornea_rotterdam"):
        image = validation_image(name)[:512, :512].astype(np.float32)
        tiled, whole = (segmenter.run(image, diameter=30, size=size).masks for size in (224, 544))
        counts.append((int(tiled.max()), int(whole.max())))
        assert whole.max() > 50
        assert average_precision(whole, tiled, [0.5])[0] >= 0.95
    in_tiles, in_wholes = np.sum(counts, axis=0)
    assert abs(in_tiles - in_wholes) <= 0.02 * in_wholes


@pytest.mark.parametrize("name", ["nuclei/dsb2018_stage1", "cells/gp_wholecell"])
def test_g10_tiles_restore_the_same_image_as_the_whole(name):
    large = resize_plane(validation_image(name).astype(np.float32), (520, 700))
    noisy = degrade(large, Degradation(poisson=5), np.random.default_rng(0))
    restorer = cellmend.Restorer("denoise", "cpu")
    tiled, whole = (restorer.run(noisy, size=size).image.data for size in (448, 1024))
    assert np.abs(tiled - whole).max() <= 1e-3 * np.ptp(whole)
    normal = restorer.run(noisy).image.data  # in two tiles
    assert np.abs(normal - whole).max() <= 1e-3 * np.ptp(whole)


def seamless_net():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return CPNet(1, 1, (8, 8, 16, 16)).eval()


class TorchRunner(Runner):
    """Runs torch where the kernels for the CPU would run."""

    _fused = None


@pytest.mark.parametrize("kind", [Runner, TorchRunner])
def test_every_tile_has_the_style_of_the_whole_plane(kind):
    net = seamless_net()
    planes = [np.random.default_rng(n).random((1, 700, 180 + n), np.float32) for n in range(2)]
    planes[0][:, :300] *= 5  # Tiles differ.
    tiled = predict_seamless(kind(net, CPU), planes, TileSettings(size=368, batch_size=3))
    whole = predict_seamless(Runner(net, CPU), planes, TileSettings(size=800))
    for ours, expected in zip(tiled, whole, strict=True):
        assert ours.shape == expected.shape
        np.testing.assert_allclose(ours, expected, atol=1e-4 * np.ptp(expected))


def test_small_planes_share_a_batch_of_as_many_pixels_as_a_large_tile():
    runner = Narrow(10**9)
    planes = [np.random.default_rng(n).random((2, 40, 40), np.float32) for n in range(5)]
    together = predict_seamless(runner, planes, TileSettings(size=128, batch_size=1))
    assert [shape[0] for shape in runner.seen] == [4, 1]
    for plane, found in zip(planes, together, strict=True):
        alone = predict(runner, plane, TileSettings()).pixels
        np.testing.assert_allclose(found, alone, atol=1e-5)


def test_flips_of_seamless_tiles_are_turned_back(plane):
    runner = Narrow(10**9)
    flipped = predict_seamless(runner, [plane], TileSettings(size=256, augment=True))[0]
    views = [np.flip(plane, flip) for flip in predicting.FLIPS]
    each = predict_seamless(runner, views, TileSettings(size=256))
    expected = [predicting.unflip(a, f) for a, f in zip(each, predicting.FLIPS, strict=True)]
    np.testing.assert_allclose(flipped, np.mean(expected, axis=0), atol=0.02)


class StopsAt:
    """Asks to stop when it is asked for the n-th time."""

    def __init__(self, count):
        self.left = count

    def step(self, done, total, message=""):
        pass

    def check(self):
        self.left -= 1
        if self.left == 0:
            raise Cancelled


@pytest.mark.parametrize("run", [predict_all, predict_seamless])
def test_a_single_batch_can_be_cancelled_half_way(run, plane):
    for count in (3, 7):
        with pytest.raises(Cancelled):
            run(Narrow(10**9), [plane], TileSettings(size=256), StopsAt(count))
