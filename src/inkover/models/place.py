"""Where a network runs and in which numbers: names become a torch device and dtype, or a reason why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inkover.errors import InkoverError, nearest

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("float32", "bfloat16", "float16")


def place(device: str, dtype: str) -> tuple[torch.device, torch.dtype]:
    """Turn names into a device and the U-Net's dtype; ``auto`` is the best device that is there."""
    kind = device.partition(":")[0]
    if kind not in DEVICES:
        raise InkoverError(f"unknown device {device!r}: {nearest(device, DEVICES)}")
    if dtype not in DTYPES:
        raise InkoverError(f"unknown dtype {dtype!r}: {nearest(dtype, DTYPES)}")
    found = best() if kind == "auto" else device
    _check_present(found)
    check_half(found, dtype)
    import torch

    return torch.device(found), {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[dtype]


def check_half(device: str, dtype: str) -> None:
    """Raise an InkoverError for float16 on a CPU, where it is slow and overflows."""
    if device == "cpu" and dtype == "float16":
        raise InkoverError("float16 on a CPU is slow and overflows: use dtype float32, or bfloat16 for half the memory")


def best() -> str:
    """Return the fastest device that is there."""
    return next(device for device in ("cuda", "mps", "cpu") if is_present(device))


def is_present(device: str) -> bool:
    """Tell whether this machine has that device."""
    import torch

    kind, _, index = device.partition(":")
    if kind == "cuda":
        return torch.cuda.is_available() and (not index or index.isdigit() and int(index) < torch.cuda.device_count())
    return kind == "cpu" or torch.backends.mps.is_available()


def _check_present(device: str) -> None:
    if not is_present(device):
        there = ", ".join(kind for kind in DEVICES[1:] if is_present(kind))
        raise InkoverError(f"device {device!r} is not there on this machine: use one of {there}, or auto")
