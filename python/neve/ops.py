"""Every op of the registry as a function: strict about dtypes, no promotion (the functions of neve itself promote).

Made by tools/gen_python_ops.py from docs/ops. Do not edit. Long because it is one list.
Inputs are tensors, arrays, None where they are optional, or lists of integers (i64 vectors); attributes are keywords.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import _neve

Tensor = _neve.Tensor
TensorLike = Any

# Not here: ops with regions and those that only a graph has: constant, fused, if, loop, scan, weight.
__all__ = [
    "abs",
    "acos",
    "acosh",
    "adaptive_avg_pool",
    "adaptive_avg_pool_grad",
    "add",
    "affine_grid",
    "and_",
    "arg_max",
    "arg_min",
    "array_feature_extractor",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "attention",
    "average_pool",
    "average_pool_grad",
    "batch_normalization",
    "bernoulli",
    "bincount",
    "bit_cast",
    "bit_shift",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "blackman_window",
    "cast",
    "ceil",
    "celu",
    "center_crop_pad",
    "cholesky",
    "clip",
    "col2im",
    "compress",
    "concat",
    "constant_of_shape",
    "conv",
    "conv_input_grad",
    "conv_integer",
    "conv_transpose",
    "conv_weight_grad",
    "cos",
    "cosh",
    "cum_prod",
    "cum_sum",
    "deform_conv",
    "depth_to_space",
    "dequantize_linear",
    "det",
    "dft",
    "div",
    "dropout",
    "dynamic_quantize_linear",
    "eigh",
    "einsum",
    "elu",
    "equal",
    "erf",
    "exp",
    "expand",
    "expm1",
    "eye_like",
    "fail",
    "flatten",
    "floor",
    "gather",
    "gather_elements",
    "gather_nd",
    "gelu",
    "gemm",
    "global_average_pool",
    "global_lp_pool",
    "global_max_pool",
    "greater",
    "greater_or_equal",
    "grid_sample",
    "grid_sample_grad",
    "group_normalization",
    "gru",
    "hamming_window",
    "hann_window",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "hardmax",
    "identity",
    "im2col",
    "instance_normalization",
    "inverse",
    "is_inf",
    "is_nan",
    "layer_normalization",
    "leaky_relu",
    "less",
    "less_or_equal",
    "log",
    "log1p",
    "log_sigmoid",
    "log_softmax",
    "lp_normalization",
    "lp_pool",
    "lp_pool_grad",
    "lrn",
    "lstm",
    "lstm_grad",
    "matmul",
    "matmul_integer",
    "max",
    "max_pool",
    "max_pool_grad",
    "max_roi_pool",
    "max_unpool",
    "mean_variance_normalization",
    "mel_weight_matrix",
    "min",
    "mish",
    "mod",
    "mul",
    "multinomial",
    "neg",
    "negative_log_likelihood_loss",
    "non_max_suppression",
    "non_zero",
    "not_",
    "not_equal",
    "one_hot",
    "or_",
    "pad",
    "pow",
    "prelu",
    "qlinear_conv",
    "qlinear_matmul",
    "qr",
    "quantize_linear",
    "random_normal",
    "random_uniform",
    "range",
    "reciprocal",
    "recurrent_grad",
    "reduce_l1",
    "reduce_l2",
    "reduce_log_sum",
    "reduce_log_sum_exp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_sum",
    "reduce_sum_square",
    "relu",
    "reshape",
    "resize",
    "resize_grad",
    "reverse_sequence",
    "rms_normalization",
    "rnn",
    "roi_align",
    "roll",
    "rotary_embedding",
    "round",
    "rsqrt",
    "scaled_dot_product_attention",
    "scatter_elements",
    "scatter_nd",
    "searchsorted",
    "selu",
    "shape",
    "shrink",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "size",
    "slice",
    "slice_scatter",
    "slogdet",
    "softmax",
    "softmax_cross_entropy_loss",
    "softplus",
    "softsign",
    "solve",
    "solve_triangular",
    "sort",
    "space_to_depth",
    "split",
    "sqrt",
    "squeeze",
    "stft",
    "stop_gradient",
    "sub",
    "sum_to",
    "svd",
    "swish",
    "tan",
    "tanh",
    "tensor_scatter",
    "thresholded_relu",
    "tile",
    "top_k",
    "transpose",
    "trilu",
    "trunc",
    "unique",
    "unsqueeze",
    "upsample",
    "where",
    "xor",
]


def _op(name: str) -> Any:
    """The op, found once."""
    op = _OPS.get(name)
    if op is None:
        op = _OPS[name] = _neve.Op(name)
    return op


_OPS: dict[str, Any] = {}


def _tuple(made: Any) -> tuple[Any, ...]:
    return made if isinstance(made, tuple) else (made,)


def abs(x: TensorLike) -> Tensor:
    """The absolute value of x

    Source: ONNX Abs-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `abs`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("abs")(x)


def acos(x: TensorLike) -> Tensor:
    """The arc cosine of x

    Source: ONNX Acos-7. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `acos`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("acos")(x)


def acosh(x: TensorLike) -> Tensor:
    """The inverse hyperbolic cosine of x

    Source: ONNX Acosh-9. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `acosh`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("acosh")(x)


def adaptive_avg_pool(x: TensorLike, *, output_size: Sequence[int] = ()) -> Tensor:
    """Mean over windows that cut each spatial axis into output_size parts.

    Source: torch.nn.functional.adaptive_avg_pool2d. Kind: primitive. Has a gradient.

    Inputs:
        x: [n, c, ...]

    Outputs:
        y: [n, c, output_size...]

    Attributes:
        output_size (ints): Spatial sizes of y.
    """
    return _op("adaptive_avg_pool")(x, output_size=output_size)


def adaptive_avg_pool_grad(dy: TensorLike, shape: TensorLike) -> Tensor:
    """The gradient of adaptive_avg_pool by x.

    Source: adjoint of torch.nn.functional.adaptive_avg_pool2d. Kind: primitive. Has a gradient.

    Inputs:
        dy: [n, c, ...]
        shape: of x, i64

    Outputs:
        dx: [n, c, ...]
    """
    return _op("adaptive_avg_pool_grad")(dy, shape)


def add(a: TensorLike, b: TensorLike) -> Tensor:
    """a + b

    Source: ONNX Add-14. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `add`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("add")(a, b)


def affine_grid(theta: TensorLike, size: TensorLike, *, align_corners: bool = False) -> Tensor:
    """The grid of places that an affine map takes the points of an image to.

    Source: ONNX AffineGrid-20; torch.nn.functional.affine_grid. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        theta: [n, 2, 3] or [n, 3, 4]
        size: i64, [n, c, h, w] or [n, c, d, h, w]

    Outputs:
        grid: [n, h, w, 2] or [n, d, h, w, 3]

    Attributes:
        align_corners (bool): -1 and 1 are the centres of the outer pixels, not their edges.
    """
    return _op("affine_grid")(theta, size, align_corners=align_corners)


def and_(a: TensorLike, b: TensorLike) -> Tensor:
    """a and b

    Source: ONNX And-7. Kind: elementwise, with NumPy's broadcasting. Public name: `logical_and`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("and")(a, b)


def arg_max(data: TensorLike, *, axis: int = 0, keepdims: bool = True, select_last_index: bool = False) -> Tensor:
    """Index of the largest element along an axis; a NaN counts as largest.

    Source: ONNX ArgMax-13. Kind: primitive. Public name: `argmax`.

    Inputs:
        data

    Outputs:
        reduced

    Attributes:
        axis (int): Axis to search, in [-rank, rank).
        keepdims (bool): Keep the axis with size 1.
        select_last_index (bool): Of equal elements the last, not the first.
    """
    return _op("arg_max")(data, axis=axis, keepdims=keepdims, select_last_index=select_last_index)


def arg_min(data: TensorLike, *, axis: int = 0, keepdims: bool = True, select_last_index: bool = False) -> Tensor:
    """Index of the smallest element along an axis; a NaN counts as smallest.

    Source: ONNX ArgMin-13. Kind: primitive. Public name: `argmin`.

    Inputs:
        data

    Outputs:
        reduced

    Attributes:
        axis (int): Axis to search, in [-rank, rank).
        keepdims (bool): Keep the axis with size 1.
        select_last_index (bool): Of equal elements the last, not the first.
    """
    return _op("arg_min")(data, axis=axis, keepdims=keepdims, select_last_index=select_last_index)


def array_feature_extractor(X: TensorLike, Y: TensorLike) -> Tensor:
    """Elements of the last axis by index.

    Source: ONNX ai.onnx.ml ArrayFeatureExtractor-1. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        X
        Y: i64; all its elements count as one list

    Outputs:
        Z
    """
    return _op("array_feature_extractor")(X, Y)


def asin(x: TensorLike) -> Tensor:
    """The arc sine of x

    Source: ONNX Asin-7. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `asin`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("asin")(x)


def asinh(x: TensorLike) -> Tensor:
    """The inverse hyperbolic sine of x

    Source: ONNX Asinh-9. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `asinh`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("asinh")(x)


def atan(x: TensorLike) -> Tensor:
    """The arc tangent of x

    Source: ONNX Atan-7. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `atan`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("atan")(x)


def atan2(a: TensorLike, b: TensorLike) -> Tensor:
    """Angle of the point (b, a): arctan(a / b) in the right quadrant

    Source: numpy.arctan2. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `atan2`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("atan2")(a, b)


def atanh(x: TensorLike) -> Tensor:
    """The inverse hyperbolic tangent of x

    Source: ONNX Atanh-9. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `atanh`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("atanh")(x)


def attention(q: TensorLike, k: TensorLike, v: TensorLike, attn_mask: TensorLike | None = None, past_key: TensorLike | None = None, past_value: TensorLike | None = None, nonpad_kv_seqlen: TensorLike | None = None, *, is_causal: bool = False, q_num_heads: int = 0, kv_num_heads: int = 0, scale: float = 0.0, softcap: float = 0.0, softmax_precision: str = "", qk_matmul_output_mode: int = 0, outputs: int = 1) -> tuple[Any, ...]:
    """Scaled dot product attention over heads, with a mask, a cache of past keys and values, and padding.

    Source: ONNX Attention-24. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        q: [b, h, s, d] or [b, s, h * d]
        k: [b, g, t, d] or [b, t, g * d]
        v: [b, g, t, e] or [b, t, g * e]
        attn_mask: optional, bool or float, broadcasts to [b, h, s, past + t]; may end early
        past_key: optional, [b, g, past, d]
        past_value: optional, [b, g, past, e]
        nonpad_kv_seqlen: optional, i64 [b]: how many keys are no padding

    Outputs:
        y: of the rank of q
        present_key: optional, [b, g, past + t, d]
        present_value: optional, [b, g, past + t, e]
        qk_matmul_output: optional, [b, h, s, past + t]

    Attributes:
        is_causal (bool): Query i sees the past and keys up to i.
        q_num_heads (int): Heads of q, for inputs of rank 3.
        kv_num_heads (int): Heads of k and v, for inputs of rank 3.
        scale (float): Factor of the scores; 0: 1 / sqrt(head size).
        softcap (float): Bound c of the scores, by c * tanh(x / c); 0: none.
        softmax_precision (string): dtype of the softmax; empty: that of q.
        qk_matmul_output_mode (int): What the fourth result is: 0 the product, 1 with mask, 2 after softcap, 3 after softmax.
        outputs (int): Number of results, 1 to 4.
    """
    return _tuple(_op("attention")(q, k, v, attn_mask, past_key, past_value, nonpad_kv_seqlen, is_causal=is_causal, q_num_heads=q_num_heads, kv_num_heads=kv_num_heads, scale=scale, softcap=softcap, softmax_precision=softmax_precision, qk_matmul_output_mode=qk_matmul_output_mode, outputs=outputs))


def average_pool(x: TensorLike, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), auto_pad: str = "NOTSET", ceil_mode: bool = False, count_include_pad: bool = False) -> Tensor:
    """Mean over each window; padding counts (as zeros) if count_include_pad.

    Source: ONNX AveragePool-22. Kind: primitive. Has a gradient.

    Inputs:
        x: [n, c, ...]

    Outputs:
        y: [n, c, ...]

    Attributes:
        kernel_shape (ints): Size of the window for each spatial axis.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of window elements for each spatial axis; empty: 1.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
        ceil_mode (bool): Keep a last window that hangs over the end.
        count_include_pad (bool): Divide by all positions in the padded input.
    """
    return _op("average_pool")(x, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, auto_pad=auto_pad, ceil_mode=ceil_mode, count_include_pad=count_include_pad)


def average_pool_grad(dy: TensorLike, shape: TensorLike, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), auto_pad: str = "NOTSET", ceil_mode: bool = False, count_include_pad: bool = False) -> Tensor:
    """The gradient of average_pool by x: dy / count, spread over each window.

    Source: adjoint of ONNX AveragePool-22. Kind: primitive. Has a gradient.

    Inputs:
        dy: of the shape of average_pool(x)
        shape: of x, i64

    Outputs:
        dx: [n, c, ...]

    Attributes:
        kernel_shape (ints): Size of the window for each spatial axis.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of window elements for each spatial axis; empty: 1.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
        ceil_mode (bool): Keep a last window that hangs over the end.
        count_include_pad (bool): As in average_pool.
    """
    return _op("average_pool_grad")(dy, shape, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, auto_pad=auto_pad, ceil_mode=ceil_mode, count_include_pad=count_include_pad)


def batch_normalization(x: TensorLike, scale: TensorLike, bias: TensorLike, input_mean: TensorLike, input_var: TensorLike, *, epsilon: float = 1e-05, momentum: float = 0.9, training_mode: bool = False) -> tuple[Any, ...]:
    """y = (x - mean) / sqrt(var + epsilon) * scale + bias for each channel; in training mode mean and var are those of x, and the running ones are moved.

    Source: ONNX BatchNormalization-15. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.

    Inputs:
        x: [n, c, ...] or [n]
        scale: [c]
        bias: [c]
        input_mean: [c]
        input_var: [c]

    Outputs:
        y
        running_mean: optional, training mode only
        running_var: optional, training mode only

    Attributes:
        epsilon (float): Added to the variance.
        momentum (float): running = running * momentum + current * (1 - momentum).
        training_mode (bool): Use statistics of x and return three results.
    """
    return _tuple(_op("batch_normalization")(x, scale, bias, input_mean, input_var, epsilon=epsilon, momentum=momentum, training_mode=training_mode))


def bernoulli(input: TensorLike, key: TensorLike, counter: TensorLike, *, dtype: str = "f32") -> Tensor:
    """1 with the probability that x gives, else 0.

    Source: ONNX Bernoulli-22, dtype always given; generator: Philox4x32-10. Kind: primitive. Random: never folded or merged.

    Inputs:
        input: probabilities
        key: i64, one element: the seed
        counter: i64, one element: the number of the draw

    Outputs:
        output

    Attributes:
        dtype (dtype): Of the result.
    """
    return _op("bernoulli")(input, key, counter, dtype=dtype)


def bincount(x: TensorLike, *, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, ... stands in x.

    Source: numpy.bincount. Kind: primitive.

    Inputs:
        x: integers of rank 1, 0 or more

    Outputs:
        counts: i64 [max(x) + 1, at least minlength]

    Attributes:
        minlength (int): Smallest length of the result.
    """
    return _op("bincount")(x, minlength=minlength)


