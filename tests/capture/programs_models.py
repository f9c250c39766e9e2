"""Programs as people write them around models: searches, iterations until they converge, sequences of their own lengths."""
# Long because each program stands for one kind of model code.
# ruff: noqa: B007

import dataclasses
import enum
import math
from typing import NamedTuple

import neve
from capture_cases import program

BOTH = ((True,), (False,))


@program
def greedy_decoding(x):
    """Tokens until the end token, or so many."""
    w = x.T @ x
    token, out = x[0], []
    for _ in range(6):
        logits = token @ w
        best = logits.argmax()
        out.append(best)
        if best == 1:
            break
        token = neve.tanh(x[best % x.shape[0]] + token * 0.5)
    return neve.stack(out), token


@program
def greedy_decoding_while(x):
    w = neve.softmax(x.T @ x, -1)
    state, done, steps = w[0], False, 0
    tokens = neve.zeros(8, dtype="i64")
    while not done and steps < 8:
        logits = state @ w
        t = logits.argmax(-1)
        tokens[steps] = t
        state = w[t] * 0.7 + state * 0.3
        done = bool(t == 0)
        steps += 1
    return tokens, steps, done


@program
def beam_search(x):
    width = 2
    w = neve.log_softmax(x.T @ x * 0.3, -1)
    n = w.shape[0]
    scores = w[0, :width] * 1
    beams = neve.arange(width).reshape(-1, 1)
    for step in range(3):
        last = beams[:, -1]
        total = scores.unsqueeze(1) + w[last]
        scores, index = total.reshape(-1).topk(width)
        beams = neve.concat([beams[index // n], (index % n).unsqueeze(1)], 1)
        if scores[0] - scores[-1] > 4:
            break
    return beams, scores


@program
def adaptive_computation_time(x):
    """Each row halts when its probabilities add up to one."""
    h = x * 0.5
    halt = neve.zeros(x.shape[0])
    rest = neve.ones(x.shape[0])
    out = neve.zeros_like(x)
    steps = 0
    while (halt < 0.99).any() and steps < 10:
        p = neve.sigmoid(h.mean(-1))
        running = (halt < 0.99).astype("f32")
        ends = ((halt + p * running) > 0.99).astype("f32") * running
        weight = ends * rest + (running - ends) * p
        out = out + weight.unsqueeze(-1) * h
        halt = halt + p * running
        rest = rest - (running - ends) * p
        h = neve.tanh(h + 0.1)
        steps += 1
    return out, steps, rest


@program
def non_maximum_suppression(x):
    """Boxes as rows, one after another, unless they overlap one that was kept."""
    n = x.shape[0]
    boxes = neve.concat([x[:, :2], x[:, :2] + x[:, 2:3].abs() + 0.1], 1)
    order = x[:, 0].argsort(descending=True)
    keep = []
    alive = neve.ones(n, dtype="bool")
    for k in range(n):
        i = order[k]
        if not alive[i]:
            continue
        keep.append(i)
        low = neve.maximum(boxes[i, :2], boxes[:, :2])
        high = neve.minimum(boxes[i, 2:], boxes[:, 2:])
        size = (high - low).clamp(min=0)
        inter = size[:, 0] * size[:, 1]
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        iou = inter / (area + area[i] - inter)
        alive = alive & (iou < 0.5)
    return neve.stack(keep)


class _Node(NamedTuple):
    value: int
    left: object = None
    right: object = None


TREE = _Node(0, _Node(1, _Node(0), None), _Node(1, None, _Node(0, _Node(1), _Node(0))))


@program
def tree_recursion(x):
    def encode(node):
        if node is None:
            return x[0] * 0
        a, b = encode(node.left), encode(node.right)
        h = neve.tanh(a + b * 0.5 + x[node.value])
        if h.sum() > 1:
            h = h * 0.5
        return h

    return encode(TREE)


@program
def masks_by_lengths(x):
    lengths = (x > 0).sum(-1)
    steps = neve.arange(x.shape[1])
    mask = steps.unsqueeze(0) < lengths.unsqueeze(1)
    out = neve.where(mask, x, 0.0)
    total = neve.zeros(x.shape[0])
    for i in range(x.shape[0]):
        n = lengths[i]
        if n == 0:
            continue
        total[i] = out[i].sum() / n
    return out, total


@program
def recurrence_over_lengths(x):
    lengths = (x[:, 0].abs() * 3).astype("i64") % x.shape[1] + 1
    h = neve.zeros(x.shape[0])
    for t in range(x.shape[1]):
        new = neve.tanh(h * 0.5 + x[:, t])
        h = neve.where(lengths > t, new, h)
        if (lengths <= t + 1).all():
            break
    return h


@program
def gradient_clipping(x):
    grads = [x * 2, x[0] * 3, x.sum() * 0.1]
    total = neve.sqrt(sum((g * g).sum() for g in grads))
    if total > 1.0:
        scale = 1.0 / (total + 1e-6)
        for g in grads:
            g *= scale
    return grads, total


@program
def newton_iterations(x):
    a = x.abs().sum() + 0.5
    y = a * 0.5
    for i in range(20):
        step = (y * y - a) / (2 * y)
        y = y - step
        if abs(step) < 1e-5:
            break
    else:
        i = -1
    return y, i


@program
def bisection(x):
    lo, hi = -10.0, 10.0
    target = x.mean()
    while hi - lo > 1e-3:
        mid = (lo + hi) / 2
        if neve.tanh(neve.tensor(mid)) * 2 < target:
            lo = mid
        else:
            hi = mid
    return lo, hi


@program
def sinkhorn(x):
    p = neve.exp(x)
    for it in range(50):
        p = p / p.sum(1, keepdim=True)
        q = p / p.sum(0, keepdim=True)
        error = (q - p).abs().max()
        p = q
        if error < 1e-3:
            break
    return p, it


@program
def power_iteration(x):
    a = x.T @ x + neve.eye(x.shape[1])
    v = neve.ones(x.shape[1])
    before = 0.0
    for _ in range(100):
        w = a @ v
        v = w / neve.sqrt((w * w).sum())
        value = v @ a @ v
        if abs(value - before) < 1e-4 * abs(value):
            break
        before = value
    return value, v.abs()


@program(flags=BOTH)
def mixture_of_experts(x, top):
    experts = [lambda v: neve.relu(v), lambda v: v * 0.5, lambda v: neve.tanh(v) + 1]
    gates = neve.softmax(neve.stack([x.mean(-1), x.max(-1), x.min(-1)], -1), -1)
    out = neve.zeros_like(x)
    if top:
        chosen = gates.argmax(-1)
        for e, expert in enumerate(experts):
            mask = chosen == e
            if mask.any():
                out = out + neve.where(mask.unsqueeze(-1), expert(x), 0.0) * gates[:, e : e + 1]
    else:
        for e in range(len(experts)):
            out = out + experts[e](x) * gates[:, e].unsqueeze(-1)
    return out


@program
def token_by_token_experts(x):
    out = []
    for row in x:
        e = int(row.argmax()) % 3
        if e == 0:
            out.append(neve.relu(row))
        elif e == 1:
            out.append(row * 0.5)
        else:
            out.append(neve.tanh(row))
    return neve.stack(out)


@program
def cache_in_a_dict(x):
    cache = {"k": [], "v": [], "n": 0}

    def attend(row):
        cache["k"].append(row)
        cache["v"].append(row * 2)
        cache["n"] += 1
        k = neve.stack(cache["k"])
        v = neve.stack(cache["v"])
        return neve.softmax(k @ row, 0) @ v

    out = []
    for row in x:
        out.append(attend(row))
        if cache["n"] > 3:
            break
    return neve.stack(out), cache["n"]


@program
def cache_that_grows_by_concat(x):
    past = x[:1] * 0
    y = x[0]
    for row in x:
        past = neve.concat([past, row.unsqueeze(0) + y * 0.1])
        w = neve.softmax(past @ row, 0)
        y = w @ past
        if past.shape[0] > 3 and y.sum() > 0:
            past = past[1:]
    return y, past


@program
def rolling_cache(x):
    size = 3
    cache = neve.zeros(size, x.shape[1])
    pos = 0
    out = []
    for row in x:
        cache[pos % size] = row
        pos += 1
        used = cache[: min(pos, size)]
        out.append(used.mean(0))
    return neve.stack(out), cache, pos


@program
def dynamic_quantisation(x):
    low, high = x.min(), x.max()
    if low >= 0:
        scale, zero = high / 255, neve.tensor(0.0)
    elif high <= 0:
        scale, zero = -low / 255, neve.tensor(255.0)
    else:
        scale = (high - low) / 255
        zero = neve.round(-low / scale)
    q = neve.clamp(neve.round(x / scale) + zero, 0, 255).astype("u8")
    return q, (q.astype("f32") - zero) * scale, scale


class SpectralNorm(neve.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("u", neve.ones(3))
        self.scale = 2.0

    def forward(self, w):
        u, n = self.u, 0
        while True:
            v = w[:3].T @ u[: w[:3].shape[0]]
            v = v / (neve.sqrt((v * v).sum()) + 1e-12)
            new = w[:3] @ v
            new = new / (neve.sqrt((new * new).sum()) + 1e-12)
            n += 1
            if n >= 3:
                break
        return w / (new @ w[:3] @ v) * self.scale


@program
def spectral_norm(x):
    return SpectralNorm()(x)


@program
def ctc_collapse(x):
    path = x.argmax(-1) % 3
    out, before = [], -1
    for t in range(path.shape[0]):
        token = path[t]
        if token != before and token != 0:
            out.append(token)
        before = token
    return len(out), sum(out) if out else 0


@program
def ctc_collapse_ints(x):
    out, before = [], None
    for token in (x[0] > 0).astype("i64"):
        if before is None or token != before:
            out.append(int(token))
        before = token
    return out


@program
def viterbi(x):
    n = x.shape[1]
    trans = x.T @ x * 0.1
    score = x[0]
    back = []
    for t in range(1, x.shape[0]):
        total = score.unsqueeze(1) + trans
        back.append(total.argmax(0))
        score = total.max(0) + x[t]
    best = score.argmax()
    path = [best]
    for b in reversed(back):
        best = b[best]
        path.append(best)
    path.reverse()
    return neve.stack(path), score.max(), n


@program
def early_stopping(x):
    best, wait, history = math.inf, 0, []
    w = neve.zeros(x.shape[1])
    for epoch in range(12):
        r = x @ w - 1
        loss = (r * r).mean()
        w = w - 0.05 * (x.T @ r)
        history.append(loss)
        if loss < best - 1e-3:
            best, wait = loss, 0
        else:
            wait += 1
            if wait > 2:
                break
    return w, epoch, best, len(history)


@program
def line_search(x):
    w, step = x[0] * 1, 1.0

    def f(v):
        return (v * v * v * v).sum() * 0.1 + (v * x[1]).sum()

    for _ in range(5):
        g = 0.4 * w**3 + x[1]
        before = f(w)
        step = 1.0
        while f(w - step * g) > before - 0.1 * step * (g * g).sum() and step > 1e-3:
            step *= 0.5
        w = w - step * g
    return w, step


@program
def conjugate_gradients(x):
    a = x.T @ x + neve.eye(x.shape[1]) * 0.5
    b = x[0]
    v = neve.zeros_like(b)
    r = b - a @ v
    p = r
    rs = r @ r
    it = 0
    while it < x.shape[1] and rs > 1e-6:
        ap = a @ p
        alpha = rs / (p @ ap)
        v = v + alpha * p
        r = r - alpha * ap
        new = r @ r
        p = r + (new / rs) * p
        rs = new
        it += 1
    return v, it


@program
def kmeans(x):
    centers = x[:2]
    for it in range(8):
        d = ((x.unsqueeze(1) - centers.unsqueeze(0)) ** 2).sum(-1)
        label = d.argmin(1)
        new = []
        for c in range(2):
            mask = (label == c).astype("f32")
            if mask.sum() > 0:
                new.append((mask.unsqueeze(1) * x).sum(0) / mask.sum())
            else:
                new.append(centers[c])
        new = neve.stack(new)
        moved = (new - centers).abs().max()
        centers = new
        if moved < 1e-4:
            break
    return centers, label, it


@program
def temperature_sampling(x):
    out = []
    logits = x[0]
    for k in range(4):
        p = neve.softmax(logits / 0.7, -1)
        u = neve.rand(1)
        i = (p.cumsum(-1) < u).sum()
        out.append(i)
        if i >= x.shape[1] - 1:
            break
        logits = logits + x[k % x.shape[0]] * 0.1
    return neve.stack(out)


@program
def top_p_filter(x):
    logits = x[0]
    order = logits.argsort(descending=True)
    p = neve.softmax(logits[order], -1)
    kept = 0
    total = 0.0
    for i in range(p.shape[0]):
        kept += 1
        total += p[i]
        if total > 0.8:
            break
    threshold = logits[order[kept - 1]]
    return neve.where(logits >= threshold, logits, -1e9), kept


@program
def edit_distance(x):
    a, b = (x[0] > 0).astype("i64"), (x[1] > 0).astype("i64")
    n, m = a.shape[0], b.shape[0]
    row = neve.tensor(list(range(m + 1)))
    for i in range(n):
        new = [row[0] + 1]
        for j in range(m):
            cost = 0 if a[i] == b[j] else 1
            new.append(neve.minimum(neve.minimum(new[j] + 1, row[j + 1] + 1), row[j] + cost))
        row = neve.stack(new)
    return row[-1]


@program
def pad_to_multiple(x):
    n = x.shape[1]
    pad = (-n) % 4
    if pad:
        x = neve.concat([x, neve.zeros(x.shape[0], pad)], 1)
    return x.reshape(x.shape[0], -1, 4).mean(-1)


@program
def chunks_of_rows(x):
    out = []
    step = 2
    for start in range(0, x.shape[0], step):
        c = x[start : start + step]
        out.append(c.sum(0) if c.sum() > 0 else c.mean(0))
    return neve.stack(out)


@dataclasses.dataclass
class State:
    h: neve.Tensor
    c: neve.Tensor
    steps: int = 0

    @property
    def energy(self):
        return (self.h * self.h).sum()

    def step(self, v):
        f = neve.sigmoid(v + self.h)
        c = f * self.c + (1 - f) * neve.tanh(v)
        return State(f * neve.tanh(c), c, self.steps + 1)


@program
def recurrence_with_a_dataclass(x):
    s = State(neve.zeros(x.shape[1]), neve.zeros(x.shape[1]))
    for row in x:
        s = s.step(row)
        if s.energy > 0.5:
            s = dataclasses.replace(s, h=s.h * 0.5)
    return s.h, s.c, s.steps


class Mode(enum.Enum):
    HARD = 1
    SOFT = 2


@program(flags=((Mode.HARD,), (Mode.SOFT,)))
def an_enum_decides(x, mode):
    if mode is Mode.HARD:
        y = (x > 0).astype("f32")
    elif mode == Mode.SOFT:
        y = neve.sigmoid(x)
    return y * 2 if y.mean() > 0.5 else y


@program
def attention_with_a_window(x):
    out = []
    for i in range(x.shape[0]):
        lo = max(0, i - 1)
        hi = min(x.shape[0], i + 2)
        near = x[lo:hi]
        out.append(neve.softmax(near @ x[i], 0) @ near)
    return neve.stack(out)


@program
def straight_skip_layers(x):
    """Layers that an input may leave early."""
    h = x
    for k, scale in enumerate((0.5, 1.5, 0.9)):
        h = neve.tanh(h * scale) + x * 0.1
        confidence = neve.softmax(h, -1).max(-1)
        if confidence.min() > 0.4:
            return h, k
    return h, 3


@program
def best_so_far(x):
    best = None
    where = -1
    for i, row in enumerate(x):
        if best is None or row.sum() > best.sum():
            best, where = row, i
    return best, where


@program
def found_or_none(x):
    found = None
    for row in x:
        if row.min() > -0.2:
            found = row
            break
    return found


@program
def statistics_in_a_dict(x):
    stats = {}
    for name, f in (("mean", lambda v: v.mean()), ("peak", lambda v: v.abs().max())):
        stats[name] = f(x)
        if stats[name] > 1:
            stats[name] = neve.log(stats[name])
    return stats


@program
def gumbel_until_different(x):
    y = x
    tries = 0
    while tries < 3:
        noise = neve.rand(*x.shape)
        y = x + noise
        tries += 1
        if y.argmax() != x.argmax():
            break
    return y, tries


@program
def running_median(x):
    window = []
    out = []
    for v in x.reshape(-1)[:5]:
        window.append(v)
        if len(window) > 3:
            window.pop(0)
        out.append(neve.sort(neve.stack(window))[len(window) // 2])
    return neve.stack(out)


@program
def tensors_of_sizes(x):
    n, m = x.shape
    sizes = neve.tensor(x.shape)
    return (
        sizes,
        neve.tensor([n * m, 1]),
        neve.eye(m, k=1),
        neve.tri(n),
        neve.linspace(-1, 1, n),
        neve.tensor([i * 2 for i in range(n)]),
    )


@program
def a_number_or_none(x):
    """None where no row is large; a number otherwise."""
    first = None
    for i, row in enumerate(x):
        if row.max() > 1.5:
            first = i
            break
    return {"first": first, "x": x * 2}


@program
def nothing_is_returned_in_one_way(x):
    if x.sum() > 0:
        return x * 2


@neve.jit.to_static
def _first_large(x):
    for row in x:
        if row.max() > 1.5:
            return row


@program
def none_from_a_captured_function(x):
    row = _first_large(x)
    return x.sum(0) if row is None else row * 2
