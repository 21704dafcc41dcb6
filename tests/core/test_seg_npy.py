"""`_seg.npy` files: every variant is read, nothing in them is run, Cellpose opens ours."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cellmend.errors import FileFormatError
from cellmend.io import safe_pickle, seg_npy
from cellmend.io.labels import read_labels
from cellmend.io.seg_npy import SegFile

GOLDEN = Path(__file__).parents[1] / "golden"
CELLS = np.zeros((24, 32), np.uint16)
CELLS[2:9, 3:11] = 1
CELLS[12:20, 5:15] = 2
CELLS[4:18, 20:30] = 3


def save_object(path: Path, content: object) -> Path:
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    return path


def npy_of(pickled: bytes) -> bytes:
    """Return an NPY file around a pickle of our making."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    return file.getvalue() + pickled


SMALL = CELLS[::2, ::2]
WITH_DRAWN = SMALL.copy()
WITH_DRAWN[1:4, 8:14] = np.where(SMALL[1:4, 8:14] == 0, 4, SMALL[1:4, 8:14])
MADE_BY_CELLPOSE = {
    "api_2d": SMALL,
    "api_3d": np.stack([SMALL] * 3),
    "uint32": np.where(SMALL == 3, np.uint32(70_000), SMALL),
    "gui_2d": WITH_DRAWN,
    "gui_2d_unrun": WITH_DRAWN,
    "gui_3d": np.stack([SMALL] * 3),
    "upsampled": SMALL.repeat(2, 0).repeat(2, 1),
}


def golden(name: str) -> seg_npy.SegFile:
    return seg_npy.read(GOLDEN / f"seg_npy_{name}_seg.npy")


@pytest.mark.parametrize("name", MADE_BY_CELLPOSE)
def test_files_made_by_cellpose_are_read(name):
    seg = golden(name)
    np.testing.assert_array_equal(seg.masks, MADE_BY_CELLPOSE[name])
    assert seg.masks.dtype == np.uint32
    assert seg.filename == f"seg_npy_{name}.tif"
    from_interface = name.startswith("api") or name == "uint32"
    assert seg.diameter == pytest.approx(9.5 if from_interface else 30)
    assert seg.chan_choose == ((2, 1) if name in ("api_2d", "uint32") else (0, 0))
    output = seg.network_output()
    assert (output is not None) == (from_interface or name == "upsampled")
    if output is not None:
        assert output[0].shape == (seg.masks.ndim, *seg.masks.shape)
        assert output[1].shape == seg.masks.shape


def test_what_only_the_window_stores_is_read():
    drawn = golden("gui_2d")
    assert drawn.manual_changes[0][1] == "added mask"
    assert drawn.ismanual.tolist() == [False, False, False, True]
    assert drawn.colors.shape == (4, 3)
    assert drawn.colors[-1].tolist() == [10, 20, 30]
    assert drawn.normalize_params["percentile"] == [1.0, 99.0]
    volume = golden("gui_3d")
    assert volume.zdraw == [-1, -1, -1]
    assert volume.current_channel == 3
    upsampled = golden("upsampled")
    assert upsampled.restore == "upsample_cyto3"
    assert upsampled.ratio == 2.0
    assert upsampled.img_restore.shape == (1, 24, 32, 1)


@pytest.mark.parametrize("name", ["from_minus_1", "listed"])
def test_older_files_are_read_as_cellpose_shows_them(name):
    shown = np.load(GOLDEN / f"seg_npy_{name}_shown.npy")
    seg = golden(name)
    assert seg.diameter == 12.5
    np.testing.assert_array_equal(seg.masks > 0, shown > 0)
    pairs = np.unique(np.stack([seg.masks.ravel(), shown.ravel()]), axis=1)
    assert pairs.shape[1] == 4  # background and three cells, however numbered


def test_old_files(tmp_path):
    old = {"masks": CELLS.astype(np.int32) - 1, "outlines": CELLS * 0, "est_diam": 12.5}
    seg = seg_npy.read(save_object(tmp_path / "a_seg.npy", old))
    np.testing.assert_array_equal(seg.masks, CELLS)
    assert seg.diameter == 12.5
    assert seg.flows == [[], [], [], [], [[]]]

    square = np.array([[2, 3], [2, 10], [8, 10], [8, 3]])
    listed = {"masks": CELLS * 0, "outlines": [square, square + 10], "chan_choose": [2, 1]}
    seg = seg_npy.read(save_object(tmp_path / "b_seg.npy", listed))
    assert (seg.masks[2:9, 3:11] == 1).all()
    assert (seg.masks[12:19, 13:21] == 2).all()
    assert seg.chan_choose == (2, 1)

    zyx = np.column_stack([np.zeros(4, int), square])
    listed["outlines"] = [zyx]
    seg = seg_npy.read(save_object(tmp_path / "c_seg.npy", listed))
    np.testing.assert_array_equal(seg.masks, CELLS == 1)


