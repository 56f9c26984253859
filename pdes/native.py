"""Small C++ kernels, compiled when they are first needed and kept for later runs."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor

_LOG = logging.getLogger(__name__)
_FLAGS = ("-O3", "-march=native", "-fopenmp-simd", "-std=c++17", "-shared", "-fPIC")

_LARGEST_KEPT = 2**27
"""Bytes of a block that stays with the process when it is freed."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""What mallopt calls them."""

C_TYPES = {torch.float32: "float", torch.float64: "double"}
"""The types of numbers that kernels are made for."""


def compiler() -> str | None:
    """The C++ compiler: the environment's CXX or the first found; None where there is none, or SCIML_NATIVE is 0."""
    if os.environ.get("SCIML_NATIVE") == "0":
        return None
    names = [os.environ["CXX"]] if "CXX" in os.environ else ["c++", "g++", "clang++"]
    return next((path for name in names if (path := shutil.which(name))), None)


@cache
def load(source: str) -> ctypes.CDLL | None:
    """The library of a C++ source; None, and a warning, where it cannot be compiled.

    It is compiled for this machine's processor, and linked to the threads of torch where torch brings their library along.
    """
    command = _command()
    if command is None:
        return None
    key = hashlib.sha256("\n".join([source, *command, _processor()]).encode()).hexdigest()[:32]
    try:
        cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        library = cache_home / "sciml" / f"{key}.so"
        if not library.is_file():
            _compile(source, command, library)
        _keep_freed_memory()
        return ctypes.CDLL(str(library))
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        detail = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else error
        _LOG.warning("a C++ kernel cannot be used, torch takes its place, slower: %s", detail)
        return None


@cache
def _keep_freed_memory() -> None:
    """Have glibc keep freed blocks of up to 128 MiB for the next step, rather than give them back to the system.

    A step's buffers are otherwise mapped anew, page by page, each time: measured, 10,000 page faults and a third of the
    time of a PINN with 10,000 points and 5 x 50 neurons. glibc adapts by itself up to 32 MiB only, and not always.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    # older versions take no larger blocks than 32 MiB
    mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT) or mallopt(_MMAP_THRESHOLD, 2**25)
    mallopt(_TRIM_THRESHOLD, 2 * _LARGEST_KEPT)


def watched() -> bool:
    """Whether the operations of torch are watched or recorded, so that what is done must be seen in them."""
    return bool(torch._C._len_torch_dispatch_stack())


def readable(tensor: Tensor) -> bool:
    """Whether kernels can read this tensor: numbers on the CPU, none that torch.func has put in their place, none that
    autocast means to round, and none whose operations are watched."""
    if torch.is_autocast_enabled("cpu") or watched():
        return False
    plain = type(tensor) in (Tensor, torch.nn.Parameter) and tensor.device.type == "cpu"
    return plain and tensor.dtype in C_TYPES and not torch._C._are_functorch_transforms_active()


def load_kernel(code: str, dtype: torch.dtype, *headers: str, vector_bytes: int = 32) -> ctypes.CDLL | None:
    """The library of C++ code that builds on ``headers`` of this package, for numbers of ``dtype``; None as by `load`."""
    shared = [files("pdes").joinpath(name).read_text(encoding="utf-8") for name in headers]
    types = f"using T = {C_TYPES[dtype]};\n#define VECTOR_BYTES {vector_bytes}"
    return load("\n".join([types, *shared, code]))


@cache
def _command() -> tuple[str, ...] | None:
    found = compiler()
    if found is None:
        _LOG.warning(
            "no C++ compiler found: torch's own operations take the place of our kernels, which is slower"
        )
        return None
    threads = next((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"), None)
    return found, *_FLAGS, *(("-fopenmp", str(threads)) if threads else ())


def _processor() -> str:
    """What the compiled code depends on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())


def _compile(source: str, command: tuple[str, ...], library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        path, made = Path(folder) / "kernel.cpp", Path(folder) / "kernel.so"
        path.write_text(source, encoding="utf-8")
        compiled, *options = command
        subprocess.run(
            [compiled, str(path), *options, "-o", str(made)], check=True, capture_output=True, text=True
        )
        # in one go, so that no other process ever sees half a library
        made.replace(library)
