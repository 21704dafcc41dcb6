"""Check the built program as people get it, from its archive: ``make bundle-smoke``.

Run with the Python of the installation that it was built from, which has to give the same
results. More files to read may be named, such as ND2 and LIF, which nothing here can write.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import h5py
import numpy as np
import tifffile
from bundle import ROOT, archive_path, program_folder
from numpy.typing import NDArray
from pylibCZIrw import czi

import cellmend
import cellmend_app
from cellmend.io.formats import write

SAMPLE = ROOT / "resources" / "samples" / "nuclei_noisy.tif"
SEGMENT = ("--restore", "denoise", "--diameter", "18")
PLAUSIBLE = range(150, 251)
"""Cells in the sample; by eye there are about 200."""
WINDOW_WAIT = 300.0
NEEDED = ("SYSTEMROOT", "COMSPEC", "TEMP", "TMP", "TMPDIR")
"""What a system gives its programs; a PYTHONPATH or an environment is not among it."""

Pixels = NDArray[np.generic]


@dataclass(frozen=True)
class Built:
    """The built program, unpacked.

    Attributes
    ----------
    program, window
        Its executables for the command line and for the window; one and the same but on Windows.
    home
        An empty folder in place of the person's own.
    """

    program: Path
    window: Path
    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Return all that the program is told of the machine: there is no Python to be found."""
        kept = {name: os.environ[name] for name in NEEDED if name in os.environ}
        home = str(self.home)
        nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
        return {**kept, **nowhere, "HOME": home, "USERPROFILE": home, "PATH": "", **more}

    def run(self, *arguments: object, offline: bool = True, status: int = 0) -> str:
        """Run one command and return what it printed."""
        command = [*(_no_network() if offline else ()), self.program, *arguments]
        done = subprocess.run(
            [str(word) for word in command],
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=900,
        )
        assert done.returncode == status, (command, done.returncode, done.stderr)
        return done.stdout + done.stderr


