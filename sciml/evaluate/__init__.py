"""How well a model does: metrics, interpolation, super-resolution, spectra and reports."""

from sciml.evaluate.interpolate import check_same_domain as check_same_domain
from sciml.evaluate.interpolate import interpolate as interpolate
from sciml.evaluate.metrics import checked_relative_l2 as checked_relative_l2
from sciml.evaluate.metrics import max_error as max_error
from sciml.evaluate.metrics import nrmse as nrmse
from sciml.evaluate.metrics import relative_h1 as relative_h1
from sciml.evaluate.metrics import relative_l2 as relative_l2
from sciml.evaluate.metrics import rmse as rmse
from sciml.evaluate.metrics import summarise as summarise
from sciml.evaluate.report import write_json as write_json
from sciml.evaluate.report import write_report as write_report
from sciml.evaluate.spectra import Spectrum as Spectrum
from sciml.evaluate.spectra import energy_beyond as energy_beyond
from sciml.evaluate.spectra import error_spectrum as error_spectrum
from sciml.evaluate.spectra import nyquist as nyquist
from sciml.evaluate.superresolution import TestSet as TestSet
from sciml.evaluate.superresolution import at_resolutions as at_resolutions
from sciml.evaluate.superresolution import format_table as format_table
from sciml.evaluate.superresolution import super_resolution as super_resolution
