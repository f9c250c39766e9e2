"""Dynamic to static: programs that are captured as graphs and run compiled.

traced = neve.jit.trace(model, x)          # one run on tensors without values; sizes stay open
traced(x)                                  # compiled
engine = neve.optimize(traced)             # tuned, checked, saved
neve.jit.save(model, "model.neve", input_spec=[neve.jit.InputSpec(("batch", 3))])
again = neve.jit.load("model.neve")        # a Module without the source of the original
"""

from .. import _neve
from ._calls import ignore_module
from ._capture import CapturedFunction, Guard, Options
from ._inference import Region, inference, is_inference_mode
from ._load import LoadedModule, load
from ._model_of import model_of
from ._save import save
from ._spec import InputSpec
from ._static import StaticFunction, enable_to_static, not_to_static, to_static
from ._suggest import suggest
from ._trace import trace

Dim = _neve.Dim

__all__ = [
    "CapturedFunction", "Dim", "Guard", "InputSpec", "LoadedModule", "Options", "Region", "StaticFunction",
    "enable_to_static", "ignore_module", "inference", "is_inference_mode", "load", "model_of", "not_to_static", "save",
    "suggest", "to_static", "trace",
]  # fmt: skip
