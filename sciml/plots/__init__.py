"""Figures: fields, training history, super-resolution, spectra. They need no display."""

from sciml.plots.balancing import has_balancing as has_balancing
from sciml.plots.balancing import plot_balancing as plot_balancing
from sciml.plots.energy_beyond import plot_energy_beyond as plot_energy_beyond
from sciml.plots.fields import plot_comparison as plot_comparison
from sciml.plots.files import save as save
from sciml.plots.history import plot_history as plot_history
from sciml.plots.matrix import plot_matrix as plot_matrix
from sciml.plots.matrix import plot_protocols as plot_protocols
from sciml.plots.residuals import plot_residuals as plot_residuals
from sciml.plots.rollout import plot_rollout as plot_rollout
from sciml.plots.spacetime import plot_spacetime as plot_spacetime
from sciml.plots.spectrum import plot_spectrum as plot_spectrum
from sciml.plots.superresolution import plot_superresolution as plot_superresolution
from sciml.plots.work_precision import plot_work_precision as plot_work_precision
