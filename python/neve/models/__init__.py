"""Models over neve.nn whose parameters have the names of PyTorch's reference implementations, so that published weights load."""

# ruff: noqa: F401
from .resnet import ResNet, resnet18, resnet34, resnet50, resnet101
