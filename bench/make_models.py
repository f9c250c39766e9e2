#!/usr/bin/env python3
"""Makes the models that `./dev bench` measures, as ONNX files with random weights of a fixed seed.

Needs PyTorch and onnx (with onnxscript for --exporter dynamo); nothing is downloaded. What they are: networks.py.

    python bench/make_models.py [--out build/bench-models] [--models resnet50 bert_base ...] [--exporter script|dynamo|both]
"""

import argparse
import dataclasses
import pathlib
import sys
import time
import warnings

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import networks  # noqa: E402


@dataclasses.dataclass
class Export:
    """The names of a network's inputs and results, and which of their sizes are open."""

    inputs: list
    outputs: list
    axes: dict
    folded: bool = False  # the others keep their batch norms: folding them is the optimiser's work


def by_batch(inputs, outputs, *more, **options):
    return Export(inputs, outputs, {n: dict(enumerate(("batch", *more))) for n in (*inputs, *outputs)}, **options)


def decoder(layers):
    past = [f"{which}_{i}" for i in range(layers) for which in ("key", "value")]
    axes = {n: {0: "batch", 1: "sequence"} for n in ("input_ids", "logits")}
    axes |= {"past_" + p: {0: "batch", 2: "past"} for p in past}
    axes |= {"present_" + p: {0: "batch", 2: "total"} for p in past}
    inputs, outputs = ["input_ids"] + ["past_" + p for p in past], ["logits"] + ["present_" + p for p in past]
    return Export(inputs, outputs, axes, folded=True)


def bert():
    named = by_batch(
        ["input_ids", "attention_mask", "token_type_ids"],
        ["last_hidden_state", "pooler_output"],
        "sequence",
        folded=True,
    )
    named.axes["pooler_output"] = {0: "batch"}
    return named


def policy():
    states = {n: {1: "batch"} for n in ("h", "c", "h_next", "c_next")}
    axes = {n: {0: "batch"} for n in ("obs", "action")} | states
    return Export(["obs", "h", "c"], ["action", "h_next", "c_next"], axes, folded=True)


MODELS = {
    "resnet50": by_batch(["x"], ["logits"]),
    "mobilenet_v3_large": by_batch(["x"], ["logits"]),
    "bert_base": bert(),
    "gpt_small": decoder(networks.GptSmall.LAYERS),
    "gpt_decoder": decoder(networks.GptDecoder.LAYERS),
    "efficientnet_b0": by_batch(["x"], ["logits"]),
    "unet": by_batch(["x"], ["mask"]),
    "bilstm": by_batch(["x"], ["y"], "sequence", folded=True),
    "lstm_policy": policy(),
}
OPSET = 17  # of the script exporter; the dynamo exporter takes its own newest default


def export(name, path, exporter):
    named = MODELS[name]
    model, example = networks.build(name)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "script":
            torch.onnx.export(
                model,
                example,
                str(path),
                input_names=named.inputs,
                output_names=named.outputs,
                dynamic_axes=named.axes,
                opset_version=OPSET,
                do_constant_folding=named.folded,
                dynamo=False,
            )
        else:
            dims = {}
            shapes = [
                {
                    axis: dims.setdefault(dim, torch.export.Dim(dim, min=1, max=64 if dim == "batch" else 500))
                    for axis, dim in named.axes[i].items()
                }
                for i in named.inputs
            ]
            if name.startswith("gpt_"):  # *past arrives as one tuple
                shapes = [shapes[0], tuple(shapes[1:])]
            torch.onnx.export(
                model,
                example,
                str(path),
                input_names=named.inputs,
                output_names=named.outputs,
                dynamic_shapes=tuple(shapes),
                dynamo=True,
                external_data=False,
                verbose=False,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/bench-models"))
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--exporter", choices=("script", "dynamo", "both"), default="script")
    parser.add_argument("--force", action="store_true", help="make files again that are there already")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.models:
        for exporter in ("script", "dynamo") if options.exporter == "both" else (options.exporter,):
            path = options.out / (name + (".onnx" if exporter == "script" else "_dynamo.onnx"))
            if path.exists() and not options.force:
                print(f"{path}: there already")
                continue
            start = time.perf_counter()
            partial = path.with_suffix(".partial")  # a broken-off export leaves no file that looks whole
            export(name, partial, exporter)
            partial.replace(path)
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB in {time.perf_counter() - start:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
