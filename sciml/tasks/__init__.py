"""What a model is trained on: a problem (PINN) or a data set (operator)."""

from sciml.tasks.normalized import NormalizedOperator
from sciml.tasks.operator import OperatorTask
from sciml.tasks.physics import judge_by_physics
from sciml.tasks.pinn import PinnTask
from sciml.tasks.rollout import RolloutTask, frame_interval, rollout
from sciml.tasks.task import Evaluation, Task

__all__ = [
    "Evaluation",
    "NormalizedOperator",
    "OperatorTask",
    "PinnTask",
    "RolloutTask",
    "Task",
    "frame_interval",
    "judge_by_physics",
    "rollout",
]
