"""check_pde catches the mistakes it is there for."""

from dataclasses import dataclass

import pytest
import torch

from pdes import PDE, Heat, check_pde


@dataclass(frozen=True)
class ReactiveBurgers(PDE):
    """A reaction term beside the README's equation: u_t + u u_x = nu u_xx + r u (1 - u)."""

    nu: float = 0.1
    r: float = 1.0
    coords, fields = ("x", "t"), ("u",)

    def residual(self, s, d):
        return {
            "momentum": d(s.u, "t") + s.u * d(s.u, "x") - self.nu * d(s.u, "xx") - self.r * s.u * (1 - s.u)
        }


class DetachedTerm(ReactiveBurgers):
    """Cuts the graph, so that automatic differentiation misses a term."""

    def residual(self, s, d):
        return {"momentum": d(s.u, "t") + d(s.u.detach() * s.u, "x")}


class OneTermTooMany(ReactiveBurgers):
    def residual(self, s, d):
        return {"momentum": super().residual(s, d)["momentum"] + 1e-6}


def test_a_new_equation_passes():
    figures = check_pde(
        ReactiveBurgers(), solution=lambda z: torch.ones(len(z), 1, dtype=z.dtype) + 0 * z[:, :1]
    )
    assert figures["spectral"] < 1e-6


def test_a_cut_graph_is_found():
    with pytest.raises(AssertionError, match="DetachedTerm: the spectral residual differs"):
        check_pde(DetachedTerm())


def test_a_wrong_solution_is_found():
    with pytest.raises(AssertionError, match="Heat: the residual of the given solution"):
        check_pde(Heat(), solution=lambda z: z[:, :1] ** 2)


def test_a_small_spurious_term_is_found():
    with pytest.raises(AssertionError, match="OneTermTooMany: the residual of the given solution is 1"):
        check_pde(OneTermTooMany(), solution=lambda z: torch.ones(len(z), 1, dtype=z.dtype) + 0 * z[:, :1])


def test_residual_of_a_wrong_shape_is_named():
    class Summed(ReactiveBurgers):
        def residual(self, s, d):
            return {"momentum": d(s.u, "t").sum()}

    with pytest.raises(ValueError, match=r"Summed: residual 'momentum' has shape \(\)"):
        check_pde(Summed())


def test_a_misspelt_field_is_named():
    class Misspelt(ReactiveBurgers):
        def residual(self, s, d):
            return {"momentum": d(s.v, "t")}

    with pytest.raises(AttributeError, match="asks for 'v'; the state holds x, t, u"):
        check_pde(Misspelt())