def bit_cast(input: TensorLike, *, to: str = "f32") -> Tensor:
    """The bytes of x, read as another dtype of the same width.

    Source: ONNX BitCast-26; numpy.ndarray.view. Kind: primitive.

    Inputs:
        input

    Outputs:
        output

    Attributes:
        to (dtype): The dtype; as many bytes as that of input.
    """
    return _op("bit_cast")(input, to=to)


def bit_shift(a: TensorLike, b: TensorLike, *, direction: str = "LEFT") -> Tensor:
    """The bits of a moved by b places; signed integers shift right arithmetically

    Source: ONNX BitShift-11, signed integers as numpy.right_shift. Kind: elementwise, with NumPy's broadcasting.

    Inputs:
        a
        b

    Outputs:
        y

    Attributes:
        direction (string): LEFT or RIGHT.
    """
    return _op("bit_shift")(a, b, direction=direction)


def bitwise_and(a: TensorLike, b: TensorLike) -> Tensor:
    """The bits set in a and in b

    Source: ONNX BitwiseAnd-18. Kind: elementwise, with NumPy's broadcasting. Public name: `bitwise_and`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("bitwise_and")(a, b)


def bitwise_not(x: TensorLike) -> Tensor:
    """All bits of x turned

    Source: ONNX BitwiseNot-18. Kind: elementwise, with NumPy's broadcasting. Public name: `bitwise_invert`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("bitwise_not")(x)


def bitwise_or(a: TensorLike, b: TensorLike) -> Tensor:
    """The bits set in a or in b

    Source: ONNX BitwiseOr-18. Kind: elementwise, with NumPy's broadcasting. Public name: `bitwise_or`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("bitwise_or")(a, b)


def bitwise_xor(a: TensorLike, b: TensorLike) -> Tensor:
    """The bits set in one of a and b

    Source: ONNX BitwiseXor-18. Kind: elementwise, with NumPy's broadcasting. Public name: `bitwise_xor`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("bitwise_xor")(a, b)


def blackman_window(size: TensorLike, *, periodic: bool = True, output_datatype: str = "f32") -> Tensor:
    """0.42 - 0.5 cos(2 pi i / N) + 0.08 cos(4 pi i / N), N = size, or size - 1 if not periodic.

    Source: ONNX BlackmanWindow-17. Kind: primitive.

    Inputs:
        size: one integer

    Outputs:
        output

    Attributes:
        periodic (bool): Of a periodic signal: one period, without its end.
        output_datatype (dtype): Of the result.
    """
    return _op("blackman_window")(size, periodic=periodic, output_datatype=output_datatype)


def cast(x: TensorLike, *, to: str = "f32", saturate: bool = False) -> Tensor:
    """x in another dtype; float to integer truncates

    Source: ONNX Cast-19; saturate as numpy.clip before it, rounding half to even. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `astype`.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        to (dtype): The dtype.
        saturate (bool): To integers: round half to even, clamp what is out of range, NaN gives 0.
    """
    return _op("cast")(x, to=to, saturate=saturate)


def ceil(x: TensorLike) -> Tensor:
    """The smallest integer not below x

    Source: ONNX Ceil-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `ceil`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("ceil")(x)


def celu(x: TensorLike, *, alpha: float = 1.0) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))

    Source: ONNX Celu-12. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        alpha (float): Scale below 0; not 0.
    """
    return _op("celu")(x, alpha=alpha)


def center_crop_pad(input_data: TensorLike, shape: TensorLike, *, axes: Sequence[int] = ()) -> Tensor:
    """The middle of x in the given size: cut where x is larger, padded with zeros where it is smaller.

    Source: ONNX CenterCropPad-18. Kind: primitive. Has a gradient.

    Inputs:
        input_data
        shape: i64, one size for each axis

    Outputs:
        output_data

    Attributes:
        axes (ints): Axes that get a size; empty: all.
    """
    return _op("center_crop_pad")(input_data, shape, axes=axes)


def cholesky(x: TensorLike) -> Tensor:
    """The lower triangular l with l l^T = (x + x^T) / 2, positive definite; in f64.

    Source: array API linalg.cholesky. Kind: primitive. Has a gradient.

    Inputs:
        x: [.., n, n]

    Outputs:
        y
    """
    return _op("cholesky")(x)


def clip(x: TensorLike, low: TensorLike | None = None, high: TensorLike | None = None) -> Tensor:
    """min(max(x, low), high), each where given

    Source: ONNX Clip-13. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.

    Inputs:
        x
        low: optional, one value
        high: optional, one value

    Outputs:
        y
    """
    return _op("clip")(x, low, high)


def col2im(x: TensorLike, image_shape: TensorLike, block_shape: TensorLike, *, strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = ()) -> Tensor:
    """Adds columns of blocks into an image, each at its place; the adjoint of taking blocks from an image.

    Source: ONNX Col2Im-18; torch.nn.Fold. Kind: primitive. Has a gradient.

    Inputs:
        x: [n, c * product(block), blocks]
        image_shape: i64, spatial sizes
        block_shape: i64, kernel sizes

    Outputs:
        y: [n, c, image...]

    Attributes:
        strides (ints): Step between blocks; empty: 1.
        pads (ints): Padding of the image: begins, then ends; empty: 0.
        dilations (ints): Distance within a block; empty: 1.
    """
    return _op("col2im")(x, image_shape, block_shape, strides=strides, pads=pads, dilations=dilations)


def compress(input: TensorLike, condition: TensorLike, *, axis: int = -9223372036854775808) -> Tensor:
    """The slices of x along an axis where the condition holds; what the condition does not reach is dropped.

    Source: ONNX Compress-11. Kind: primitive. Has a gradient.

    Inputs:
        input
        condition: bool [n], n <= size of the axis

    Outputs:
        output

    Attributes:
        axis (int): Axis, in [-rank, rank); the smallest integer (the default): x is flattened first.
    """
    return _op("compress")(input, condition, axis=axis)


def concat(*inputs: TensorLike | None, axis: int = 0) -> Tensor:
    """Inputs one after another along an axis.

    Source: ONNX Concat-13. Kind: primitive. Has a gradient.

    Inputs:
        inputs: any number, one dtype, one rank; equal sizes but for the axis

    Outputs:
        concat_result

    Attributes:
        axis (int): Axis to join, in [-rank, rank).
    """
    return _op("concat")(*inputs, axis=axis)


def constant_of_shape(input: TensorLike, *, value: TensorLike | None = None) -> Tensor:
    """A tensor of the given shape with one value everywhere.

    Source: ONNX ConstantOfShape-25. Kind: primitive. Public name: `full`.

    Inputs:
        input: i64 [rank]: the shape

    Outputs:
        output

    Attributes:
        value (tensor): One element; its dtype is that of the result.
    """
    return _op("constant_of_shape")(input, **({} if value is None else {"value": value}))


def conv(x: TensorLike, w: TensorLike, bias: TensorLike | None = None, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), group: int = 1, auto_pad: str = "NOTSET") -> Tensor:
    """Cross-correlation: y[n, m] = bias[m] + sum over c and taps of w[m, c] * x[n, c], over 1 to 3 spatial axes.

    Source: ONNX Conv-22. Kind: primitive. Has a gradient.

    Inputs:
        x: [n, c, ...]; i32 is for quantised forms
        w: [m, c / group, kernel...]
        bias: optional, [m]

    Outputs:
        y: [n, m, ...]

    Attributes:
        kernel_shape (ints): Kernel sizes; may be left out, the weight tells them.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of kernel elements for each spatial axis; empty: 1.
        group (int): Number of groups of channels.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
    """
    return _op("conv")(x, w, bias, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, group=group, auto_pad=auto_pad)


def conv_input_grad(dy: TensorLike, w: TensorLike, shape: TensorLike, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), group: int = 1, auto_pad: str = "NOTSET") -> Tensor:
    """The gradient of conv(x, w) by x, given that of its result.

    Source: adjoint of ONNX Conv-22. Kind: primitive. Has a gradient.

    Inputs:
        dy: [n, m, ...]
        w: [m, c / group, kernel...]
        shape: of x, i64

    Outputs:
        dx: [n, c, ...]

    Attributes:
        kernel_shape (ints): Kernel sizes; may be left out, the weight tells them.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of kernel elements for each spatial axis; empty: 1.
        group (int): Number of groups of channels.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
    """
    return _op("conv_input_grad")(dy, w, shape, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, group=group, auto_pad=auto_pad)


def conv_integer(x: TensorLike, w: TensorLike, x_zero_point: TensorLike | None = None, w_zero_point: TensorLike | None = None, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), group: int = 1, auto_pad: str = "NOTSET") -> Tensor:
    """conv(x - x_zero_point, w - w_zero_point), in 32-bit integers.

    Source: ONNX ConvInteger-10. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: u8 or i8 [n, c, ...]
        w: u8 or i8 [m, c / group, kernel...]
        x_zero_point: optional, scalar
        w_zero_point: optional, scalar or [m]

    Outputs:
        y: i32 [n, m, ...]

    Attributes:
        kernel_shape (ints): Kernel sizes; may be left out, the weight tells them.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of kernel elements for each spatial axis; empty: 1.
        group (int): Number of groups of channels.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
    """
    return _op("conv_integer")(x, w, x_zero_point, w_zero_point, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, group=group, auto_pad=auto_pad)


def conv_transpose(x: TensorLike, w: TensorLike, bias: TensorLike | None = None, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), group: int = 1, auto_pad: str = "NOTSET", output_padding: Sequence[int] = (), output_shape: Sequence[int] = ()) -> Tensor:
    """Transposed convolution: every element of x adds its multiple of the kernel to y; the adjoint of conv.

    Source: ONNX ConvTranspose-22. Kind: primitive. Has a gradient.

    Inputs:
        x: [n, c, ...]
        w: [c, m / group, kernel...]
        bias: optional, [m]

    Outputs:
        y: [n, m, ...]

    Attributes:
        kernel_shape (ints): Kernel sizes; may be left out, the weight tells them.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of kernel elements for each spatial axis; empty: 1.
        group (int): Number of groups of channels.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
        output_padding (ints): Extra size at the end of each spatial axis of y.
        output_shape (ints): Spatial sizes of y; then pads follow from them.
    """
    return _op("conv_transpose")(x, w, bias, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, group=group, auto_pad=auto_pad, output_padding=output_padding, output_shape=output_shape)


def conv_weight_grad(x: TensorLike, dy: TensorLike, shape: TensorLike, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), group: int = 1, auto_pad: str = "NOTSET") -> Tensor:
    """The gradient of conv(x, w) by w, given that of its result.

    Source: adjoint of ONNX Conv-22. Kind: primitive. Has a gradient.

    Inputs:
        x: [n, c, ...]
        dy: [n, m, ...]
        shape: of w, i64

    Outputs:
        dw: [m, c / group, kernel...]

    Attributes:
        kernel_shape (ints): Kernel sizes; may be left out, the weight tells them.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of kernel elements for each spatial axis; empty: 1.
        group (int): Number of groups of channels.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
    """
    return _op("conv_weight_grad")(x, dy, shape, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, group=group, auto_pad=auto_pad)


def cos(x: TensorLike) -> Tensor:
    """The cosine of x

    Source: ONNX Cos-7. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `cos`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("cos")(x)


def cosh(x: TensorLike) -> Tensor:
    """The hyperbolic cosine of x

    Source: ONNX Cosh-9. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `cosh`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("cosh")(x)


def cum_prod(x: TensorLike, *, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Running products along an axis.

    Source: ONNX CumProd-26, axis as an attribute. Kind: primitive. Has a gradient. Public name: `cumulative_prod`.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        axis (int): Axis to run along, in [-rank, rank).
        exclusive (bool): Leave out the element itself: the first result is that of nothing.
        reverse (bool): Run from the end.
    """
    return _op("cum_prod")(x, axis=axis, exclusive=exclusive, reverse=reverse)


def cum_sum(x: TensorLike, *, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Running sums along an axis.

    Source: ONNX CumSum-14, axis as an attribute. Kind: primitive. Has a gradient. Public name: `cumulative_sum`.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        axis (int): Axis to run along, in [-rank, rank).
        exclusive (bool): Leave out the element itself: the first result is that of nothing.
        reverse (bool): Run from the end.
    """
    return _op("cum_sum")(x, axis=axis, exclusive=exclusive, reverse=reverse)


def deform_conv(x: TensorLike, w: TensorLike, offset: TensorLike, bias: TensorLike | None = None, mask: TensorLike | None = None, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), group: int = 1, auto_pad: str = "NOTSET", offset_group: int = 1) -> Tensor:
    """Convolution whose taps are moved by offsets and scaled by a mask, with linear interpolation.

    Source: ONNX DeformConv-22. Kind: primitive.

    Inputs:
        x: [n, c, ...]
        w: [m, c / group, kernel...]
        offset: [n, offset_group * taps * axes, out...]
        bias: optional, [m]
        mask: optional, [n, offset_group * taps, out...]

    Outputs:
        y: [n, m, out...]

    Attributes:
        kernel_shape (ints): Kernel sizes; may be left out, the weight tells them.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of kernel elements for each spatial axis; empty: 1.
        group (int): Number of groups of channels.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
        offset_group (int): Groups of channels that share offsets.
    """
    return _op("deform_conv")(x, w, offset, bias, mask, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, group=group, auto_pad=auto_pad, offset_group=offset_group)


