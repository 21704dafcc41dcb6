"""Weight and size files from strangers: nothing in them runs, and nothing fills the memory."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from cellmend.errors import CellmendError
from cellmend.net.weights import read_weights
from cellmend.size import read_size_model


def safetensors(header: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header


ABSURD = {
    "a header of 2^60 bytes": safetensors(b"{}", 1 << 60),
    "a tensor of 2^50 numbers": safetensors(
        json.dumps(
            {"a": {"dtype": "F32", "shape": [1 << 50], "data_offsets": [0, 1 << 52]}}
        ).encode()
    ),
    "offsets behind the end": safetensors(
        json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    ),
    "no JSON": safetensors(b"\xff" * 64),
}


@pytest.mark.parametrize("name", ABSURD)
@pytest.mark.parametrize("reader", [read_weights, read_size_model])
def test_absurd_safetensors_are_refused(tmp_path: Path, name, reader):
    path = tmp_path / "model.safetensors"
    path.write_bytes(ABSURD[name])
    with pytest.raises(CellmendError, match=r"model\.safetensors"):
        reader(path)


@pytest.mark.parametrize("content", [b"root:x:0:0:root:/root:/bin/bash\n", b"\x80\x02", b"("])
def test_what_is_no_weight_file_is_refused(tmp_path: Path, content):
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(CellmendError, match=r"model\.pth"):
        read_weights(path)


def test_tensors_without_names_are_refused(tmp_path: Path):
    torch.save({5: torch.zeros(2)}, tmp_path / "model.pth")
    with pytest.raises(CellmendError, match="named tensors"):
        read_weights(tmp_path / "model.pth")


class Hostile:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return exec, (f"open({str(self.trace)!r}, 'w').close()",)


def test_a_hostile_size_file_is_refused_and_not_run(tmp_path):
    trace, path = tmp_path / "ran", tmp_path / "size.npy"
    content = {"A": Hostile(trace), "smean": np.zeros(256), "diam_mean": 30.0, "ymean": 0.0}
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    with pytest.raises(CellmendError, match=r"size\.npy"):
        read_size_model(path)
    assert not trace.exists()
