"""Optimisers and schedules: neve.optim, with the names, arguments and defaults of torch.optim."""

# ruff: noqa: F401
from . import lr_scheduler
from .optimizer import Optimizer
from .optimizers import SGD, Adagrad, Adam, AdamW, Lamb, RMSprop
