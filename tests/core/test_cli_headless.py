"""Without a display the window's job is done all the same."""

from pathlib import Path

import pytest
import tifffile

from cellmend.cli import gui, headless, main
from cellmend.io import read
from cellmend.io.labels import read_labels
from cellmend.net.unet import CPNet
from cellmend.net.weights import save_weights
from cellmend.registry import ModelCard


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(gui.sys, "platform", "linux")


@pytest.mark.usefixtures("no_display")
def test_restored_image_masks_and_overlay_are_left_in_a_folder(
    cells: tuple, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    card = ModelCard(name="tiny", task="denoise", nchan=1, nout=1, widths=(4, 8))
    save_weights(
        home / "models" / "tiny.safetensors", CPNet(1, 1, (4, 8)), card.model_dump(mode="json")
    )
    monkeypatch.setattr(headless, "RESTORE", ("tiny",))
    image = tmp_path / "cells.tif"
    tifffile.imwrite(image, cells[0])
    folder = tmp_path / "out"
    assert main(["gui", str(image), "--output", str(folder)]) == 0
    told = capsys.readouterr().err
    assert "no display" in told
    assert str(folder) in told
    assert read(folder / "cells_restored.tif").data.shape == (96, 96)
    assert read_labels(folder / "cells_cp_masks.tif").shape == (96, 96)
    assert read(folder / "cells_overlay.png").n_channels == 3


@pytest.mark.usefixtures("no_display")
@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"])
def test_a_display_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not gui.has_display()
    monkeypatch.setenv(name, "something")
    assert gui.has_display()
