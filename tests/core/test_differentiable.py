"""Training on the kernels of the CPU against torch's layers in float64."""

import os
import subprocess
import sys
import textwrap
from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from cellmend.net.blocks import NormReluConv, Shortcut
from cellmend.net.unet import CPNet

CHANNELS = st.sampled_from([1, 3, 8, 12, 16, 24])
SIDES = st.integers(1, 13)
FEWEST = 4
"""Places that a variance is taken of: of two nearly equal ones rounding decides the gradient."""


def drawn(layer, seed):
    """Give a layer weights and statistics that are not those it begins with."""
    torch.manual_seed(seed)
    for module in layer.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.reset_parameters()
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.normal_(module.weight)
            torch.nn.init.normal_(module.bias)
    return layer.to(memory_format=torch.channels_last)


def assert_same(layer, *inputs, tolerance=2e-5):
    """Output, gradients and statistics are those of float64, relative to their largest value."""
    precise = deepcopy(layer).double()
    ours = [None if x is None else x.clone().requires_grad_() for x in inputs]
    theirs = [None if x is None else x.double().requires_grad_() for x in inputs]
    out, wanted = layer(*ours), precise(*theirs)
    weights = torch.randn_like(out)
    out.backward(weights)
    wanted.backward(weights.double())
    pairs = {"output": (out, wanted)}
    pairs |= {
        f"input {i}": (x.grad, y.grad)
        for i, (x, y) in enumerate(zip(ours, theirs, strict=True))
        if x is not None
    }
    named = dict(precise.named_parameters())
    pairs |= {key: (value.grad, named[key].grad) for key, value in layer.named_parameters()}
    kept = dict(precise.named_buffers())
    pairs |= {key: (value, kept[key]) for key, value in layer.named_buffers()}
    for name, (value, exact) in pairs.items():
        largest = float(exact.detach().abs().max())
        error = float((value.detach().double() - exact.detach()).abs().max())
        assert error <= tolerance * max(largest, 1), name


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3), SIDES, SIDES, CHANNELS, CHANNELS, st.sampled_from([1, 3]),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_a_convolution_and_its_gradients(n, height, width, c, k, kernel, training, joined):
    if training:
        height = max(height, FEWEST)
    seed = n + 10 * height + 1000 * width
    layer = drawn(NormReluConv(c, k, kernel), seed).train(training)
    x = away_from_zero(layer, torch.randn(n, c, height, width))
    if kernel == 1 or not joined:
        assert_same(layer, x)
        return
    skip, shift = torch.randn_like(x), torch.randn(n, c)
    x = away_from_zero(layer, x + skip + shift[:, :, None, None]) - skip - shift[:, :, None, None]
    assert_same(layer, x, skip, shift, torch.randn(n, k, height, width))


def away_from_zero(layer, x):
    """Move inputs to where rounding does not decide whether a ReLU lets them through."""
    norm = deepcopy(layer[0]).double()
    for _ in range(20):
        near = norm(x.double()).abs() < 1e-4
        if not near.any():
            break
        x = torch.where(near, x + 0.01, x)
    return x


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), SIDES, SIDES, CHANNELS, CHANNELS, st.booleans())
def test_a_shortcut_and_its_gradients(n, height, width, c, k, training):
    if training:
        height = max(height, FEWEST)
    layer = drawn(Shortcut(c, k), height + 100 * width).train(training)
    assert_same(layer, torch.randn(n, c, height, width))


def losses(net, batch, target, steps=3):
    """Train a few steps."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = functional.mse_loss(net(batch).pixels, target)
        loss.backward()
        optimizer.step()
        found.append(float(loss.detach()))
    return found


@pytest.mark.parametrize(("nchan", "widths"), [(2, (8, 16, 24, 32)), (1, (4, 8, 12, 16))])
def test_a_network_learns_as_in_double_precision_and_the_same_every_time(nchan, widths):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = CPNet(nchan, 3, widths).to(memory_format=torch.channels_last)
        batch, target = torch.randn(2, nchan, 48, 40), torch.randn(2, 3, 48, 40)
    precise, again = deepcopy(net).double(), deepcopy(net)
    ours = losses(net, batch, target)
    assert ours == losses(again, batch, target)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
    assert ours == pytest.approx(losses(precise, batch.double(), target.double()), rel=1e-4)


def test_a_frozen_network_passes_gradients_on_and_stays_as_it_is():
    with torch.random.fork_rng():
        net = drawn(CPNet(2, 3, (8, 8, 16, 16)), 1).eval().requires_grad_(False)
    before = deepcopy(net.state_dict())
    image = torch.rand(1, 2, 32, 32, requires_grad=True)
    exact = image.detach().double().requires_grad_()
    net(image).pixels.square().mean().backward()
    deepcopy(net).double()(exact).pixels.square().mean().backward()
    largest = float(exact.grad.abs().max())
    torch.testing.assert_close(image.grad, exact.grad.float(), rtol=0, atol=1e-4 * largest)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


THREADS = """
    from concurrent.futures import ThreadPoolExecutor
    import torch
    from numba import get_num_threads

    torch.set_num_threads(1)
    assert torch.get_num_threads() == 1
    kernels = get_num_threads()  # starts them, and thereby changes torch's number here
    from cellmend.net.threads import as_many_threads_as_torch

    with as_many_threads_as_torch():
        assert get_num_threads() == torch.get_num_threads() == 1
    assert get_num_threads() == kernels
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
"""


def test_torch_sets_how_many_threads_train_and_keeps_its_number():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = textwrap.dedent(THREADS)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
