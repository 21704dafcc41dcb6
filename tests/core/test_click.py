"""Finding the one cell that was clicked."""

from types import SimpleNamespace

import numpy as np
import pytest

from cellmend.dynamics import masks_to_flows
from cellmend.segment.click import cell_from_flows, cell_from_image, cell_from_network

SIDE = 160


@pytest.fixture
def masks():
    """Two touching cells and a lone one near the corner."""
    y, x = np.mgrid[:SIDE, :SIDE]
    masks = np.zeros((SIDE, SIDE), np.uint32)
    for label, (row, column) in enumerate([(80, 70), (80, 94), (8, 150)], 1):
        masks[((y - row) ** 2 + (x - column) ** 2 <= 144) & (masks == 0)] = label
    return masks


class Seeing:
    """A network that sees exactly the cells that are drawn in the image."""

    def __init__(self):
        self.shapes = []

    def run(self, image, *, axes, diameter, report):
        self.shapes.append(image.shape)
        masks = image.astype(np.uint32)
        return SimpleNamespace(
            flows=5 * masks_to_flows(masks),
            cellprob=np.where(masks > 0, 4, -4).astype(np.float32),
        )


def whole(found, shape):
    (y0, x0, y1, x1), inside = found
    mask = np.zeros(shape, bool)
    mask[y0:y1, x0:x1] = inside
    return mask


def overlap(found, masks, label):
    mask, true = whole(found, masks.shape), masks == label
    return (mask & true).sum() / (mask | true).sum()


@pytest.mark.parametrize(("at", "label"), [((80, 66), 1), ((82, 98), 2), ((5, 152), 3)])
def test_the_clicked_cell_is_found_by_flows_and_by_a_network(masks, at, label):
    flows, cellprob = 5 * masks_to_flows(masks), np.where(masks > 0, 4.0, -4.0)
    assert overlap(cell_from_flows(flows, cellprob, at, 24), masks, label) > 0.9
    network = Seeing()
    assert overlap(cell_from_network(network, masks.astype(float), at, 24), masks, label) > 0.9
    assert max(network.shapes[0]) < SIDE + 1
    assert cell_from_image((masks == label).astype(np.float32), at, 24) is not None


def test_where_a_network_sees_nothing_no_cell_is_found(masks):
    assert cell_from_network(Seeing(), np.zeros((SIDE, SIDE)), (80, 80), 24) is None
