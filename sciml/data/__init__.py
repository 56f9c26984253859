"""Data: fields with their grid in HDF5 files, written, read, checked, converted, split and normalised."""

from .atomic import atomic_path as atomic_path
from .batches import Batches as Batches
from .batches import MixedBatches as MixedBatches
from .check import check_well as check_well
from .coarsen import coarsen as coarsen
from .coarsen import coarsened_grid as coarsened_grid
from .convert import convert as convert
from .dataset import FieldDataset as FieldDataset
from .digest import sha256 as sha256
from .hdf5 import DataFileError as DataFileError
from .make import make_dataset as make_dataset
from .make import make_resolutions as make_resolutions
from .moments import Moments as Moments
from .noise import with_noise as with_noise
from .normalizer import Normalizer as Normalizer
from .reader import FieldFile as FieldFile
from .recipes import list_recipes as list_recipes
from .selection import Selection as Selection
from .split import split_indices as split_indices
from .summary import summarize as summarize
from .symmetry import FieldKind as FieldKind
from .symmetry import Symmetries as Symmetries
from .training_batches import TrainingBatches as TrainingBatches
from .well import write_well as write_well
