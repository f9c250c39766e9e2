"""What files keep of results that tensors decide: their kind, and lists of tuples."""

import neve
from neve import nn


def test_results_of_several_kinds_and_lists_of_tuples(tmp_path):
    class Kinds(nn.Module):
        @neve.jit.to_static
        def forward(self, x):
            if x.sum() > 4:
                return x.sum(), "large"
            out = []
            for k, row in enumerate(x):
                if row.sum() > 0:
                    out.append((row.sum(), k))
            if x.mean() > 0:
                return out
            return None

    net = Kinds().eval()
    inputs = [neve.ones(3, 2), neve.tensor([[0.5, -0.25], [-0.5, 0.5], [0.5, 0.0]]), -neve.ones(2, 2)]
    with neve.no_grad():
        want = [net(x) for x in inputs]
        neve.jit.save(net, tmp_path / "m.neve")
        loaded = neve.jit.load(tmp_path / "m.neve")
        got = [loaded(x) for x in inputs]
    assert got[0][1] == "large" and float(got[0][0].item()) == 6
    assert [k for _, k in got[1]] == [k for _, k in want[1]] == [0, 2]
    assert [v.item() for v, _ in got[1]] == [v.item() for v, _ in want[1]]
    assert got[2] is None and want[2] is None
