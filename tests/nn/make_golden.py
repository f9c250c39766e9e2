"""Writes tests/nn/golden.safetensors: layers of Python's neve.nn with their weights, inputs, results and gradients.

Run it only to make the committed file again:  build/venv/bin/python tests/nn/make_golden.py
Names: <case>/state/<name>, <case>/in, <case>/out, <case>/grad (of the input, for the sum of squares of the result).
"""

import pathlib

import neve
from neve import nn


class Cases(dict):
    def put(self, case, layer, x, *, call=None):
        x = x if x.dtype == "i64" else neve.tensor(x, requires_grad=True)
        y = (call or layer)(x)
        (y * y).sum().backward()
        for name, t in layer.state_dict().items():
            self[f"{case}/state/{name}"] = t.clone()
        self[f"{case}/in"], self[f"{case}/out"] = x.detach(), y.detach()
        if x.dtype != "i64":
            self[f"{case}/grad"] = x.grad


def more_layers(c, r):
    """Layers of one tensor, by name: (layer, shape of the input)."""
    for name, layer, shape in [
        ("instance_norm1d", nn.InstanceNorm1d(3, affine=True), (2, 3, 5)),
        ("instance_norm2d", nn.InstanceNorm2d(3, track_running_stats=True), (2, 3, 4, 5)),
        ("instance_norm3d", nn.InstanceNorm3d(2), (2, 2, 3, 2, 4)),
        ("local_response_norm", nn.LocalResponseNorm(4), (2, 6, 5)),
        ("sync_batch_norm", nn.SyncBatchNorm(3), (4, 3, 2, 2)),
        ("adaptive_max_pool1d", nn.AdaptiveMaxPool1d(3), (2, 2, 7)),
        ("adaptive_max_pool2d_uneven", nn.AdaptiveMaxPool2d((3, 2)), (2, 2, 7, 5)),
        ("adaptive_max_pool3d", nn.AdaptiveMaxPool3d((2, 3, 2)), (1, 2, 5, 4, 3)),
        ("lp_pool1d", nn.LPPool1d(4, 2), (2, 2, 6)),
        ("lp_pool2d", nn.LPPool2d(2, (2, 3), 2), (2, 2, 6, 7)),
        ("lp_pool3d", nn.LPPool3d(2, 2), (1, 2, 4, 2, 4)),
        ("pixel_shuffle", nn.PixelShuffle(2), (2, 8, 3, 2)),
        ("pixel_unshuffle", nn.PixelUnshuffle(2), (2, 2, 4, 6)),
        ("channel_shuffle", nn.ChannelShuffle(3), (2, 6, 2, 2)),
        ("upsample_nearest", nn.Upsample(scale_factor=2), (1, 2, 3, 4)),
        ("upsample_bilinear", nn.Upsample(size=(5, 7), mode="bilinear"), (1, 2, 3, 4)),
        ("upsample_bicubic", nn.Upsample(scale_factor=1.5, mode="bicubic"), (1, 2, 4, 4)),
        ("upsample_corners", nn.UpsamplingBilinear2d(scale_factor=2), (1, 2, 3, 4)),
        ("upsample_nearest2d", nn.UpsamplingNearest2d(scale_factor=3), (1, 2, 3, 4)),
        ("upsample_linear", nn.Upsample(scale_factor=2.0, mode="linear"), (2, 2, 5)),
        ("upsample_trilinear", nn.Upsample(size=(3, 5, 4), mode="trilinear"), (1, 1, 2, 3, 3)),
        ("upsample_area", nn.AdaptiveAvgPool2d(2), (1, 2, 5, 4)),
        ("constant_pad1d", nn.ConstantPad1d((1, 2), 0.5), (2, 2, 4)),
        ("constant_pad3d", nn.ConstantPad3d(1, -1.0), (1, 2, 2, 3, 2)),
        ("zero_pad2d", nn.ZeroPad2d((1, -1, 2, 0)), (2, 2, 4, 5)),
        ("reflection_pad1d", nn.ReflectionPad1d((2, 1)), (2, 2, 4)),
        ("reflection_pad2d", nn.ReflectionPad2d((1, 2, 2, 1)), (1, 2, 4, 5)),
        ("replication_pad2d", nn.ReplicationPad2d((1, 2, 3, 0)), (1, 2, 3, 4)),
        ("replication_pad3d", nn.ReplicationPad3d(1), (1, 2, 2, 3, 2)),
        ("circular_pad1d", nn.CircularPad1d((2, 1)), (2, 2, 4)),
        ("circular_pad2d", nn.CircularPad2d((1, 2, 2, 1)), (1, 2, 4, 5)),
        ("unfold", nn.Unfold((2, 3), dilation=1, padding=1, stride=2), (2, 3, 5, 6)),
        ("fold", nn.Fold((4, 5), (2, 2), padding=1, stride=1), (2, 12, 30)),
        ("unflatten", nn.Unflatten(1, (2, -1)), (2, 6, 2)),
        ("celu", nn.CELU(0.7), (10,)), ("selu", nn.SELU(), (10,)), ("relu6", nn.ReLU6(), (10,)), ("hardtanh", nn.Hardtanh(-0.5, 0.7), (10,)),
        ("hardshrink", nn.Hardshrink(0.3), (10,)), ("softshrink", nn.Softshrink(0.3), (10,)), ("tanhshrink", nn.Tanhshrink(), (10,)),
        ("softsign", nn.Softsign(), (10,)), ("log_sigmoid", nn.LogSigmoid(), (10,)), ("softmin", nn.Softmin(0), (3, 4)),
        ("softmax2d", nn.Softmax2d(), (2, 3, 2, 2)), ("threshold", nn.Threshold(0.1, -2.0), (10,)), ("glu", nn.GLU(1), (2, 6, 3)),
        ("prelu", nn.PReLU(3), (2, 3, 4)), ("rrelu", nn.RReLU().eval(), (10,)), ("rnn_relu", None, (5, 2, 3)),
    ]:  # fmt: skip
        if name == "rnn_relu":
            rnn = nn.RNN(3, 4, 2, nonlinearity="relu", bidirectional=True)
            c.put(name, rnn, r(*shape), call=lambda x: rnn(x)[0])  # noqa: B023
        else:
            c.put(name, layer, r(*shape))
    gru = nn.GRU(3, 4, 2, bidirectional=True)
    c.put("gru_deep", gru, r(5, 2, 3), call=lambda x: neve.concat([gru(x)[0].reshape(-1), gru(x)[1].reshape(-1)]))
    lstm = nn.LSTM(3, 4)
    c.put("lstm_states", lstm, r(5, 2, 3), call=lambda x: neve.concat([t.reshape(-1) for t in lstm(x)[1]]))
    other, state, memory = r(4, 3), r(2, 4), r(3, 2, 8)
    c["other/in"], c["state/in"], c["memory/in"] = other, state, memory
    bilinear = nn.Bilinear(5, 3, 2)
    c.put("bilinear", bilinear, r(4, 5), call=lambda x: bilinear(x, other))
    c.put("cosine", nn.CosineSimilarity(), r(4, 3), call=lambda x: nn.CosineSimilarity()(x, other))
    c.put("distance", nn.PairwiseDistance(3.0), r(4, 3), call=lambda x: nn.PairwiseDistance(3.0)(x, other))
    for name, cell in (("rnn_cell", nn.RNNCell(3, 4)), ("gru_cell", nn.GRUCell(3, 4))):
        c.put(name, cell, r(2, 3), call=lambda x: cell(x, state))  # noqa: B023
    cell = nn.LSTMCell(3, 4, bias=False)
    c.put("lstm_cell", cell, r(2, 3), call=lambda x: neve.concat(cell(x, (state, state * 0.5)), axis=1))
    decoder = nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    c.put("decoder", decoder, r(5, 2, 8), call=lambda x: decoder(x, memory, mask, tgt_is_causal=True))
    neve.manual_seed(12)
    transformer = nn.Transformer(8, 2, 2, 2, 16, dropout=0.0, norm_first=True)
    c.put("transformer", transformer, memory, call=lambda x: transformer(x, memory))
    pool, unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
    c.put("unpool", unpool, r(2, 2, 4, 6), call=lambda x: unpool(*pool(x)))


