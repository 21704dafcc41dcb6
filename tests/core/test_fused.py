"""The kernels of the CPU against torch, layer by layer and as a whole network."""

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from cellmend.net.fused import FusedUNet
from cellmend.net.pointwise import conv1, max_pool, pointwise_weights
from cellmend.net.runner import Runner
from cellmend.net.unet import CPNet
from cellmend.net.winograd import conv3, winograd_weights

CHANNELS = st.sampled_from([8, 16, 24])


def first(array):
    """Bring (N, Y, X, C) to torch's order."""
    return torch.from_numpy(array).permute(0, 3, 1, 2)


def last(tensor):
    return tensor.permute(0, 2, 3, 1).numpy()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 2), st.integers(1, 9), st.integers(1, 11), CHANNELS, CHANNELS, st.booleans())
def test_a_fused_convolution_is_the_layers_it_stands_for(n, height, width, c, k, double):
    rng = np.random.default_rng(height * 100 + width)
    half = (n, height, width)
    full = (n, 2 * height, 2 * width) if double else half
    x = rng.normal(size=(*half, c)).astype(np.float32)
    skip = rng.normal(size=(*full, c)).astype(np.float32)
    residual = rng.normal(size=(*half, k)).astype(np.float32)
    weight = rng.normal(size=(k, c, 3, 3)).astype(np.float32)
    bias, scale = (rng.normal(size=size).astype(np.float32) for size in (k, c))
    shift = rng.normal(size=(n, c)).astype(np.float32)
    weights = winograd_weights(weight)
    ours = conv3(x, weights, bias, scale, shift, skip=skip, residual=residual, double=double)

    def doubled(tensor):
        return functional.interpolate(tensor, scale_factor=2) if double else tensor

    before = first(scale * (last(doubled(first(x))) + skip) + shift[:, None, None])
    exact = (torch.from_numpy(values).double() for values in (weight, bias))
    made = functional.conv2d(torch.relu(before.double()), *exact, padding=1)
    theirs = last(made + doubled(first(residual)))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=3e-5 * np.abs(theirs).max())


def test_a_sum_in_place_of_the_residual_is_the_same_sum():
    rng = np.random.default_rng(0)
    x, residual = (rng.normal(size=(2, 9, 11, 8)).astype(np.float32) for _ in range(2))
    weights = winograd_weights(rng.normal(size=(8, 8, 3, 3)))
    bias = rng.normal(size=8).astype(np.float32)
    wanted = conv3(x, weights, bias, residual=residual)
    made = conv3(x, weights, bias, residual=residual, in_place=True)
    assert made is residual
    np.testing.assert_array_equal(made, wanted)


def test_tiles_taken_a_few_at_a_time_give_what_each_gives_alone(monkeypatch):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        run = Runner(CPNet(2, 3, (8, 8, 16, 16)).eval(), torch.device("cpu"))
    batch = np.random.default_rng(0).random((5, 2, 32, 48), np.float32)
    alone = [run(batch[i : i + 1]) for i in range(5)]
    seen = []
    fused = FusedUNet.__call__
    monkeypatch.setattr(
        FusedUNet,
        "__call__",
        lambda self, some, *rest: seen.append(len(some)) or fused(self, some, *rest),
    )
    monkeypatch.setattr("cellmend.net.runner.PIXELS_PER_THREAD", 1)
    monkeypatch.setattr("numba.get_num_threads", lambda: 2 * 32 * 48)
    for together, apart in zip(run(batch), zip(*alone, strict=True), strict=True):
        np.testing.assert_array_equal(together, np.concatenate(apart))
    assert seen == [2, 2, 1]


def test_pointwise_convolution_and_pooling():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 6, 10, 16)).astype(np.float32)
    weight, bias = rng.normal(size=(8, 16)).astype(np.float32), np.ones(8, np.float32)
    scale, shift = rng.normal(size=(2, 16)).astype(np.float32)
    plain = conv1(x, pointwise_weights(weight), bias)
    np.testing.assert_allclose(plain, x @ weight.T + 1, atol=1e-5)
    active = conv1(x, pointwise_weights(weight), bias, scale, shift)
    np.testing.assert_allclose(active, np.maximum(scale * x + shift, 0) @ weight.T + 1, atol=1e-4)
    np.testing.assert_array_equal(max_pool(x), last(functional.max_pool2d(first(x), 2)))


@pytest.mark.parametrize(
    ("nchan", "nout", "widths"), [(2, 3, (16, 24, 32, 40)), (1, 1, (4, 8, 12, 16))]
)
def test_the_fused_network_is_the_network(nchan, nout, widths):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = CPNet(nchan, nout, widths).eval()
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                torch.nn.init.normal_(module.weight)
                torch.nn.init.normal_(module.bias)
        batch = torch.randn(3, nchan, 48, 80)
    with torch.inference_mode():
        wanted = deepcopy(net).double()(batch.double())  # by torch's own layers
    fused = FusedUNet(net)
    pixels, style = fused(batch.numpy())
    with ThreadPoolExecutor(3) as pool:  # from several threads at once it gives the same
        for again, _ in pool.map(fused, [batch.numpy()] * 3):
            np.testing.assert_array_equal(again, pixels)
    largest = float(wanted.pixels.abs().max())
    np.testing.assert_allclose(pixels, wanted.pixels.numpy(), atol=1e-5 * largest)
    np.testing.assert_allclose(style, wanted.style.numpy(), atol=1e-5)
