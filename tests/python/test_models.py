"""Models: parameter counts and names of the published ones; they run and learn."""

import neve
import numpy as np
import pytest
from neve import models


@pytest.mark.parametrize("make, count, name", [
    (models.resnet18, 11_689_512, "layer4.1.bn2.running_var"),
    (models.resnet34, 21_797_672, "layer3.5.conv2.weight"),
    (models.resnet50, 25_557_032, "layer2.0.downsample.1.num_batches_tracked"),
    (models.resnet101, 44_549_160, "layer3.22.conv3.weight"),
])  # fmt: skip
def test_resnet_has_the_published_parameters(make, count, name):
    model = make()
    assert sum(int(np.prod(p.shape)) for p in model.parameters()) == count
    state = model.state_dict()
    assert (
        name in state
        and "fc.bias" in state
        and len(state) == {18: 122, 34: 218, 50: 320, 101: 626}[int(make.__name__[6:])]
    )


def test_resnet_learns(tmp_path):
    model = models.resnet18(num_classes=3)
    x = neve.tensor(np.random.default_rng(0).normal(size=(6, 3, 32, 32)).astype(np.float32))
    y = neve.tensor(np.arange(6) % 3)
    optimizer, losses = neve.optim.Adam(model.parameters(), lr=1e-3), []
    for _ in range(6):
        loss = neve.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    neve.save(model.state_dict(), tmp_path / "m.safetensors")
    other = models.resnet18(num_classes=3)
    other.load_state_dict(neve.load_weights(tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(other.eval()(x).detach().numpy(), model.eval()(x).detach().numpy())
