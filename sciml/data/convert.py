"""Converting files of other projects to The Well's schema."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import h5py
import torch
from torch import Tensor

from pdes.grid import CONVENTIONS, Axis, Grid

from .hdf5 import DataFileError
from .well import write_well

_AXES = ("x", "y", "z")


def convert(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    *,
    rename: Mapping[str, str] | None = None,
    grid: str | None = None,
    domain: tuple[float, float] = (0.0, 1.0),
    periodic: bool = False,
    walls: Mapping[str, float] | None = None,
    overwrite: bool = False,
) -> Path:
    """Convert a data file of the neuraloperator project to The Well's schema; return ``dst``.

    Such a file holds tensors by name ("x": inputs, "y": targets), each (N, *space) or (N, 1, *space) on one
    grid of one to three axes, saved by torch. It is recognised by its contents, whatever it is called, and
    loaded without running code from it. The file does not say where its points lie, so it must be said here.

    Parameters
    ----------
    rename
        New field names by old, such as {"x": "a", "y": "u"}.
    grid
        Where the points lie on each axis: "half-open" (i/n), "vertices" (i/(n-1)) or "centres" ((i+1/2)/n).
    domain
        Lower and upper end of every axis.
    periodic
        Whether the axes are periodic.
    walls
        Completes half-open points by the walls at the upper ends, which they lack, and so makes vertices of them: the values
        that fields have there by their new names, such as {"u": 0.0}. Other fields go on with the values beside the wall.

    Raises FileNotFoundError if there is no ``src``; ValueError if it is damaged or something else, if
    ``grid`` is not given, or if ``walls`` are given for other points or fields.
    """
    tensors = _renamed(Path(src), _load(Path(src)), rename or {})
    if grid is None:
        raise ValueError(
            f"{src}: does not say where its grid points lie; pass grid = one of {', '.join(CONVENTIONS)}"
        )
    if walls is not None:
        if grid != "half-open" or periodic:
            raise ValueError(
                f"{src}: only half-open points that are not periodic lack walls; leave walls out"
            )
        tensors, grid = _with_walls(Path(src), tensors, walls), "vertices"
    shape = next(iter(tensors.values())).shape[1:]
    axes = Grid(Axis(name, n, *domain, grid, periodic) for name, n in zip(_AXES, shape, strict=False))
    return write_well(dst, tensors, axes, name=Path(src).stem, overwrite=overwrite)


def _with_walls(src: Path, tensors: dict[str, Tensor], walls: Mapping[str, float]) -> dict[str, Tensor]:
    if unknown := set(walls) - set(tensors):
        raise ValueError(
            f"{src}: holds {', '.join(tensors)}; there is no {', '.join(sorted(unknown))} to have values on walls"
        )
    completed = {}
    for name, x in tensors.items():
        for dim, n in enumerate(x.shape[1:], start=1):
            x = x.index_select(dim, torch.arange(n + 1).clamp(max=n - 1))
            if name in walls:
                x.select(dim, n).fill_(walls[name])
        completed[name] = x
    return completed


def _renamed(src: Path, tensors: dict[str, Tensor], rename: Mapping[str, str]) -> dict[str, Tensor]:
    unknown = set(rename) - set(tensors)
    if unknown:
        raise ValueError(
            f"{src}: holds {', '.join(tensors)}, so {', '.join(sorted(unknown))} cannot be renamed"
        )
    renamed = {rename.get(key, key): value for key, value in tensors.items()}
    if len(renamed) < len(tensors):
        raise ValueError(
            f"{src}: renaming {dict(rename)} gives two of its fields ({', '.join(tensors)}) one name"
        )
    return renamed


def _load(src: Path) -> dict[str, Tensor]:
    """The tensors of a torch file by name, as (N, *space), all of one shape."""
    if not src.exists():
        raise FileNotFoundError(f"{src}: no such file")
    if h5py.is_hdf5(src):
        raise DataFileError(f"{src}: is an HDF5 file; only torch files of tensors (.pt) are converted")
    _check_archive(src)
    try:
        content = torch.load(src, map_location="cpu", weights_only=True)
    except (
        OSError,
        RuntimeError,
        LookupError,
        TypeError,
        AttributeError,
        ValueError,
        EOFError,
        UnpicklingError,
    ) as e:
        reason = str(e).strip().splitlines()[:1]
        raise DataFileError(
            f"{src}: is not a torch file that can be loaded safely ({' '.join(reason)})"
        ) from e
    if not isinstance(content, dict) or not content:
        raise DataFileError(f"{src}: holds a {type(content).__name__}; expected tensors by name")
    tensors = {str(key): _spatial(src, str(key), value) for key, value in content.items()}
    shapes = {key: tuple(value.shape) for key, value in tensors.items()}
    if len(set(shapes.values())) > 1:
        raise DataFileError(f"{src}: its fields must lie on one grid, but their shapes are {shapes}")
    return tensors


def _check_archive(src: Path) -> None:
    """Refuse what is not a torch archive, is damaged, or would unpack to more than it is."""
    try:
        with zipfile.ZipFile(src) as archive:
            members = archive.infolist()
            if not any(member.filename.endswith("data.pkl") for member in members):
                raise DataFileError(f"{src}: is a zip archive but not a torch file")
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise DataFileError(f"{src}: is compressed, which torch files are not")
            damaged = archive.testzip()
    except DataFileError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, ValueError, EOFError) as error:
        raise DataFileError(f"{src}: is not a torch file, or is truncated or damaged ({error})") from error
    if damaged is not None:
        raise DataFileError(f"{src}: {damaged}: checksum does not match, the file is damaged")


def _spatial(src: Path, key: str, value: object) -> Tensor:
    """``value`` as (N, *space), without a channel dimension."""
    if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_complex():
        kind = f"{value.dtype} {value.layout} tensor" if isinstance(value, Tensor) else type(value).__name__
        raise DataFileError(f"{src}: {key}: is a {kind}; expected a dense, real tensor")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise DataFileError(f"{src}: {key}: declares shape {tuple(value.shape)}, more than is stored")
    space = value.squeeze(1) if value.ndim > 2 and value.shape[1] == 1 else value
    if not 1 <= space.ndim - 1 <= len(_AXES):
        shape = tuple(value.shape)
        raise DataFileError(
            f"{src}: {key}: has shape {shape}; expected (N, *space) or (N, 1, *space) in 1 to 3 dimensions"
        )
    return space
