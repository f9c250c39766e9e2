"""What Python's layers, losses, optimisers and tensors have, C++ has under the same name, but for what is listed here."""

import inspect
import pathlib
import re

import neve
import pytest
from neve import autograd, nn, optim
from neve.optim import lr_scheduler

ROOT = pathlib.Path(__file__).parents[2]
HEADERS = {p.name: p.read_text() for p in (ROOT / "include/neve").glob("*.h")}
ALL = "\n".join(HEADERS.values())

# Classes of losses are functions in C++; other names.
LOSSES = {
    "BCELoss": "bce_loss", "BCEWithLogitsLoss": "bce_with_logits", "KLDivLoss": "kl_div", "TripletMarginWithDistanceLoss": "triplet_margin_loss",
    "CTCLoss": "ctc_loss", "CrossEntropyLoss": "cross_entropy", "NLLLoss": "nll_loss", "MSELoss": "mse_loss", "L1Loss": "l1_loss", "SmoothL1Loss": "smooth_l1_loss",
    "GaussianNLLLoss": "gaussian_nll_loss", "PoissonNLLLoss": "poisson_nll_loss", "MultiLabelSoftMarginLoss": "multilabel_soft_margin_loss",
}  # fmt: skip
OTHER_NAMES = {
    "Parameter": "add_parameter", "RemovableHandle": "remove_hook", "RNNBase": "Recurrent",
    "CosineAnnealingLR": "CosineLR", "CosineAnnealingWarmRestarts": "CosineWarmRestartsLR", "ReduceLROnPlateau": "ReduceOnPlateauLR",
    "LRScheduler": "Schedule",
    "Function": "custom", "detect_anomaly": "set_anomaly_mode", "set_detect_anomaly": "set_anomaly_mode", "no_grad": "NoGrad",
    "enable_grad": "EnableGrad", "inference_mode": "NoGrad",
}  # fmt: skip


def cpp_name(name):
    if name in LOSSES:
        return LOSSES[name]
    if name.endswith("Loss"):
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return OTHER_NAMES.get(name, name)


def classes(module):
    return sorted(
        n for n, v in vars(module).items() if inspect.isclass(v) and v.__module__.startswith("neve") and n[0] != "_"
    )


NAMES = sorted({*classes(nn), *classes(optim), *classes(lr_scheduler), *autograd.__all__})


@pytest.mark.parametrize("name", NAMES)
def test_is_in_cpp(name):
    assert re.search(rf"\b{cpp_name(name)}\b[ ;({{:]", ALL), (
        f"neve {name} is missing in include/neve ({cpp_name(name)})"
    )


# Methods of Python's Tensor that C++ has not: other spellings of a name, and gather, which is another function in C++
# (that of ONNX; take_along_axis is torch's).
SPELLINGS = set(
    """arcsin arccos arctan arcsinh arccosh arctanh arctan2 fix positive multiply divide true_divide subtract less less_equal greater
    greater_equal equal not_equal absolute""".split()
)
NO_METHODS = {"gather"}


def test_methods_of_tensors():
    from neve import _methods as m

    names = {
        n for k in ("_UNARY", "_BINARY", "_TESTS", "_REDUCE", "_SHAPE", "_INDEX", "_LINALG") for n in getattr(m, k)
    }
    have = set(re.findall(r"\b(\w+)\(", HEADERS["tensor.h"]))
    assert names - have == SPELLINGS & names | NO_METHODS, "mend the lists above, or the functions of C++"
    assert all(hasattr(neve.Tensor, n) for n in names)