def depth_to_space(input: TensorLike, *, blocksize: int = 1, mode: str = "DCR") -> Tensor:
    """Channels spread over blocks of space: [N, C, H, W] to [N, C / b^2, H b, W b].

    Source: ONNX DepthToSpace-13. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        input: [N, C, H, W]

    Outputs:
        output

    Attributes:
        blocksize (int): b.
        mode (string): DCR: the block is the outer part of C; CRD: the inner part.
    """
    return _op("depth_to_space")(input, blocksize=blocksize, mode=mode)


def dequantize_linear(x: TensorLike, x_scale: TensorLike, x_zero_point: TensorLike | None = None, *, axis: int = 1, block_size: int = 0, output_dtype: str = "") -> Tensor:
    """y = (x - x_zero_point) * x_scale.

    Source: ONNX DequantizeLinear-25. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: u8, i8, u16, i16 or i32
        x_scale: scalar, [size of axis], or blocked
        x_zero_point: optional, of the dtype of x and the shape of x_scale

    Outputs:
        y: a float

    Attributes:
        axis (int): Axis of the scales, unless there is one alone.
        block_size (int): Elements along axis that share a scale; 0: not blocked.
        output_dtype (string): dtype of y; empty: that of x_scale.
    """
    return _op("dequantize_linear")(x, x_scale, x_zero_point, axis=axis, block_size=block_size, output_dtype=output_dtype)


def det(X: TensorLike) -> Tensor:
    """Determinants of square matrices, by elimination in f64.

    Source: ONNX Det-22. Kind: primitive. Has a gradient.

    Inputs:
        X: [.., n, n]

    Outputs:
        Y
    """
    return _op("det")(X)


def dft(input: TensorLike, dft_length: TensorLike | None = None, *, axis: int = -2, inverse: bool = False, onesided: bool = False) -> Tensor:
    """Discrete Fourier transform along an axis: y[k] = sum of x[n] exp(-2 pi i k n / N); inverse: + and / N.

    Source: ONNX DFT-20, axis as an attribute; onesided inverse as numpy.fft.irfft. Kind: primitive. Has a gradient.

    Inputs:
        input: [.., n, .., 1 or 2]
        dft_length: optional, N, one integer; default: n, or 2 (n - 1) for a onesided inverse

    Outputs:
        output

    Attributes:
        axis (int): Axis to transform; not the last one.
        inverse (bool): The inverse transform.
        onesided (bool): Only the floor(N / 2) + 1 first frequencies: of the result, or of the input of an inverse, which then is real.
    """
    return _op("dft")(input, dft_length, axis=axis, inverse=inverse, onesided=onesided)


def div(a: TensorLike, b: TensorLike) -> Tensor:
    """a / b; integers truncate towards zero, by 0 give 0

    Source: ONNX Div-14. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `divide`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("div")(a, b)


def dropout(data: TensorLike, ratio: TensorLike | None = None, training_mode: TensorLike | None = None, key: TensorLike | None = None, counter: TensorLike | None = None) -> tuple[Any, ...]:
    """In training, elements zeroed with probability ratio and the others scaled by 1 / (1 - ratio); otherwise x. The mask tells what was kept.

    Source: ONNX Dropout-22; generator: Philox4x32-10. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        data
        ratio: optional, one float, default 0.5
        training_mode: optional, one bool, default false
        key: optional, i64, one element; needed where training_mode may hold
        counter: optional, i64, one element

    Outputs:
        output
        mask: bool
    """
    return _tuple(_op("dropout")(data, ratio, training_mode, key, counter))


def dynamic_quantize_linear(x: TensorLike) -> tuple[Any, ...]:
    """Quantises to u8 with the scale and zero point that cover the range of x and 0.

    Source: ONNX DynamicQuantizeLinear-11. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: f32

    Outputs:
        y: u8
        y_scale: f32 scalar
        y_zero_point: u8 scalar
    """
    return _tuple(_op("dynamic_quantize_linear")(x))


def eigh(x: TensorLike) -> tuple[Any, ...]:
    """(x + x^T) / 2 = v diag(w) v^T with the eigenvalues w rising; in f64.

    Source: array API linalg.eigh. Kind: primitive. Has a gradient.

    Inputs:
        x: [.., n, n]

    Outputs:
        w: [.., n]
        v: [.., n, n], columns are eigenvectors
    """
    return _tuple(_op("eigh")(x))


def einsum(*Inputs: TensorLike | None, equation: str = "") -> Tensor:
    """Products of inputs, summed over the labels that the result does not have.

    Source: ONNX Einsum-12; numpy.einsum. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        Inputs: any number, one dtype

    Outputs:
        Output

    Attributes:
        equation (string): 'ij,jk->ik': a letter an axis, '...' for the rest; without '->' the letters that stand once, in order.
    """
    return _op("einsum")(*Inputs, equation=equation)


def elu(x: TensorLike, *, alpha: float = 1.0) -> Tensor:
    """x, alpha * (exp(x) - 1) below 0

    Source: ONNX Elu-6. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        alpha (float): Scale below 0.
    """
    return _op("elu")(x, alpha=alpha)


def equal(a: TensorLike, b: TensorLike) -> Tensor:
    """a == b

    Source: ONNX Equal-19. Kind: elementwise, with NumPy's broadcasting. Public name: `equal`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("equal")(a, b)


def erf(x: TensorLike) -> Tensor:
    """The error function of x

    Source: ONNX Erf-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("erf")(x)


def exp(x: TensorLike) -> Tensor:
    """e to the power x

    Source: ONNX Exp-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `exp`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("exp")(x)


def expand(input: TensorLike, shape: TensorLike) -> Tensor:
    """x broadcast with a tensor of the given shape (a size 1 in it leaves x as it is).

    Source: ONNX Expand-13. Kind: primitive. Has a gradient. Public name: `broadcast_to`.

    Inputs:
        input
        shape: i64 [n]

    Outputs:
        output
    """
    return _op("expand")(input, shape)


def expm1(x: TensorLike) -> Tensor:
    """exp(x) - 1, exact near 0

    Source: numpy.expm1. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `expm1`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("expm1")(x)


def eye_like(input: TensorLike, *, k: int = 0, dtype: str = "f32") -> Tensor:
    """A matrix of the shape of x with ones on a diagonal and zeros elsewhere.

    Source: ONNX EyeLike-22; dtype is always given. Kind: primitive.

    Inputs:
        input: a matrix

    Outputs:
        output

    Attributes:
        k (int): Diagonal: above the main one if positive.
        dtype (dtype): Of the result.
    """
    return _op("eye_like")(input, k=k, dtype=dtype)


def fail(shape: TensorLike, *, message: str = "", dtype: str = "f32") -> Tensor:
    """Raises an error with the message when it is run; never has a result.

    Source: Neve. Kind: primitive. Random: never folded or merged.

    Inputs:
        shape: i64 [rank]: sizes that the result is said to have

    Outputs:
        y

    Attributes:
        message (string): What the error says.
        dtype (dtype): Element type the result is said to have.
    """
    return _op("fail")(shape, message=message, dtype=dtype)


def flatten(input: TensorLike, *, axis: int = 1) -> Tensor:
    """A matrix: axes before `axis` joined, the others joined.

    Source: ONNX Flatten-25. Kind: primitive. Has a gradient.

    Inputs:
        input

    Outputs:
        output

    Attributes:
        axis (int): First axis of the columns, in [-rank, rank].
    """
    return _op("flatten")(input, axis=axis)


def floor(x: TensorLike) -> Tensor:
    """The largest integer not above x

    Source: ONNX Floor-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `floor`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("floor")(x)


def gather(data: TensorLike, indices: TensorLike, *, axis: int = 0) -> Tensor:
    """Slices of x along an axis by index: y[.., i.., ..] = x[.., indices[i..], ..].

    Source: ONNX Gather-13. Kind: primitive. Has a gradient. Public name: `take`.

    Inputs:
        data
        indices: i64 or i32; negative counts from the end

    Outputs:
        output

    Attributes:
        axis (int): Axis to index, in [-rank, rank).
    """
    return _op("gather")(data, indices, axis=axis)


def gather_elements(data: TensorLike, indices: TensorLike, *, axis: int = 0) -> Tensor:
    """y[i][j][k] = x[indices[i][j][k]][j][k] for axis 0, and so on.

    Source: ONNX GatherElements-13. Kind: primitive. Has a gradient. Public name: `take_along_axis`.

    Inputs:
        data
        indices: i64 or i32; rank of data

    Outputs:
        output

    Attributes:
        axis (int): Axis to index, in [-rank, rank).
    """
    return _op("gather_elements")(data, indices, axis=axis)


def gather_nd(data: TensorLike, indices: TensorLike, *, batch_dims: int = 0) -> Tensor:
    """Slices of x by tuples of indices, which are the last axis of `indices`.

    Source: ONNX GatherND-13. Kind: primitive. Has a gradient.

    Inputs:
        data
        indices: i64 [.., k]; negative counts from the end

    Outputs:
        output

    Attributes:
        batch_dims (int): Leading axes that data and indices share.
    """
    return _op("gather_nd")(data, indices, batch_dims=batch_dims)


def gelu(x: TensorLike, *, approximate: str = "none") -> Tensor:
    """0.5 * x * (1 + erf(x / sqrt(2))), or its approximation with tanh

    Source: ONNX Gelu-20. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        approximate (string): none or tanh.
    """
    return _op("gelu")(x, approximate=approximate)


def gemm(a: TensorLike, b: TensorLike, c: TensorLike | None = None, *, alpha: float = 1.0, beta: float = 1.0, transA: bool = False, transB: bool = False) -> Tensor:
    """y = alpha * a' b' + beta * c, with a and b transposed on request and c broadcast.

    Source: ONNX Gemm-13. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.

    Inputs:
        a: [m, k], or [k, m] if transA
        b: [k, n], or [n, k] if transB
        c: optional, broadcasts to [m, n]

    Outputs:
        y: [m, n]

    Attributes:
        alpha (float): Factor of the product.
        beta (float): Factor of c.
        transA (bool): Transpose a.
        transB (bool): Transpose b.
    """
    return _op("gemm")(a, b, c, alpha=alpha, beta=beta, transA=transA, transB=transB)


def global_average_pool(x: TensorLike) -> Tensor:
    """Mean over all spatial axes, kept with size 1.

    Source: ONNX GlobalAveragePool-22. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: [n, c, ...]

    Outputs:
        y: [n, c, 1, ...]
    """
    return _op("global_average_pool")(x)


def global_lp_pool(x: TensorLike, *, p: int = 2) -> Tensor:
    """Lp norm over all spatial axes, kept with size 1.

    Source: ONNX GlobalLpPool-22. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: [n, c, ...]

    Outputs:
        y: [n, c, 1, ...]

    Attributes:
        p (int): Order of the norm.
    """
    return _op("global_lp_pool")(x, p=p)


def global_max_pool(x: TensorLike) -> Tensor:
    """Maximum over all spatial axes, kept with size 1.

    Source: ONNX GlobalMaxPool-22. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: [n, c, ...]

    Outputs:
        y: [n, c, 1, ...]
    """
    return _op("global_max_pool")(x)


def greater(a: TensorLike, b: TensorLike) -> Tensor:
    """a > b

    Source: ONNX Greater-13. Kind: elementwise, with NumPy's broadcasting. Public name: `greater`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("greater")(a, b)


def greater_or_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """a >= b

    Source: ONNX GreaterOrEqual-16. Kind: elementwise, with NumPy's broadcasting. Public name: `greater_equal`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("greater_or_equal")(a, b)


def grid_sample(x: TensorLike, grid: TensorLike, *, mode: str = "linear", padding_mode: str = "zeros", align_corners: bool = False) -> Tensor:
    """Samples x at the places that grid names, in coordinates from -1 to 1.

    Source: ONNX GridSample-22; torch.nn.functional.grid_sample. Kind: primitive. Has a gradient.

    Inputs:
        x: [n, c, ...]
        grid: [n, ..., coordinates, innermost axis first]

    Outputs:
        y: [n, c, ...]

    Attributes:
        mode (string): linear, nearest or cubic.
        padding_mode (string): Outside of x: zeros, border (repeat) or reflection.
        align_corners (bool): -1 and 1 are the centres of the outer pixels, not their edges.
    """
    return _op("grid_sample")(x, grid, mode=mode, padding_mode=padding_mode, align_corners=align_corners)


def grid_sample_grad(x: TensorLike, grid: TensorLike, dy: TensorLike, *, mode: str = "linear", padding_mode: str = "zeros", align_corners: bool = False) -> tuple[Any, ...]:
    """The gradients of grid_sample by x and by grid.

    Source: derivative of ONNX GridSample-22. Kind: primitive.

    Inputs:
        x
        grid
        dy: of the shape of grid_sample(x, grid)

    Outputs:
        dx
        dgrid

    Attributes:
        mode (string): linear, nearest or cubic.
        padding_mode (string): Outside of x: zeros, border (repeat) or reflection.
        align_corners (bool): -1 and 1 are the centres of the outer pixels, not their edges.
    """
    return _tuple(_op("grid_sample_grad")(x, grid, dy, mode=mode, padding_mode=padding_mode, align_corners=align_corners))


def group_normalization(x: TensorLike, scale: TensorLike, bias: TensorLike, *, num_groups: int = 1, epsilon: float = 1e-05, stash_type: str = "f32") -> Tensor:
    """y = (x - mean) / sqrt(var + epsilon) * scale + bias, with mean and var over each group of channels.

    Source: ONNX GroupNormalization-21. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: [n, c, ...]
        scale: [c]
        bias: [c]

    Outputs:
        y

    Attributes:
        num_groups (int): Number of groups; divides c.
        epsilon (float): Added to the variance.
        stash_type (dtype): Least precision of the statistics.
    """
    return _op("group_normalization")(x, scale, bias, num_groups=num_groups, epsilon=epsilon, stash_type=stash_type)


