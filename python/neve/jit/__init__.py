"""Dynamic to static: programs that are captured as graphs and run compiled.

traced = neve.jit.trace(model, x)          # one run on tensors without values; sizes stay open
traced(x)                                  # compiled
engine = neve.optimize(traced)             # tuned, checked, saved
"""

from .. import _neve
from ._capture import CapturedFunction, Guard
from ._static import InputSpec, StaticFunction, enable_to_static, not_to_static, to_static
from ._trace import trace

Dim = _neve.Dim

__all__ = [
    "CapturedFunction", "Dim", "Guard", "InputSpec", "StaticFunction", "enable_to_static", "not_to_static", "to_static",
    "trace",
]  # fmt: skip
