"""Diameters from styles."""

from types import SimpleNamespace

import numpy as np
import pytest

import cellmend
from cellmend.cli import main
from cellmend.errors import FileFormatError, ModelError
from cellmend.registry import find, load_model
from cellmend.segment import diameter as estimation
from cellmend.size import SizeModel, fit_size_model, read_size_model, write_size_model


def test_a_linear_law_of_the_style_is_found():
    rng = np.random.default_rng(0)
    styles, law = rng.normal(size=(2000, 6)), rng.normal(0, 0.2, 6)
    diameters = 30 * np.exp(styles @ law + 0.1)
    model = fit_size_model(styles[:1500], diameters[:1500], 30)
    found = [model.diameter(style) for style in styles[1500:]]
    np.testing.assert_allclose(found, diameters[1500:], rtol=0.02)


def test_a_size_model_comes_back_as_it_was(tmp_path):
    model = SizeModel(np.array([0.5, -0.25]), np.array([1.0, 2.0]), 0.125, 30.0)
    write_size_model(tmp_path / "a.safetensors", model, {"name": "a"})
    again = read_size_model(tmp_path / "a.safetensors")
    style = np.array([0.3, 0.7])
    assert again.diameter(style) == pytest.approx(model.diameter(style), rel=1e-6)


def test_size_files_of_cellpose_are_read(tmp_path):
    path = tmp_path / "size_cyto3.npy"
    values = {"A": np.array([0.5, -0.25]), "smean": np.array([1.0, 2.0]), "ymean": 0.1}
    np.save(path, {**values, "diam_mean": 30.0}, allow_pickle=True)
    model = read_size_model(path)
    assert model.diameter(np.array([2.0, 2.0])) == pytest.approx(30 * np.exp(0.6))


class Hostile:
    def __reduce__(self):
        return (print, ("ran",))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY\x01\x00", Hostile()])
def test_what_is_no_size_file_is_named_and_not_run(tmp_path, capsys, content):
    path = tmp_path / "size.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, np.array(content, dtype=object), allow_pickle=True)
    with pytest.raises(FileFormatError, match=r"size\.npy"):
        read_size_model(path)
    assert not capsys.readouterr().out


def test_the_bundled_size_model_is_no_network():
    assert find("generalist-size").card.task == "size"
    with pytest.raises(ModelError, match="estimates diameters"):
        load_model("generalist-size")


def test_training_one_and_using_it(home, pairs_folder, cells, capsys):
    arguments = ["train", "size", str(pairs_folder), "--name", "mine-size", "--epochs", "2"]
    assert main(arguments) == 0
    card = find("mine-size").card
    assert card.parent == "generalist"
    assert card.training["crops"] == 8
    segmenter = cellmend.Segmenter("generalist", "cpu")
    assert segmenter.estimate_diameter(cells[0]) == pytest.approx(18, rel=0.2)


def test_a_size_at_which_no_cell_is_found_is_not_believed(cells):
    segmenter = cellmend.Segmenter("generalist", "cpu")
    width = segmenter.model.net.widths[-1]
    wrong = SizeModel(np.zeros(width), np.zeros(width), np.log(20.0), 30.0)
    segmenter.__dict__["_size_model"] = wrong
    assert segmenter.estimate_diameter(cells[0]) == pytest.approx(18, rel=0.2)


@pytest.mark.parametrize(
    ("told", "trials", "wanted"),
    [
        (29.0, {29.0: (30.0, 0.6)}, 30.0),
        (20.0, {20.0: (26.0, 0.3), 26.0: (31.0, 0.5), 31.0: (32.0, 0.6)}, 32.0),
        (20.0, {20.0: (26.0, 0.3), 26.0: (60.0, 0.1), 60.0: (0.0, 0.0)}, 26.0),
        (12.0, {12.0: (12.5, 0.02), 30.0: (36.0, 0.05), 36.0: (37.0, 0.07)}, 37.0),
        (12.0, {12.0: (12.5, 0.08), 30.0: (0.0, 0.0)}, 12.5),
    ],
    ids=["right at once", "found by and by", "worse in the end", "fragments", "few small cells"],
)
def test_what_is_found_is_assumed_until_it_is_found_again(told, trials, wanted, monkeypatch):
    monkeypatch.setattr(estimation, "_by_style", lambda *_: told)
    monkeypatch.setattr(estimation, "_trial", lambda network, plane, guess, report: trials[guess])
    network = SimpleNamespace(diam_mean=30.0)
    model = SizeModel(np.zeros(1), np.zeros(1), 0.0, 30.0)
    assert estimation.estimate_diameter(network, np.zeros((1, 9, 9)), model) == wanted
