"""The models that Neve and PyTorch run with the same weights: sizes, inputs and weights by formula, training steps, what is compared.

Nothing here imports either of them. Weights are numbers of a hash of the parameter's name and the element's place, so no file holds them.
"""

import functools
import math
import zlib

import numpy as np

STEPS = 5
SAMPLES = 24

# name -> arguments; sizes that are small enough for a test and large enough that every op of the model takes part
TRAINED = {
    "resnet18": {"num_classes": 10},
    "lstm_tagger": {"embedding_dim": 24, "hidden_dim": 32, "vocab_size": 40, "tagset_size": 7, "num_layers": 2},
    "bert": {
        "vocab_size": 60, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96,
        "max_position_embeddings": 20, "type_vocab_size": 2, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
    },
    "gpt2": {
        "vocab_size": 50, "n_positions": 24, "n_embd": 48, "n_layer": 2, "n_head": 4,
        "embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0,
    },
}  # fmt: skip
FORWARD = {
    "resnet50": {"num_classes": 10},
    "mobilenet_v3_small": {"num_classes": 10, "width_mult": 0.5},
    "mobilenet_v3_large": {"num_classes": 10, "width_mult": 0.35},
    "vit": {
        "image_size": 32, "patch_size": 8, "num_layers": 2, "num_heads": 4, "hidden_dim": 48, "mlp_dim": 96, "num_classes": 10,
    },
    "unet": {"n_channels": 3, "n_classes": 2, "bilinear": False, "width": 8},
    "unet_bilinear": {"n_channels": 3, "n_classes": 2, "bilinear": True, "width": 8},
}  # fmt: skip
OPTIMISERS = {
    "SGD": {"lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4},
    "AdamW": {"lr": 1e-3, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 1e-2},
    "Lamb": {"lr": 2e-3, "betas": (0.9, 0.99), "eps": 1e-6, "weight_decay": 1e-2},
}
# Six images are learned at once and the tagger is slow. A value of ResNet that rounding moves over the kink of a relu changes gradients by
# hundredths: these rates are some at which PyTorch in f32 and in f64 agree to 1e-5, which most do not.
CHANGED = {
    ("resnet18", "SGD"): {"lr": 1e-3}, ("resnet18", "AdamW"): {"lr": 5e-6, "eps": 1e-3}, ("resnet18", "Lamb"): {"lr": 4e-5},
    ("lstm_tagger", "SGD"): {"lr": 0.1}, ("lstm_tagger", "AdamW"): {"lr": 5e-3}, ("lstm_tagger", "Lamb"): {"lr": 1e-2},
}  # fmt: skip
# The gradient of the bias of keys is 0 but for rounding, and Adam's step is a direction: the bias itself is no result.
UNDETERMINED = ("key.bias", "c_attn.bias")
# The published models whose names of parameters are compared whole; transformers in their full depth, but narrow.
PUBLISHED = {
    "resnet18": {}, "resnet50": {}, "mobilenet_v3_small": {}, "mobilenet_v3_large": {},
    "vit_b_16": {
        "image_size": 32, "patch_size": 16, "num_layers": 12, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 32, "num_classes": 1000,
    },
    "bert_base": {"vocab_size": 100, "hidden_size": 24, "intermediate_size": 96},
    "gpt2": {"vocab_size": 100, "n_embd": 24},
    "unet": {"n_channels": 3, "n_classes": 2, "bilinear": False, "width": 64},
    "unet_bilinear": {"n_channels": 3, "n_classes": 2, "bilinear": True, "width": 64},
}  # fmt: skip


def options_of(name, kind):
    return {**OPTIMISERS[kind], **CHANGED.get((name, kind), {})}


@functools.cache
def uniform(key, shape):
    """Numbers in [-1, 1): the finaliser of splitmix64 over (crc of the key, place)."""
    n = math.prod(shape)
    with np.errstate(over="ignore"):
        z = np.arange(n, dtype=np.uint64) + (np.uint64(zlib.crc32(key.encode())) << np.uint64(32))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).reshape(shape)


def integers(key, shape, n):
    return np.floor((uniform(key, shape) + 1) / 2 * n).astype(np.int64)


