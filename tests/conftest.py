"""For every test: one thread of torch, quickest for small networks, and the same chance weights."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def same_chance() -> None:
    """Networks that a test makes without a seed have the same weights in every run."""
    import torch

    torch.manual_seed(0)
