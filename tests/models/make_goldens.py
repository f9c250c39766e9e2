#!/usr/bin/env python3
"""Makes real_outputs.npz: strided samples of what ONNX Runtime gives for the real models on real inputs, at several sizes.

Needs onnx and onnxruntime, and the models (../shared/models or $NEVE_MODELS). A batch larger than a file allows is run image by image.
mnist_cntk.onnx (opset 1, without the attribute types that ONNX Runtime wants) is first rewritten in today's forms.

    python tests/models/make_goldens.py
"""

import sys

import numpy as np
import onnx
import onnxruntime
import real_cases
from onnx import AttributeProto, helper, numpy_helper


def modern(model):
    """An opset-1 model in opset-13 forms: attribute types, Reshape's shape as an input, broadcasting by axis spelt out."""
    kinds = {
        "i": AttributeProto.INT,
        "ints": AttributeProto.INTS,
        "s": AttributeProto.STRING,
        "t": AttributeProto.TENSOR,
    }
    graph, nodes = model.graph, []
    for node in graph.node:
        attributes = {}
        for a in node.attribute:
            field = next((f for f in ("t", "s") if a.HasField(f)), "ints" if a.ints else "i")
            a.type = kinds[field]
            attributes[a.name] = helper.get_attribute_value(a)
        if node.op_type == "Reshape":
            graph.initializer.append(
                numpy_helper.from_array(np.array(attributes["shape"], np.int64), node.name + "_shape")
            )
            node.input.append(node.name + "_shape")
            del node.attribute[:]
        elif node.op_type in ("Add", "Div"):
            del node.attribute[:]
            if attributes.get("broadcast") and attributes.get("axis") == 1:  # [C] against [N, C, H, W]
                name = node.name + "_channels"
                graph.initializer.append(numpy_helper.from_array(np.array([-1, 1, 1], np.int64), name + "_shape"))
                nodes.append(helper.make_node("Reshape", [node.input[1], name + "_shape"], [name]))
                node.input[1] = name
        nodes.append(node)
    made = helper.make_graph(nodes, "modern", graph.input, graph.output, graph.initializer)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def runner(case):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    model = onnx.load(case.path)
    data = (modern(model) if not model.opset_import else model).SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]

    def run(feed):
        if not case.fixed_batch:
            return dict(zip(names, session.run(None, feed)))
        batch = len(next(iter(feed.values())))
        parts = [session.run(None, {n: v[i : i + 1] for n, v in feed.items()}) for i in range(batch)]
        return {name: np.concatenate([p[k] for p in parts]) for k, name in enumerate(names)}

    return run


def main():
    if not real_cases.available():
        print(f"no models in {real_cases.MODELS}", file=sys.stderr)
        return 1
    stored = {}
    for case in real_cases.cases():
        for label, outputs in real_cases.results(case, runner(case)):
            for name, value in outputs.items():
                key = f"{case.name}|{label}|{name}"
                stored[key + "|shape"] = np.array(value.shape, np.int32)
                stored[key + "|peak"] = np.array(np.abs(value).max(), np.float32)
                stored[key + "|values"] = real_cases.sample(value)
        print(f"{case.name}: {len(case.runs())} runs, outputs {[(n, v.shape) for n, v in outputs.items()]}")
    np.savez_compressed(real_cases.HERE / "real_outputs.npz", **stored)
    return 0


if __name__ == "__main__":
    sys.exit(main())
