"""Optimisers by their names in a configuration."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

import sciml.optim
from sciml.components import build, did_you_mean
from sciml.config import Component

_FUSED = ("Adam", "AdamW", "SGD")
"""Those with a kernel that updates a parameter in one pass; it takes real parameters on these devices."""
_FUSED_DEVICES = ("cpu", "cuda")

_NOT_FOR_MODELS = ("Muon", "SparseAdam")
"""Those of torch.optim that take matrices only, or sparse gradients only."""

Constructor = Callable[..., torch.optim.Optimizer]


@cache
def known_optimizers() -> dict[str, Constructor]:
    """The second-order optimisers of `sciml.optim` and those of torch.optim; of two with one name, the former's."""
    ours = {name: getattr(sciml.optim, name) for name in sciml.optim.__all__}
    torchs = {name: value for name, value in vars(torch.optim).items() if name not in _NOT_FOR_MODELS}
    return {name: value for name, value in {**torchs, **ours}.items() if _is_optimizer(value)}


@cache
def more_optimizers() -> dict[str, Constructor]:
    """Those of the package pytorch-optimizer under names of their own; none where it is not installed.

    `require_usable` says which of them a run can use.
    """
    try:
        package = import_module("pytorch_optimizer")
    except ImportError:
        return {}
    taken = {name.lower() for name in known_optimizers()}
    found = {name: cls for name, cls in vars(package).items() if _is_optimizer(cls)}
    return {name: _grouped(cls) for name, cls in found.items() if name.lower() not in taken}


def make_optimizer(
    name: str, parameters: Sequence[Tensor], options: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """The optimiser that a configuration names: of `sciml.optim`, of torch.optim or of the package pytorch-optimizer.

    Adam, AdamW and SGD use their fused kernels where the parameters allow it and ``options`` do not say otherwise.

    Raises ValueError for an unknown name, saying which was meant, for an option that the optimiser does not take, and
    for an optimiser that `require_usable` refuses.
    """
    candidates = known_optimizers()
    if name not in candidates:
        candidates = candidates | more_optimizers()
        if name not in candidates:
            missing = (
                "" if more_optimizers() else "; for SOAP, Muon and others: pip install pytorch-optimizer"
            )
            raise ValueError(
                f"unknown optimizer {name!r}{did_you_mean(name, candidates)} (sciml list optimizers shows all{missing})"
            )
        require_usable(name, candidates[name], parameters[0].dtype)
    fused = {"fused": True} if name in _FUSED and "foreach" not in options and _may_fuse(parameters) else {}
    return build(Component(name, {**fused, **options}), candidates, "optimizer", params=parameters)


def require_usable(name: str, constructor: Constructor, dtype: torch.dtype = torch.float32) -> None:
    """Raises ValueError for an optimiser that needs more than parameters and gradients, or whose state cannot be saved.

    Two steps on small parameters of ``dtype`` tell.
    """
    if hasattr(constructor, "eval"):
        raise ValueError(
            f"optimizer {name} trains at other parameters than it evaluates, which is not supported"
        )
    shapes = ((4, 2), (4,), (1, 4), (1,))
    parameters = [nn.Parameter(torch.ones(shape, dtype=dtype)) for shape in shapes]
    try:
        optimizer = constructor(params=parameters)
        for _ in range(2):
            for p in parameters:
                p.grad = torch.ones_like(p) + p.detach()
            optimizer.step()
        file = io.BytesIO()
        torch.save(optimizer.state_dict(), file)
        file.seek(0)
        torch.load(file, weights_only=True)
    except Exception as error:
        reason = str(error).split("\n")[0]
        raise ValueError(
            f"optimizer {name} cannot take a step from gradients alone and resume: {type(error).__name__}: {reason}"
        ) from error


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """``optimizer.load_state_dict``, but with every tensor in the dtype that it was saved in.

    By itself that method makes numbers of the state, kept in another dtype than the parameters, ones of theirs.
    """
    optimizer.load_state_dict(dict(state))
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, parameter in enumerate(parameters):
        if index in state["state"]:
            optimizer.state[parameter] = _as_saved(optimizer.state[parameter], state["state"][index])


def _as_saved(loaded: Any, saved: Any) -> Any:
    if isinstance(saved, Tensor):
        return loaded if loaded.dtype == saved.dtype else saved.to(loaded.device)
    if isinstance(saved, dict):
        return {key: _as_saved(loaded[key], value) for key, value in saved.items()}
    if isinstance(saved, list | tuple):
        return type(saved)(_as_saved(a, b) for a, b in zip(loaded, saved, strict=True))
    return loaded


def _may_fuse(parameters: Sequence[Tensor]) -> bool:
    return all(p.is_floating_point() and p.device.type in _FUSED_DEVICES for p in parameters)


def _is_optimizer(value: Any) -> bool:
    """Whether it can be built: neither a base class nor something else."""
    return (
        inspect.isclass(value)
        and issubclass(value, torch.optim.Optimizer)
        and value is not torch.optim.Optimizer
        and not inspect.isabstract(value)
    )


def _grouped(cls: Constructor) -> Constructor:
    """``cls`` itself; where it trains matrices by a rule of its own and the rest by AdamW, told which are which."""
    if "adamw_lr" not in inspect.signature(cls).parameters:
        return cls

    @wraps(cls)
    def construct(params: Sequence[Tensor], **options: Any) -> torch.optim.Optimizer:
        groups = [
            {"params": [p for p in params if (p.dim() == 2) == matrices], "use_muon": matrices}
            for matrices in (True, False)
        ]
        return cls(groups, **options)

    return construct
