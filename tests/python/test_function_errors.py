"""What a wrong call of a function or method says, word for word; and that the generated ops.py is current."""

import pathlib
import subprocess
import sys

import neve
import numpy as np
import pytest
from neve import _neve

ROOT = pathlib.Path(__file__).resolve().parents[2]
X = neve.tensor([[1.0, 2, 3], [4, 5, 6]])
E = neve.zeros(0, 3)
V = neve.tensor([1, 2, 3])
L = neve.tensor([1.0, 2.0], requires_grad=True)

WRONG = [
    (lambda: neve.sum(X, 5), "invalid_argument", "sum: axis is 5 for a tensor of rank 2 (it must lie in [-2, 2))"),
    (lambda: neve.sum(X, 1.5), "type_mismatch", "sum: axis is 1.5 (an integer)"),
    (lambda: neve.mean(X, (0, -2)), "invalid_argument", "mean: axis is (0, -2) (each axis once)"),
    (lambda: neve.softmax(neve.tensor(1.0)), "invalid_argument", "softmax: axis is -1 for a tensor of rank 0 (a tensor of rank 0 has no axes)"),
    (lambda: E.max(), "invalid_argument", "max: axis 0 of f32[0, 3] is empty (one element or more)"),
    (lambda: E.argmin(), "invalid_argument", "argmin: x is f32[0, 3] (one element or more)"),
    (lambda: X.reshape(4, 2), "shape_mismatch", "reshape: f32[2, 3] has 6 elements, which do not fit (4, 2) (a shape of as many)"),
    (lambda: X.reshape(-1, -1), "invalid_argument", "reshape: the shape is (-1, -1) (sizes of 0 or more, at most one -1)"),
    (lambda: X.reshape("a"), "type_mismatch", "reshape: the shape is ('a',) (integers)"),
    (lambda: X.T.view(6), "invalid_argument", "view: f32[3, 2] with strides (1, 3) has no view as (6,) (reshape, which copies)"),
    (lambda: X.permute(0), "invalid_argument", "permute: the axes are (0,) for f32[2, 3] (each of its 2 axes once)"),
    (lambda: X.squeeze(0), "shape_mismatch", "squeeze: axis 0 of f32[2, 3] has size 2 (1)"),
    (lambda: X.expand(4, 3), "shape_mismatch", "broadcast_to: f32[2, 3] does not broadcast to (4, 3) (sizes of x that are equal, or 1)"),
    (lambda: X.flatten(1, 0), "invalid_argument", "flatten: axes 1 to 0 of f32[2, 3] (start_axis not behind end_axis)"),
    (lambda: neve.concat([]), "invalid_argument", "concat: no tensors were given (one or more)"),
    (lambda: neve.concat([X, X.T]), "shape_mismatch", "concat: f32[2, 3] and f32[3, 2] along axis 0 (equal sizes on every other axis)"),
    (lambda: neve.stack([X, V]), "shape_mismatch", "stack: f32[2, 3] and f32[3] (one shape)"),
    (lambda: X.split([1, 3], 1), "shape_mismatch", "split: sizes [1, 3] of axis 1 of f32[2, 3] (sizes that add up to 3)"),
    (lambda: X.split(0), "invalid_argument", "split: the size of the parts is 0 (1 or more)"),
    (lambda: X.chunk(0), "invalid_argument", "chunk: chunks is 0 (1 or more)"),
    (lambda: X.narrow(1, 2, 2), "invalid_argument", "narrow: 2 from 2 of axis 1 of f32[2, 3] (positions within 0..3)"),
    (lambda: neve.roll(X, (1, 2), 0), "invalid_argument", "roll: shift is (1, 2) and axis 0 (as many of both)"),
    (lambda: neve.pad(X, 1, "mirror"), "invalid_argument", "pad: mode is 'mirror' ('constant', 'reflect', 'edge' or 'wrap')"),
    (lambda: neve.pad(X, ((1, 1), (1, 1), (1, 1))), "invalid_argument", "pad: pad_width is ((1, 1), (1, 1), (1, 1)) for f32[2, 3] (0 or more before and after each of 2 axes)"),
    (lambda: neve.broadcast_shapes((2, 3), (4,)), "shape_mismatch", "broadcast: shapes (2, 3), (4,) differ at axis -1 (equal sizes, or 1)"),
    (lambda: neve.tril(V), "shape_mismatch", "tril: x is i64[3] (rank 2 or more: matrices on the last two axes)"),
    (lambda: neve.zeros(-1), "invalid_argument", "zeros: the shape is (-1,) (sizes of 0 or more)"),
    (lambda: neve.zeros(2, dtype="f33"), "type_mismatch", "dtype: 'f33' is none (\"f32\", \"i64\", numpy.float32, ... are)"),
    (lambda: neve.arange(1, 2, 0), "invalid_argument", "arange: step is 0 (a number that is not 0)"),
    (lambda: neve.full(2, "a"), "type_mismatch", "full: fill_value is 'a' (a number)"),
    (lambda: neve.tensor([[1, 2], [3]]), "type_mismatch", "tensor: data is [[1, 2], [3]] (nested lists of one shape that hold numbers)"),
    (lambda: neve.asarray("a"), "type_mismatch", "asarray: x is 'a' (a neve.Tensor, a NumPy array or a number)"),
    (lambda: neve.exp(None), "type_mismatch", "exp: x is None (a neve.Tensor, a NumPy array or a number)"),
    (lambda: neve.exp(object()), "type_mismatch", "exp: x is of type object (a neve.Tensor, a NumPy array or a number)"),
    (lambda: neve.from_numpy([1]), "type_mismatch", "from_numpy: x is [1] (a numpy.ndarray)"),
    (lambda: neve.from_dlpack(3), "type_mismatch", "from_dlpack: x is of type int (an object with __dlpack__)"),
    (lambda: neve.add(neve.tensor([1], dtype="i8"), 300), "invalid_argument", "number: 300 does not fit i8 (astype to a wider dtype first)"),
    (lambda: neve.pow(V, -1), "invalid_argument", "pow: integers to a negative power: i64[3] to i64[] (astype('f32') first)"),
    (lambda: neve.bitwise_and(X, 1), "type_mismatch", "bitwise_and: operands are f32[2, 3] and f32[] (integers or bools)"),
    (lambda: neve.where(X > 1, X), "invalid_argument", "where: one of x and y is None (both, or neither)"),
    (lambda: neve.take(X, [0.5]), "type_mismatch", "take: indices is f32[1] (integers)"),
    (lambda: X.gather(1, neve.tensor([[0], [0], [0]])), "shape_mismatch", "gather: x is f32[2, 3] and index i64[3, 1] (one rank, and no axis of index but 1 larger)"),
    (lambda: X.masked_fill(V, 0), "type_mismatch", "masked_fill: mask is i64[3] (bool)"),
    (lambda: X.scatter_reduce(0, V.reshape(1, 3), X, "mean"), "invalid_argument", "scatter_reduce: reduce is 'mean' ('sum', 'prod', 'amax' or 'amin')"),
    (lambda: X.index_add(0, [0], X), "shape_mismatch", "index_add: src is f32[2, 3] (f32[1, 3])"),
    (lambda: neve.one_hot([3], 2), "invalid_argument", "one_hot: indices reach from 3 to 3 (0 to 1, with 2 classes)"),
    (lambda: X.topk(4), "invalid_argument", "topk: k is 4 for axis 1 of f32[2, 3] (0 to 3)"),
    (lambda: neve.searchsorted(X, 1.0), "shape_mismatch", "searchsorted: x is f32[2, 3] (a vector, in order)"),
    (lambda: neve.quantile(X, 1.5), "invalid_argument", "quantile: q is 1.5 (shares from 0 to 1)"),
    (lambda: neve.matmul(X, X), "shape_mismatch", "matmul: a is f32[2, 3] and b f32[2, 3] (a [.., m, k] and b [.., k, n], or vectors [k])"),
    (lambda: neve.mm(X, V), "shape_mismatch", "mm: f32[2, 3] times i64[3] (two matrices)"),
    (lambda: neve.det(X), "shape_mismatch", "det: x is f32[2, 3] (square matrices: [.., n, n])"),
    (lambda: neve.tensordot(X, X, 1), "shape_mismatch", "tensordot: axes [1] of f32[2, 3] and [0] of f32[2, 3] (equal sizes)"),
    (lambda: neve.einsum(X, "ij"), "type_mismatch", "einsum: the equation is f32[2, 3] (a str, such as 'ij,jk->ik', then the operands)"),
    (lambda: neve.cross(X, X[:, :2]), "shape_mismatch", "cross: a is f32[2, 3] and b f32[2, 2] (size 3 along axis -1)"),
    (lambda: neve.norm(X, "max"), "invalid_argument", "matrix_norm: ord is 'max' ('fro', 'nuc', 1, -1, 2, -2, inf or -inf)"),
    (lambda: V.clone().add_(1.5), "type_mismatch", "add_: the result is f32, which i64[3] cannot hold in place"),
    (lambda: V.clone().mul_(neve.ones(2, 3, dtype="i64")), "shape_mismatch", "mul_: the result is i64[2, 3], and i64[3] keeps its shape (operands that broadcast to it)"),
    (lambda: L.add_(1), "invalid_argument", "add_: f32[2] is a leaf that asks for gradients and cannot be changed in place (NoGrad / no_grad() allows it, for updates)"),
    (lambda: X.to("cuda"), "type_mismatch", "dtype: 'cuda' is none (\"f32\", \"i64\", numpy.float32, ... are)"),
    (lambda: (L * 2).__reduce_ex__(2), "invalid_argument", "pickle: f32[2] was computed from others (detach() first: the graph is not saved)"),
    (lambda: neve.manual_seed(1.5), "type_mismatch", "manual_seed: the seed is 1.5 (an integer)"),
    (lambda: neve.randint(3, 3), "invalid_argument", "randint: the integers from 3 to 3 - 1 are none, or more than 2**53 (low < high)"),
    (lambda: neve.bernoulli(1.5), "invalid_argument", "bernoulli: p reaches from 1.5 to 1.5 (probabilities from 0 to 1)"),
    (lambda: neve.normal(0, -1), "invalid_argument", "normal: std is -1 (0 or more)"),
    (lambda: neve.multinomial([1.0, -1.0], 1), "invalid_argument", "multinomial: a weight is negative or not finite (finite weights of 0 or more)"),
    (lambda: neve.multinomial([1.0, 0.0], 2), "invalid_argument", "multinomial: 2 draws of 1 classes with weights above 0 (replacement=True draws more)"),
    (lambda: neve.rand(2, dtype="i64"), "type_mismatch", "uniform: dtype is i64 (a float dtype)"),
    (lambda: neve.autograd.gradcheck(neve.exp, X), "invalid_argument", "gradcheck: no input asks for gradients (requires_grad=True)"),
    (lambda: neve.autograd.gradcheck(neve.exp, L), "type_mismatch", "gradcheck: input 0 is f32[2] (f64: differences need its precision)"),
    (lambda: neve.set_printoptions(colour=1), "invalid_argument", "set_printoptions: there is no option 'colour' (precision, threshold, edgeitems, linewidth, sci_mode)"),
]  # fmt: skip


