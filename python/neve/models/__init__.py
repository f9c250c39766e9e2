"""Models over neve.nn whose parameters have the names of PyTorch's reference implementations, so that published weights load."""

# ruff: noqa: F401
from .bert import BertModel, BertOutput
from .gpt2 import GPT2LMHeadModel, GPT2Model, GPT2Output
from .mobilenet import MobileNetV3, mobilenet_v3_large, mobilenet_v3_small
from .resnet import ResNet, resnet18, resnet34, resnet50, resnet101
from .tagger import LSTMTagger
from .unet import UNet
from .vision_transformer import VisionTransformer, vit_b_16, vit_b_32, vit_l_16, vit_l_32
