"""Equations of a user: no solver knows them."""

from dataclasses import dataclass

import torch

from pdes.pde import PDE


@dataclass(frozen=True)
class ReactionBurgers(PDE):
    nu: float = 0.1
    rate: float = 2.0
    coords, fields = ("x", "t"), ("u",)

    def residual(self, s, d):
        growth = self.rate * s.u * (1 - s.u)
        return {"balance": d(s.u, "t") + d(s.u**2 / 2, "x") - self.nu * d(s.u, "xx") - growth}


@dataclass(frozen=True)
class KortewegDeVries(PDE):
    coords, fields = ("x", "t"), ("u",)

    def residual(self, s, d):
        return {"kdv": d(s.u, "t") + 6 * s.u * d(s.u, "x") + d(s.u, "xxx")}


@dataclass(frozen=True)
class LongWave(PDE):
    """Linear Benjamin-Bona-Mahony: the time derivative has a symbol of its own."""

    coords, fields = ("t", "x"), ("u",)

    def residual(self, s, d):
        return {"wave": d(s.u, "t") - d(s.u, "xxt") + d(s.u, "x")}


@dataclass(frozen=True)
class Schroedinger(PDE):
    """Free particle p + i q, residuals in the other order than the fields and with a scaled time derivative."""

    coords, fields = ("x", "t"), ("p", "q")

    def residual(self, s, d):
        return {"imaginary": 2 * d(s.q, "t") - d(s.p, "xx"), "real": 2 * d(s.p, "t") + d(s.q, "xx")}


@dataclass(frozen=True)
class Conduction(PDE):
    coords, fields, inputs = ("x", "t"), ("u",), ("a",)

    def residual(self, s, d):
        return {"heat": d(s.u, "t") - d(s.a * d(s.u, "x"), "x")}


@dataclass(frozen=True)
class Forced(PDE):
    coords, fields = ("x", "t"), ("u",)

    def residual(self, s, d):
        return {"force": d(s.u, "t") - torch.cos(s.t) * torch.sin(s.x) + d(s.u, "x") - s.t * torch.cos(s.x)}


@dataclass(frozen=True)
class Flow(PDE):
    """Any single equation in (x, t), by a function of s and d."""

    law: object
    coords, fields = ("x", "t"), ("u",)

    def residual(self, s, d):
        return {"law": self.law(s, d)}


@dataclass(frozen=True)
class PrimitiveFlow(PDE):
    coords, fields = ("x", "y", "t"), ("u", "v", "p")

    def residual(self, s, d):
        return {
            "x": d(s.u, "t") + s.u * d(s.u, "x") + s.v * d(s.u, "y") + d(s.p, "x"),
            "y": d(s.v, "t") + s.u * d(s.v, "x") + s.v * d(s.v, "y") + d(s.p, "y"),
            "mass": d(s.u, "x") + d(s.v, "y"),
        }