def main() -> None:
    """Check everything, the quick things first."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        built = unpack(folder)
        check_version_and_models(built)
        check_parts_of_qt(built)
        check_readers(built, folder, [Path(file).resolve() for file in sys.argv[1:]])
        check_masks(built, folder)
        check_window(built)
    print("The built program does what the installation does.")


def unpack(folder: Path) -> Built:
    """Unpack the archive into a folder with a name that trips careless programs."""
    place, home = folder / "Prögrams of mine", folder / "home"
    for new in (place, home):
        new.mkdir()
    if sys.platform == "darwin":
        subprocess.run(["ditto", "-x", "-k", archive_path(), place], check=True)
    else:
        shutil.unpack_archive(archive_path(), place)
    programs = place / program_folder().name
    if sys.platform == "darwin":
        programs /= "Contents/MacOS"
    ending = ".exe" if sys.platform == "win32" else ""
    command_line = programs / f"cellmend{ending}"
    window = programs / f"cellmend-window{ending}"
    return Built(command_line, window if window.exists() else command_line, home)


def check_version_and_models(built: Built) -> None:
    """See that the version is that of the installation, and that all its models are there."""
    started = time.perf_counter()
    assert built.run("--version").strip() == f"cellmend {cellmend.__version__}"
    print(f"--version: {time.perf_counter() - started:.1f} s")
    models = built.run("models", "list")
    for path in (ROOT / "models").glob("*.safetensors"):
        assert path.stem in models, path.stem


def check_parts_of_qt(built: Built) -> None:
    """See that the parts of Qt that any module loads are there, also for dialogs opened later."""
    for module in pkgutil.walk_packages(cellmend_app.__path__, "cellmend_app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    loaded = {name.partition(".")[2] for name in sys.modules if name.startswith("PyQt6.Qt")}
    for part in loaded - {"QtTest"}:  # which pyqtgraph can do without
        assert any(built.program.parents[1].rglob(f"PyQt6/{part}*")), part


def check_readers(built: Built, folder: Path, more: list[Path]) -> None:
    """See that files of every kind are read as the installation reads them."""
    files = [*write_small_files(folder / "files"), *more]
    built.run("convert", *files, "--to", "npy", "--output", folder / "read")
    for file in files:
        stem = file.name.partition(".")[0]
        found = np.load(folder / "read" / f"{stem}.npy")
        np.testing.assert_array_equal(found, cellmend.read(file).data, err_msg=file.name)
    print("read:", *(file.name for file in files))
    for ending in ("nd2", "lif"):  # at least their libraries are there, and complain
        file = folder / f"broken.{ending}"
        file.write_bytes(bytes(999))
        assert "damaged" in built.run("convert", file, "--to", "npy", status=1), ending


def write_small_files(folder: Path) -> list[Path]:
    """Write an image in every format that a library here writes; each under its own name."""
    folder.mkdir()
    pixels = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
    for coding in ("zlib", "lzw", "zstd", "lzma", "packbits", "lerc", "jpeg2000"):
        tifffile.imwrite(folder / f"tif_{coding}.tif", pixels, compression=coding)
    gray = (pixels // 16).astype(np.uint8)
    tifffile.imwrite(folder / "tif_jpeg.tif", gray, compression="jpeg")
    for ending in ("png", "jpg", "bmp", "webp", "jp2"):
        cv2.imwrite(str(folder / f"{ending}_image.{ending}"), gray)
    for ending in ("npy", "zarr"):
        write(folder / f"{ending}_image.{ending}", cellmend.Image(pixels, "YX"))
    with h5py.File(folder / "h5_image.h5", "w") as file:
        file.create_dataset("pixels", data=pixels, compression="gzip")
    with czi.create_czi(str(folder / "czi_image.czi")) as file:
        file.write(pixels[..., None])
    return sorted(folder.iterdir())


def check_masks(built: Built, folder: Path) -> None:
    """See that masks are those of the installation, also where two processes share the work."""
    results = folder / "results"
    command = ["segment", str(SAMPLE), *SEGMENT, "--output", str(results / "source")]
    subprocess.run([sys.executable, "-m", "cellmend.cli", *command], check=True)
    expected = masks_in(results / "source")
    assert expected.max() in PLAUSIBLE, expected.max()
    for name in ("first", "again"):
        started = time.perf_counter()
        built.run("segment", SAMPLE, *SEGMENT, "--output", results / name)
        print(f"segment, {name}: {time.perf_counter() - started:.1f} s")
        np.testing.assert_array_equal(masks_in(results / name), expected)
    copies = [folder / f"copy{number}.tif" for number in (1, 2)]
    for copy in copies:
        shutil.copy(SAMPLE, copy)
    # Processes talk over the network of this machine, which is why it is not taken away here.
    shared = ("segment", *copies, *SEGMENT, "--workers", "2", "--output", results / "shared")
    built.run(*shared, offline=False)
    for copy in copies:
        np.testing.assert_array_equal(masks_in(results / "shared", copy.stem), expected)
    print("cells:", expected.max())


def masks_in(folder: Path, stem: str = SAMPLE.stem) -> Pixels:
    """Return the masks that were written for an image."""
    masks: Pixels = tifffile.imread(folder / f"{stem}_cp_masks.tif")
    return masks


def check_window(built: Built) -> None:
    """See that the window opens on an image, and gets ready to compute without complaint."""
    home = built.home / "window"
    environment = built.environment(QT_QPA_PLATFORM="offscreen", CELLMEND_HOME=str(home))
    command = [*_no_network(), str(built.window), str(SAMPLE)]
    started = time.perf_counter()
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as window:
        try:
            # Once it is shown it compiles what it will compute with, and keeps that.
            while not any((home / "kernels").rglob("*.nbi")):
                assert window.poll() is None, "the window ended by itself"
                assert time.perf_counter() - started < WINDOW_WAIT, "the window is not ready"
                time.sleep(0.2)
            print(f"window, ready to compute: {time.perf_counter() - started:.1f} s")
        finally:
            window.terminate()
        said = window.communicate(timeout=30)[1].decode("utf-8", "replace")
    assert "Traceback" not in said, said
    log = home / "cellmend.log"
    assert "ERROR" not in log.read_text("utf-8"), log.read_text("utf-8")


def _no_network() -> list[str]:
    """Return what takes the network away from a program, where the system can do that."""
    unshare = shutil.which("unshare")
    words = [unshare, "--net", "--map-root-user"] if unshare else []
    works = words and subprocess.run([*words, "true"], capture_output=True).returncode == 0
    return words if works else []


if __name__ == "__main__":
    main()
