from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage

from cellmend.dynamics import masks_from_flows, masks_to_flows
from cellmend.segment.volume import segment_volume


@dataclass(frozen=True)
class KnowingNetwork:
    """Reads the labels that stand in the first channel, and says what a perfect network would."""

    noise: float = 0.0

    def flows(self, plane, diameter, report):
        labels = np.rint(plane[0]).astype(np.int32)
        flows = 5 * masks_to_flows(labels)
        noise = np.random.default_rng(int(labels.sum())).standard_normal(flows.shape)
        return (flows + self.noise * noise).astype(np.float32), np.where(labels, 4.0, -4.0)


def ellipsoids(shape=(24, 44, 66), flat=1.0) -> np.ndarray:
    """Six of them, in two rows; `flat` divides their extent in Z."""
    z, y, x = np.indices(shape)
    z = (z - shape[0] // 2) * flat
    inside = np.sqrt(z**2 + (y % 22 - 11) ** 2 + (x % 22 - 11) ** 2) <= 8
    return np.where(inside, (y // 22) * 3 + x // 22 + 1, 0)


def as_data(masks: np.ndarray) -> np.ndarray:
    return np.stack([masks, np.zeros_like(masks)]).astype(np.float32)


def least_overlap(found: np.ndarray, masks: np.ndarray) -> float:
    """Return the smallest IoU between a true cell and the cell found at its centre."""
    least = 1.0
    for label, centre in enumerate(ndimage.center_of_mass(masks > 0, masks, range(1, 7)), 1):
        best = found[tuple(np.rint(centre).astype(int))]
        both = (found == best) & (masks == label)
        least = min(least, both.sum() / ((found == best) | (masks == label)).sum())
    return least


def test_three_directions_give_the_flows_of_the_volume():
    masks = ellipsoids()
    flows, cellprob = segment_volume(KnowingNetwork(), as_data(masks), 16)
    assert np.allclose(flows, 5 * masks_to_flows(masks) / 2, atol=1e-4)
    assert np.array_equal(cellprob > 0, masks > 0)


def test_cells_of_a_volume_come_back():
    masks = ellipsoids()
    found = masks_from_flows(*segment_volume(KnowingNetwork(1.0), as_data(masks), 16)).masks
    assert found.max() == 6
    assert least_overlap(found, masks) > 0.9


def test_a_flat_volume_is_stretched_and_comes_back_at_its_own_size():
    masks = ellipsoids((13, 44, 66), flat=2.0)
    flows, cellprob = segment_volume(KnowingNetwork(), as_data(masks), 16, anisotropy=2.0)
    assert flows.shape == (3, *masks.shape)
    found = masks_from_flows(flows, cellprob).masks
    assert found.max() == 6
    assert least_overlap(found, masks) > 0.8


def test_smoothing_lowers_the_noise_of_the_flows():
    data = as_data(ellipsoids())
    true, _ = segment_volume(KnowingNetwork(), data, 16, flow_smoothing=1.0)
    rough, _ = segment_volume(KnowingNetwork(3.0), data, 16)
    smooth, _ = segment_volume(KnowingNetwork(3.0), data, 16, flow_smoothing=1.0)
    expected = np.stack([ndimage.gaussian_filter(component, 1.0) for component in rough])
    assert np.allclose(smooth, expected, atol=1e-5)
    assert np.abs(smooth - true).mean() < 0.4 * np.abs(rough - true).mean()


@pytest.mark.parametrize("shape", [(1, 5, 7), (4, 1, 1)])
def test_thin_volumes(shape):
    flows, cellprob = segment_volume(KnowingNetwork(), as_data(np.ones(shape)), 16, anisotropy=1.5)
    assert flows.shape == (3, *shape)
    assert masks_from_flows(flows, cellprob).masks.shape == shape