def rare_options(c, r):
    """What layers, the cross entropy and initialisers do with their rarer options."""
    for name, layer, shape in [
        ("conv_reflect", nn.Conv2d(3, 4, 3, stride=2, padding=(1, 2), padding_mode="reflect"), (2, 3, 5, 6)),
        ("conv_same", nn.Conv2d(2, 3, (3, 2), padding="same", dilation=(2, 1)), (1, 2, 5, 4)),
        ("conv_same_circular", nn.Conv1d(2, 3, 4, padding="same", padding_mode="circular"), (2, 2, 6)),
        ("conv_replicate", nn.Conv3d(2, 2, 2, padding=1, padding_mode="replicate"), (1, 2, 2, 3, 2)),
        ("max_pool_dilated", nn.MaxPool2d(2, 1, dilation=2), (1, 2, 5, 4)),
        ("avg_pool_divisor", nn.AvgPool2d(2, padding=1, divisor_override=3), (1, 2, 5, 4)),
        ("lp_pool_ceil", nn.LPPool2d(2, 2, ceil_mode=True), (1, 2, 5, 3)),
        ("lp_pool_ceil4", nn.LPPool1d(4, 2, ceil_mode=True), (2, 2, 5)),
        ("batch_norm_untracked", nn.BatchNorm2d(2, track_running_stats=False).eval(), (2, 2, 3, 2)),
        ("rms_plain", nn.RMSNorm(6, elementwise_affine=False), (3, 6)),
        ("softplus_beta", nn.Softplus(2.0, 1.0), (12,)),
        ("nearest_size", nn.UpsamplingNearest2d(size=(5, 6)), (1, 2, 3, 4)),
        ("bilinear_size", nn.UpsamplingBilinear2d(size=(5, 6)), (1, 2, 3, 4)),
        ("encoder_plain", nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation=neve.tanh, bias=False), (5, 2, 8)),
    ]:  # fmt: skip
        c.put(name, layer, r(*shape))
    mean = nn.BatchNorm1d(3, momentum=None)
    c.put("batch_norm_mean", mean, r(6, 3), call=lambda x: mean(x * 0.5 + 1) + mean(x))
    far = nn.PairwiseDistance(keepdim=True)
    c.put("distance_keepdim", far, r(4, 3), call=lambda x: far(x, c["other/in"]))
    for name, pool, shape in [
        ("max_pool_places", nn.MaxPool2d(2, 1, padding=1, dilation=2, return_indices=True), (2, 2, 5, 4)),
        ("adaptive_places", nn.AdaptiveMaxPool2d(2, return_indices=True), (2, 2, 4, 6)),
        ("adaptive_places_uneven", nn.AdaptiveMaxPool2d((3, 2), return_indices=True), (2, 2, 7, 5)),
    ]:
        c.put(name, pool, r(*shape), call=lambda x: pool(x)[0] * (pool(x)[1] + 1))  # noqa: B023
    k, v, mask = r(4, 2, 4), r(4, 2, 6), neve.triu(neve.ones((5, 5)), 1) > 0
    padding = neve.tensor([[False, False, False, False, True], [False, True, False, False, False]])
    c.update({"keys/in": k, "values/in": v, "mask/in": mask, "padding/in": padding})
    dims, extra = nn.MultiheadAttention(8, 2, kdim=4, vdim=6), nn.MultiheadAttention(8, 2, 0.0, True, True, True)
    c.put("attention_dims", dims, r(5, 2, 8), call=lambda x: dims(x, k, v, need_weights=False)[0])

    def both(y, w):
        return neve.concat([y.reshape(-1), w.reshape(-1)])

    c.put("attention_extra", extra, r(5, 2, 8), call=lambda x: both(*extra(x, x, x, padding, True, mask, False)))
    single = nn.MultiheadAttention(8, 4, bias=False)
    c.put("attention_single", single, r(5, 8), call=lambda x: both(*single(x, x, x)))
    f, weight = nn.functional, neve.tensor([0.5, 1.0, 2.0])
    for name, shape, kept in [
        ("mean", (4, 3), {"weight": weight, "label_smoothing": 0.2}), ("sum", (2, 3, 5), {"reduction": "sum", "weight": weight}),
        ("none", (2, 3, 5), {"reduction": "none"}), ("single", (3,), {}),
    ]:  # fmt: skip
        share = f.softmax(r(*shape), 0 if len(shape) == 1 else 1)
        c[f"shares_{name}/target"] = share
        c.put(f"shares_{name}", nn.Identity(), r(*shape), call=lambda x: f.cross_entropy(x, share, **kept))  # noqa: B023
    neve.manual_seed(6)
    for name, shape, fill in [
        ("xavier_normal", (4, 3, 2), lambda t: nn.init.xavier_normal_(t, 2.0)), ("kaiming_out", (4, 3, 2), lambda t: nn.init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu")),
        ("kaiming_tanh", (4, 3), lambda t: nn.init.kaiming_uniform_(t, nonlinearity="tanh")), ("trunc_normal", (5, 4), lambda t: nn.init.trunc_normal_(t, 0.5, 2.0, -1.0, 3.0)),
        ("orthogonal", (3, 2, 2), lambda t: nn.init.orthogonal_(t, 1.5)), ("orthogonal_tall", (5, 3), nn.init.orthogonal_),
        ("eye", (2, 3), nn.init.eye_), ("dirac", (4, 2, 3, 3), lambda t: nn.init.dirac_(t, 2)), ("sparse", (6, 3), lambda t: nn.init.sparse_(t, 0.4, 2.0)),
    ]:  # fmt: skip
        c[f"init/{name}"] = fill(neve.zeros(shape))


def losses(c, r):
    f = nn.functional
    x, t, v = neve.tensor(r(4, 3), requires_grad=True), r(4, 3), r(4, 3)
    p, sign = neve.sigmoid(t), neve.where(t > 0, 1.0, -1.0)
    label, rows = neve.tensor([0, 2, 1, 2]), neve.tensor([1.0, -1.0, -1.0, 1.0])
    weight, deviation = neve.tensor([0.5, 1.0, 2.0]), neve.exp(v)
    c.update({"loss/x": x.detach(), "loss/t": t, "loss/v": v, "loss/p": p, "loss/sign": sign, "loss/label": label, "loss/rows": rows,
              "loss/weight": weight, "loss/deviation": deviation})  # fmt: skip
    logs, targets = r(6, 2, 4), neve.tensor([[1, 2, 2], [3, 1, 0]])
    c.update({"loss/logs": logs, "loss/targets": targets})
    for name, loss in {
        "huber": lambda: f.huber_loss(x, t, delta=0.6), "poisson": lambda: f.poisson_nll_loss(x, p * 4, full=True),
        "poisson_plain": lambda: f.poisson_nll_loss(neve.exp(x), p, log_input=False), "gaussian": lambda: f.gaussian_nll_loss(x, t, deviation, full=True),
        "kl": lambda: f.kl_div(x, p, reduction="batchmean"), "kl_log": lambda: f.kl_div(x, t, log_target=True),
        "bce": lambda: f.binary_cross_entropy(neve.sigmoid(x), p, weight=weight),
        "bce_logits": lambda: f.binary_cross_entropy_with_logits(x, p, weight=weight, pos_weight=weight * 2),
        "soft_margin": lambda: f.soft_margin_loss(x, sign), "multilabel": lambda: f.multilabel_soft_margin_loss(x, p, weight),
        "multi_margin": lambda: f.multi_margin_loss(x, label, p=2, margin=0.7, weight=weight),
        "hinge": lambda: f.hinge_embedding_loss(x, sign, margin=0.8), "ranking": lambda: f.margin_ranking_loss(x, t, sign, margin=0.2),
        "cosine": lambda: f.cosine_embedding_loss(x, t, rows, margin=-0.3),
        "triplet": lambda: f.triplet_margin_loss(x, t, v, margin=2.0, swap=True),
        "cross_entropy": lambda: f.cross_entropy(x, label, weight=weight),
        "ctc": lambda: f.ctc_loss(neve.log_softmax(x.sum() * logs, -1), targets, [6, 5], [3, 2]),
    }.items():  # fmt: skip
        x.grad = None
        y = loss()
        y.backward()
        c[f"loss/{name}/out"], c[f"loss/{name}/grad"] = y.detach(), x.grad


def schedules(c):
    s = neve.optim.lr_scheduler
    for name, make in {
        "multi_step": lambda o: s.MultiStepLR(o, [3, 5]), "constant": lambda o: s.ConstantLR(o), "exponential": lambda o: s.ExponentialLR(o, 0.9),
        "polynomial": lambda o: s.PolynomialLR(o, 6, 2.0), "restarts": lambda o: s.CosineAnnealingWarmRestarts(o, 3, 2),
        "warmup": lambda o: s.WarmupLR(o, 3, 9, "cosine"),
        "one_cycle": lambda o: s.OneCycleLR(o, 0.5, 10, cycle_momentum=False),
        "one_cycle3": lambda o: s.OneCycleLR(o, 0.5, 10, cycle_momentum=False, three_phase=True, anneal_strategy="linear"),
        "sequential": lambda o: s.SequentialLR(o, [s.ConstantLR(o, 0.5, 2), s.ExponentialLR(o, 0.9)], [4]),
    }.items():  # fmt: skip
        optimiser = neve.optim.SGD([neve.tensor([1.0], requires_grad=True)], lr=0.1)
        schedule, rates = make(optimiser), []
        for _ in range(10):
            rates.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            schedule.step()
        c[f"schedule/{name}"] = neve.tensor(rates, "f64")
    optimiser = neve.optim.SGD([neve.tensor([1.0], requires_grad=True)], lr=0.1)
    schedule, rates = s.ReduceLROnPlateau(optimiser, patience=1, cooldown=1), []
    for metric in (1.0, 0.9, 0.9, 0.95, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8):
        schedule.step(metric)
        rates.append(optimiser.param_groups[0]["lr"])
    c["schedule/plateau"] = neve.tensor(rates, "f64")


def main():
    neve.manual_seed(11)
    r, c = neve.random.randn, Cases()
    c.put("linear", nn.Linear(5, 3), r(2, 4, 5))
    c.put("embedding", nn.Embedding(7, 3), neve.tensor([[1, 6], [0, 3]]))
    c.put("conv1d", nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), r(2, 4, 9))
    c.put("conv2d", nn.Conv2d(3, 4, (3, 2), padding=(1, 0), dilation=2), r(2, 3, 7, 6))
    c.put("conv3d", nn.Conv3d(2, 3, 2, bias=False), r(1, 2, 4, 3, 5))
    c.put("conv_transpose1d", nn.ConvTranspose1d(3, 2, 4, stride=3, padding=1), r(2, 3, 5))
    c.put(
        "conv_transpose2d", nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), r(1, 4, 4, 5)
    )
    c.put("max_pool2d", nn.MaxPool2d(3, 2, 1), r(2, 2, 7, 8))
    c.put("avg_pool2d", nn.AvgPool2d(2, 2, 1, count_include_pad=False), r(1, 2, 6, 5))
    c.put("adaptive_avg_pool2d", nn.AdaptiveAvgPool2d((2, 3)), r(1, 2, 5, 7))
    c.put("adaptive_max_pool2d", nn.AdaptiveMaxPool2d(2), r(1, 2, 4, 6))
    c.put("batch_norm1d", nn.BatchNorm1d(3), r(6, 3))
    c.put("batch_norm2d", nn.BatchNorm2d(3), r(2, 3, 4, 4))
    c.put("layer_norm", nn.LayerNorm((2, 5)), r(3, 2, 5))
    c.put("group_norm", nn.GroupNorm(2, 4), r(2, 4, 3))
    c.put("rms_norm", nn.RMSNorm(6), r(3, 6))
    c.put("gelu", nn.GELU(), r(10))
    c.put("silu", nn.SiLU(), r(10))
    c.put("hardsigmoid", nn.Hardsigmoid(), r(10) * 3)
    rnn, lstm, gru = nn.RNN(3, 4), nn.LSTM(3, 4, 2, bidirectional=True), nn.GRU(3, 4, batch_first=True)
    c.put("rnn", rnn, r(5, 2, 3), call=lambda x: rnn(x)[0])
    c.put("lstm", lstm, r(5, 2, 3), call=lambda x: lstm(x)[0])
    c.put("gru", gru, r(2, 5, 3), call=lambda x: gru(x)[0])
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    c.put("attention", attention, r(2, 5, 8), call=lambda x: attention(x, x, x, need_weights=False)[0])
    for norm_first in (False, True):
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu", norm_first=norm_first)
        c.put(f"encoder_{norm_first}".lower(), layer, r(5, 2, 8))
    # Seeds: the same numbers, and the same first weights.
    neve.manual_seed(3)
    c["random/randn"], c["random/rand"] = r(3), neve.random.rand(2)
    c["random/randperm"], c["random/randint"] = neve.random.randperm(5), neve.random.randint(2, 9, (4,))
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    for name, t in layer.state_dict().items():
        c[f"random/state/{name}"] = t
    # Training: five steps of AdamW and of Lamb.
    for name in ("AdamW", "Lamb", "RMSprop", "Adagrad", "SGD"):
        neve.manual_seed(4)
        model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4))
        options = {"momentum": 0.9, "nesterov": True} if name == "SGD" else {}
        optimiser = getattr(neve.optim, name)(model.parameters(), lr=0.05, weight_decay=0.01, **options)
        x, target = r(6, 3), neve.random.randint(0, 4, (6,))
        for _ in range(5):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x), target, label_smoothing=0.1).backward()
            optimiser.step()
        for key, t in model.state_dict().items():
            c[f"train_{name}/{key}"] = t
    neve.manual_seed(21)
    more_layers(c, r)
    losses(c, r)
    schedules(c)
    neve.manual_seed(31)
    rare_options(c, r)
    neve.save(
        {k: neve.tensor(v.detach()) for k, v in c.items()}, str(pathlib.Path(__file__).parent / "golden.safetensors")
    )


if __name__ == "__main__":
    main()
