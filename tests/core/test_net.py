"""The network, its losses and its weight files."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from cellmend.errors import FileFormatError
from cellmend.net.losses import (
    channel_correlation,
    perceptual_loss,
    reconstruction_loss,
    segmentation_loss,
)
from cellmend.net.unet import CPNet
from cellmend.net.weights import build_net, read_weights, save_weights

GOLDEN = Path(__file__).parents[1] / "golden" / "cpnet"
SMALL = (4, 8, 12, 16)


def test_layout_has_the_size_of_cellpose_networks():
    net = CPNet()
    assert len(net.state_dict()) == 313
    assert sum(parameter.numel() for parameter in net.parameters()) == 6_600_843
    assert net.state_dict()["upsample.up.res_up_0.conv.conv_1.full.weight"].shape == (32, 256)


def test_cellpose_file_gives_the_answers_of_cellpose():
    net = build_net(read_weights(GOLDEN / "cellpose_layout"))
    answers = np.load(GOLDEN / "answers.npz")
    with torch.inference_mode():
        output = net(torch.from_numpy(answers["image"]))
    np.testing.assert_allclose(output.pixels.numpy(), answers["output"], atol=1e-5)
    np.testing.assert_allclose(output.style.numpy(), answers["style"], atol=1e-6)


def test_weights_come_back_as_they_were(tmp_path):
    net = CPNet(1, 1, SMALL, diam_mean=17.0)
    save_weights(tmp_path / "a.safetensors", net, {"name": "a"})
    stored = read_weights(tmp_path / "a.safetensors")
    assert stored.card == {"name": "a"}
    for key, value in build_net(stored).state_dict().items():
        assert torch.equal(value, net.state_dict()[key]), key


def test_half_precision_halves_the_file_and_keeps_the_answer(tmp_path):
    net = CPNet(1, 1, SMALL).eval()
    save_weights(tmp_path / "full.safetensors", net, {})
    save_weights(tmp_path / "half.safetensors", net, {}, half=True)
    full, half = (tmp_path / f"{n}.safetensors" for n in ("full", "half"))
    assert half.stat().st_size < 0.7 * full.stat().st_size
    image = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        ours, theirs = net(image).pixels, build_net(read_weights(half))(image).pixels
    torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0.02)


class Hostile:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


def test_hostile_weight_file_is_refused_and_does_nothing(tmp_path):
    marker = tmp_path / "ran"
    path = tmp_path / "hostile.pt"
    torch.save({"weights": Hostile(marker)}, path)
    plain = tmp_path / "hostile.pkl"
    plain.write_bytes(pickle.dumps(Hostile(marker)))
    for file in (path, plain):
        with pytest.raises(FileFormatError, match=file.name):
            read_weights(file)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "not a weight file"), (b"hello", "not a weight file"), (None, "no such")],
)
def test_what_is_no_weight_file_is_named(tmp_path, content, reason):
    path = tmp_path / "bad.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileFormatError, match=rf"bad\.pt.*{reason}"):
        read_weights(path)


def test_truncated_safetensors_is_named(tmp_path):
    path = tmp_path / "cut.safetensors"
    save_weights(path, CPNet(1, 1, SMALL), {})
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FileFormatError, match=r"cut\.safetensors"):
        read_weights(path)


def test_cellpose_4_is_refused_by_name(tmp_path):
    path = tmp_path / "cpsam"
    torch.save({"encoder.pos_embed": torch.zeros(1), "out.weight": torch.zeros(1)}, path)
    with pytest.raises(FileFormatError, match="Cellpose 4"):
        read_weights(path)


def test_missing_tensor_is_refused(tmp_path):
    path = tmp_path / "part.pt"
    state = CPNet(1, 1, SMALL).state_dict()
    del state["output.0.weight"]
    torch.save(state, path)
    with pytest.raises(FileFormatError, match="not those of a Cellmend or Cellpose 1-3"):
        build_net(read_weights(path))


def test_segmentation_loss_is_zero_flow_error_at_five_times_the_flow():
    target = torch.rand(2, 3, 8, 8)
    target[:, 2] = (target[:, 2] > 0.5).float()
    output = torch.cat([5 * target[:, :2], (target[:, 2:] * 2 - 1) * 30], dim=1)
    assert float(segmentation_loss(output, target)) < 1e-6
    shifted = output.clone()
    shifted[:, :2] += 2
    assert float(segmentation_loss(shifted, target)) == pytest.approx(2.0, abs=1e-3)


def test_nothing_is_learnt_where_nothing_is_known():
    target = torch.rand(1, 3, 8, 8).round()
    target[:, 2, 2:5] = -1
    output = torch.randn(1, 3, 8, 8, requires_grad=True)
    loss = segmentation_loss(output, target)
    loss.backward()
    gradient = output.grad.abs().sum(dim=(0, 1))
    assert (gradient[2:5] == 0).all()
    assert (gradient[:2] > 0).all()
    known = [0, 1, 5, 6, 7]
    share = len(known) / 8
    torch.testing.assert_close(
        loss, share * segmentation_loss(output[:, :, known], target[:, :, known])
    )


def test_channel_correlation_is_that_of_numpy():
    features = torch.rand(1, 4, 6, 7)
    expected = np.corrcoef(features[0].reshape(4, -1).numpy())
    np.testing.assert_allclose(channel_correlation(features)[0].numpy(), expected, atol=1e-4)


def test_the_gradient_of_the_correlation_is_that_of_its_differences():
    drawn = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    features = drawn * torch.tensor([1, 10, 0.1])[:, None, None] + 4
    assert torch.autograd.gradcheck(channel_correlation, features.requires_grad_())
    constant = torch.ones(1, 2, 3, 3, requires_grad=True)
    channel_correlation(constant).sum().backward()
    assert constant.grad is not None
    assert not constant.grad.any()


def test_perceptual_loss_ignores_scale_and_sees_structure():
    clean = [torch.rand(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))]
    assert float(perceptual_loss([3 * clean[0] + 1], clean)) < 1e-6
    mixed = clean[0].clone()
    mixed[:, 1] = clean[0][:, 0]
    assert float(perceptual_loss([mixed], clean)) > 0.1


def test_reconstruction_loss_is_mean_squared_error():
    assert float(reconstruction_loss(torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 2.0))) == 4
