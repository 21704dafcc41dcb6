"""What there is to compute on, and whether it computes what it should."""

import pytest
import torch

from cellmend.device import list_devices, pick_device
from cellmend.errors import DeviceError
from cellmend.net import trial
from cellmend.net.runner import Runner


def test_every_device_that_is_listed_can_be_picked_and_works():
    found = list_devices()
    assert next(iter(found)) == "cpu"
    for name in found:
        assert str(pick_device(name)) == name
        done = trial.try_device(name)
        assert done.device == name
        assert 0 < done.seconds < 60
    assert trial.try_device().device in found


def test_graphics_cards_are_listed_one_by_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"Card {number}")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert list_devices() == {
        "cpu": "CPU",
        "cuda:0": "Card 0",
        "cuda:1": "Card 1",
        "mps": "Apple graphics",
    }


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(DeviceError, match="no device 'cuda:99'"):
        trial.try_device("cuda:99")


def test_a_device_that_fails_or_errs_is_told(monkeypatch):
    def fails(*_):
        raise RuntimeError("no kernel image is available\nCUDA kernel errors might be ...")

    with monkeypatch.context() as patched:
        patched.setattr(Runner, "__call__", fails)
        with pytest.raises(DeviceError, match=r"does not work: no kernel image is available\. "):
            trial.try_device("cpu")
    run, runs = Runner.__call__, []

    def wrong(self, batch):
        runs.append(self)
        pixels, style = run(self, batch)
        return pixels * (2 if len(runs) == 2 else 1), style

    monkeypatch.setattr(Runner, "__call__", wrong)
    with pytest.raises(DeviceError, match="something else than the CPU"):
        trial.try_device("cpu")