def gru(x: TensorLike, w: TensorLike, r: TensorLike, b: TensorLike | None = None, sequence_lens: TensorLike | None = None, initial_h: TensorLike | None = None, *, hidden_size: int = 0, direction: str = "forward", activations: Sequence[str] = (), activation_alpha: Sequence[float] = (), activation_beta: Sequence[float] = (), clip: float = 0.0, layout: int = 0, outputs: int = 1, linear_before_reset: bool = False) -> tuple[Any, ...]:
    """Gated recurrent unit: z, r = f(x w^T + h r^T); n = g(x w^T + (r * h) r^T); h = (1 - z) * n + z * h.

    Source: ONNX GRU-22. Kind: primitive. Has a gradient.

    Inputs:
        x: [sequence, batch, inputs]
        w: [directions, 3 * hidden, inputs], gates z r h
        r: [directions, 3 * hidden, hidden]
        b: optional, [directions, 6 * hidden]
        sequence_lens: optional, i32 [batch]
        initial_h: optional, [directions, batch, hidden]

    Outputs:
        y: [sequence, directions, batch, hidden]
        y_h: optional, [directions, batch, hidden]

    Attributes:
        hidden_size (int): Number of units; 0: as r tells.
        direction (string): forward, reverse or bidirectional.
        activations (strings): Names of the activations of each direction; empty: the usual ones.
        activation_alpha (floats): First parameters of the activations that have one, in order.
        activation_beta (floats): Second parameters, in order.
        clip (float): Bound on the inputs of activations; 0: none.
        layout (int): 0: [sequence, batch, ...]; 1: [batch, sequence, ...].
        outputs (int): Number of results.
        linear_before_reset (bool): Multiply by the reset gate after the recurrent product of the hidden gate.
    """
    return _tuple(_op("gru")(x, w, r, b, sequence_lens, initial_h, hidden_size=hidden_size, direction=direction, activations=activations, activation_alpha=activation_alpha, activation_beta=activation_beta, clip=clip, layout=layout, outputs=outputs, linear_before_reset=linear_before_reset))


def hamming_window(size: TensorLike, *, periodic: bool = True, output_datatype: str = "f32") -> Tensor:
    """25/46 - 21/46 cos(2 pi i / N), N = size, or size - 1 if not periodic.

    Source: ONNX HammingWindow-17. Kind: primitive.

    Inputs:
        size: one integer

    Outputs:
        output

    Attributes:
        periodic (bool): Of a periodic signal: one period, without its end.
        output_datatype (dtype): Of the result.
    """
    return _op("hamming_window")(size, periodic=periodic, output_datatype=output_datatype)


def hann_window(size: TensorLike, *, periodic: bool = True, output_datatype: str = "f32") -> Tensor:
    """sin^2(pi i / N), N = size, or size - 1 if not periodic.

    Source: ONNX HannWindow-17. Kind: primitive.

    Inputs:
        size: one integer

    Outputs:
        output

    Attributes:
        periodic (bool): Of a periodic signal: one period, without its end.
        output_datatype (dtype): Of the result.
    """
    return _op("hann_window")(size, periodic=periodic, output_datatype=output_datatype)


def hard_sigmoid(x: TensorLike, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    """max(0, min(1, alpha * x + beta))

    Source: ONNX HardSigmoid-6. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        alpha (float): Slope.
        beta (float): Value at 0.
    """
    return _op("hard_sigmoid")(x, alpha=alpha, beta=beta)


def hard_swish(x: TensorLike) -> Tensor:
    """x * max(0, min(1, x / 6 + 0.5))

    Source: ONNX HardSwish-14. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("hard_swish")(x)


def hard_tanh(x: TensorLike, *, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """min(max(x, min_val), max_val)

    Source: torch.nn.functional.hardtanh. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        min_val (float): Least result.
        max_val (float): Largest result.
    """
    return _op("hard_tanh")(x, min_val=min_val, max_val=max_val)


def hardmax(x: TensorLike, *, axis: int = -1) -> Tensor:
    """1 at the first maximum along one axis, 0 elsewhere.

    Source: ONNX Hardmax-13. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        axis (int): Axis of the maximum, in [-rank, rank).
    """
    return _op("hardmax")(x, axis=axis)


def identity(x: TensorLike) -> Tensor:
    """y = x.

    Source: ONNX Identity-16. Kind: primitive. Has a gradient.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("identity")(x)


def im2col(input: TensorLike, block_shape: TensorLike, *, dilations: Sequence[int] = (), pads: Sequence[int] = (), strides: Sequence[int] = ()) -> Tensor:
    """The pixels of each window of an image as a column; 0 outside of it.

    Source: torch.nn.Unfold; the reverse of ONNX Col2Im. Kind: primitive. Has a gradient.

    Inputs:
        input: [N, C, image..]
        block_shape: i64 [n]

    Outputs:
        output: [N, C prod(block), L]

    Attributes:
        dilations (ints): Between the pixels of a window; empty: 1.
        pads (ints): Before each axis, then after each; empty: 0.
        strides (ints): Between windows; empty: 1.
    """
    return _op("im2col")(input, block_shape, dilations=dilations, pads=pads, strides=strides)


def instance_normalization(x: TensorLike, scale: TensorLike, bias: TensorLike, *, epsilon: float = 1e-05) -> Tensor:
    """y = (x - mean) / sqrt(var + epsilon) * scale + bias, with mean and var over each plane.

    Source: ONNX InstanceNormalization-22. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: [n, c, ...]
        scale: [c]
        bias: [c]

    Outputs:
        y

    Attributes:
        epsilon (float): Added to the variance.
    """
    return _op("instance_normalization")(x, scale, bias, epsilon=epsilon)


def inverse(x: TensorLike) -> Tensor:
    """Inverses of square matrices, by elimination in f64; not finite where a matrix is singular.

    Source: numpy.linalg.inv. Kind: primitive. Has a gradient. Public name: `inv`.

    Inputs:
        x: [.., n, n]

    Outputs:
        y
    """
    return _op("inverse")(x)


def is_inf(x: TensorLike, *, detect_negative: bool = True, detect_positive: bool = True) -> Tensor:
    """Whether x is infinite, of a sign that is asked for

    Source: ONNX IsInf-10. Kind: elementwise, with NumPy's broadcasting. Public name: `isinf`.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        detect_negative (bool): Whether -inf counts.
        detect_positive (bool): Whether inf counts.
    """
    return _op("is_inf")(x, detect_negative=detect_negative, detect_positive=detect_positive)


def is_nan(x: TensorLike) -> Tensor:
    """Whether x is NaN

    Source: ONNX IsNaN-13. Kind: elementwise, with NumPy's broadcasting. Public name: `isnan`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("is_nan")(x)


def layer_normalization(x: TensorLike, scale: TensorLike, bias: TensorLike | None = None, *, axis: int = -1, epsilon: float = 1e-05, stash_type: str = "f32", outputs: int = 1) -> tuple[Any, ...]:
    """y = (x - mean) / sqrt(var + epsilon) * scale + bias, with mean and var over the axes from `axis` on.

    Source: ONNX LayerNormalization-17. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.

    Inputs:
        x
        scale: broadcasts to x
        bias: optional, broadcasts to x

    Outputs:
        y
        mean: optional, of stash_type
        inv_std_dev: optional, of stash_type

    Attributes:
        axis (int): First axis to normalise over.
        epsilon (float): Added to the variance.
        stash_type (dtype): Least precision of the statistics.
        outputs (int): Number of results, 1 to 3.
    """
    return _tuple(_op("layer_normalization")(x, scale, bias, axis=axis, epsilon=epsilon, stash_type=stash_type, outputs=outputs))


def leaky_relu(x: TensorLike, *, alpha: float = 0.01) -> Tensor:
    """x, times alpha below 0

    Source: ONNX LeakyRelu-16. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        alpha (float): Slope below 0.
    """
    return _op("leaky_relu")(x, alpha=alpha)


def less(a: TensorLike, b: TensorLike) -> Tensor:
    """a < b

    Source: ONNX Less-13. Kind: elementwise, with NumPy's broadcasting. Public name: `less`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("less")(a, b)


def less_or_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """a <= b

    Source: ONNX LessOrEqual-16. Kind: elementwise, with NumPy's broadcasting. Public name: `less_equal`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("less_or_equal")(a, b)


def log(x: TensorLike) -> Tensor:
    """The natural logarithm of x; NaN below 0

    Source: ONNX Log-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `log`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("log")(x)


def log1p(x: TensorLike) -> Tensor:
    """log(1 + x), exact near 0

    Source: numpy.log1p. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `log1p`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("log1p")(x)


def log_sigmoid(x: TensorLike) -> Tensor:
    """log(sigmoid(x)), without overflow

    Source: torch.nn.functional.logsigmoid. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("log_sigmoid")(x)


def log_softmax(x: TensorLike, *, axis: int = -1) -> Tensor:
    """Logarithm of the softmax along one axis: y = x - log(sum(exp(x))).

    Source: ONNX LogSoftmax-13; torch.nn.functional.log_softmax. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        axis (int): Axis to normalise over, in [-rank, rank).
    """
    return _op("log_softmax")(x, axis=axis)


def lp_normalization(x: TensorLike, *, axis: int = -1, p: int = 2) -> Tensor:
    """y = x / Lp norm of x along one axis; zero where the norm is zero.

    Source: ONNX LpNormalization-22. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        axis (int): Axis of the norm.
        p (int): Order of the norm: 1 or 2.
    """
    return _op("lp_normalization")(x, axis=axis, p=p)


def lp_pool(x: TensorLike, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), auto_pad: str = "NOTSET", ceil_mode: bool = False, p: int = 2) -> Tensor:
    """Lp norm of each window: (sum |x|^p)^(1/p).

    Source: ONNX LpPool-22. Kind: primitive. Has a gradient.

    Inputs:
        x: [n, c, ...]

    Outputs:
        y: [n, c, ...]

    Attributes:
        kernel_shape (ints): Size of the window for each spatial axis.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of window elements for each spatial axis; empty: 1.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
        ceil_mode (bool): Keep a last window that hangs over the end.
        p (int): Order of the norm.
    """
    return _op("lp_pool")(x, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, auto_pad=auto_pad, ceil_mode=ceil_mode, p=p)


def lp_pool_grad(x: TensorLike, y: TensorLike, dy: TensorLike, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), auto_pad: str = "NOTSET", ceil_mode: bool = False, p: int = 2) -> Tensor:
    """The gradient of y = lp_pool(x) by x: sum over windows of dy * sign(x) * (|x| / y)^(p-1).

    Source: derivative of ONNX LpPool-22. Kind: primitive.

    Inputs:
        x: [n, c, ...]
        y: lp_pool(x)
        dy: of the shape of y

    Outputs:
        dx: [n, c, ...]

    Attributes:
        kernel_shape (ints): Size of the window for each spatial axis.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of window elements for each spatial axis; empty: 1.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
        ceil_mode (bool): Keep a last window that hangs over the end.
        p (int): Order of the norm.
    """
    return _op("lp_pool_grad")(x, y, dy, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, auto_pad=auto_pad, ceil_mode=ceil_mode, p=p)


def lrn(x: TensorLike, *, size: int = 1, alpha: float = 1e-04, beta: float = 0.75, bias: float = 1.0) -> Tensor:
    """y = x / (bias + alpha / size * sum(x^2 over `size` neighbouring channels))^beta.

    Source: ONNX LRN-13. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: [n, c, ...]

    Outputs:
        y

    Attributes:
        size (int): Number of channels to sum over.
        alpha (float): Scale of the sum.
        beta (float): Exponent.
        bias (float): Added to the sum.
    """
    return _op("lrn")(x, size=size, alpha=alpha, beta=beta, bias=bias)


def lstm(x: TensorLike, w: TensorLike, r: TensorLike, b: TensorLike | None = None, sequence_lens: TensorLike | None = None, initial_h: TensorLike | None = None, initial_c: TensorLike | None = None, p: TensorLike | None = None, *, hidden_size: int = 0, direction: str = "forward", activations: Sequence[str] = (), activation_alpha: Sequence[float] = (), activation_beta: Sequence[float] = (), clip: float = 0.0, layout: int = 0, outputs: int = 1, input_forget: bool = False) -> tuple[Any, ...]:
    """Long short-term memory: i, o, f = f(x w^T + h r^T + p * c); c = f * c + i * g(...); h = o * h(c).

    Source: ONNX LSTM-22. Kind: primitive. Has a gradient.

    Inputs:
        x: [sequence, batch, inputs]
        w: [directions, 4 * hidden, inputs], gates i o f c
        r: [directions, 4 * hidden, hidden]
        b: optional, [directions, 8 * hidden]
        sequence_lens: optional, i32 [batch]
        initial_h: optional, [directions, batch, hidden]
        initial_c: optional, [directions, batch, hidden]
        p: optional, [directions, 3 * hidden], gates i o f

    Outputs:
        y: [sequence, directions, batch, hidden]
        y_h: optional, [directions, batch, hidden]
        y_c: optional, [directions, batch, hidden]
        gates: optional, [sequence, directions, batch, 4 * hidden], for lstm_grad: i o f c after their activations
        cells: optional, [sequence, directions, batch, hidden], for lstm_grad: the cell after each step

    Attributes:
        hidden_size (int): Number of units; 0: as r tells.
        direction (string): forward, reverse or bidirectional.
        activations (strings): Names of the activations of each direction; empty: the usual ones.
        activation_alpha (floats): First parameters of the activations that have one, in order.
        activation_beta (floats): Second parameters, in order.
        clip (float): Bound on the inputs of activations; 0: none.
        layout (int): 0: [sequence, batch, ...]; 1: [batch, sequence, ...].
        outputs (int): Number of results.
        input_forget (bool): The forget gate is 1 - the input gate.
    """
    return _tuple(_op("lstm")(x, w, r, b, sequence_lens, initial_h, initial_c, p, hidden_size=hidden_size, direction=direction, activations=activations, activation_alpha=activation_alpha, activation_beta=activation_beta, clip=clip, layout=layout, outputs=outputs, input_forget=input_forget))


