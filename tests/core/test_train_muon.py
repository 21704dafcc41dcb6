"""Muon: steps of equal length in every direction, as long as those of AdamW."""

import pytest
import torch
from tiny import tiny_net

from cellmend.train.muon import STEP_SIZE, Muon, is_hidden, orthogonalized


@pytest.mark.parametrize("shape", [(16, 144), (64, 96), (72, 8)])
def test_a_matrix_becomes_the_nearest_orthogonal_one(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    made = orthogonalized(matrix)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    along = (left.T @ made @ right.T).diagonal()
    assert along.min() > 0.6
    assert along.max() < 1.25
    torch.testing.assert_close(left * along @ right, made, atol=1e-4, rtol=1e-4)


def test_layers_at_either_end_biases_and_norms_are_not_hidden():
    net = tiny_net()
    hidden = {name for name, weight in net.named_parameters() if is_hidden(weight)}
    assert hidden
    assert not any(name.endswith("bias") for name in hidden)
    ends = {name for name, w in net.named_parameters() if w.ndim == 4} - hidden
    shapes = {tuple(dict(net.named_parameters())[name].shape[:2]) for name in ends}
    assert shapes == {(4, 2), (3, 4)}


def test_steps_are_as_long_as_those_of_adamw_and_weights_decay():
    net = tiny_net()
    before = {name: weight.detach().clone() for name, weight in net.named_parameters()}
    for weight in net.parameters():
        weight.grad = 1e-3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(2))
    Muon(net, rate=1e-2, decay=0.5).step()
    for name, weight in net.named_parameters():
        step = (before[name] * (1 - 1e-2 * 0.5) - weight.detach()) / 1e-2
        length = float(step.square().mean().sqrt())
        wanted = STEP_SIZE if is_hidden(weight) else 1.0
        assert length == pytest.approx(wanted, rel=0.35), name
