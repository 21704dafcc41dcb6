"""The compute device: which there are, and when reduced precision pays."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from cellmend.errors import DeviceError, MemoryLimitError

if TYPE_CHECKING:
    import torch


def pick_device(name: str = "auto") -> torch.device:
    """Return the device called `name`: ``auto``, ``cpu``, ``cuda[:N]`` or ``mps``.

    Raises
    ------
    DeviceError
        If there is no such device.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(
            f"{name!r} is not a device.", hint="Use auto, cpu, cuda, cuda:0 or mps."
        ) from error
    available = {
        "cpu": True,
        "cuda": (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available.get(device.type, False):
        raise DeviceError(
            f"This machine has no device {name!r}.", hint="Choose auto or cpu instead."
        )
    return device


def list_devices() -> dict[str, str]:
    """Return what `pick_device` takes by name on this machine, and what each is called.

    The CPU is always the first; with a graphics card of its own each, ``cuda:0`` and so on,
    and ``mps`` follow.
    """
    import torch

    found = {"cpu": "CPU"}
    for number in range(torch.cuda.device_count()):
        found[f"cuda:{number}"] = torch.cuda.get_device_name(number)
    if torch.backends.mps.is_available():
        found["mps"] = "Apple graphics"
    return found


def has_fast_bfloat16(device: torch.device) -> bool:
    """Tell whether bfloat16 is computed in hardware.

    Where it is not, it is emulated: a training step on a CPU with AVX2 alone took
    about eight times as long as in float32.
    """
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """Return a context that computes in bfloat16 where that is fast, else in float32."""
    import torch

    return torch.autocast(device.type, torch.bfloat16, enabled=has_fast_bfloat16(device))


def restore_torch_threads() -> None:
    """Have torch compute with the process's number of threads in this thread again.

    OpenMP keeps that number for every thread that calls it, and the first of numba's
    parallel kernels sets it to its own in the thread it is called from. With other threads
    torch adds up in another order. A new thread has the process's number.
    """
    import torch

    with ThreadPoolExecutor(1) as pool:
        torch.set_num_threads(pool.submit(torch.get_num_threads).result())


def free_memory(device: torch.device) -> int | None:
    """Return the bytes that can still be taken on a device; None where that is not told."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            available = next(line for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return None
    return 1024 * int(available.split()[1])


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn out-of-memory failures, torch's and numpy's, into `MemoryLimitError`.

    Raises
    ------
    MemoryLimitError
        In place of them; other errors pass.
    """
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory() from error
    except RuntimeError as error:
        if "can't allocate memory" in str(error):
            raise _out_of_memory() from error
        raise


def _out_of_memory() -> MemoryLimitError:
    return MemoryLimitError(
        "There is not enough memory for this batch of tiles.",
        hint="Use a smaller batch size, smaller tiles, or the CPU.",
    )