def test_values_may_be_arrays_or_missing(tmp_path):
    masks = np.eye(9, dtype=np.uint16)
    content = {
        "masks": masks,
        "filename": np.array(["a.tif"]),
        "chan_choose": np.array([2, 1]),
        "manual_changes": np.zeros(0, dtype=object),
        "flows": None,
        "diameter": [],
    }
    seg = seg_npy.read(save_object(tmp_path / "a_seg.npy", content))
    assert seg.chan_choose == (2, 1)
    assert seg.manual_changes == []
    assert seg.diameter is None
    np.testing.assert_array_equal(seg.masks, masks)
    seg_npy.write(tmp_path / "b_seg.npy", seg)
    assert seg_npy.read(tmp_path / "b_seg.npy").chan_choose == (2, 1)


@pytest.mark.parametrize("masks", [np.eye(9, dtype=np.uint64) << 33, np.zeros((0, 0), np.uint16)])
def test_masks_that_cannot_be_are_refused(tmp_path, masks):
    path = save_object(tmp_path / "a_seg.npy", {"masks": masks})
    with pytest.raises(FileFormatError, match="masks"):
        seg_npy.read(path)


def test_round_trip_keeps_everything(tmp_path):
    seg = SegFile(
        masks=CELLS.astype(np.uint32) * 30_000,
        filename="folder/naïve 名前.tif",
        colors=np.arange(9, dtype=np.uint8).reshape(3, 3),
        chan_choose=(2, 3),
        ismanual=np.array([True, False, True]),
        manual_changes=[["2024-01-01", "added mask", [3]]],
        flows=[np.zeros((1, 24, 32, 3), np.uint8), np.ones((1, 24, 32), np.uint8)],
        diameter=17.25,
        model_path="generalist",
        flow_threshold=0.4,
        cellprob_threshold=-1.0,
        normalize_params={"percentile": [1.0, 99.0], "invert": False},
        restore="denoise",
        ratio=1.0,
        img_restore=np.ones((1, 24, 32, 1), np.float32),
        extra={"cellmend": {"seed": 3}},
    )
    seg_npy.write(tmp_path / "a_seg.npy", seg)
    again = seg_npy.read(tmp_path / "a_seg.npy")
    for name, value in vars(seg).items():
        np.testing.assert_equal(getattr(again, name), value, err_msg=name)
    np.testing.assert_array_equal(read_labels(tmp_path / "a_seg.npy"), seg.masks)


def test_what_cellpose_expects_is_written(tmp_path):
    seg_npy.write(tmp_path / "a_seg.npy", SegFile(masks=CELLS.astype(np.uint32), filename="a.tif"))
    stored = np.load(tmp_path / "a_seg.npy", allow_pickle=True).item()
    assert stored["masks"].dtype == stored["outlines"].dtype == np.uint16
    np.testing.assert_array_equal(np.unique(stored["outlines"]), [0, 1, 2, 3])
    assert stored["outlines"][5, 6] == 0
    assert stored["ismanual"].dtype == bool
    assert stored["ismanual"].shape == (3,)
    assert stored["chan_choose"] == [0, 0]
    assert stored["flows"] == [[], [], [], [], [[]]]
    assert stored["manual_changes"] == []
    assert "img_restore" not in stored
    many = CELLS.astype(np.uint32) + 70_000 * (CELLS > 0)
    seg_npy.write(tmp_path / "b_seg.npy", SegFile(masks=many))
    assert np.load(tmp_path / "b_seg.npy", allow_pickle=True).item()["masks"].dtype == np.uint32


