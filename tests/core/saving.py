"""Saves that are killed or run out of disk: ``python saving.py FILE`` tries all points of one.

A process of its own, which forks for each try, because the tries die.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from drawn import draw_cells

from cellmend.errors import CellmendError
from cellmend.image import Image
from cellmend.io import project as projects
from cellmend.io import seg_npy
from cellmend.io.labels import read_labels, write_labels
from cellmend.io.project import ImageReference, MaskLayer, PackedMasks, Project

OLD, NEW = draw_cells(seed=0)[1], draw_cells(seed=1)[1]
STEPS = ("open", "os.rename", "os.chmod", "os.remove", "tempfile.mkstemp")
"""What Python tells of as it happens, on the way of a save."""
DONE, REFUSED = 0, 3


def save_project(path: Path, masks: np.ndarray) -> None:
    reference = ImageReference.of(Image(np.zeros(masks.shape, np.uint8)), path.with_name("a.tif"))
    projects.write(path, Project(reference, (MaskLayer("masks", PackedMasks.of(masks)),)))


def load_project(path: Path) -> np.ndarray:
    return projects.read(path).masks[0].masks.unpack()


def save_seg(path: Path, masks: np.ndarray) -> None:
    seg_npy.write(path, seg_npy.SegFile(masks=masks, filename="a.tif"))


def load_seg(path: Path) -> np.ndarray:
    return seg_npy.read(path).masks


FORMATS: dict[str, tuple[Callable[[Path, np.ndarray], None], Callable[[Path], np.ndarray]]] = {
    "a.cellmend": (save_project, load_project),
    "a_cp_masks.tif": (write_labels, read_labels),
    "a_cp_masks.png": (write_labels, read_labels),
    "a_seg.npy": (save_seg, load_seg),
}


def content_of(path: Path) -> str:
    """Say which content the file has, and raise if it has neither."""
    found = FORMATS[path.name][1](path)
    if np.array_equal(found, OLD):
        return "old"
    if np.array_equal(found, NEW):
        return "new"
    raise ValueError(f"{path} is neither the old file nor the new one")


def kill_at(path: Path, step: int) -> None:
    """End this process without a word at the `step`-th thing done in the file's folder."""
    seen = [0]

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event in STEPS and str(path.parent) in str(args):
            if seen[0] == step:
                os.kill(os.getpid(), signal.SIGKILL)
            seen[0] += 1

    sys.addaudithook(hook)


def fill_disk(limit: int) -> None:
    """Let no file of this process grow beyond `limit` bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def attempt(path: Path, prepare: Callable[[], None]) -> int:
    """Save in a process of its own, after `prepare`, and return its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            prepare()
            FORMATS[path.name][0](path, NEW)
            status = DONE
        except CellmendError as error:
            status = REFUSED if str(path) in str(error) else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def left_behind(path: Path) -> int:
    return sum(other != path for other in path.parent.iterdir())


def main() -> None:
    """Print what became of every try as JSON: its status, the content, and files left behind."""
    path = Path(sys.argv[1])
    save = FORMATS[path.name][0]
    killed, full = [], []
    for step in range(100):
        save(path, OLD)
        status = attempt(path, lambda step=step: kill_at(path, step))
        killed.append((status, content_of(path)))
        if status == DONE:
            break
    for other in path.parent.iterdir():
        if other != path:
            other.unlink()
    needed = path.stat().st_size
    save(path, OLD)
    for limit in (0, 1, needed // 2, needed - 200):
        status = attempt(path, lambda limit=limit: fill_disk(limit))
        full.append((status, content_of(path), left_behind(path)))
    print(json.dumps({"killed": killed, "full": full}))


if __name__ == "__main__":
    main()
