"""Training: point-in-time sets, splits, search, export to ONNX, parity, evaluation, the promotion gate."""

from foretable.train.result import TrainingReport
from foretable.train.train import train_model

__all__ = ["TrainingReport", "train_model"]