@settings(max_examples=30, deadline=None)
@given(npst.arrays(np.uint32, npst.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_labels_survive(tmp_path_factory, masks):
    path = tmp_path_factory.mktemp("seg") / "a_seg.npy"
    seg_npy.write(path, SegFile(masks=masks))
    np.testing.assert_array_equal(seg_npy.read(path).masks, masks)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | npst.arrays(
        st.sampled_from(["u1", ">u2", "<i8", "f4", "?", "<U3", "S2"]),
        npst.array_shapes(min_dims=0, max_side=3),
        fill=st.nothing(),
        elements=None,
    ).filter(lambda a: a.dtype.kind != "f" or not np.isnan(a).any())
    | st.builds(np.float32, st.floats(width=32, allow_nan=False)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(values, st.integers(2, 5))
def test_safe_pickles_come_through(value, protocol):
    np.testing.assert_equal(safe_pickle.loads(pickle.dumps(value, protocol=protocol)), value)


def test_names_of_numpy_1_are_known():
    pickled = pickle.dumps(CELLS, protocol=2).replace(b"numpy._core", b"numpy.core")
    np.testing.assert_array_equal(safe_pickle.loads(pickled), CELLS)
    fortran = pickle.dumps(np.asfortranarray(CELLS), protocol=4)
    np.testing.assert_array_equal(safe_pickle.loads(fortran), CELLS)
    assert safe_pickle.loads(pickle.dumps(Path("a") / "b")) == "a/b"


class Hostile:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_a_hostile_file_is_refused_and_not_run(tmp_path):
    trace = tmp_path / "ran"
    attacks = [
        Hostile(exec, f"open({str(trace)!r}, 'w').close()"),
        Hostile(eval, f"open({str(trace)!r}, 'w')"),
        Hostile(open, str(trace), "w"),
        Hostile(getattr, "text", "format"),
        Hostile(np.load, "x.npy"),
        Hostile(bytearray, 10**15),
    ]
    for number, attack in enumerate(attacks):
        path = save_object(tmp_path / f"{number}_seg.npy", {"masks": CELLS, "filename": attack})
        with pytest.raises(FileFormatError, match=r"not a safe _seg\.npy"):
            seg_npy.read(path)
        with pytest.raises(FileFormatError):
            read_labels(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "pickled",
    [
        pytest.param(b"cnumpy\nndarray\n.", id="a bare name"),
        pytest.param(b"cnumpy\nndarray\n}Vx\nK\x01sb.", id="altering the reader"),
        pytest.param(b"cnumpy\nndarray\n(N}Vreal\nK\x01stb.", id="altering an attribute"),
        pytest.param(b"K\x01r\xff\xff\xff\x7f.", id="huge memo index"),
        pytest.param(b"cnumpy\ndtype\n(VO8\nI00\nI01\ntR(I3\nV|\nNNNI-1\nI-1\nI0\ntb.", id="dtype"),
        pytest.param(b"cnumpy\ndtype\n(VV8,i4\nI00\nI01\ntR.", id="structured"),
        pytest.param(b"\x80\x04]\x94h\x00a.", id="a list in itself"),
        pytest.param(b"", id="empty"),
        pytest.param(b"no pickle", id="text"),
    ],
)
def test_forged_pickles_are_refused(tmp_path, pickled):
    path = tmp_path / "a_seg.npy"
    path.write_bytes(npy_of(pickled))
    with pytest.raises(FileFormatError):
        seg_npy.read(path)


def doubled(container: bytes, times: int) -> bytes:
    """Return a pickle of a few bytes that holds its first value 2**times times."""
    steps = b"".join(
        b"h" + bytes([i]) + b"h" + bytes([i]) + container + b"q" + bytes([i + 1])
        for i in range(times)
    )
    return b"\x80\x02)q\x00" + steps


@pytest.mark.parametrize(
    "pickled",
    [
        pytest.param(doubled(b"\x86", 60) + b".", id="shared tuples"),
        pytest.param(doubled(b"\x86", 60) + b"}h\x3cK\x01s.", id="shared tuples as a key"),
        pytest.param(
            doubled(b"\x86", 60) + b"cbuiltins\nset\n]h\x3ca\x85R.", id="shared tuples in a set"
        ),
        pytest.param(
            pickle.dumps(np.zeros(1 << 16, np.uint8), 2)[:-1]
            + b"q\xc80]("
            + b"h\xc8" * 999
            + b"e.",
            id="one array many times",
        ),
        pytest.param(b"\x80\x05\x96" + (1 << 33).to_bytes(8, "little") + b".", id="8 GiB of bytes"),
        pytest.param(b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b".", id="1 TiB of bytes"),
        pytest.param(b"\x80\x02" + b"(" * 50_000 + b"t" * 50_000 + b".", id="deep"),
    ],
)
def test_small_pickles_that_unfold_are_refused(tmp_path, pickled):
    path = tmp_path / "a_seg.npy"
    path.write_bytes(npy_of(pickled))
    with pytest.raises(FileFormatError):
        seg_npy.read(path)


def test_what_is_shared_stays_shared():
    shared = np.arange(6).reshape(2, 3)
    first, second = safe_pickle.loads(pickle.dumps([shared, shared]))
    assert first is second
    np.testing.assert_array_equal(first, shared)


def test_arrays_that_lie_about_their_size_are_refused():
    honest = pickle.dumps(np.zeros(4, np.uint8), protocol=2)
    assert b"K\x04\x85" in honest
    with pytest.raises(pickle.UnpicklingError, match="incomplete"):
        safe_pickle.loads(honest.replace(b"K\x04\x85", b"K\x09\x85"))


@pytest.mark.parametrize(
    "content",
    [
        {"outlines": CELLS},
        {"masks": "text"},
        {"masks": CELLS.astype(np.float32) + 0.5},
        {"masks": CELLS.astype(np.int32) - 5},
        [1, 2],
        "text",
    ],
)
def test_other_content_is_refused(tmp_path, content):
    with pytest.raises(FileFormatError, match=r"a_seg\.npy"):
        seg_npy.read(save_object(tmp_path / "a_seg.npy", content))


def test_other_files_are_refused(tmp_path):
    np.save(tmp_path / "a_seg.npy", CELLS)
    with pytest.raises(FileFormatError, match=r"not a _seg\.npy"):
        seg_npy.read(tmp_path / "a_seg.npy")
    whole = save_object(tmp_path / "b_seg.npy", {"masks": CELLS}).read_bytes()
    (tmp_path / "b_seg.npy").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError):
        seg_npy.read(tmp_path / "b_seg.npy")
    (tmp_path / "c_seg.npy").write_bytes(b"")
    with pytest.raises(FileFormatError, match="empty"):
        seg_npy.read(tmp_path / "c_seg.npy")
