"""Packages for bioimage.io: what others read in them, and that Cellmend reads them back."""

import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tiny import TINY, same_weights

import cellmend
from cellmend import registry
from cellmend.cli import main
from cellmend.errors import CellmendError, FileFormatError, ModelError
from cellmend.export.bioimageio import write_bioimageio
from cellmend.net.transformer import TransformerNet
from cellmend.net.unet import CPNet
from cellmend.net.weights import save_weights
from cellmend.normalize import normalize
from cellmend.params import NormalizeSettings
from cellmend.registry import ModelCard

GOLDEN = Path(__file__).parents[1] / "golden" / "cpnet" / "cellpose_layout"
NETS = {
    "segmentation": lambda: CPNet(2, 3, TINY, 17.0),
    "deblur": lambda: CPNet(1, 1, TINY),
    "attentive": lambda: TransformerNet(2, 3, TINY),
}


def saved(path, net, **card):
    net.eval()
    values = {"name": path.stem, "nchan": net.nchan, "nout": net.nout, "backbone": net.backbone}
    made = ModelCard(**values, widths=net.widths, diam_mean=float(net.diam_mean), **card)
    save_weights(path, net, made.model_dump(mode="json"))
    return path


class Package:
    """What others see."""

    def __init__(self, path):
        with zipfile.ZipFile(path) as archive:
            self.files = {name: archive.read(name) for name in archive.namelist()}
        self.rdf = yaml.safe_load(self.files["rdf.yaml"])

    def array(self, side):
        return np.load(io.BytesIO(self.files[self.rdf[side][0]["test_tensor"]["source"]]))

    def network(self):
        content = self.files[self.rdf["weights"]["torchscript"]["source"]]
        return torch.jit.load(io.BytesIO(content))

    def prepared(self, image):
        """Do to (N, C, Y, X) what the description says, as bioimageio.core does it."""
        for step in self.rdf["inputs"][0]["preprocessing"]:
            settings = step["kwargs"]
            if step["id"] == "scale_linear":
                image = image * settings["gain"] + settings["offset"]
            else:
                assert settings["axes"] == ["y", "x"]
                limits = [settings["min_percentile"], settings["max_percentile"]]
                low, high = np.percentile(image, limits, axis=(2, 3), keepdims=True)
                image = (image - low) / (high - low + 1e-6)
        return image.astype(np.float32)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("kind", NETS)
def test_others_compute_what_cellmend_does(tmp_path, kind):
    net = NETS[kind]()
    task = kind if kind in ("segmentation", "deblur") else "segmentation"
    model = saved(tmp_path / "mine.safetensors", net, task=task)
    write_bioimageio(tmp_path / "mine.zip", model)
    package = Package(tmp_path / "mine.zip")
    script, image = package.network(), package.array("inputs")
    assert image.shape == (1, net.nchan, 128, 128)
    with torch.no_grad():
        output = script(torch.from_numpy(package.prepared(image))).numpy()
        np.testing.assert_allclose(output, package.array("outputs"), atol=1e-5)
        other = torch.rand(3, net.nchan, 96, 112)
        torch.testing.assert_close(script(other), net(other).pixels, atol=1e-5, rtol=1e-4)


def test_files_are_described_and_tell_nothing_of_this_machine(tmp_path):
    write_bioimageio(tmp_path / "p.zip", saved(tmp_path / "mine.safetensors", CPNet(2, 3, TINY)))
    package = Package(tmp_path / "p.zip")
    rdf = package.rdf
    named = [rdf["weights"]["torchscript"], *rdf["attachments"]]
    named += [rdf[side][0]["test_tensor"] for side in ("inputs", "outputs")]
    for entry in named:
        assert hashlib.sha256(package.files[entry["source"]]).hexdigest() == entry["sha256"]
    described = {"rdf.yaml", rdf["documentation"], *(entry["source"] for entry in named)}
    assert described == package.files.keys()
    assert rdf["authors"] == [{"name": "not named"}]
    assert "license" not in rdf
    place = str(Path(cellmend.__file__).parent).encode()
    with zipfile.ZipFile(io.BytesIO(package.files["weights.pt"])) as weights:
        assert not any(place in weights.read(name) for name in weights.namelist())


@pytest.mark.parametrize(
    "how",
    [
        NormalizeSettings(),
        NormalizeSettings(percentiles=(2, 99.5), background=3, per_plane=True),
        NormalizeSettings(percentiles=(2, 99.5), invert=True),
        NormalizeSettings(lowhigh=(10, 90), background=3),
        NormalizeSettings(lowhigh=(10, 90), background=3, invert=True),
        NormalizeSettings(enabled=False, tile_size=64),
    ],
)
def test_normalisation_is_told_in_the_words_of_the_format(tmp_path, how):
    model = saved(tmp_path / "mine.safetensors", CPNet(2, 3, TINY), normalize=how)
    write_bioimageio(tmp_path / "mine.zip", model)
    package = Package(tmp_path / "mine.zip")
    image = package.array("inputs")
    ours = np.stack([normalize(channel, how) for channel in image[0]])[None]
    np.testing.assert_allclose(package.prepared(image), ours, atol=1e-5)


