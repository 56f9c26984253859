"""Objects built from a name and options in a configuration."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

from sciml.config import Component


def public(module: ModuleType, accept: Callable[[Any], bool]) -> dict[str, Any]:
    """The public names of a package whose objects pass ``accept``; adding one to ``__all__`` is all that a new one takes."""
    return {name: value for name in module.__all__ if accept(value := getattr(module, name))}


def build(component: Component, candidates: Mapping[str, Callable[..., Any]], kind: str, **given: Any) -> Any:
    """The object that ``component`` names, built from its options and what the problem or the data fix.

    ``given`` arguments that the constructor does not take are left out.

    Raises ValueError for an unknown name or option, for an option that is not the user's to choose, and
    for a required option that is missing, naming what there is.
    """
    if component.name not in candidates:
        raise ValueError(f"unknown {kind} {component.name!r}{hint(component.name, candidates)}")
    constructor = candidates[component.name]
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(constructor).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }
    free = [name for name in parameters if name not in given]
    for name in component.options:
        if name in given and name in parameters:
            raise ValueError(
                f"{kind} {component.name}: option {name!r} follows from the problem or the data; leave it out"
            )
        if name not in parameters:
            raise ValueError(f"{kind} {component.name}: unknown option {name!r}{hint(name, free)}")
    missing = [
        n for n in free if parameters[n].default is inspect.Parameter.empty and n not in component.options
    ]
    if missing:
        raise ValueError(
            f"{kind} {component.name}: option {missing[0]!r} is missing; its options are {', '.join(free)}"
        )
    fixed = {name: value for name, value in given.items() if name in parameters}
    try:
        return constructor(**fixed, **component.options)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{kind} {component.name}: {error}") from error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'X'?" where a known name is close, else nothing."""
    by_lower = {option.lower(): option for option in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def hint(name: str, known: Iterable[str]) -> str:
    """What an error about an unknown name adds: the closest known one, and all there are."""
    names = list(known)
    meant, listing = did_you_mean(name, names), f"there are {', '.join(names)}"
    return f"{meant} ({listing})" if meant else f"; {listing}"
