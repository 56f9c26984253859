"""Named problems from the literature, each with its reference and its source. A new one is a file and its line here."""

from pdes.benchmarks.burgers_shock import burgers_shock

__all__ = ["burgers_shock"]
