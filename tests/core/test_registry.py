"""Models by name."""

from pathlib import Path

import pytest
import torch

from cellmend import registry
from cellmend.errors import FileFormatError, InputError, ModelError
from cellmend.net.unet import CPNet

GOLDEN = Path(__file__).parents[1] / "golden" / "cpnet" / "cellpose_layout"


def test_bundled_generalist_is_listed_with_its_card():
    entry = registry.find("generalist")
    assert entry.bundled
    assert entry.card.task == "segmentation"
    assert entry.card.nchan == 2
    assert entry.card.training["images"] > 1000
    assert entry in registry.list_models("segmentation")


def test_models_are_listed_by_name():
    names = [entry.name for entry in registry.list_models() if entry.bundled]
    assert names == sorted(names)
    assert names.index("deblur") + 1 == names.index("deblur-nuclei")


def test_unknown_name_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ModelError, match=r"no model named 'oneclick'.*generalist"):
        registry.find("oneclick")


def test_a_known_model_that_is_missing_is_said_to_be_not_installed(home, monkeypatch, tmp_path):
    monkeypatch.setattr(registry.store, "bundled_folder", lambda: tmp_path / "none")
    with pytest.raises(ModelError, match="'deblur' is not installed"):
        registry.find("deblur")


def test_adding_a_cellpose_file_gives_it_a_card(home):
    entry = registry.add(GOLDEN, "mine")
    assert entry.name == "mine"
    assert not entry.bundled
    assert entry.card.widths == (4, 8, 12, 16)
    assert registry.load_model("mine").net.nout == 3
    with pytest.raises(InputError, match="named 'mine' already"):
        registry.add(GOLDEN, "mine")
    other = entry.path.with_name("mine2_training.csv")
    for path in (*registry.store.curve_files(entry.path), other):
        path.write_text("curves")
    registry.remove("mine")
    assert list(entry.path.parent.iterdir()) == [other]
    assert [e.name for e in registry.list_models() if not e.bundled] == []


def test_a_model_of_ones_own_is_renamed_with_its_curves(home):
    entry = registry.add(GOLDEN, "mine")
    for path in registry.store.curve_files(entry.path):
        path.write_text(path.suffix)
    renamed = registry.rename("mine", "yeast")
    assert (renamed.name, renamed.card.name, renamed.card.widths) == (
        "yeast",
        "yeast",
        (4, 8, 12, 16),
    )
    assert [path.read_text() for path in registry.store.curve_files(renamed.path)] == [
        ".csv",
        ".png",
    ]
    assert len(list(entry.path.parent.iterdir())) == 3
    with pytest.raises(InputError, match="named 'yeast' already"):
        registry.rename("yeast", "yeast")
    with pytest.raises(ModelError, match="cannot be renamed"):
        registry.rename("generalist", "other")


@pytest.mark.parametrize("name", ["generalist", "../evil", "", "a/b", "denoise"])
def test_names_that_a_model_cannot_have(home, name):
    with pytest.raises(InputError):
        registry.checked_name(name)


def test_bundled_models_cannot_be_removed(home):
    with pytest.raises(ModelError, match="cannot be removed"):
        registry.remove("generalist")
    assert registry.find("generalist").path.is_file()


def test_damaged_model_is_left_out_of_the_list_and_named_when_asked_for(home):
    folder = registry.user_folder()
    folder.mkdir(parents=True)
    (folder / "broken.safetensors").write_bytes(b"nonsense")
    assert "broken" not in [entry.name for entry in registry.list_models()]
    with pytest.raises(FileFormatError, match="broken"):
        registry.find("broken")


def test_restoration_file_without_a_card_is_known_by_its_name(tmp_path):
    path = tmp_path / "deblur_cyto3"
    torch.save(CPNet(1, 1, (4, 8, 12, 16)).state_dict(), path)
    assert registry.find(path).card.task == "deblur"
