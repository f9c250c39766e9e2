"""The cases of layers, losses, optimisers and schedules that are compared with PyTorch: names and arguments are the same in both."""

import zlib

import numpy as np


def f(*shape):
    return ("normal", shape)


def pos(*shape):
    return ("probability", shape)


def i(n, *shape):
    return ("int", shape, n)


def sign(*shape):
    return ("sign", shape)


def b(*shape):
    return ("bool", shape)


def value(*v):
    return ("value", v[0], v[1])


# name of the layer, arguments, keywords, inputs, keywords of the call
LAYERS = [
    ("Linear", (5, 7), {}, [f(3, 5)]),
    ("Linear", (5, 7), {"bias": False}, [f(2, 3, 5)]),
    ("Linear", (5, 7), {}, [f(5)]),
    ("Bilinear", (4, 5, 6), {}, [f(3, 4), f(3, 5)]),
    ("Embedding", (10, 4), {}, [i(10, 3, 5)]),
    ("Embedding", (10, 4), {"padding_idx": 2}, [i(10, 3, 5)]),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1}, [f(2, 4, 9)]),
    ("Conv1d", (4, 6, 4), {"padding": "same", "dilation": 2}, [f(2, 4, 9)]),
    ("Conv2d", (4, 6, 3), {}, [f(2, 4, 7, 8)]),
    ("Conv2d", (4, 6, (3, 2)), {"stride": (1, 2), "padding": (2, 1), "dilation": (2, 1), "groups": 2}, [f(2, 4, 7, 8)]),
    ("Conv2d", (4, 6, 3), {"padding": 1, "padding_mode": "reflect"}, [f(2, 4, 7, 8)]),
    ("Conv2d", (4, 6, 3), {"padding": 1, "padding_mode": "circular", "bias": False}, [f(2, 4, 7, 8)]),
    ("Conv2d", (4, 6, 4), {"padding": "same", "padding_mode": "replicate"}, [f(4, 7, 8)]),
    ("Conv3d", (2, 4, 3), {"padding": 1, "stride": 2}, [f(2, 2, 5, 6, 5)]),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1}, [f(2, 4, 5)]),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "groups": 2, "dilation": 2}, [f(2, 4, 5, 4)]),
    ("ConvTranspose3d", (2, 4, 2), {"stride": 2, "bias": False}, [f(2, 2, 3, 3, 3)]),
    ("MaxPool1d", (3,), {"stride": 2, "padding": 1}, [f(2, 3, 9)]),
    ("MaxPool2d", (2,), {}, [f(2, 3, 7, 8)]),
    ("MaxPool2d", ((3, 2),), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "ceil_mode": True}, [f(2, 3, 7, 8)]),
    ("MaxPool2d", (2,), {"return_indices": True}, [f(2, 3, 6, 8)]),
    ("MaxPool3d", (2,), {"ceil_mode": True}, [f(2, 3, 5, 4, 5)]),
    ("AvgPool1d", (3,), {"stride": 2, "padding": 1}, [f(2, 3, 9)]),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}, [f(2, 3, 7, 8)]),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [f(2, 3, 8, 8)]),
    ("AvgPool2d", (2,), {"divisor_override": 3}, [f(2, 3, 7, 8)]),
    ("AvgPool3d", (2,), {}, [f(2, 3, 4, 4, 5)]),
    ("LPPool1d", (2, 3), {"stride": 2}, [f(2, 3, 9)]),
    ("LPPool2d", (2, 2), {}, [f(2, 3, 6, 6)]),
    ("LPPool2d", (4, 2), {}, [f(2, 3, 6, 6)]),
    ("AdaptiveAvgPool1d", (4,), {}, [f(2, 3, 10)]),
    ("AdaptiveAvgPool2d", ((3, None),), {}, [f(2, 3, 7, 5)]),
    ("AdaptiveAvgPool2d", (1,), {}, [f(2, 3, 7, 5)]),
    ("AdaptiveAvgPool3d", (2,), {}, [f(2, 3, 5, 4, 3)]),
    ("AdaptiveMaxPool1d", (4,), {}, [f(2, 3, 10)]),
    ("AdaptiveMaxPool2d", ((3, 2),), {"return_indices": True}, [f(2, 3, 7, 5)]),
    ("AdaptiveMaxPool2d", (2,), {}, [f(2, 3, 8, 6)]),
    ("AdaptiveMaxPool3d", (2,), {}, [f(2, 3, 5, 4, 3)]),
    ("BatchNorm1d", (5,), {}, [f(6, 5)]),
    ("BatchNorm1d", (5,), {"affine": False}, [f(6, 5, 3)]),
    ("BatchNorm2d", (3,), {"momentum": None}, [f(4, 3, 5, 5)]),
    ("BatchNorm2d", (3,), {"track_running_stats": False}, [f(4, 3, 5, 5)]),
    ("BatchNorm2d", (3,), {"eval": True}, [f(4, 3, 5, 5)]),
    ("BatchNorm3d", (3,), {"eps": 1e-3, "momentum": 0.3}, [f(4, 3, 2, 3, 2)]),
    ("InstanceNorm1d", (3,), {"affine": True}, [f(2, 3, 7)]),
    ("InstanceNorm2d", (3,), {}, [f(2, 3, 5, 5)]),
    ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, [f(2, 3, 5, 5)]),
    ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True, "eval": True}, [f(2, 3, 5, 5)]),
    ("InstanceNorm3d", (3,), {}, [f(2, 3, 2, 3, 2)]),
    ("LayerNorm", (6,), {}, [f(4, 5, 6)]),
    ("LayerNorm", ((5, 6),), {"bias": False}, [f(4, 5, 6)]),
    ("LayerNorm", (6,), {"elementwise_affine": False}, [f(4, 6)]),
    ("RMSNorm", (6,), {}, [f(4, 5, 6)]),
    ("RMSNorm", ((5, 6),), {"eps": 1e-3}, [f(4, 5, 6)]),
    ("GroupNorm", (2, 6), {}, [f(3, 6, 4, 4)]),
    ("GroupNorm", (2, 6), {"affine": False}, [f(3, 6)]),
    ("LocalResponseNorm", (3,), {}, [f(2, 5, 4, 4)]),
    ("LocalResponseNorm", (4,), {"alpha": 0.1}, [f(2, 5, 4, 4)]),
    *[(name, (), {}, [f(3, 8)]) for name in (
        "ReLU ReLU6 LeakyReLU ELU SELU CELU GELU SiLU Mish Sigmoid Tanh LogSigmoid Softsign Softplus Hardswish Hardsigmoid "
        "Hardtanh Hardshrink Softshrink Tanhshrink GLU"
    ).split()],
    ("GELU", (), {"approximate": "tanh"}, [f(3, 8)]),
    ("LeakyReLU", (0.2,), {}, [f(3, 8)]),
    ("Softplus", (), {"beta": 2.0, "threshold": 1.0}, [f(3, 8)]),
    ("Threshold", (0.1, -2.0), {}, [f(3, 8)]),
    ("Hardtanh", (-0.5, 0.25), {}, [f(3, 8)]),
    ("PReLU", (), {}, [f(3, 4, 5)]),
    ("PReLU", (4,), {}, [f(3, 4, 5)]),
    ("RReLU", (), {"eval": True}, [f(3, 4, 5)]),
    ("Softmax", (-1,), {}, [f(3, 4, 5)]),
    ("Softmax2d", (), {}, [f(2, 3, 4, 5)]),
    ("LogSoftmax", (1,), {}, [f(3, 4, 5)]),
    ("Softmin", (1,), {}, [f(3, 4, 5)]),
    ("Dropout", (0.5,), {"eval": True}, [f(3, 4, 5)]),
    ("CosineSimilarity", (), {}, [f(3, 4, 5), f(3, 4, 5)]),
    ("PairwiseDistance", (), {"p": 3.0, "keepdim": True}, [f(3, 4), f(3, 4)]),
    ("Flatten", (), {}, [f(2, 3, 4)]),
    ("Flatten", (0, 1), {}, [f(2, 3, 4)]),
    ("Unflatten", (1, (2, -1)), {}, [f(2, 6, 4)]),
    ("Unfold", ((2, 3),), {"padding": 1, "stride": 2}, [f(2, 3, 5, 6)]),
    ("Fold", ((4, 5), 2), {"stride": 1}, [f(2, 12, 12)]),
    ("ConstantPad1d", ((1, 2), 3.5), {}, [f(2, 3, 4)]),
    ("ZeroPad2d", ((1, 2, 0, 1),), {}, [f(2, 3, 4, 5)]),
    ("ReflectionPad1d", (2,), {}, [f(2, 3, 4)]),
    ("ReflectionPad2d", ((1, 2, 0, 1),), {}, [f(2, 3, 4, 5)]),
    ("ReflectionPad3d", (1,), {}, [f(2, 3, 4, 5, 3)]),
    ("ReplicationPad2d", ((1, 2, 0, 1),), {}, [f(2, 3, 4, 5)]),
    ("ReplicationPad3d", (1,), {}, [f(2, 3, 2, 2, 3)]),
    ("CircularPad2d", ((1, 2, 0, 1),), {}, [f(2, 3, 4, 5)]),
    ("Upsample", (), {"scale_factor": 2}, [f(2, 3, 4, 5)]),
    ("Upsample", (), {"size": (7, 9), "mode": "bilinear"}, [f(2, 3, 4, 5)]),
    ("Upsample", (), {"scale_factor": 1.7, "mode": "bilinear"}, [f(2, 3, 4, 5)]),
    ("Upsample", (), {"size": (7, 9), "mode": "bilinear", "align_corners": True}, [f(2, 3, 4, 5)]),
    ("Upsample", (), {"scale_factor": 2, "mode": "bicubic"}, [f(2, 3, 4, 5)]),
    ("Upsample", (), {"scale_factor": 2, "mode": "linear"}, [f(2, 3, 4)]),
    ("Upsample", (), {"scale_factor": 2, "mode": "trilinear"}, [f(2, 3, 2, 3, 4)]),
    ("Upsample", (), {"size": (3, 4), "mode": "nearest"}, [f(2, 3, 7, 5)]),
    ("Upsample", (), {"size": (3, 4), "mode": "nearest-exact"}, [f(2, 3, 7, 5)]),
    ("PixelShuffle", (2,), {}, [f(2, 12, 3, 4)]),
    ("PixelUnshuffle", (2,), {}, [f(2, 3, 4, 6)]),
    ("ChannelShuffle", (2,), {}, [f(2, 6, 3, 3)]),
    ("RNN", (4, 5), {}, [f(6, 3, 4)]),
    ("RNN", (4, 5, 2), {"nonlinearity": "relu", "bidirectional": True, "batch_first": True}, [f(3, 6, 4)]),
    ("LSTM", (4, 5), {}, [f(6, 3, 4)]),
    ("LSTM", (4, 5, 2), {"bidirectional": True, "batch_first": True}, [f(3, 6, 4)]),
    ("LSTM", (4, 5), {"bias": False}, [f(6, 4)]),
    ("LSTM", (4, 5, 2), {}, [f(6, 3, 4), (f(2, 3, 5), f(2, 3, 5))]),
    ("GRU", (4, 5), {}, [f(6, 3, 4), f(1, 3, 5)]),
    ("GRU", (4, 5, 2), {"bidirectional": True, "bias": False}, [f(6, 3, 4)]),
    ("RNNCell", (4, 5), {}, [f(3, 4), f(3, 5)]),
    ("LSTMCell", (4, 5), {}, [f(3, 4), (f(3, 5), f(3, 5))]),
    ("GRUCell", (4, 5), {}, [f(3, 4)]),
    ("MultiheadAttention", (8, 2), {}, [f(5, 3, 8), f(4, 3, 8), f(4, 3, 8)]),
    ("MultiheadAttention", (8, 2), {"batch_first": True, "add_bias_kv": True, "add_zero_attn": True}, [f(3, 5, 8), f(3, 4, 8), f(3, 4, 8)]),
    ("MultiheadAttention", (8, 4), {"kdim": 6, "vdim": 7, "bias": False}, [f(5, 8), f(4, 6), f(4, 7)]),
    ("MultiheadAttention", (8, 2), {"batch_first": True}, [f(3, 5, 8), f(3, 4, 8), f(3, 4, 8)],
     {"attn_mask": value([[False, True, False, False]] * 5, "bool"), "key_padding_mask": value([[False, False, False, True]] * 3, "bool")}),
    ("MultiheadAttention", (8, 2), {"batch_first": True}, [f(3, 5, 8), f(3, 4, 8), f(3, 4, 8)],
     {"attn_mask": f(5, 4), "average_attn_weights": False}),
    ("TransformerEncoderLayer", (8, 2, 16), {"dropout": 0.0}, [f(5, 3, 8)]),
    ("TransformerEncoderLayer", (8, 2, 16), {"dropout": 0.0, "norm_first": True, "batch_first": True, "activation": "gelu"}, [f(3, 5, 8)]),
    ("TransformerDecoderLayer", (8, 2, 16), {"dropout": 0.0}, [f(5, 3, 8), f(4, 3, 8)]),
    ("TransformerDecoderLayer", (8, 2, 16), {"dropout": 0.0, "norm_first": True, "bias": False}, [f(5, 3, 8), f(4, 3, 8)]),
    ("Transformer", (8, 2, 1, 1, 16), {"dropout": 0.0, "batch_first": True}, [f(3, 5, 8), f(3, 4, 8)]),
]  # fmt: skip

