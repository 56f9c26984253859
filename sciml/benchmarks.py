"""The configurations that solve the named problems of `pdes.benchmarks`."""

from __future__ import annotations

from pathlib import Path

from sciml.components import hint

_FOLDER = Path(__file__).parent / "benchmark_configs"


def benchmark_names() -> list[str]:
    """The problems that have a configuration."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def benchmark_config(name: str) -> Path:
    """The file with the configuration of a named problem, for `sciml.load_config`.

    Raises ValueError for an unknown name.
    """
    names = benchmark_names()
    if name not in names:
        raise ValueError(f"unknown benchmark {name!r}{hint(name, names)}")
    return _FOLDER / f"{name}.yaml"
