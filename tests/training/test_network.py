"""Tests of the style networks and of adding styles to them."""

from __future__ import annotations

import pytest
import torch

from stylecam.training.network import (
    LeanNetwork,
    Residual,
    RichNetwork,
    StyleNetwork,
    SubpixelConvolution,
    make_network,
    train_only_new_styles,
    with_styles,
)


def middle(net: StyleNetwork, *styles: int) -> torch.Tensor:
    """Return the weights of these styles with strokes of the middle size."""
    return net.weights_of(torch.tensor(styles), torch.full((len(styles),), 0.5))


@pytest.mark.parametrize(("tier", "height"), [("lean", 40), ("rich", 80)])
def test_the_picture_keeps_its_size_and_range(tier: str, height: int) -> None:
    net = make_network(tier, 2, 16, 1)
    styled = net(torch.rand(2, 3, height, 64), middle(net, 0, 1)).detach()
    assert styled.shape == (2, 3, height, 64)
    assert 0 <= float(styled.min()) <= float(styled.max()) <= 1


def test_a_plain_map_is_shuffled_into_a_plain_picture() -> None:
    layer = SubpixelConvolution(8)
    plain = torch.rand(1, 8, 1, 1).expand(1, 8, 6, 6)
    color = torch.nn.functional.pixel_shuffle(layer(plain), 2).detach()
    assert torch.allclose(color, color[:, :, :1, :1].expand_as(color), atol=1e-6)
    assert float(color.std()) > 1e-3


def test_the_weights_before_a_shuffle_equal_a_bilinear_doubling_and_a_convolution() -> None:
    layer, x = SubpixelConvolution(4), torch.randn(1, 4, 8, 8)
    assert layer.is_smooth()
    torch.nn.init.normal_(layer.weight, std=0.1)
    torch.nn.init.normal_(layer.bias)
    weights, biases = layer.smooth()
    inner = torch.nn.functional.pixel_shuffle(layer(x), 2)[:, :, 2:-2, 2:-2].flatten(2)[0].T - biases[::4]
    doubled = torch.nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear")
    patches = torch.nn.functional.unfold(doubled[:, :, 1:-1, 1:-1], 3)[0].T
    kernel = torch.linalg.lstsq(patches, inner).solution
    assert torch.allclose(patches @ kernel, inner, atol=1e-4)
    assert not layer.is_smooth()
    layer.load_state_dict({"weight": weights, "bias": biases})
    assert layer.is_smooth()


def test_a_blend_of_styles_uses_the_mean_of_their_rows() -> None:
    net = LeanNetwork(2, 16, 1)
    torch.nn.init.normal_(net.h4.n.g)
    mixed, photo = LeanNetwork(1, 16, 1), torch.rand(1, 3, 32, 32)
    mixed.load_state_dict(
        {name: value.mean(0, keepdim=True) if ".n." in name else value for name, value in net.state_dict().items()}
    )
    assert torch.allclose(net(photo, torch.full((1, 2), 0.5)), mixed(photo, torch.ones(1, 1)), atol=1e-6)


def test_a_residual_block_pads_by_reflection() -> None:
    inside = torch.rand(1, 16, 12, 12)
    mirrored = torch.nn.functional.pad(inside, (6, 6, 6, 6), mode="reflect")
    symmetric = Residual(1, 16)
    for layer in (symmetric.a, symmetric.b):  # a kernel that is its own mirror image paints a mirrored map mirrored
        layer.c.weight.data += layer.c.weight.data.flip(2)
        layer.c.weight.data += layer.c.weight.data.flip(3)
        layer.n = torch.nn.Identity()
        layer.n.forward = lambda x, weights: x  # type: ignore[method-assign]
    alone, among = symmetric(inside, torch.ones(1, 1)), symmetric(mirrored, torch.ones(1, 1))
    assert torch.allclose(alone, among[:, :, 6:-6, 6:-6], atol=1e-5)


@pytest.mark.parametrize("tier", ["lean", "rich"])
def test_adding_styles_leaves_the_old_ones_unchanged(tier: str) -> None:
    net, photo = make_network(tier, 2, 16, 1), torch.rand(1, 3, 64, 64)
    grown = with_styles(net, 3)
    assert grown.styles == 5
    assert {**grown.shape, "styles": 2} == net.shape
    for style in range(2):
        assert torch.allclose(net(photo, middle(net, style)), grown(photo, middle(grown, style)), atol=1e-6)


def test_an_added_style_starts_with_the_mean_of_each_size_of_strokes() -> None:
    net = RichNetwork(2, 16, 1)
    torch.nn.init.normal_(net.h4.n.g)
    rows = with_styles(net, 1).h4.n.g
    assert torch.allclose(rows[4], (rows[0] + rows[2]) / 2)
    assert torch.allclose(rows[5], (rows[1] + rows[3]) / 2)


def test_fine_and_broad_strokes_have_rows_of_their_own() -> None:
    net = make_network("rich", 2, 16, 1)
    weights = net.weights_of(torch.tensor([0, 1, 1]), torch.tensor([0.0, 0.25, 1.0]))
    assert weights.tolist() == [[1, 0, 0, 0], [0, 0, 0.75, 0.25], [0, 0, 0, 1]]
    assert make_network("lean", 2, 16, 1).weights_of(torch.tensor([1]), torch.tensor([0.25])).tolist() == [[0, 1]]


def test_with_a_frozen_body_only_the_new_rows_are_trained() -> None:
    net = with_styles(LeanNetwork(1, 16, 1), 1)
    train_only_new_styles(net, 1)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    adam = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 0.1)
    net(torch.rand(2, 3, 32, 32), torch.eye(2)).sum().backward()
    adam.step()
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.endswith((".n.g", ".n.b")) for name in changed)
    assert all(torch.equal(net.state_dict()[name][0], before[name][0]) for name in changed)


@pytest.mark.parametrize(("width", "blocks"), [(48, 4), (16, 2)])
def test_width_and_blocks_are_as_requested(width: int, blocks: int) -> None:
    net = LeanNetwork(1, width, blocks)
    assert len(net.body) == blocks
    assert net.h8.c.out_channels == width