# name of the loss (also a class of nn with the usual name), keywords, inputs; the last element: class name or None
LOSSES = [
    ("mse_loss", {}, [f(3, 4), f(3, 4)]),
    ("mse_loss", {"reduction": "sum"}, [f(3, 4), f(3, 4)]),
    ("l1_loss", {"reduction": "none"}, [f(3, 4), f(3, 4)]),
    ("smooth_l1_loss", {"beta": 0.5}, [f(3, 4), f(3, 4)]),
    ("huber_loss", {"delta": 0.7}, [f(3, 4), f(3, 4)]),
    ("poisson_nll_loss", {"full": True}, [f(3, 4), pos(3, 4)]),
    ("poisson_nll_loss", {"log_input": False}, [pos(3, 4), pos(3, 4)]),
    ("gaussian_nll_loss", {"full": True}, [f(3, 4), f(3, 4), pos(3, 4)]),
    ("kl_div", {"reduction": "batchmean"}, [f(3, 4), pos(3, 4)]),
    ("kl_div", {"log_target": True}, [f(3, 4), f(3, 4)]),
    ("nll_loss", {}, [f(6, 5), i(5, 6)]),
    ("nll_loss", {"ignore_index": 2, "weight": pos(5)}, [f(6, 5, 3), i(5, 6, 3)]),
    ("cross_entropy", {}, [f(6, 5), i(5, 6)]),
    ("cross_entropy", {"reduction": "none", "ignore_index": 1}, [f(6, 5), i(5, 6)]),
    ("cross_entropy", {"reduction": "sum", "weight": pos(5)}, [f(6, 5, 2, 3), i(5, 6, 2, 3)]),
    ("cross_entropy", {"label_smoothing": 0.1}, [f(6, 5), i(5, 6)]),
    ("cross_entropy", {"label_smoothing": 0.1, "weight": pos(5), "ignore_index": 3}, [f(6, 5, 2), i(5, 6, 2)]),
    ("cross_entropy", {"label_smoothing": 0.1, "weight": pos(5), "reduction": "none"}, [f(6, 5), i(5, 6)]),
    ("cross_entropy", {"label_smoothing": 0.2, "weight": pos(5)}, [f(6, 5), pos(6, 5)]),
    ("cross_entropy", {}, [f(5), value(3, "i64")]),
    ("binary_cross_entropy", {}, [pos(3, 4), pos(3, 4)]),
    ("binary_cross_entropy", {"weight": pos(4), "reduction": "sum"}, [pos(3, 4), pos(3, 4)]),
    ("binary_cross_entropy_with_logits", {}, [f(3, 4), pos(3, 4)]),
    ("binary_cross_entropy_with_logits", {"pos_weight": pos(4), "weight": pos(3, 4)}, [f(3, 4), pos(3, 4)]),
    ("soft_margin_loss", {}, [f(3, 4), sign(3, 4)]),
    ("hinge_embedding_loss", {"margin": 0.5}, [f(3, 4), sign(3, 4)]),
    ("margin_ranking_loss", {"margin": 0.2}, [f(6), f(6), sign(6)]),
    ("cosine_embedding_loss", {"margin": 0.1}, [f(6, 4), f(6, 4), sign(6)]),
    ("triplet_margin_loss", {"margin": 2.0, "swap": True}, [f(6, 4), f(6, 4), f(6, 4)]),
    ("triplet_margin_loss", {"p": 1.0, "reduction": "sum"}, [f(6, 4), f(6, 4), f(6, 4)]),
    ("multi_margin_loss", {}, [f(6, 5), i(5, 6)]),
    ("multi_margin_loss", {"p": 2, "weight": pos(5), "margin": 0.5}, [f(6, 5), i(5, 6)]),
    ("multilabel_soft_margin_loss", {}, [f(3, 4), pos(3, 4)]),
    ("ctc_loss", {"input_lengths": value([7, 5, 6], "i64"), "target_lengths": value([3, 2, 0], "i64"), "reduction": "none"},
     [f(7, 3, 5), value([[1, 2, 2], [3, 4, 1], [1, 1, 1]], "i64")]),
    ("ctc_loss", {"input_lengths": value([7, 5, 2], "i64"), "target_lengths": value([3, 2, 3], "i64"), "blank": 4, "zero_infinity": True},
     [f(7, 3, 5), value([1, 2, 2, 3, 0, 1, 1, 1], "i64")]),
]  # fmt: skip

