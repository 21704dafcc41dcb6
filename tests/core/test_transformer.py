"""The transformer backbone: shapes, learning, files, and use by name."""

import numpy as np
import pytest
import torch
from drawn import draw_cells

import cellmend
from cellmend.cli import main
from cellmend.dynamics import masks_from_flows, masks_to_flows
from cellmend.errors import FileFormatError, InputError
from cellmend.metrics import average_precision
from cellmend.net.losses import segmentation_loss
from cellmend.net.runner import Runner
from cellmend.net.transformer import TransformerNet
from cellmend.net.unet import CPNet
from cellmend.net.weights import build_net, read_weights, save_weights
from cellmend.normalize import normalize
from cellmend.registry import find, load_model
from cellmend.train import segmentation

TINY = (8, 16, 16, 24)


def tiny(nchan: int = 2, nout: int = 3) -> TransformerNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TransformerNet(nchan, nout, TINY, 20.0)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (48, 80), (64, 32)])
def test_outputs_style_and_features_are_shaped_as_those_of_the_unet(height, width):
    net, unet = tiny().eval(), CPNet(2, 3, TINY).eval()
    images = torch.rand(2, 2, height, width)
    with torch.inference_mode():
        ours, theirs = net(images), unet(images)
    assert ours.pixels.shape == theirs.pixels.shape == (2, 3, height, width)
    assert ours.style.shape == theirs.style.shape
    assert torch.allclose(ours.style.norm(dim=1), torch.ones(2))
    assert [f.shape[1] for f in ours.features] == list(TINY)
    assert net.diam_mean.item() == 20


def test_it_learns_an_image():
    image, masks = draw_cells(size=64)
    seen = torch.from_numpy(np.stack([normalize(image), np.zeros_like(image, np.float32)])[None])
    target = torch.from_numpy(np.concatenate([masks_to_flows(masks), masks[None] > 0]))[None]
    net = tiny().train()
    optimizer = torch.optim.AdamW(net.parameters(), 5e-3)
    for _ in range(100):
        optimizer.zero_grad()
        segmentation_loss(net(seen).pixels, target).backward()
        optimizer.step()
    pixels, _ = Runner(net.eval(), torch.device("cpu"))(seen.numpy())
    found = masks_from_flows(pixels[0, :2], pixels[0, 2]).masks
    assert average_precision(masks, found, (0.5,))[0] >= 0.8


def test_its_file_gives_the_same_network_back(tmp_path):
    net, path = tiny(1, 1).eval(), tmp_path / "a.safetensors"
    save_weights(path, net, {"name": "a"})
    again = build_net(read_weights(path))
    assert isinstance(again, TransformerNet)
    assert (again.nchan, again.nout, again.widths) == (1, 1, TINY)
    images = torch.rand(1, 1, 32, 48)
    with torch.inference_mode():
        assert torch.equal(again(images).pixels, net(images).pixels)
    del net.downsample.stages[1].embed
    save_weights(path, net, {"name": "a"})
    with pytest.raises(FileFormatError, match="tensors"):
        build_net(read_weights(path))


def test_it_is_trained_and_used_by_the_same_calls(home, pairs_folder, cells, tmp_path):
    words = ["train", "segmentation", str(pairs_folder), "--name", "seeing", "--epochs", "1"]
    words += ["--backbone", "transformer", "--widths", "8,16,16,24", "--device", "cpu"]
    assert main([*words, "--images-per-epoch", "2", "--batch-size", "2"]) == 0
    assert find("seeing").card.backbone == "transformer"
    assert isinstance(load_model("seeing").net, TransformerNet)
    found = cellmend.Segmenter("seeing", "cpu").run(cells[0], diameter=18)
    assert found.masks.shape == cells[0].shape
    assert np.isfinite(found.cellprob).all()
    for path in pairs_folder.glob("cells[123]*"):
        path.unlink()
    study = ["study", "segmentation", str(pairs_folder), "--models", "seeing"]
    assert main([*study, "--output", str(tmp_path / "study"), "--device", "cpu"]) == 0


def test_a_wrong_number_of_widths_is_told(home, pairs_folder):
    with pytest.raises(InputError, match="4 widths, not 3"):
        segmentation([pairs_folder], name="b", backbone="transformer", widths=(8, 16, 16))