def weight(name, shape):
    """The value of a parameter or buffer, f32; None for counters, which stay."""
    if name.endswith("num_batches_tracked"):
        return None
    u = uniform(name, (math.prod(shape),)).reshape(shape)
    if len(shape) > 1:
        u = u * math.sqrt(3 / math.prod(shape[1:]))
    elif name.endswith("running_var"):
        u = 1 + 0.3 * u
    else:  # scales of norms, and biases
        u = (1 + 0.2 * u) if name.endswith("weight") else 0.1 * u
    return u.astype(np.float32)


def inputs(name, kwargs):
    """(arguments of the model, labels)."""
    if name == "lstm_tagger":
        return (integers("words", (6, 11), kwargs["vocab_size"]),), integers("tags", (6, 11), kwargs["tagset_size"])
    if name == "bert":
        mask = np.ones((4, 9), np.int64)
        mask[1, 6:] = mask[3, 4:] = 0
        words, kinds = integers("words", (4, 9), kwargs["vocab_size"]), integers("kinds", (4, 9), 2)
        return (words, mask, kinds), integers("labels", (4, 10), kwargs["hidden_size"])
    if name == "gpt2":
        words = integers("words", (4, 13), kwargs["vocab_size"])
        return (words[:, :-1],), words[:, 1:]
    size = {"resnet18": (6, 3, 48, 48), "vit": (3, 3, 32, 32)}.get(
        name, (2, 3, 70, 52) if "unet" in name else (2, 3, 64, 64)
    )
    return (uniform("images", size).astype(np.float32),), integers("labels", size[:1], 10)


def outputs(name, y):
    """What is compared of a forward, a list of tensors."""
    if name == "bert":
        return [y.last_hidden_state, y.pooler_output]
    return [y.logits if name == "gpt2" else y]


def loss_of(name, y, labels, functional):
    """Cross entropy of everything that the model gives; the hidden axis of BERT stands for classes."""
    parts = outputs(name, y)
    if name == "bert":
        words, whole = parts
        return functional.cross_entropy(words.reshape(-1, words.shape[-1]), labels[:, 1:].reshape(-1)) + (
            functional.cross_entropy(whole, labels[:, 0])
        )
    return functional.cross_entropy(parts[0].reshape(-1, parts[0].shape[-1]), labels.reshape(-1))


def train(name, kwargs, model, optimizer, functional, to_tensor, to_array):
    """Five steps; {"losses": ..., "gradient|<parameter>": summary of the gradients at the sixth, "weight|<parameter>": ...}."""
    given, labels = inputs(name, kwargs)
    given, labels = [to_tensor(a) for a in given], to_tensor(labels)
    model.train()
    losses = []
    for step in range(STEPS + 1):
        loss = loss_of(name, model(*given), labels, functional)
        optimizer.zero_grad()
        loss.backward()
        losses.append(float(loss.item()))
        if step < STEPS:
            optimizer.step()
    made = {"losses": np.array(losses, np.float32)}
    for key, p in model.named_parameters():
        made[f"gradient|{key}"] = summary(key, to_array(p.grad))
        if not key.endswith(UNDETERMINED):
            made[f"weight|{key}"] = summary(key, to_array(p))
    return made


def summary(key, a):
    """f32[SAMPLES + 3] of an array: its norm, its largest magnitude, a sum over all elements with weights by formula, samples."""
    a = np.asarray(a, np.float64).ravel()
    at = integers(f"{key}|samples", (SAMPLES,), a.size)
    product = a[::-1] @ uniform(key, (a.size,))  # reversed: the initial weights are these numbers
    return np.array([np.linalg.norm(a), np.abs(a).max(), product, *a[at]], np.float32)


def difference(made, expected, floor=0.0):
    """The largest difference of two summaries: norm and sum against the norm, samples against the largest magnitude."""
    norm, top = max(expected[0], floor), max(expected[1], floor)
    d = np.abs(np.asarray(made, np.float64) - expected)
    return max(d[0] / norm, d[1] / top, d[2] / norm, d[3:].max() / top)