FUNCTIONS = [
    ("scaled_dot_product_attention", {}, [f(2, 3, 5, 4), f(2, 3, 6, 4), f(2, 3, 6, 7)]),
    ("scaled_dot_product_attention", {"is_causal": True}, [f(2, 5, 4), f(2, 5, 4), f(2, 5, 4)]),
    (
        "scaled_dot_product_attention",
        {"attn_mask": f(5, 6), "scale": 0.3},
        [f(2, 3, 5, 4), f(2, 3, 6, 4), f(2, 3, 6, 7)],
    ),
    ("scaled_dot_product_attention", {"enable_gqa": True}, [f(2, 4, 5, 4), f(2, 2, 6, 4), f(2, 2, 6, 7)]),
    ("normalize", {"p": 2.0, "dim": 1}, [f(3, 4)]),
    ("normalize", {"p": 1.0, "dim": 0}, [f(3, 4)]),
    ("pad", {"pad": (1, -1, 2, 0), "value": 1.5}, [f(2, 3, 4)]),
    ("interpolate", {"size": (3, 4), "mode": "area"}, [f(2, 3, 7, 5)]),
    ("interpolate", {"scale_factor": (0.5, 2.0), "mode": "bilinear", "recompute_scale_factor": True}, [f(2, 3, 7, 5)]),
    ("grid_sample", {"align_corners": False}, [f(2, 3, 5, 5), f(2, 4, 4, 2)]),
    ("embedding", {"max_norm": 0.5}, [i(6, 4), f(6, 3)]),
    ("one_hot", {"num_classes": 6}, [i(6, 4)]),
    ("logsigmoid", {}, [f(3, 4)]),
    ("softmax", {"dim": 0}, [f(3, 4)]),
]

OPTIMISERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "weight_decay": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True, "maximize": True}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
]

SCHEDULES = [
    ("StepLR", (3,), {"gamma": 0.5}),
    ("MultiStepLR", ([2, 5, 9],), {}),
    ("ConstantLR", (0.25, 4), {}),
    ("LinearLR", (), {"start_factor": 0.1, "total_iters": 6}),
    ("ExponentialLR", (0.9,), {}),
    ("PolynomialLR", (), {"total_iters": 8, "power": 2.0}),
    ("CosineAnnealingLR", (10,), {"eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", (3,), {"T_mult": 2}),
    ("CosineAnnealingWarmRestarts", (4,), {"eta_min": 0.02}),
    ("OneCycleLR", (1.0,), {"total_steps": 20}),
    ("OneCycleLR", (1.0,), {"total_steps": 20, "anneal_strategy": "linear", "three_phase": True, "pct_start": 0.4}),
]
PLATEAU = [5, 4, 4, 4, 3.99999, 4, 2, 3, 3, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1]


def key(case):
    """The name of a case: unique, and the seed of its numbers."""
    return repr(case)


def make(spec, random):
    """An array, or a tuple of arrays, of a spec."""
    if isinstance(spec, tuple) and spec and isinstance(spec[0], tuple):
        return tuple(make(s, random) for s in spec)
    kind = spec[0]
    if kind == "normal":
        return random.standard_normal(spec[1]).astype(np.float32)
    if kind == "probability":
        return random.uniform(0.05, 0.95, spec[1]).astype(np.float32)
    if kind == "int":
        return random.randint(0, spec[2], spec[1]).astype(np.int64)
    if kind == "sign":
        return np.where(random.uniform(size=spec[1]) < 0.5, -1, 1).astype(np.float32)
    return np.array(spec[1], dtype={"i64": np.int64, "bool": np.bool_}[spec[2]])


def random_of(case):
    return np.random.RandomState(zlib.crc32(key(case).encode()))


def is_spec(v):
    return isinstance(v, tuple) and bool(v) and v[0] in ("normal", "probability", "int", "sign", "value", "bool")


def run(case, nn, to_tensor, to_array, backward):
    """Runs a case with either library; returns {name: array}: results, gradients of inputs and parameters, buffers after."""
    kind, name, args, kw, inputs, call_kw = case
    random = random_of(case)
    arrays = [make(s, random) for s in inputs]
    call_kw = {k: to_tensor(make(v, random)) if is_spec(v) else v for k, v in call_kw.items()}
    tensors = [tuple(to_tensor(a) for a in x) if isinstance(x, tuple) else to_tensor(x) for x in arrays]
    flat = [t for x in tensors for t in (x if isinstance(x, tuple) else (x,))]
    leaves = [
        (f"input{n}", t)
        for n, t in enumerate(flat)
        if "f" in str(t.dtype) and "i64" not in str(t.dtype) and str(t.dtype) != "bool"
    ]
    fixed = {"gaussian_nll_loss": 1, "kl_div": 1, "poisson_nll_loss": 1, "binary_cross_entropy": 1, "soft_margin_loss": 1,
             "hinge_embedding_loss": 1, "margin_ranking_loss": 2, "cosine_embedding_loss": 2, "multilabel_soft_margin_loss": 1}.get(name)  # fmt: skip
    leaves = leaves[:fixed]
    for _, t in leaves:
        t.requires_grad = True
    module = None
    if kind == "layer":
        kw = dict(kw)
        evaluate = kw.pop("eval", False)
        module = getattr(nn, name)(*args, **kw)
        values = {
            n: (random.standard_normal(tuple(p.shape)) * 0.5).astype(np.float32) for n, p in module.named_parameters()
        }
        state = {n: to_tensor(v) for n, v in values.items()}
        state.update(
            {
                n: to_tensor(random.uniform(0.5, 1.5, tuple(b.shape)).astype(np.float32))
                for n, b in module.named_buffers()
                if "running" in n
            }
        )
        module.load_state_dict(state, strict=False)
        module = module.eval() if evaluate else module.train()
        y = module(*tensors, **call_kw)
    elif name == "ctc_loss":
        log_probs = nn.functional.log_softmax(tensors[0], dim=-1)
        y = nn.functional.ctc_loss(log_probs, *tensors[1:], **call_kw)
    else:
        y = getattr(nn.functional, name)(*tensors, **call_kw)
    results = []

    def collect(v):
        if isinstance(v, (tuple, list)):
            for e in v:
                collect(e)
        elif v is not None:
            results.append(v)

    collect(y)
    out = {f"result{n}": to_array(r) for n, r in enumerate(results)}
    floats = [
        (r, random.standard_normal(out[f"result{n}"].shape).astype(np.float32))
        for n, r in enumerate(results)
        if out[f"result{n}"].dtype.kind == "f"
    ]
    floats = [(r, to_tensor(w)) for r, w in floats if r.requires_grad]
    if floats:
        backward(floats)
        out.update({n: to_array(t.grad) for n, t in leaves if t.grad is not None})
        if module is not None:
            out.update({f"grad {n}": to_array(p.grad) for n, p in module.named_parameters() if p.grad is not None})
    if module is not None:
        out.update({f"buffer {n}": to_array(v) for n, v in module.named_buffers() if v is not None})
    return out


def cases():
    """(kind, name, args, keywords, inputs, keywords of the call) of all layers, losses and functions."""
    for c in LAYERS:
        yield ("layer", c[0], c[1], c[2], c[3], c[4] if len(c) > 4 else {})
    for kind, table in (("loss", LOSSES), ("function", FUNCTIONS)):
        for name, kw, inputs in table:
            yield (kind, name, (), {}, inputs, kw)


def steps_of(case, library, to_tensor, to_array, module=None):
    """Parameters after each of five steps, gradients from a seed: {name: array}."""
    name, kw = case
    random = random_of(case)
    shapes = [(3, 4), (5,), ()]
    make_parameter = module or (lambda t: t)
    params = [make_parameter(to_tensor(random.standard_normal(s).astype(np.float32))) for s in shapes]
    for p in params:
        p.requires_grad = True
    groups = [{"params": params[:2]}, {"params": params[2:], "lr": kw["lr"] / 2}]
    o = getattr(library, name)(groups, **{k: v for k, v in kw.items()})
    out = {}
    for n in range(5):
        for k, p in enumerate(params):
            g = random.standard_normal(shapes[k]).astype(np.float32)
            p.grad = None if (n == 2 and k == 1) else to_tensor(g)  # a parameter that misses a step
        o.step()
        out.update({f"step{n} p{k}": to_array(p) for k, p in enumerate(params)})
    return out


def rates_of(case, library, schedulers, parameters):
    """The rates of 20 steps of two groups (and momentum)."""
    name, args, kw = case
    o = library.SGD([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.2}], lr=0.5, momentum=0.9)
    if name == "ReduceLROnPlateau":
        s = schedulers.ReduceLROnPlateau(o, *args, **kw)
    elif name == "SequentialLR":
        parts = [
            schedulers.LinearLR(o, 0.1, 1.0, 4),
            schedulers.CosineAnnealingLR(o, 8),
            schedulers.ExponentialLR(o, 0.5),
        ]
        s = schedulers.SequentialLR(o, parts, [4, 12])
    elif name == "LambdaLR":
        s = schedulers.LambdaLR(o, [lambda t: 0.9**t, lambda t: 1 / (1 + t)])
    else:
        s = getattr(schedulers, name)(o, *args, **kw)
    rates = []
    for n in range(20):
        rates.append([g["lr"] for g in o.param_groups] + [g["momentum"] for g in o.param_groups])
        o.step()
        if name == "ReduceLROnPlateau":
            s.step(PLATEAU[n])
        elif n < 19:
            s.step()
    return np.array(rates, dtype=np.float64)


def schedules():
    yield from SCHEDULES
    yield ("ReduceLROnPlateau", (), {"patience": 2, "factor": 0.5, "cooldown": 1, "min_lr": 0.01})
    yield ("ReduceLROnPlateau", ("max",), {"patience": 1, "threshold_mode": "abs"})
    yield ("SequentialLR", (), {})
    yield ("LambdaLR", (), {})