def lstm_grad(gates: TensorLike, cells: TensorLike, r: TensorLike, initial_c: TensorLike, dy: TensorLike | None = None, dy_h: TensorLike | None = None, dy_c: TensorLike | None = None) -> tuple[Any, ...]:
    """The gradient of lstm (one direction, the usual activations, whole sequences) by the sums inside its gates and by its first state.

    Source: adjoint of ONNX LSTM-22. Kind: primitive.

    Inputs:
        gates: [sequence, batch, 4 * hidden], i o f c: as lstm gives them
        cells: [sequence, batch, hidden]: as lstm gives them
        r: [4 * hidden, hidden]
        initial_c: [batch, hidden]
        dy: optional, [sequence, batch, hidden]
        dy_h: optional, [batch, hidden]
        dy_c: optional, [batch, hidden]

    Outputs:
        d_gates: [sequence, batch, 4 * hidden]: by the sums, before the activations
        d_initial_h: [batch, hidden]
        d_initial_c: [batch, hidden]
    """
    return _tuple(_op("lstm_grad")(gates, cells, r, initial_c, dy, dy_h, dy_c))


def matmul(a: TensorLike, b: TensorLike, *, transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    """Matrix product of the last two axes, broadcasting the others; a vector is a row (a) or a column (b).

    Source: ONNX MatMul-13; numpy.matmul. Kind: primitive. Has a gradient. Public name: `matmul`.

    Inputs:
        a: [..., m, k] or [k]; [..., k, m] if transpose_a
        b: [..., k, n] or [k]; [..., n, k] if transpose_b

    Outputs:
        y: [..., m, n]

    Attributes:
        transpose_a (bool): The last two axes of a are read the other way round.
        transpose_b (bool): The last two axes of b are read the other way round.
    """
    return _op("matmul")(a, b, transpose_a=transpose_a, transpose_b=transpose_b)


def matmul_integer(a: TensorLike, b: TensorLike, a_zero_point: TensorLike | None = None, b_zero_point: TensorLike | None = None) -> Tensor:
    """y = (a - a_zero_point) (b - b_zero_point), in 32-bit integers.

    Source: ONNX MatMulInteger-10. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        a: u8 or i8 [..., m, k]
        b: u8 or i8 [..., k, n]
        a_zero_point: optional, scalar, [m] or [..., m, 1]
        b_zero_point: optional, scalar, [n] or [..., 1, n]

    Outputs:
        y: i32 [..., m, n]
    """
    return _op("matmul_integer")(a, b, a_zero_point, b_zero_point)


def max(a: TensorLike, b: TensorLike) -> Tensor:
    """The larger of a and b; NaN if either is

    Source: ONNX Max-13 of two. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `maximum`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("max")(a, b)


def max_pool(x: TensorLike, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), auto_pad: str = "NOTSET", ceil_mode: bool = False, storage_order: int = 0, outputs: int = 1) -> tuple[Any, ...]:
    """Maximum over each window; padding does not count.

    Source: ONNX MaxPool-22. Kind: primitive. Has a gradient.

    Inputs:
        x: [n, c, ...], a float, i8 or u8

    Outputs:
        y: [n, c, ...]
        indices: optional, i64, of the maxima in the flattened x

    Attributes:
        kernel_shape (ints): Size of the window for each spatial axis.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of window elements for each spatial axis; empty: 1.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
        ceil_mode (bool): Keep a last window that hangs over the end.
        storage_order (int): Spatial part of indices: 0 row-major, 1 column-major.
        outputs (int): Number of results: 1 (y) or 2 (y, indices).
    """
    return _tuple(_op("max_pool")(x, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, auto_pad=auto_pad, ceil_mode=ceil_mode, storage_order=storage_order, outputs=outputs))


def max_pool_grad(x: TensorLike, dy: TensorLike, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), auto_pad: str = "NOTSET", ceil_mode: bool = False) -> Tensor:
    """The gradient of max_pool by x: dy goes to the place of each maximum.

    Source: adjoint of ONNX MaxPool-22. Kind: primitive. Has a gradient.

    Inputs:
        x: [n, c, ...]
        dy: of the shape of max_pool(x)

    Outputs:
        dx: [n, c, ...]

    Attributes:
        kernel_shape (ints): Size of the window for each spatial axis.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of window elements for each spatial axis; empty: 1.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
        ceil_mode (bool): Keep a last window that hangs over the end.
    """
    return _op("max_pool_grad")(x, dy, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, auto_pad=auto_pad, ceil_mode=ceil_mode)


def max_roi_pool(x: TensorLike, rois: TensorLike, *, pooled_shape: Sequence[int] = (), spatial_scale: float = 1.0) -> Tensor:
    """Maximum over the bins that each region of interest is cut into.

    Source: ONNX MaxRoiPool-22. Kind: primitive.

    Inputs:
        x: [n, c, h, w]
        rois: [r, 5]: batch, x1, y1, x2, y2

    Outputs:
        y: [r, c, pooled_shape...]

    Attributes:
        pooled_shape (ints): Height and width of y.
        spatial_scale (float): From the coordinates of regions to those of x.
    """
    return _op("max_roi_pool")(x, rois, pooled_shape=pooled_shape, spatial_scale=spatial_scale)


def max_unpool(x: TensorLike, indices: TensorLike, output_shape: TensorLike | None = None, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = ()) -> Tensor:
    """Puts each value at the place its index tells, zeros elsewhere: a partial inverse of max_pool.

    Source: ONNX MaxUnpool-22. Kind: primitive.

    Inputs:
        x: [n, c, ...]
        indices: i64, in the flattened input of the pool
        output_shape: optional, i64, sizes of y

    Outputs:
        y: [n, c, ...]

    Attributes:
        kernel_shape (ints): Window of the pool.
        strides (ints): Strides of the pool; empty: 1.
        pads (ints): Padding of the pool; empty: 0.
    """
    return _op("max_unpool")(x, indices, output_shape, kernel_shape=kernel_shape, strides=strides, pads=pads)


def mean_variance_normalization(x: TensorLike, *, axes: Sequence[int] = (0, 2, 3)) -> Tensor:
    """y = (x - mean) / (sqrt(var) + 1e-9), over the given axes.

    Source: ONNX MeanVarianceNormalization-13. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        axes (ints): Axes of mean and variance.
    """
    return _op("mean_variance_normalization")(x, axes=axes)


def mel_weight_matrix(num_mel_bins: TensorLike, dft_length: TensorLike, sample_rate: TensorLike, lower_edge_hertz: TensorLike, upper_edge_hertz: TensorLike, *, output_datatype: str = "f32") -> Tensor:
    """Triangular filters, even on the mel scale, that turn a spectrum into mel bins.

    Source: ONNX MelWeightMatrix-17. Kind: primitive.

    Inputs:
        num_mel_bins: one integer
        dft_length: one integer
        sample_rate: one integer
        lower_edge_hertz: one float
        upper_edge_hertz: one float

    Outputs:
        output: [floor(dft_length / 2) + 1, num_mel_bins]

    Attributes:
        output_datatype (dtype): Of the result.
    """
    return _op("mel_weight_matrix")(num_mel_bins, dft_length, sample_rate, lower_edge_hertz, upper_edge_hertz, output_datatype=output_datatype)


def min(a: TensorLike, b: TensorLike) -> Tensor:
    """The smaller of a and b; NaN if either is

    Source: ONNX Min-13 of two. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `minimum`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("min")(a, b)


def mish(x: TensorLike) -> Tensor:
    """x * tanh(softplus(x))

    Source: ONNX Mish-18. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("mish")(x)


def mod(a: TensorLike, b: TensorLike, *, fmod: bool = False) -> Tensor:
    """Remainder of a / b: sign of b, or sign of a with fmod

    Source: ONNX Mod-13, floats also without fmod (numpy.remainder). Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `remainder`.

    Inputs:
        a
        b

    Outputs:
        y

    Attributes:
        fmod (bool): The sign of the result is that of a, as C has it.
    """
    return _op("mod")(a, b, fmod=fmod)


def mul(a: TensorLike, b: TensorLike) -> Tensor:
    """a * b

    Source: ONNX Mul-14. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `multiply`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("mul")(a, b)


def multinomial(input: TensorLike, key: TensorLike, counter: TensorLike, *, sample_size: int = 1, dtype: str = "i32") -> Tensor:
    """Classes drawn with the probabilities softmax(x), for each row.

    Source: ONNX Multinomial-22; generator: Philox4x32-10. Kind: primitive. Random: never folded or merged.

    Inputs:
        input: [batch, classes]: logarithms of probabilities, up to a constant
        key: i64, one element: the seed
        counter: i64, one element: the number of the draw

    Outputs:
        output: [batch, sample_size]

    Attributes:
        sample_size (int): Number of draws for each row.
        dtype (dtype): i32 or i64.
    """
    return _op("multinomial")(input, key, counter, sample_size=sample_size, dtype=dtype)


def neg(x: TensorLike) -> Tensor:
    """-x

    Source: ONNX Neg-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `negative`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("neg")(x)


def negative_log_likelihood_loss(x: TensorLike, target: TensorLike, weight: TensorLike | None = None, *, reduction: str = "mean", ignore_index: int = -9223372036854775808) -> Tensor:
    """loss = -x[target] * weight[target], reduced.

    Source: ONNX NegativeLogLikelihoodLoss-22. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: log probabilities [n, classes, ...]
        target: i64 or i32 [n, ...]
        weight: optional, [classes]

    Outputs:
        loss

    Attributes:
        reduction (string): none, sum or mean (over the applied weights).
        ignore_index (int): Class that does not count; the smallest i64: none.
    """
    return _op("negative_log_likelihood_loss")(x, target, weight, reduction=reduction, ignore_index=ignore_index)


def non_max_suppression(boxes: TensorLike, scores: TensorLike, max_output_boxes_per_class: TensorLike | None = None, iou_threshold: TensorLike | None = None, score_threshold: TensorLike | None = None, *, center_point_box: bool = False) -> Tensor:
    """Picks boxes by falling score, leaving out those that overlap one picked before by more than the threshold.

    Source: ONNX NonMaxSuppression-11. Kind: primitive.

    Inputs:
        boxes: a float [batch, boxes, 4]
        scores: [batch, classes, boxes]
        max_output_boxes_per_class: optional, one i64; absent: 0, which picks none
        iou_threshold: optional, one value; absent: 0
        score_threshold: optional, one value; absent: every score will do

    Outputs:
        selected_indices: i64 [picked, 3]: batch, class, box

    Attributes:
        center_point_box (bool): Boxes are x centre, y centre, width, height; else two corners y, x, y, x.
    """
    return _op("non_max_suppression")(boxes, scores, max_output_boxes_per_class, iou_threshold, score_threshold, center_point_box=center_point_box)


def non_zero(X: TensorLike) -> Tensor:
    """Coordinates of the elements that are not 0, in row-major order, one column each.

    Source: ONNX NonZero-13. Kind: primitive.

    Inputs:
        X

    Outputs:
        Y: i64 [rank, n]
    """
    return _op("non_zero")(X)


def not_(x: TensorLike) -> Tensor:
    """Not x

    Source: ONNX Not-1. Kind: elementwise, with NumPy's broadcasting. Public name: `logical_not`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("not")(x)


def not_equal(a: TensorLike, b: TensorLike) -> Tensor:
    """a != b

    Source: numpy.not_equal. Kind: elementwise, with NumPy's broadcasting. Public name: `not_equal`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("not_equal")(a, b)


def one_hot(indices: TensorLike, depth: TensorLike, values: TensorLike, *, axis: int = -1) -> Tensor:
    """A new axis of length depth that holds values[1] at the index and values[0] elsewhere.

    Source: ONNX OneHot-11. Kind: primitive. Has a gradient.

    Inputs:
        indices: numbers; outside [-depth, depth): all off
        depth: one number
        values: [2]: off, on

    Outputs:
        output

    Attributes:
        axis (int): Place of the new axis in the result, in [-rank - 1, rank].
    """
    return _op("one_hot")(indices, depth, values, axis=axis)


def or_(a: TensorLike, b: TensorLike) -> Tensor:
    """a or b

    Source: ONNX Or-7. Kind: elementwise, with NumPy's broadcasting. Public name: `logical_or`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("or")(a, b)


def pad(data: TensorLike, pads: TensorLike, constant_value: TensorLike | None = None, axes: TensorLike | None = None, *, mode: str = "constant") -> Tensor:
    """x with elements added before and after its axes, or cut off where a pad is negative.

    Source: ONNX Pad-25. Kind: primitive. Has a gradient.

    Inputs:
        data
        pads: i64 [2 n]: before each axis, then after each
        constant_value: optional, one element, default 0
        axes: optional, i64 [n], default all

    Outputs:
        output

    Attributes:
        mode (string): What is added: constant, reflect (mirrored, the border once), edge (the border), wrap (from the other side).
    """
    return _op("pad")(data, pads, constant_value, axes, mode=mode)


def pow(a: TensorLike, b: TensorLike) -> Tensor:
    """a to the power b; for integers b must not be negative

    Source: ONNX Pow-15 with one dtype. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `pow`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("pow")(a, b)


def prelu(x: TensorLike, slope: TensorLike) -> Tensor:
    """x, times slope below 0; slope broadcasts to x

    Source: ONNX PRelu-16. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x
        slope

    Outputs:
        y
    """
    return _op("prelu")(x, slope)


def qlinear_conv(x: TensorLike, x_scale: TensorLike, x_zero_point: TensorLike, w: TensorLike, w_scale: TensorLike, w_zero_point: TensorLike, y_scale: TensorLike, y_zero_point: TensorLike, bias: TensorLike | None = None, *, kernel_shape: Sequence[int] = (), strides: Sequence[int] = (), pads: Sequence[int] = (), dilations: Sequence[int] = (), group: int = 1, auto_pad: str = "NOTSET") -> Tensor:
    """Convolution of quantised tensors, requantised.

    Source: ONNX QLinearConv-10. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: u8 or i8 [n, c, ...]
        x_scale: scalar
        x_zero_point: scalar
        w: u8 or i8 [m, c / group, kernel...]
        w_scale: scalar or [m]
        w_zero_point: scalar or [m]
        y_scale: scalar
        y_zero_point: scalar
        bias: optional, i32 [m], of scale x_scale * w_scale

    Outputs:
        y: [n, m, ...]

    Attributes:
        kernel_shape (ints): Kernel sizes; may be left out, the weight tells them.
        strides (ints): Step of the window for each spatial axis; empty: 1.
        pads (ints): Padding: all begins, then all ends; empty: 0.
        dilations (ints): Distance of kernel elements for each spatial axis; empty: 1.
        group (int): Number of groups of channels.
        auto_pad (string): NOTSET (use pads), VALID, SAME_UPPER or SAME_LOWER.
    """
    return _op("qlinear_conv")(x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations, group=group, auto_pad=auto_pad)


def qlinear_matmul(a: TensorLike, a_scale: TensorLike, a_zero_point: TensorLike, b: TensorLike, b_scale: TensorLike, b_zero_point: TensorLike, y_scale: TensorLike, y_zero_point: TensorLike) -> Tensor:
    """Matrix product of quantised tensors, requantised: y = quantise(dequantise(a) dequantise(b)).

    Source: ONNX QLinearMatMul-21. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        a: u8 or i8 [..., m, k]
        a_scale: scalar, [m] or [..., m, 1]
        a_zero_point
        b: u8 or i8 [..., k, n]
        b_scale: scalar, [n] or [..., 1, n]
        b_zero_point
        y_scale
        y_zero_point

    Outputs:
        y: [..., m, n]
    """
    return _op("qlinear_matmul")(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point)


def qr(x: TensorLike) -> tuple[Any, ...]:
    """x = q r: q with orthonormal columns, r upper triangular, by Householder reflections in f64.

    Source: array API linalg.qr (mode reduced). Kind: primitive. Has a gradient.

    Inputs:
        x: [.., m, n]

    Outputs:
        q: [.., m, min(m, n)]
        r: [.., min(m, n), n]
    """
    return _tuple(_op("qr")(x))


def quantize_linear(x: TensorLike, y_scale: TensorLike, y_zero_point: TensorLike | None = None, *, axis: int = 1, block_size: int = 0, output_dtype: str = "", precision: str = "") -> Tensor:
    """y = saturate(round(x / y_scale) + y_zero_point), rounding half to even.

    Source: ONNX QuantizeLinear-25. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: a float or i32
        y_scale: scalar, [size of axis], or blocked
        y_zero_point: optional, of the shape of y_scale

    Outputs:
        y: u8, i8, u16 or i16

    Attributes:
        axis (int): Axis of the scales, unless there is one alone.
        block_size (int): Elements along axis that share a scale; 0: not blocked.
        output_dtype (string): dtype of y; empty: that of y_zero_point, else u8.
        precision (string): dtype of the division; empty: that of y_scale.
    """
    return _op("quantize_linear")(x, y_scale, y_zero_point, axis=axis, block_size=block_size, output_dtype=output_dtype, precision=precision)


def random_normal(key: TensorLike, counter: TensorLike, shape: TensorLike, *, mean: float = 0.0, scale: float = 1.0, dtype: str = "f32") -> Tensor:
    """Normally distributed numbers (Box-Muller).

    Source: ONNX RandomNormal-22; generator: Philox4x32-10. Kind: primitive. Random: never folded or merged.

    Inputs:
        key: i64, one element: the seed
        counter: i64, one element: the number of the draw
        shape: i64 [rank]

    Outputs:
        output

    Attributes:
        mean (float): Mean.
        scale (float): Standard deviation.
        dtype (dtype): A float dtype.
    """
    return _op("random_normal")(key, counter, shape, mean=mean, scale=scale, dtype=dtype)


def random_uniform(key: TensorLike, counter: TensorLike, shape: TensorLike, *, low: float = 0.0, high: float = 1.0, dtype: str = "f32") -> Tensor:
    """Numbers spread evenly over [low, high).

    Source: ONNX RandomUniform-22; generator: Philox4x32-10. Kind: primitive. Random: never folded or merged.

    Inputs:
        key: i64, one element: the seed
        counter: i64, one element: the number of the draw
        shape: i64 [rank]

    Outputs:
        output

    Attributes:
        low (float): Smallest value.
        high (float): Bound that is not reached (but for rounding).
        dtype (dtype): A float dtype.
    """
    return _op("random_uniform")(key, counter, shape, low=low, high=high, dtype=dtype)


def range(start: TensorLike, limit: TensorLike, delta: TensorLike) -> Tensor:
    """start, start + delta, ... up to limit (exclusive): max(ceil((limit - start) / delta), 0) elements.

    Source: ONNX Range-11. Kind: primitive. Public name: `arange`.

    Inputs:
        start: one number
        limit: the same dtype
        delta: the same dtype, not 0

    Outputs:
        output
    """
    return _op("range")(start, limit, delta)


def reciprocal(x: TensorLike) -> Tensor:
    """1 / x

    Source: ONNX Reciprocal-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `reciprocal`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("reciprocal")(x)


def recurrent_grad(factors: TensorLike, r: TensorLike, keep: TensorLike | None = None, dy: TensorLike | None = None, dy_h: TensorLike | None = None) -> tuple[Any, ...]:
    """The gradient of a recurrence by its states: d_h[t] = dy[t] + d_h[t + 1] * keep[t + 1] + (d_h[t + 1] * factors[t + 1]) r, each gate with its factors.

    Source: adjoint of ONNX RNN-22 and GRU-22. Kind: primitive.

    Inputs:
        factors: [sequence, batch, gates * hidden]: the slope of a step's state by its gates' sums
        r: [gates * hidden, hidden]
        keep: optional, [sequence, batch, hidden]: what a step takes over of the state before it
        dy: optional, [sequence, batch, hidden]
        dy_h: optional, [batch, hidden]

    Outputs:
        d_h: [sequence, batch, hidden]: by the state after each step
        d_initial_h: [batch, hidden]
    """
    return _tuple(_op("recurrent_grad")(factors, r, keep, dy, dy_h))


def reduce_l1(data: TensorLike, *, axes: Sequence[int] = (), keepdims: bool = True, noop_with_empty_axes: bool = False) -> Tensor:
    """L1 norm over axes: sum(|x|).

    Source: ONNX ReduceL1-18. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.

    Inputs:
        data

    Outputs:
        reduced

    Attributes:
        axes (ints): Axes to reduce, in [-rank, rank); empty: all.
        keepdims (bool): Keep reduced axes with size 1.
        noop_with_empty_axes (bool): No axes means none: every element is its own group.
    """
    return _op("reduce_l1")(data, axes=axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)


def reduce_l2(data: TensorLike, *, axes: Sequence[int] = (), keepdims: bool = True, noop_with_empty_axes: bool = False) -> Tensor:
    """L2 norm over axes: sqrt(sum(x^2)).

    Source: ONNX ReduceL2-18. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.

    Inputs:
        data

    Outputs:
        reduced

    Attributes:
        axes (ints): Axes to reduce, in [-rank, rank); empty: all.
        keepdims (bool): Keep reduced axes with size 1.
        noop_with_empty_axes (bool): No axes means none: every element is its own group.
    """
    return _op("reduce_l2")(data, axes=axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)


def reduce_log_sum(data: TensorLike, *, axes: Sequence[int] = (), keepdims: bool = True, noop_with_empty_axes: bool = False) -> Tensor:
    """log(sum(x)) over axes.

    Source: ONNX ReduceLogSum-18. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.

    Inputs:
        data

    Outputs:
        reduced

    Attributes:
        axes (ints): Axes to reduce, in [-rank, rank); empty: all.
        keepdims (bool): Keep reduced axes with size 1.
        noop_with_empty_axes (bool): No axes means none: every element is its own group.
    """
    return _op("reduce_log_sum")(data, axes=axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)


def reduce_log_sum_exp(data: TensorLike, *, axes: Sequence[int] = (), keepdims: bool = True, noop_with_empty_axes: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes, without overflow.

    Source: ONNX ReduceLogSumExp-18. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.

    Inputs:
        data

    Outputs:
        reduced

    Attributes:
        axes (ints): Axes to reduce, in [-rank, rank); empty: all.
        keepdims (bool): Keep reduced axes with size 1.
        noop_with_empty_axes (bool): No axes means none: every element is its own group.
    """
    return _op("reduce_log_sum_exp")(data, axes=axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)


def reduce_max(data: TensorLike, *, axes: Sequence[int] = (), keepdims: bool = True) -> Tensor:
    """Largest value over axes (of bools: any); NaN if one is NaN; of nothing: -inf, or the smallest integer.

    Source: ONNX ReduceMax-20. Kind: reduction. Has a gradient. Public name: `max`.

    Inputs:
        data

    Outputs:
        reduced

    Attributes:
        axes (ints): Axes to reduce, in [-rank, rank); empty: all.
        keepdims (bool): Keep reduced axes with size 1.
    """
    return _op("reduce_max")(data, axes=axes, keepdims=keepdims)


def reduce_mean(data: TensorLike, *, axes: Sequence[int] = (), keepdims: bool = True, noop_with_empty_axes: bool = False) -> Tensor:
    """Mean over axes: sum(x) / n; small floats are summed in f32.

    Source: ONNX ReduceMean-18. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient. Public name: `mean`.

    Inputs:
        data

    Outputs:
        reduced

    Attributes:
        axes (ints): Axes to reduce, in [-rank, rank); empty: all.
        keepdims (bool): Keep reduced axes with size 1.
        noop_with_empty_axes (bool): No axes means none: every element is its own group.
    """
    return _op("reduce_mean")(data, axes=axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)


def reduce_min(data: TensorLike, *, axes: Sequence[int] = (), keepdims: bool = True) -> Tensor:
    """Smallest value over axes (of bools: all); NaN if one is NaN; of nothing: inf, or the largest integer.

    Source: ONNX ReduceMin-20. Kind: reduction. Has a gradient. Public name: `min`.

    Inputs:
        data

    Outputs:
        reduced

    Attributes:
        axes (ints): Axes to reduce, in [-rank, rank); empty: all.
        keepdims (bool): Keep reduced axes with size 1.
    """
    return _op("reduce_min")(data, axes=axes, keepdims=keepdims)


def reduce_prod(data: TensorLike, *, axes: Sequence[int] = (), keepdims: bool = True) -> Tensor:
    """Product over axes; of nothing: 1.

    Source: ONNX ReduceProd-18. Kind: reduction. Has a gradient. Public name: `prod`.

    Inputs:
        data

    Outputs:
        reduced

    Attributes:
        axes (ints): Axes to reduce, in [-rank, rank); empty: all.
        keepdims (bool): Keep reduced axes with size 1.
    """
    return _op("reduce_prod")(data, axes=axes, keepdims=keepdims)


def reduce_sum(data: TensorLike, *, axes: Sequence[int] = (), keepdims: bool = True) -> Tensor:
    """Sum over axes; of nothing: 0.

    Source: ONNX ReduceSum-13. Kind: reduction. Has a gradient. Public name: `sum`.

    Inputs:
        data

    Outputs:
        reduced

    Attributes:
        axes (ints): Axes to reduce, in [-rank, rank); empty: all.
        keepdims (bool): Keep reduced axes with size 1.
    """
    return _op("reduce_sum")(data, axes=axes, keepdims=keepdims)


def reduce_sum_square(data: TensorLike, *, axes: Sequence[int] = (), keepdims: bool = True, noop_with_empty_axes: bool = False) -> Tensor:
    """sum(x^2) over axes.

    Source: ONNX ReduceSumSquare-18. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.

    Inputs:
        data

    Outputs:
        reduced

    Attributes:
        axes (ints): Axes to reduce, in [-rank, rank); empty: all.
        keepdims (bool): Keep reduced axes with size 1.
        noop_with_empty_axes (bool): No axes means none: every element is its own group.
    """
    return _op("reduce_sum_square")(data, axes=axes, keepdims=keepdims, noop_with_empty_axes=noop_with_empty_axes)


def relu(x: TensorLike) -> Tensor:
    """max(x, 0)

    Source: ONNX Relu-14. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("relu")(x)


def reshape(data: TensorLike, shape: TensorLike, *, allowzero: bool = False) -> Tensor:
    """The elements of x in row-major order under another shape; one -1 is inferred, 0 copies the size of x.

    Source: ONNX Reshape-25. Kind: primitive. Has a gradient.

    Inputs:
        data
        shape: i64 [rank of the result]

    Outputs:
        reshaped

    Attributes:
        allowzero (bool): 0 means size 0, as in NumPy, instead of the size of x.
    """
    return _op("reshape")(data, shape, allowzero=allowzero)


def resize(x: TensorLike, roi: TensorLike | None = None, scales: TensorLike | None = None, sizes: TensorLike | None = None, *, mode: str = "nearest", coordinate_transformation_mode: str = "half_pixel", nearest_mode: str = "round_prefer_floor", keep_aspect_ratio_policy: str = "stretch", cubic_coeff_a: float = -0.75, extrapolation_value: float = 0.0, antialias: bool = False, exclude_outside: bool = False, axes: Sequence[int] = (), scale_factors: Sequence[float] = ()) -> Tensor:
    """Resamples x along axes, by nearest, linear or cubic interpolation.

    Source: ONNX Resize-19. Kind: primitive. Has a gradient.

    Inputs:
        x
        roi: optional, starts, then ends, normalised; for tf_crop_and_resize
        scales: optional, f32, one for each axis
        sizes: optional, i64, one for each axis

    Outputs:
        y

    Attributes:
        mode (string): nearest, linear or cubic.
        coordinate_transformation_mode (string): half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric or tf_crop_and_resize.
        nearest_mode (string): round_prefer_floor, round_prefer_ceil, floor or ceil.
        keep_aspect_ratio_policy (string): Of sizes: stretch, not_larger or not_smaller.
        cubic_coeff_a (float): Coefficient of the cubic kernel.
        extrapolation_value (float): Value outside of x, for tf_crop_and_resize.
        antialias (bool): Widen the linear or cubic filter when the output is smaller.
        exclude_outside (bool): Leave positions outside of x out, instead of repeating its edge.
        axes (ints): Axes that roi, scales and sizes tell of; empty: all.
        scale_factors (floats): Scales known beforehand, instead of inputs scales and sizes.
    """
    return _op("resize")(x, roi, scales, sizes, mode=mode, coordinate_transformation_mode=coordinate_transformation_mode, nearest_mode=nearest_mode, keep_aspect_ratio_policy=keep_aspect_ratio_policy, cubic_coeff_a=cubic_coeff_a, extrapolation_value=extrapolation_value, antialias=antialias, exclude_outside=exclude_outside, axes=axes, scale_factors=scale_factors)


def resize_grad(dy: TensorLike, shape: TensorLike, roi: TensorLike | None = None, scales: TensorLike | None = None, sizes: TensorLike | None = None, *, mode: str = "nearest", coordinate_transformation_mode: str = "half_pixel", nearest_mode: str = "round_prefer_floor", keep_aspect_ratio_policy: str = "stretch", cubic_coeff_a: float = -0.75, extrapolation_value: float = 0.0, antialias: bool = False, exclude_outside: bool = False, axes: Sequence[int] = (), scale_factors: Sequence[float] = ()) -> Tensor:
    """The gradient of resize by x.

    Source: adjoint of ONNX Resize-19. Kind: primitive.

    Inputs:
        dy: of the shape of resize(x)
        shape: of x, i64
        roi: optional
        scales: optional
        sizes: optional

    Outputs:
        dx

    Attributes:
        mode (string): nearest, linear or cubic.
        coordinate_transformation_mode (string): half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric or tf_crop_and_resize.
        nearest_mode (string): round_prefer_floor, round_prefer_ceil, floor or ceil.
        keep_aspect_ratio_policy (string): Of sizes: stretch, not_larger or not_smaller.
        cubic_coeff_a (float): Coefficient of the cubic kernel.
        extrapolation_value (float): Value outside of x, for tf_crop_and_resize.
        antialias (bool): Widen the linear or cubic filter when the output is smaller.
        exclude_outside (bool): Leave positions outside of x out, instead of repeating its edge.
        axes (ints): Axes that roi, scales and sizes tell of; empty: all.
        scale_factors (floats): Scales known beforehand, instead of inputs scales and sizes.
    """
    return _op("resize_grad")(dy, shape, roi, scales, sizes, mode=mode, coordinate_transformation_mode=coordinate_transformation_mode, nearest_mode=nearest_mode, keep_aspect_ratio_policy=keep_aspect_ratio_policy, cubic_coeff_a=cubic_coeff_a, extrapolation_value=extrapolation_value, antialias=antialias, exclude_outside=exclude_outside, axes=axes, scale_factors=scale_factors)


def reverse_sequence(input: TensorLike, sequence_lens: TensorLike, *, batch_axis: int = 1, time_axis: int = 0) -> Tensor:
    """The first sequence_lens[i] steps of each sample i reversed.

    Source: ONNX ReverseSequence-10. Kind: primitive. Has a gradient.

    Inputs:
        input: rank of 2 or more
        sequence_lens: i64 [batch]

    Outputs:
        Y

    Attributes:
        batch_axis (int): 0 or 1.
        time_axis (int): 1 or 0.
    """
    return _op("reverse_sequence")(input, sequence_lens, batch_axis=batch_axis, time_axis=time_axis)


def rms_normalization(x: TensorLike, scale: TensorLike, *, axis: int = -1, epsilon: float = 1e-05, stash_type: str = "f32") -> Tensor:
    """y = x / sqrt(mean(x^2) + epsilon) * scale, with the mean over the axes from `axis` on.

    Source: ONNX RMSNormalization-23. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x
        scale: broadcasts to x; its dtype is that of y

    Outputs:
        y

    Attributes:
        axis (int): First axis to normalise over.
        epsilon (float): Added to the mean square.
        stash_type (dtype): Least precision of the mean.
    """
    return _op("rms_normalization")(x, scale, axis=axis, epsilon=epsilon, stash_type=stash_type)


def rnn(x: TensorLike, w: TensorLike, r: TensorLike, b: TensorLike | None = None, sequence_lens: TensorLike | None = None, initial_h: TensorLike | None = None, *, hidden_size: int = 0, direction: str = "forward", activations: Sequence[str] = (), activation_alpha: Sequence[float] = (), activation_beta: Sequence[float] = (), clip: float = 0.0, layout: int = 0, outputs: int = 1) -> tuple[Any, ...]:
    """Simple recurrent layer: h = f(x w^T + h r^T + biases) at each step.

    Source: ONNX RNN-22. Kind: primitive. Has a gradient.

    Inputs:
        x: [sequence, batch, inputs]
        w: [directions, hidden, inputs]
        r: [directions, hidden, hidden]
        b: optional, [directions, 2 * hidden]
        sequence_lens: optional, i32 [batch]
        initial_h: optional, [directions, batch, hidden]

    Outputs:
        y: [sequence, directions, batch, hidden]
        y_h: optional, [directions, batch, hidden]

    Attributes:
        hidden_size (int): Number of units; 0: as r tells.
        direction (string): forward, reverse or bidirectional.
        activations (strings): Names of the activations of each direction; empty: the usual ones.
        activation_alpha (floats): First parameters of the activations that have one, in order.
        activation_beta (floats): Second parameters, in order.
        clip (float): Bound on the inputs of activations; 0: none.
        layout (int): 0: [sequence, batch, ...]; 1: [batch, sequence, ...].
        outputs (int): Number of results.
    """
    return _tuple(_op("rnn")(x, w, r, b, sequence_lens, initial_h, hidden_size=hidden_size, direction=direction, activations=activations, activation_alpha=activation_alpha, activation_beta=activation_beta, clip=clip, layout=layout, outputs=outputs))


def roi_align(x: TensorLike, rois: TensorLike, batch_indices: TensorLike, *, coordinate_transformation_mode: str = "half_pixel", mode: str = "avg", output_height: int = 1, output_width: int = 1, sampling_ratio: int = 0, spatial_scale: float = 1.0) -> Tensor:
    """Pools each region of interest to a fixed size, sampling with bilinear interpolation.

    Source: ONNX RoiAlign-22. Kind: primitive.

    Inputs:
        x: [n, c, h, w]
        rois: [r, 4]: x1, y1, x2, y2
        batch_indices: i64 [r]

    Outputs:
        y: [r, c, output_height, output_width]

    Attributes:
        coordinate_transformation_mode (string): half_pixel or output_half_pixel.
        mode (string): avg or max.
        output_height (int): Height of y.
        output_width (int): Width of y.
        sampling_ratio (int): Samples along each side of a bin; 0: as many as elements.
        spatial_scale (float): From the coordinates of regions to those of x.
    """
    return _op("roi_align")(x, rois, batch_indices, coordinate_transformation_mode=coordinate_transformation_mode, mode=mode, output_height=output_height, output_width=output_width, sampling_ratio=sampling_ratio, spatial_scale=spatial_scale)


def roll(x: TensorLike, *, shifts: Sequence[int] = (), axes: Sequence[int] = ()) -> Tensor:
    """Elements moved along axes; what leaves at one end comes in at the other.

    Source: numpy.roll, torch.roll. Kind: primitive. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        shifts (ints): By how many positions, one for each axis.
        axes (ints): Axes; empty: x as if it were flat, with one shift.
    """
    return _op("roll")(x, shifts=shifts, axes=axes)


def rotary_embedding(x: TensorLike, cos_cache: TensorLike, sin_cache: TensorLike, position_ids: TensorLike | None = None, *, interleaved: bool = False, num_heads: int = 0, rotary_embedding_dim: int = 0) -> Tensor:
    """Rotates pairs of elements of each head by the angle of its position: (x1, x2) -> (c x1 - s x2, s x1 + c x2).

    Source: ONNX RotaryEmbedding-23. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x: [b, heads, s, d] or [b, s, heads * d]
        cos_cache: [positions, r / 2] or [b, s, r / 2]
        sin_cache: of the shape of cos_cache
        position_ids: optional, i64 [b, s]

    Outputs:
        y

    Attributes:
        interleaved (bool): Pairs are neighbours, not halves.
        num_heads (int): Heads, for x of rank 3.
        rotary_embedding_dim (int): Elements r of a head that are rotated; 0: all.
    """
    return _op("rotary_embedding")(x, cos_cache, sin_cache, position_ids, interleaved=interleaved, num_heads=num_heads, rotary_embedding_dim=rotary_embedding_dim)


def round(x: TensorLike) -> Tensor:
    """The nearest integer, halves to even

    Source: ONNX Round-11. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `round`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("round")(x)


def rsqrt(x: TensorLike) -> Tensor:
    """1 / sqrt(x)

    Source: torch.rsqrt. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("rsqrt")(x)


def scaled_dot_product_attention(q: TensorLike, k: TensorLike, v: TensorLike, mask: TensorLike | None = None, *, scale: float = 0.0, softcap: float = 0.0, causal: str = "none", softmax_precision: str = "") -> Tensor:
    """y = softmax(softcap(scale * q k^T + mask)) v, where several heads of q may share one of k and v.

    Source: torch.nn.functional.scaled_dot_product_attention; ONNX Attention-24. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        q: [b, h, s, d]
        k: [b, g, t, d], g divides h
        v: [b, g, t, e]
        mask: optional, bool (true: may be seen) or of the dtype of q (added); broadcasts to [b, h, s, t]

    Outputs:
        y: [b, h, s, e]

    Attributes:
        scale (float): Factor of the scores; 0: 1 / sqrt(d).
        softcap (float): Bound c of the scores, by c * tanh(x / c); 0: none.
        causal (string): none; upper_left: query i sees keys up to i; lower_right: up to i + t - s.
        softmax_precision (string): dtype of the softmax; empty: that of q.
    """
    return _op("scaled_dot_product_attention")(q, k, v, mask, scale=scale, softcap=softcap, causal=causal, softmax_precision=softmax_precision)


def scatter_elements(data: TensorLike, indices: TensorLike, updates: TensorLike, *, axis: int = 0, reduction: str = "none") -> Tensor:
    """x with y[indices[i][j]][j] = updates[i][j] for axis 0, and so on.

    Source: ONNX ScatterElements-18; repeated indices with reduction none: the last wins. Kind: primitive. Has a gradient.

    Inputs:
        data
        indices: i64 or i32; rank of data
        updates: shape of indices

    Outputs:
        output

    Attributes:
        axis (int): Axis to index, in [-rank, rank).
        reduction (string): What joins an update with what is there: none (replace), add, mul, max or min.
    """
    return _op("scatter_elements")(data, indices, updates, axis=axis, reduction=reduction)


def scatter_nd(data: TensorLike, indices: TensorLike, updates: TensorLike, *, reduction: str = "none") -> Tensor:
    """x with slices, named by the tuples on the last axis of `indices`, replaced by or joined with updates.

    Source: ONNX ScatterND-18; repeated indices with reduction none: the last wins. Kind: primitive. Has a gradient.

    Inputs:
        data
        indices: i64 [.., k]; negative counts from the end
        updates: indices.shape[:-1] + data.shape[k:]

    Outputs:
        output

    Attributes:
        reduction (string): What joins an update with what is there: none (replace), add, mul, max or min.
    """
    return _op("scatter_nd")(data, indices, updates, reduction=reduction)


def searchsorted(sorted: TensorLike, values: TensorLike, *, right: bool = False) -> Tensor:
    """Where each value would go into a sorted vector so that it stays sorted.

    Source: numpy.searchsorted; torch.searchsorted. Kind: primitive.

    Inputs:
        sorted: [n], ascending
        values: dtype of sorted

    Outputs:
        index: i64, shape of values

    Attributes:
        right (bool): Behind equal elements, not before them.
    """
    return _op("searchsorted")(sorted, values, right=right)


def selu(x: TensorLike, *, alpha: float = 1.6732631921768188, gamma: float = 1.0507010221481323) -> Tensor:
    """gamma * (x, alpha * (exp(x) - 1) below 0)

    Source: ONNX Selu-6. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        alpha (float): Scale below 0.
        gamma (float): Scale of all.
    """
    return _op("selu")(x, alpha=alpha, gamma=gamma)


def shape(data: TensorLike, *, start: int = 0, end: int = 9223372036854775807) -> Tensor:
    """The sizes of x as an i64 vector, or those of the axes start..end.

    Source: ONNX Shape-25. Kind: primitive.

    Inputs:
        data

    Outputs:
        shape

    Attributes:
        start (int): First axis; negative counts from the end; clamped.
        end (int): Axis after the last; negative counts from the end; clamped.
    """
    return _op("shape")(data, start=start, end=end)


def shrink(x: TensorLike, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    """x + bias below -lambd, x - bias above lambd, else 0

    Source: ONNX Shrink-9. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        bias (float): What is taken off.
        lambd (float): Threshold.
    """
    return _op("shrink")(x, bias=bias, lambd=lambd)


def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + exp(-x)), without overflow

    Source: ONNX Sigmoid-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("sigmoid")(x)


def sign(x: TensorLike) -> Tensor:
    """-1, 0 or 1 as the sign of x

    Source: ONNX Sign-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `sign`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("sign")(x)


def sin(x: TensorLike) -> Tensor:
    """The sine of x

    Source: ONNX Sin-7. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `sin`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("sin")(x)


def sinh(x: TensorLike) -> Tensor:
    """The hyperbolic sine of x

    Source: ONNX Sinh-9. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `sinh`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("sinh")(x)


def size(data: TensorLike) -> Tensor:
    """The number of elements of x, i64 of rank 0.

    Source: ONNX Size-25. Kind: primitive.

    Inputs:
        data

    Outputs:
        size
    """
    return _op("size")(data)


def slice(data: TensorLike, starts: TensorLike, ends: TensorLike, axes: TensorLike | None = None, steps: TensorLike | None = None) -> Tensor:
    """Every step-th position from start to end (exclusive) of each axis named; negative bounds count from the end, bounds are clamped.

    Source: ONNX Slice-13. Kind: primitive. Has a gradient.

    Inputs:
        data
        starts: i64 or i32 [n]
        ends: [n]
        axes: optional, [n], default 0..n-1
        steps: optional, [n], not 0, default 1

    Outputs:
        output
    """
    return _op("slice")(data, starts, ends, axes, steps)


def slice_scatter(x: TensorLike, update: TensorLike, starts: TensorLike, ends: TensorLike, axes: TensorLike | None = None, steps: TensorLike | None = None) -> Tensor:
    """x with the slice (as `slice` takes it) replaced by `update`.

    Source: torch.slice_scatter, bounds as ONNX Slice-13. Kind: primitive. Has a gradient.

    Inputs:
        x
        update: shape of the slice
        starts
        ends
        axes: optional
        steps: optional

    Outputs:
        y
    """
    return _op("slice_scatter")(x, update, starts, ends, axes, steps)


def slogdet(x: TensorLike) -> tuple[Any, ...]:
    """Sign and logarithm of the size of determinants, by elimination in f64; 0 and -infinity where singular.

    Source: array API linalg.slogdet. Kind: primitive. Has a gradient.

    Inputs:
        x: [.., n, n]

    Outputs:
        sign: [..]
        logabsdet: [..]
    """
    return _tuple(_op("slogdet")(x))


def softmax(x: TensorLike, *, axis: int = -1) -> Tensor:
    """Normalised exponential along one axis: y = exp(x) / sum(exp(x)).

    Source: ONNX Softmax-13; torch.nn.functional.softmax. Kind: composite: lowered to other ops where no kernel takes it. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        axis (int): Axis to normalise over, in [-rank, rank).
    """
    return _op("softmax")(x, axis=axis)


def softmax_cross_entropy_loss(scores: TensorLike, labels: TensorLike, weights: TensorLike | None = None, *, reduction: str = "mean", ignore_index: int = -9223372036854775808, outputs: int = 1) -> tuple[Any, ...]:
    """negative_log_likelihood_loss of log_softmax(scores).

    Source: ONNX SoftmaxCrossEntropyLoss-13. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        scores: [n, classes, ...]
        labels: i64 or i32 [n, ...]
        weights: optional, [classes]

    Outputs:
        loss
        log_prob: optional, log_softmax(scores)

    Attributes:
        reduction (string): none, sum or mean (over the applied weights).
        ignore_index (int): Class that does not count; the smallest i64: none.
        outputs (int): Number of results: 1 or 2.
    """
    return _tuple(_op("softmax_cross_entropy_loss")(scores, labels, weights, reduction=reduction, ignore_index=ignore_index, outputs=outputs))


def softplus(x: TensorLike) -> Tensor:
    """log(1 + exp(x)), without overflow

    Source: ONNX Softplus-1. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("softplus")(x)


def softsign(x: TensorLike) -> Tensor:
    """x / (1 + |x|)

    Source: ONNX Softsign-1. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("softsign")(x)


def solve(a: TensorLike, b: TensorLike) -> Tensor:
    """x of a x = b, by elimination with pivots in f64.

    Source: array API linalg.solve. Kind: primitive. Has a gradient.

    Inputs:
        a: [.., n, n], not singular
        b: [.., n, k]

    Outputs:
        x: [.., n, k]
    """
    return _op("solve")(a, b)


def solve_triangular(a: TensorLike, b: TensorLike, *, lower: bool = True, unit: bool = False) -> Tensor:
    """x of a x = b where a is triangular; not finite where a is singular. In f64.

    Source: torch.linalg.solve_triangular. Kind: primitive. Has a gradient.

    Inputs:
        a: [.., n, n]; the other triangle is not read
        b: [.., n, k]

    Outputs:
        x: [.., n, k]

    Attributes:
        lower (bool): a is lower triangular, else upper.
        unit (bool): The diagonal is taken to be 1 and is not read.
    """
    return _op("solve_triangular")(a, b, lower=lower, unit=unit)


def sort(x: TensorLike, *, axis: int = -1, descending: bool = False) -> tuple[Any, ...]:
    """x in order along an axis, and where each element was; stable; NaN is largest.

    Source: torch.sort(stable=True). Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x

    Outputs:
        values
        indices: i64

    Attributes:
        axis (int): Axis, in [-rank, rank).
        descending (bool): From the largest on.
    """
    return _tuple(_op("sort")(x, axis=axis, descending=descending))


def space_to_depth(input: TensorLike, *, blocksize: int = 1, mode: str = "DCR") -> Tensor:
    """Blocks of space moved into channels: [N, C, H, W] to [N, C b^2, H / b, W / b].

    Source: ONNX SpaceToDepth-13; mode as DepthToSpace. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        input: [N, C, H, W]

    Outputs:
        output

    Attributes:
        blocksize (int): b.
        mode (string): DCR: the block is the outer part of the channels; CRD: the inner part.
    """
    return _op("space_to_depth")(input, blocksize=blocksize, mode=mode)


def split(input: TensorLike, *, axis: int = 0, split: Sequence[int] = (), num_outputs: int = 0) -> tuple[Any, ...]:
    """x cut along an axis, into the given sizes or into equal parts.

    Source: ONNX Split-18. Kind: primitive. Has a gradient.

    Inputs:
        input

    Outputs:
        outputs: any number

    Attributes:
        axis (int): Axis to cut, in [-rank, rank).
        split (ints): Sizes of the parts; empty: equal parts.
        num_outputs (int): Number of equal parts, of which the last may be smaller.
    """
    return _tuple(_op("split")(input, axis=axis, split=split, num_outputs=num_outputs))


def sqrt(x: TensorLike) -> Tensor:
    """The square root of x; NaN below 0

    Source: ONNX Sqrt-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `sqrt`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("sqrt")(x)


def squeeze(data: TensorLike, *, axes: Sequence[int] = ()) -> Tensor:
    """Removes axes of size 1.

    Source: ONNX Squeeze-25. Kind: primitive. Has a gradient.

    Inputs:
        data

    Outputs:
        squeezed

    Attributes:
        axes (ints): Axes to remove, in [-rank, rank); empty: all of size 1.
    """
    return _op("squeeze")(data, axes=axes)


def stft(signal: TensorLike, frame_step: TensorLike, window: TensorLike | None = None, frame_length: TensorLike | None = None, *, onesided: bool = True) -> Tensor:
    """Fourier transforms of windowed frames of a signal.

    Source: ONNX STFT-17. Kind: primitive. Has a gradient.

    Inputs:
        signal: [batch, length, 1 or 2]
        frame_step: one integer
        window: optional, [frame_length], default ones
        frame_length: optional, one integer, default that of window, or of the signal

    Outputs:
        output: [batch, frames, frequencies, 2]

    Attributes:
        onesided (bool): Only the first floor(frame_length / 2) + 1 frequencies; for real signals.
    """
    return _op("stft")(signal, frame_step, window, frame_length, onesided=onesided)


def stop_gradient(x: TensorLike, *on: TensorLike | None, refusal: str = "") -> Tensor:
    """y = x, whose gradient is none.

    Source: TensorFlow StopGradient; JAX lax.stop_gradient. Kind: primitive. Has a gradient.

    Inputs:
        x
        on: any number, what y depends on besides

    Outputs:
        y

    Attributes:
        refusal (string): Not empty: asking for a gradient is an error, which says this.
    """
    return _op("stop_gradient")(x, *on, refusal=refusal)


def sub(a: TensorLike, b: TensorLike) -> Tensor:
    """a - b

    Source: ONNX Sub-14. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `subtract`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("sub")(a, b)


def sum_to(x: TensorLike, shape: TensorLike) -> Tensor:
    """x summed over the axes along which the given shape was broadcast to it: the reverse of expand.

    Source: JAX _unbroadcast; torch.Tensor.sum_to_size. Kind: primitive. Has a gradient.

    Inputs:
        x
        shape: i64 [n], n <= rank of x; broadcasts to the shape of x

    Outputs:
        y
    """
    return _op("sum_to")(x, shape)


def svd(x: TensorLike) -> tuple[Any, ...]:
    """x = u diag(s) vh with k = min(m, n) singular values, falling; in f64.

    Source: array API linalg.svd (full_matrices=False). Kind: primitive. Has a gradient.

    Inputs:
        x: [.., m, n]

    Outputs:
        u: [.., m, k], orthonormal columns
        s: [.., k]
        vh: [.., k, n], orthonormal rows
    """
    return _tuple(_op("svd")(x))


def swish(x: TensorLike, *, alpha: float = 1.0) -> Tensor:
    """x * sigmoid(alpha * x)

    Source: ONNX Swish-24; torch.nn.functional.silu. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        alpha (float): Scale inside the sigmoid.
    """
    return _op("swish")(x, alpha=alpha)


def tan(x: TensorLike) -> Tensor:
    """The tangent of x

    Source: ONNX Tan-7. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `tan`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("tan")(x)


def tanh(x: TensorLike) -> Tensor:
    """The hyperbolic tangent of x

    Source: ONNX Tanh-13. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `tanh`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("tanh")(x)


def tensor_scatter(past_cache: TensorLike, update: TensorLike, write_indices: TensorLike | None = None, *, axis: int = -2, mode: str = "linear") -> Tensor:
    """A cache with `update` written along its sequence axis, for each sample from its own position on.

    Source: ONNX TensorScatter-24. Kind: primitive.

    Inputs:
        past_cache: [batch, .., max_sequence, ..]
        update: [batch, .., sequence, ..]
        write_indices: optional, i64 [batch], default 0

    Outputs:
        present_cache

    Attributes:
        axis (int): Sequence axis; not 0.
        mode (string): linear, or circular: positions wrap around.
    """
    return _op("tensor_scatter")(past_cache, update, write_indices, axis=axis, mode=mode)


def thresholded_relu(x: TensorLike, *, alpha: float = 1.0) -> Tensor:
    """x above alpha, else 0

    Source: ONNX ThresholdedRelu-10. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        x

    Outputs:
        y

    Attributes:
        alpha (float): Threshold.
    """
    return _op("thresholded_relu")(x, alpha=alpha)


def tile(input: TensorLike, repeats: TensorLike) -> Tensor:
    """x repeated along each axis.

    Source: ONNX Tile-13. Kind: primitive. Has a gradient.

    Inputs:
        input
        repeats: i64 [rank of input]

    Outputs:
        output
    """
    return _op("tile")(input, repeats)


def top_k(X: TensorLike, K: TensorLike, *, axis: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Any, ...]:
    """The k largest (or smallest) elements along an axis and where they are; of equal ones the first; NaN is largest.

    Source: ONNX TopK-24. Kind: primitive. Has a gradient.

    Inputs:
        X
        K: i64, one element

    Outputs:
        Values
        Indices: i64

    Attributes:
        axis (int): Axis to search, in [-rank, rank).
        largest (bool): The largest, else the smallest.
        sorted (bool): Results in order; otherwise any order is right (and this one is in order as well).
    """
    return _tuple(_op("top_k")(X, K, axis=axis, largest=largest, sorted=sorted))


def transpose(data: TensorLike, *, perm: Sequence[int] = ()) -> Tensor:
    """Axis i of the result is axis perm[i] of x.

    Source: ONNX Transpose-25. Kind: primitive. Has a gradient. Public name: `permute_dims`.

    Inputs:
        data

    Outputs:
        transposed

    Attributes:
        perm (ints): A permutation of the axes; empty: reversed.
    """
    return _op("transpose")(data, perm=perm)


def trilu(input: TensorLike, k: TensorLike | None = None, *, upper: bool = True) -> Tensor:
    """The upper or lower triangle of matrices; zeros elsewhere.

    Source: ONNX Trilu-14. Kind: primitive. Has a gradient.

    Inputs:
        input: [.., rows, columns]
        k: optional, i64, one element, default 0: which diagonal; above the main one if positive

    Outputs:
        output

    Attributes:
        upper (bool): Keep the diagonal k and what is above it, else below it.
    """
    return _op("trilu")(input, k, upper=upper)


def trunc(x: TensorLike) -> Tensor:
    """x without its fraction

    Source: numpy.trunc. Kind: elementwise, with NumPy's broadcasting. Has a gradient. Public name: `trunc`.

    Inputs:
        x

    Outputs:
        y
    """
    return _op("trunc")(x)


def unique(X: TensorLike, *, axis: int = -9223372036854775808, sorted: bool = True) -> tuple[Any, ...]:
    """The distinct elements (or slices along an axis), where each was first, which one each element is, and how often.

    Source: ONNX Unique-11. Kind: primitive.

    Inputs:
        X

    Outputs:
        Y
        indices: i64 [n]
        inverse_indices: i64 [elements or slices of X]
        counts: i64 [n]

    Attributes:
        axis (int): Axis, in [-rank, rank); the smallest integer (the default): x is flattened first.
        sorted (bool): Ascending; otherwise in order of first appearance.
    """
    return _tuple(_op("unique")(X, axis=axis, sorted=sorted))


def unsqueeze(data: TensorLike, *, axes: Sequence[int] = ()) -> Tensor:
    """Inserts axes of size 1.

    Source: ONNX Unsqueeze-25. Kind: primitive. Has a gradient. Public name: `expand_dims`.

    Inputs:
        data

    Outputs:
        expanded

    Attributes:
        axes (ints): Where the new axes are in the result, in [-rank, rank) of the result.
    """
    return _op("unsqueeze")(data, axes=axes)


def upsample(x: TensorLike, scales: TensorLike | None = None, *, mode: str = "nearest", scale_factors: Sequence[float] = ()) -> Tensor:
    """Enlarges x by scales, repeating (nearest) or interpolating (linear).

    Source: ONNX Upsample-10. Kind: composite: lowered to other ops where no kernel takes it.

    Inputs:
        x
        scales: optional, f32, one for each axis

    Outputs:
        y

    Attributes:
        mode (string): nearest or linear.
        scale_factors (floats): Scales known beforehand.
    """
    return _op("upsample")(x, scales, mode=mode, scale_factors=scale_factors)


def where(condition: TensorLike, x: TensorLike, y: TensorLike) -> Tensor:
    """x where the condition holds, else y

    Source: ONNX Where-16. Kind: elementwise, with NumPy's broadcasting. Has a gradient.

    Inputs:
        condition
        x
        y

    Outputs:
        y
    """
    return _op("where")(condition, x, y)


def xor(a: TensorLike, b: TensorLike) -> Tensor:
    """Either a or b

    Source: ONNX Xor-7. Kind: elementwise, with NumPy's broadcasting. Public name: `logical_xor`.

    Inputs:
        a
        b

    Outputs:
        y
    """
    return _op("xor")(a, b)
