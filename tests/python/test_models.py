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


@pytest.mark.parametrize(
    "make, count", [(models.mobilenet_v3_small, 2_542_856), (models.mobilenet_v3_large, 5_483_032)]
)
def test_mobilenet_has_the_published_parameters(make, count):
    assert sum(p.size for p in make().parameters()) == count


@pytest.mark.parametrize("make, shape", [
    (lambda: models.mobilenet_v3_small(num_classes=4, width_mult=0.25), (3, 3, 40, 56)),
    (lambda: models.VisionTransformer(16, 8, 1, 2, 16, 32, num_classes=4), (3, 3, 16, 16)),
    (lambda: models.UNet(3, 2, width=4), (2, 3, 33, 50)),
    (lambda: models.UNet(3, 2, bilinear=True, width=4), (2, 3, 33, 50)),
])  # fmt: skip
def test_every_parameter_of_an_image_model_gets_a_gradient(make, shape):
    model = make()
    y = model(neve.randn(*shape))
    assert y.shape == ((2, 2, 33, 50) if isinstance(model, models.UNet) else (3, 4))
    y.sum().backward()
    assert [k for k, p in model.named_parameters() if p.grad is None] == []


def test_vision_transformer_names_a_wrong_image():
    with pytest.raises(neve.Error, match=r"VisionTransformer: input is f32\[1, 3, 16, 20\] \(\[N, 3, 16, 16\]\)"):
        models.VisionTransformer(16, 8, 1, 2, 16, 32)(neve.zeros(1, 3, 16, 20))
    with pytest.raises(neve.Error, match="image_size is 20 and patch_size 8"):
        models.VisionTransformer(20, 8, 1, 2, 16, 32)


def test_bert_does_not_see_what_the_mask_hides():
    model = models.BertModel(30, 16, 2, 2, 32, 12).eval()
    words, mask = neve.randint(0, 30, (2, 8)), neve.tensor([[1] * 8, [1] * 5 + [0] * 3])
    other = words.clone()
    other[1, 5:] = 7
    a, b = model(words, mask), model(other, mask)
    np.testing.assert_array_equal(a.pooler_output.detach().numpy(), b.pooler_output.detach().numpy())
    short = model(words[1:, :5])
    np.testing.assert_allclose(
        a.last_hidden_state[1:, :5].detach().numpy(), short.last_hidden_state.detach().numpy(), atol=1e-5
    )
    assert models.BertModel(30, 16, 1, 2, 32, 12, add_pooling_layer=False)(words).pooler_output is None


def small_gpt():
    return models.GPT2LMHeadModel(40, n_positions=24, n_embd=32, n_layer=2, n_head=4)


def test_gpt_with_a_cache_gives_what_it_gives_at_once():
    model, words = small_gpt().eval(), neve.randint(0, 40, (2, 11))
    whole = model(words).logits.detach().numpy()
    parts, past = [], None
    for begin, end in [(0, 4), (4, 5), (5, 6), (6, 11)]:
        out = model(words[:, begin:end], past, use_cache=True)
        parts.append(out.logits.detach().numpy())
        past = out.past
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, atol=1e-6)
    assert past[1][0].shape == (2, 4, 11, 8) and model(words).past is None


def test_gpt_generates():
    model, words = small_gpt(), neve.randint(0, 40, (2, 5))
    greedy = model.generate(words, 12)
    assert greedy.shape == (2, 17) and (greedy[:, :5] == words).all()
    assert (greedy == model.generate(words, 12, use_cache=False)).all()
    assert (greedy == model.generate(words, 12, do_sample=True, top_k=1)).all()
    drawn = [model.generate(words, 12, do_sample=True, temperature=1.5, top_k=9, generator=neve.random.Generator(s)) for s in (1, 1, 2)]  # fmt: skip
    assert (drawn[0] == drawn[1]).all() and not (drawn[0] == drawn[2]).all()
    model.eval()
    allowed = model(drawn[0][:, :-1]).logits[:, 4:].detach().numpy().argsort(-1)[..., -9:]
    assert (allowed == drawn[0][:, 5:].numpy()[..., None]).any(-1).all()  # each draw is among the nine most likely
    model.train()
    model.generate(words, 1)
    assert model.training
    ended = model.generate(words, 12, eos_token_id=int(greedy[0, 5].item()))
    assert (ended[0, 5:] == greedy[0, 5]).all() and ended.shape[1] <= 17


@pytest.mark.parametrize("options, text", [
    ({"max_new_tokens": 20}, r"generate: 20 words after 5 \(0 or more; together at most n_positions, 24\)"),
    ({"max_new_tokens": 1, "temperature": 0.0}, "generate: temperature is 0.0 and top_k None"),
    ({"max_new_tokens": 1, "top_k": 0}, "top_k 0"),
])  # fmt: skip
def test_gpt_names_wrong_options(options, text):
    with pytest.raises(neve.Error, match=text):
        small_gpt().generate(neve.zeros(2, 5, dtype="i64"), **options)


def test_gpt_shares_the_weight_of_its_last_layer():
    model = small_gpt()
    assert model.lm_head.weight is model.transformer.wte.weight
    assert "lm_head.weight" not in dict(model.named_parameters()) and "lm_head.weight" in model.state_dict()


@pytest.mark.parametrize("bidirectional", [False, True])
def test_tagger_learns(bidirectional):
    neve.manual_seed(0)
    model = models.LSTMTagger(8, 12, 10, 3, num_layers=2, bidirectional=bidirectional)
    words = neve.randint(0, 10, (16, 7))
    tags = words % 3
    optimizer, losses = neve.optim.Adam(model.parameters(), lr=0.02), []
    for _ in range(60):
        loss = neve.nn.functional.cross_entropy(model(words).reshape(-1, 3), tags.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
