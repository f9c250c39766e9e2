// Passes that join ops around convolutions and matrix products.
#pragma once
#include "passes/pass.h"

namespace neve::passes {

/// Batch normalisation, and multiplication or addition per channel by weights, go into the weights of the convolution
/// before them.
int64_t fold_into_conv(ir::Graph& g, PassContext& c);
/// Matrix products of one left side with different weights become one product over the joined weights (Q, K, V).
int64_t merge_matmuls(ir::Graph& g, PassContext& c);
/// matmul(a, transpose(b)) reads b the other way round, unless the transposed tensor is known before the first call.
/// After the passes that look for products: they know the plain one only.
int64_t fold_transposes(ir::Graph& g, PassContext& c);
/// A convolution or matrix product with the bias, activations and residual addition that follow becomes one `fused`
/// node.
int64_t fuse_epilogues(ir::Graph& g, PassContext& c);

/// softmax(scale q k^T + mask) v becomes scaled_dot_product_attention, `fused` with the transposes around it. f32 of
/// rank 4; the scores and weights must have no other reader.
int64_t fuse_attention(ir::Graph& g, PassContext& c);

}  // namespace neve::passes
