"""What stays in full precision where torch.autocast runs the rest of a model in half precision."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

R = TypeVar("R")


def full_precision(function: Callable[..., R]) -> Callable[..., R]:
    """A function or method of tensors that autocast leaves alone: half-precision tensors among its arguments come as float32.

    For Fourier transforms, which know no bfloat16, and float16 for powers of two only; and since the rounding of large
    coefficients would drown small ones.
    """

    @functools.wraps(function)
    def protected(*arguments: Any, **named: Any) -> R:
        device = next(a.device.type for a in arguments if isinstance(a, Tensor))
        if not torch.is_autocast_enabled(device):
            return function(*arguments, **named)
        with torch.autocast(device, enabled=False):
            return function(*map(_raised, arguments), **named)

    return protected


def _raised(argument: Any) -> Any:
    half = isinstance(argument, Tensor) and argument.dtype in (torch.bfloat16, torch.float16)
    return argument.float() if half else argument
