"""Data sets, samplers and loaders: neve.data, with the names, arguments and defaults of torch.utils.data."""

# ruff: noqa: F401
from .dataset import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from .loader import DataLoader, default_collate
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, WeightedRandomSampler
from .worker import WorkerInfo, get_worker_info
