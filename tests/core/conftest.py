"""What the tests of the library share: cells made on the spot, and a model folder of their own."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from drawn import draw_cells


@pytest.fixture
def cells() -> tuple[np.ndarray, np.ndarray]:
    """An image and its masks."""
    return draw_cells()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the person's own models, empty."""
    monkeypatch.setenv("CELLMEND_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def pairs_folder(tmp_path: Path) -> Path:
    """A folder with four images and their masks."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for index in range(4):
        image, masks = draw_cells(seed=index)
        tifffile.imwrite(folder / f"cells{index}_img.tif", image)
        tifffile.imwrite(folder / f"cells{index}_masks.tif", masks.astype(np.uint16))
    return folder
