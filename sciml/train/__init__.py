"""The trainer and what it writes: the run folder, the model, the report."""

from sciml.train.report import write_run_report
from sciml.train.run_folder import RunFolder
from sciml.train.saved_model import load_model, save_model
from sciml.train.trainer import Trainer, TrainingError

__all__ = [
    "RunFolder",
    "Trainer",
    "TrainingError",
    "load_model",
    "save_model",
    "write_run_report",
]
