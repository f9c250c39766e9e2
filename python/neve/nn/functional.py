"""Functions of the layers, without state: neve.nn.functional, as torch.nn.functional has them."""

# ruff: noqa: F401
from ._f_attention import multi_head_attention_forward, scaled_dot_product_attention
from ._f_basic import (
    alpha_dropout, bilinear, celu, cosine_similarity, dropout, dropout1d, dropout2d, dropout3d, elu, embedding,
    feature_alpha_dropout, gelu, glu, gumbel_softmax, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, linear,
    log_softmax, logsigmoid, mish, normalize, one_hot, pairwise_distance, prelu, relu, relu6, rrelu, selu, sigmoid, silu,
    softmax, softmin, softplus, softshrink, softsign, tanh, tanhshrink, threshold,
)  # fmt: skip
from ._f_conv import (
    affine_grid, channel_shuffle, conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d, fold,
    grid_sample, interpolate, pad, pixel_shuffle, pixel_unshuffle, unfold,
)  # fmt: skip
from ._f_loss import (
    binary_cross_entropy, binary_cross_entropy_with_logits, cosine_embedding_loss, cross_entropy, ctc_loss,
    gaussian_nll_loss, hinge_embedding_loss, huber_loss, kl_div, l1_loss, margin_ranking_loss, mse_loss,
    multi_margin_loss, multilabel_soft_margin_loss, nll_loss, poisson_nll_loss, smooth_l1_loss, soft_margin_loss,
    triplet_margin_loss, triplet_margin_with_distance_loss,
)  # fmt: skip
from ._f_norm import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, rms_norm
from ._f_pool import (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d, adaptive_max_pool2d,
    adaptive_max_pool3d, avg_pool1d, avg_pool2d, avg_pool3d, lp_pool1d, lp_pool2d, lp_pool3d, max_pool1d, max_pool2d,
    max_pool3d, max_unpool1d, max_unpool2d, max_unpool3d,
)  # fmt: skip
