"""A YAML file, with any key overridden by ``--dotted.key value``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-3 is a number, as in YAML 1.2; PyYAML follows 1.1, where it is a string."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(path: str | Path | None, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The content of a file, or nothing, with overrides such as ["--train.max_seconds", "90"], their values in YAML.

    Raises yaml.YAMLError for text that is no YAML, ValueError where the file holds something else than keys and
    values, and for an override that is not --key value or --key=value.
    """
    content = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader) if path is not None else {}
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}: expected keys and values, such as 'name: run', not {type(content).__name__}"
        )
    for key, value in _pairs(overrides):
        _set(content, key, yaml.load(value, _Loader))
    return content


def _pairs(overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    """--key value and --key=value as (key, value)."""
    rest = iter(overrides)
    for argument in rest:
        key, equals, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not key:
            raise ValueError(
                f"unexpected argument {argument!r}; write --key value, such as --train.max_seconds 90"
            )
        if not equals:
            found = next(rest, None)
            if found is None:
                raise ValueError(f"--{key} needs a value")
            value = found
        yield key, value


def _set(content: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key in nested dictionaries."""
    *above, last = key.split(".")
    for name in above:
        below = content.get(name)
        content[name] = below if isinstance(below, dict) else {}
        content = content[name]
    content[last] = value
