"""A widened network gives what the narrow one gave, and can learn more."""

import pytest
import torch
from tiny import tiny_net

import cellmend
from cellmend.errors import InputError, ModelError
from cellmend.net.transformer import TransformerNet
from cellmend.net.widen import widened
from cellmend.registry.files import load_model


@pytest.mark.parametrize("name", ["generalist", "denoise"])
def test_a_widened_model_gives_the_same(name):
    net = load_model(name).net.eval()
    wide = widened(net)
    assert wide.widths == tuple(2 * width for width in net.widths)
    image = torch.randn(2, net.nchan, 64, 80)
    with torch.no_grad():
        before, after = net(image), wide(image)
    torch.testing.assert_close(after.pixels, before.pixels, atol=1e-4, rtol=1e-4)
    for one, two in zip(before.features, after.features, strict=True):
        rounding = 1e-4 * float(one.abs().max())  # sums of large terms may be near 0
        torch.testing.assert_close(two, torch.cat([one, one], dim=1), atol=rounding, rtol=1e-4)


def test_the_copies_of_a_channel_learn_apart():
    net = widened(tiny_net()).train()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    net(torch.randn(2, 2, 32, 32)).pixels.square().mean().backward()
    optimizer.step()
    first, second = net.downsample.down.res_down_1.conv.conv_1[2].weight.chunk(2)
    assert not torch.allclose(first, second, rtol=1e-3)


def test_a_transformer_is_not_widened():
    with pytest.raises(ModelError, match="transformer"):
        widened(TransformerNet(2, 3, (8, 8, 16, 16)))


@pytest.mark.usefixtures("home")
def test_training_goes_on_with_twice_the_channels(pairs_folder):
    options = {"epochs": 1, "images_per_epoch": 2, "batch_size": 2, "crop": 64, "widen": True}
    entry = cellmend.train.segmentation(
        [pairs_folder], name="wide", start_from="generalist", **options
    )
    assert entry.card.widths == (32, 64, 128, 256)
    assert load_model("wide").net.widths == (32, 64, 128, 256)
    with pytest.raises(InputError, match="no model to widen"):
        cellmend.train.segmentation([pairs_folder], name="other", **options)
