"""Files that are done together: the same results as alone, and none spoils another's."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from drawn import draw_cells

from cellmend.cli import main
from cellmend.cli.ahead import Ahead
from cellmend.errors import Cancelled, CellmendError, FileFormatError, InputError
from cellmend.image import Image
from cellmend.io import read
from cellmend.io.labels import read_labels
from cellmend.net.runner import Runner
from cellmend.planes import TOGETHER, filled
from cellmend.progress import SILENT

FILES = [Path(name) for name in "abcdef"]
PIXELS = 100
"""Of each image; a batch has as many, so that `TOGETHER` files are done together."""


class Made:
    """Stands in for files and networks: keeps which files were done together."""

    def __init__(self, unreadable="", failing=""):
        self.unreadable, self.failing = unreadable, failing
        self.groups: list[str] = []

    def read(self, file):
        if str(file) in self.unreadable:
            raise FileFormatError(file, "no image")
        return Image(np.ones((10, 10)))

    def work(self, images, report):
        names = "".join(map(str, images))
        self.groups.append(names)
        if bad := set(names) & set(self.failing):
            raise InputError(f"{min(bad)} is bad")
        report.check()
        return list(names.upper())

    def results(self):
        """Return a letter of each file, or the message of its error."""
        ahead = Ahead(FILES, self.read, self.work, PIXELS)
        found = []
        for file in FILES:
            try:
                found.append(ahead.get(file, SILENT))
            except CellmendError as error:
                found.append(str(error))
        return found


def test_as_many_files_are_done_together_as_fill_some_batches():
    made = Made()
    assert made.results() == list("ABCDEF")
    assert made.groups == ["abcd", "ef"]
    assert TOGETHER == 4


def test_a_file_that_cannot_be_read_is_told_in_its_turn_and_spoils_no_other():
    made = Made(unreadable="c")
    assert made.results() == ["A", "B", "c: no image", "D", "E", "F"]
    assert made.groups == ["ab", "def"]


@pytest.mark.parametrize("bad", ["a", "b", "d", "f", "bcd"])
def test_an_image_that_fails_is_told_in_its_turn_and_spoils_no_other(bad):
    made = Made(failing=bad)
    wanted = [f"{file} is bad" if str(file) in bad else str(file).upper() for file in FILES]
    assert made.results() == wanted
    assert sum(set(bad) <= set(group) for group in made.groups) <= 2  # together, then alone


def test_cancelling_is_no_failure_of_a_file():
    class Cancelling:
        def check(self):
            raise Cancelled

    made = Made()
    with pytest.raises(Cancelled):
        Ahead(FILES, made.read, made.work, PIXELS).get(FILES[0], Cancelling())
    assert made.groups == ["abcd"]


def test_groups_are_the_shortest_that_are_filled():
    assert list(filled([1, 2, 3, 9, 1], 3)) == [[0, 1], [2], [3], [4]]
    assert list(filled([], 3)) == []


@pytest.fixture
def folder(tmp_path):
    """Four small images of three shapes, and a file that is none."""
    folder = tmp_path / "images"
    folder.mkdir()
    for index, size in enumerate((96, 80, 96, 64)):
        tifffile.imwrite(folder / f"{index}.tif", draw_cells(size=size, seed=index)[0])
    (folder / "2b.tif").write_text("not an image")
    return folder


def results(command, folder, suffix, reader, capsys):
    """Run a command on a folder; return what was written for each file, and what was told."""
    words = [*command, "--output", str(folder / "out"), "--device", "cpu", "--json"]
    status = main([command[0], str(folder), *words[1:]])
    told = json.loads(capsys.readouterr().out)["files"]
    written = {path.name: reader(path) for path in sorted((folder / "out").glob(suffix))}
    return status, told, written


COMMANDS = {
    "segment": (["segment"], "*_masks.tif", read_labels),
    "denoise and segment": (
        ["segment", "--restore", "denoise", "--diameter", "20"], "*_masks.tif", read_labels,
    ),
    "restore": (["restore"], "*_restored.tif", lambda path: read(path).data),
}  # fmt: skip
GIVEN = (["segment", "--diameter", "20"], "*_masks.tif", read_labels)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_gives_to_the_bit_what_its_files_give_alone(name, folder, monkeypatch, capsys):
    command, suffix, reader = COMMANDS[name]
    batches = []
    call = Runner.__call__

    def counted(self, batch, *args, **options):
        batches.append(len(batch))
        return call(self, batch, *args, **options)

    monkeypatch.setattr(Runner, "__call__", counted)
    status, told, together = results(command, folder, suffix, reader, capsys)
    shared, batches[:] = len(batches), []
    assert status == 1
    assert [one["status"] for one in told] == ["done", "done", "done", "failed", "done"]
    for path in folder.glob("out/*.tif"):
        path.unlink()
    monkeypatch.setattr("cellmend.cli.ahead.TOGETHER", 0)
    _, told_alone, alone = results(command, folder, suffix, reader, capsys)
    sizes_are_known = name != "segment"  # where they are estimated, each image may have its own
    assert shared < len(batches) + (not sizes_are_known)
    assert [one.get("cells") for one in told_alone] == [one.get("cells") for one in told]
    assert list(alone) == list(together)
    assert len(alone) == 4
    for file, array in alone.items():
        np.testing.assert_array_equal(array, together[file], err_msg=file)


def test_files_whose_results_are_there_are_not_done_for_the_sake_of_others(folder, capsys):
    command, suffix, reader = GIVEN
    results(command, folder, suffix, reader, capsys)
    (folder / "out" / "0_cp_masks.tif").unlink()
    again = [*command, "--skip-existing"]
    _, told, _ = results(again, folder, suffix, reader, capsys)
    assert [one["status"] for one in told] == [
        "done", "skipped", "skipped", "failed", "skipped",
    ]  # fmt: skip


def test_a_constant_image_among_others_is_named(folder, capsys):
    tifffile.imwrite(folder / "1b.tif", np.full((64, 64), 7, np.uint8))
    command, suffix, reader = GIVEN
    status, told, written = results(command, folder, suffix, reader, capsys)
    assert status == 1
    assert [one["status"] for one in told] == ["done", "done", "failed", "done", "failed", "done"]
    assert "constant" in told[2]["reason"]
    assert len(written) == 4
