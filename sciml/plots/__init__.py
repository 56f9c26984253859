"""Figures: fields, training history, super-resolution, spectra. They need no display."""

from sciml.plots.balancing import has_balancing as has_balancing
from sciml.plots.balancing import plot_balancing as plot_balancing
from sciml.plots.fields import plot_comparison as plot_comparison
from sciml.plots.files import save as save
from sciml.plots.history import plot_history as plot_history
from sciml.plots.rollout import plot_rollout as plot_rollout
from sciml.plots.spacetime import plot_spacetime as plot_spacetime
from sciml.plots.spectrum import plot_spectrum as plot_spectrum
from sciml.plots.superresolution import plot_superresolution as plot_superresolution