@pytest.mark.parametrize("call, code, message", WRONG, ids=[w[2].split(":")[0] + str(k) for k, w in enumerate(WRONG)])
def test_message(call, code, message):
    with pytest.raises(neve.Error) as caught:
        call()
    assert str(caught.value) == message
    assert caught.value.code == code


def test_iteration_over_a_scalar():
    with pytest.raises(TypeError, match="iteration over a tensor of rank 0"):
        iter(neve.tensor(1.0))


# ---- neve.ops --------------------------------------------------------------------------------------------------------


def test_generated_ops_are_current():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "gen_python_ops.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_every_op_is_there():
    graph_only = {"constant", "weight", "if", "loop", "scan", "fused"}
    for name in set(_neve.op_names()) - graph_only:
        f = getattr(neve.ops, name, None) or getattr(neve.ops, name + "_")
        assert f.__doc__


def test_ops_are_strict():
    assert neve.ops.relu(neve.tensor([-1.0, 2.0])).tolist() == [0, 2]
    assert [t.tolist() for t in neve.ops.split(neve.tensor([1, 2, 3, 4]), num_outputs=2)] == [[1, 2], [3, 4]]
    values, indices = neve.ops.top_k(neve.tensor([1.0, 3.0, 2.0]), [2])
    assert values.tolist() == [3, 2] and indices.tolist() == [1, 2]
    assert neve.ops.and_(neve.tensor([True]), neve.tensor([False])).tolist() == [False]
    assert neve.ops.constant_of_shape([2]).tolist() == [0, 0]
    assert np.array(neve.ops.conv(neve.ones(1, 1, 3, 3), neve.ones(1, 1, 3, 3), None)).item() == 9
    with pytest.raises(neve.Error, match="they must have one dtype"):
        neve.ops.add(neve.tensor([1]), neve.tensor([1.0]))


def test_everything_public_is_documented():
    assert len(neve._functions.__all__) >= 250
    for name in neve._functions.__all__:
        assert getattr(neve, name).__doc__, name