def test_what_cannot_be_described_is_refused(tmp_path):
    how = NormalizeSettings(tile_size=64, smooth_radius=1)
    model = saved(tmp_path / "mine.safetensors", CPNet(2, 3, TINY), normalize=how)
    with pytest.raises(ModelError, match=r"'mine'.*tiles, smoothing"):
        write_bioimageio(tmp_path / "p.zip", model)
    with pytest.raises(ModelError, match="estimates diameters"):
        write_bioimageio(tmp_path / "p.zip", "nuclei-size")
    assert not (tmp_path / "p.zip").exists()


@pytest.mark.usefixtures("home")
def test_a_package_gives_the_model_back(tmp_path, capsys):
    path = tmp_path / "nuclei.zip"
    command = ["models", "export", "nuclei", "--to", "bioimageio", str(path)]
    assert main([*command, "--dry-run"]) == 0
    assert not path.exists()
    assert main([*command, "--author", "A. Person", "--author", "B. Person", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["path"] == str(path)
    rdf = Package(path).rdf
    assert rdf["license"] == "BSD-3-Clause"
    assert [author["name"] for author in rdf["authors"]] == ["A. Person", "B. Person"]

    assert main(["models", "add", str(path)]) == 2  # the name is taken
    assert main(["models", "add", str(path), "--name", "again"]) == 0
    first, again = registry.load_model("nuclei"), registry.load_model("again")
    assert same_weights(first.net, again.net)
    assert again.card == first.card.model_copy(update={"name": "again"})


@pytest.mark.usefixtures("home")
def test_a_model_of_cellpose_gets_a_card_on_its_way(tmp_path):
    write_bioimageio(tmp_path / "theirs.zip", GOLDEN)
    entry = registry.add(tmp_path / "theirs.zip")
    assert entry.name == "theirs"
    assert entry.card.widths == (4, 8, 12, 16)
    assert same_weights(registry.load_model(GOLDEN).net, registry.load_model("theirs").net)


class Trap:
    def __reduce__(self):
        return pytest.fail, ("it ran",)


def bomb() -> bytes:
    return bytes(300 << 20)


HOSTILE = {
    "of another program": ({"rdf.yaml": b""}, "holds no model of Cellmend"),
    "bomb": ({"rdf.yaml": b"", "cellmend.safetensors": bomb}, "not packed as Cellmend"),
    "code": (
        {"rdf.yaml": b"", "cellmend.safetensors": pickle.dumps(Trap())},
        "in it, this is not a weight file",
    ),
    "out of its folder": (
        {"rdf.yaml": b"", "../cellmend.safetensors": b"", "/tmp/cellmend.safetensors": b""},
        "holds no model of Cellmend",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_packages_of_strangers_are_refused(tmp_path, home, name):
    entries, message = HOSTILE[name]
    folder = tmp_path / "inbox"
    folder.mkdir()
    path = folder / "package.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content() if callable(content) else content)
    with pytest.raises(FileFormatError, match=rf"package\.zip: .*{message}"):
        registry.add(path)
    assert list(folder.iterdir()) == [path]
    assert not home.exists()


@pytest.mark.usefixtures("home")
def test_damaged_packages_are_refused(tmp_path):
    path = tmp_path / "package.zip"
    write_bioimageio(path, saved(tmp_path / "mine.safetensors", CPNet(2, 3, TINY)))
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        begin = archive.getinfo("cellmend.safetensors").header_offset
    for place in (begin, begin + 200, begin + 5000):  # its header, and within
        damaged = bytearray(whole)
        damaged[place : place + 20] = b"\xff" * 20
        path.write_bytes(damaged)
        with pytest.raises(FileFormatError, match=r"package\.zip"):
            registry.add(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CellmendError, match=r"package\.zip"):
        registry.add(path)


OFFICIAL = {
    "bioimageio.spec": ("load_description", {"perform_io_checks": True}),
    "bioimageio.core": ("test_description", {}),
}
CHECK = """
import importlib, sys
check = getattr(importlib.import_module({!r}), {!r})
result = check(sys.argv[1], **{!r})
summary = getattr(result, "validation_summary", result)
print(summary.format())
sys.exit(summary.status not in ("valid-format", "passed"))
"""


@pytest.mark.parametrize("name", ["nuclei", "denoise"])
@pytest.mark.parametrize("package", OFFICIAL)
def test_the_official_checks_pass(tmp_path, package, name):
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    path = tmp_path / f"{name}.zip"
    write_bioimageio(path, name)
    # In a process of its own, for they and what they need warn of many things.
    command = [sys.executable, "-c", CHECK.format(package, *OFFICIAL[package]), str(path)]
    environment = {**os.environ, "BIOIMAGEIO_CACHE_PATH": str(tmp_path / "cache")}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stdout + run.stderr
