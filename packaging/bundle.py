"""Build the program that runs without Python, and an archive of it: ``make bundle``.

Run with the Python that Cellmend and its extra ``bundle`` are installed in, on the operating
system that the program is for: PyInstaller cannot build for another one.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
SYSTEMS = {"linux": "linux", "win32": "windows", "darwin": "macos"}


def main() -> None:
    """Build, pack and tell the sizes."""
    places = ["--distpath", str(DIST), "--workpath", str(ROOT / "build" / "bundle")]
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", *places]
    subprocess.run([*command, str(ROOT / "packaging" / "cellmend.spec")], check=True)
    archive = pack(program_folder())
    print(f"{program_folder()}: {megabytes(program_folder())} MB")
    print(f"{archive}: {megabytes(archive)} MB")


def program_folder() -> Path:
    """Return the folder that the build makes; on macOS it is an application."""
    return DIST / ("Cellmend.app" if sys.platform == "darwin" else "cellmend")


def archive_path() -> Path:
    """Return the archive, named by version, system and processor."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    machine = platform.machine().lower().replace("amd64", "x86_64")
    ending = "tar.gz" if sys.platform == "linux" else "zip"
    return DIST / f"cellmend-{version}-{SYSTEMS[sys.platform]}-{machine}.{ending}"


def pack(folder: Path) -> Path:
    """Write the archive of a built program."""
    archive = archive_path()
    archive.unlink(missing_ok=True)
    if sys.platform == "darwin":  # Python's zip files lose links and leave to execute
        subprocess.run(["ditto", "-c", "-k", "--keepParent", folder, archive], check=True)
        return archive
    kind, ending = ("zip", ".zip") if sys.platform == "win32" else ("gztar", ".tar.gz")
    base = str(archive).removesuffix(ending)
    shutil.make_archive(base, kind, root_dir=folder.parent, base_dir=folder.name)
    return archive


def megabytes(path: Path) -> int:
    """Return the size of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file()) // 1_000_000


if __name__ == "__main__":
    main()
