"""What a network's painting is asked for: content, tone, warmth, style at two scales, and readable faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor

from stylecam.media.frame import Image
from stylecam.media.transforms import to_tensor
from stylecam.training import losses
from stylecam.training.dataset import FaceBox
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.training.vgg import VggFeatures, grams_of

FINE_LAYERS, LARGE_LAYERS = slice(0, 3), slice(1, 4)
"""Layers whose Gram matrices count at full and at half size."""
REGIONS = 2
"""The half-size picture is split into so many rows and columns, each of which is asked for a little of the style."""
_FINE_STYLE, _REGION_STYLE = 0.7, 0.15
"""Weights of the style at full size and of that in each region, beside 1 for that of the whole at half size.

Found by what the losses are of classic networks that people prefer to look at: with more weight on every region, one
texture covers wall and person alike, and with more at full size the contours are as soft as the reduced painting's.
"""
_FINE_SHARE = 3 / 7
_DEEP_CONTENT, _FULL_CONTENT = 0.2, 0.15
"""Weights of the content at relu4_3, and at relu2_2 at full size, beside 1 for that at relu3_3 at half size."""
_SHARPENED, _SHARPENING_SIGMA = 0.5, 1.1
"""How much, and within how many pixels, a painting is sharpened for the style at full size.

A reduced photograph of a painting is softer than its paint is; marks learned from it have airbrushed edges.
"""
_FACE_SIDES = 48, 208
_FACE_MARGIN = 1.2


class Targets(NamedTuple):
    """The Gram matrices of all paintings, P×C×C for each layer, at full and at half size."""

    fine: list[Tensor]
    large: list[Tensor]

    @classmethod
    def of(cls, vgg: VggFeatures, paintings: Sequence[Image]) -> Targets:
        """Return those of `paintings`, H×W×3 uint8 BGR, at the size at which their strokes are to be learned."""
        whole = [torch.from_numpy(to_tensor(painting)) for painting in paintings]
        return cls(
            _stacked([grams_of(vgg, _sharpened(picture))[FINE_LAYERS] for picture in whole]),
            _stacked([grams_of(vgg, F.avg_pool2d(picture, 2))[LARGE_LAYERS] for picture in whole]),
        )


class Objective:
    """Computes the losses of a batch of paintings, except for their steadiness.

    Most of the style is asked for at half size and of the whole picture, where large forms count; a little in each of
    its quarters, because a Gram matrix of the whole could be satisfied by the busy half of a webcam picture alone; and
    a little at full size in a random part, where edges count as well. The content is compared at half size, and a
    little in that part, instance-normalized, so that palette and contrast are the painting's. Faces are compared at
    full size too.

    Args:
        vgg: the perceptual network.
        targets: the styles.
        weights: the factor of each painting's style loss.
        hyperparameters: the weights of the losses.
        balanced: how errors of style are divided, see `losses.style_loss`.
    """

    def __init__(
        self,
        vgg: VggFeatures,
        targets: Targets,
        weights: Tensor,
        hyperparameters: Hyperparameters,
        *,
        balanced: bool = False,
    ) -> None:
        self._vgg, self._targets, self._weights, self._hyperparameters = vgg, targets, weights, hyperparameters
        self._balanced = balanced

    def measure(
        self,
        styled: Tensor,
        photo: Tensor,
        which: Tensor,
        faces: Sequence[FaceBox | None],
        rng: np.random.Generator,
    ) -> dict[str, Tensor]:
        """Return each loss, weighted, as one number.

        Args:
            styled: the paintings, B×3×n×n RGB 0..1.
            photo: what they are of, the same shape.
            which: for each, the number of its style among the paintings.
            faces: for each, a face in it, or None.
            rng: chooses the part that is compared at full size.
        """
        hparams = self._hyperparameters
        half = self._vgg(F.avg_pool2d(styled, 2))
        with torch.no_grad():
            expected = self._vgg(F.avg_pool2d(photo, 2))
        content = losses.normalized_error(half[2], expected[2])
        content = content + _DEEP_CONTENT * losses.normalized_error(half[3], expected[3])
        if hparams.fine:
            content = content + hparams.fine * losses.normalized_error(half[1], expected[1])
        part = _random_part(styled, rng)
        fine = self._vgg(styled[part], taps=3)
        with torch.no_grad():
            edges = self._vgg(photo[part], taps=2)[1]
        content = content + _FULL_CONTENT * losses.normalized_error(fine[1], edges)
        edges_wanted, large = ([grams[which] for grams in each] for each in self._targets)
        forms, balanced = half[LARGE_LAYERS], self._balanced
        style = _FINE_STYLE * losses.style_loss(fine, edges_wanted, balanced=balanced)
        style = style + losses.style_loss(forms, large, balanced=balanced)
        style = style + _REGION_STYLE * losses.region_style_loss(forms, large, REGIONS, balanced=balanced)
        parts = {
            "content": hparams.content * content.mean(),
            "style": hparams.style * (style * self._weights[which]).mean(),
            "tone": hparams.tone * losses.tone_loss(styled, photo),
            "variation": hparams.variation * losses.variation_loss(styled),
            "weave": hparams.weave * losses.weave_loss(styled),
        }
        if hparams.warmth:
            parts["warmth"] = hparams.warmth * losses.warmth_loss(styled, photo)
        if hparams.faces:
            parts["faces"] = hparams.faces * self._faces(styled, photo, faces)
        return parts

    def _faces(self, styled: Tensor, photo: Tensor, faces: Sequence[FaceBox | None]) -> Tensor:
        """Return the error within the face of each picture that has one, averaged over all pictures."""
        total = styled.new_zeros(())
        for number, face in enumerate(faces):
            if face is None:
                continue
            found, expected = (_around(pictures[number : number + 1], face) for pictures in (styled, photo))
            features = self._vgg(found, taps=3)
            with torch.no_grad():
                target = self._vgg(expected, taps=3)
            for layer in (1, 2):
                total = total + losses.normalized_error(features[layer], target[layer]).sum()
        return total / len(faces)


def _stacked(grams: Sequence[list[Tensor]]) -> list[Tensor]:
    return [torch.cat(layer) for layer in zip(*grams, strict=True)]


def _sharpened(painting: Tensor) -> Tensor:
    """Return `painting` (1×3×H×W RGB 0..1) with steeper edges, by unsharp masking."""
    pixels = painting[0].permute(1, 2, 0).numpy()
    soft = cv2.GaussianBlur(pixels, (0, 0), _SHARPENING_SIGMA)
    return torch.from_numpy(pixels + _SHARPENED * (pixels - soft)).clamp(0, 1).permute(2, 0, 1)[None]


def _random_part(styled: Tensor, rng: np.random.Generator) -> tuple[slice, ...]:
    """Return where a random square part of each picture is; on a grid of 8 pixels, as the layers pool."""
    side = styled.shape[-1]
    part = max(16, int(side * _FINE_SHARE) // 8 * 8)
    top, left = (int(value) * 8 for value in rng.integers(0, (side - part) // 8 + 1, size=2))
    return (slice(None), slice(None), slice(top, top + part), slice(left, left + part))


def _around(picture: Tensor, face: FaceBox) -> Tensor:
    """Return the square of 1×3×n×n `picture` around `face`, its side a multiple of 16."""
    least, most = _FACE_SIDES
    length = picture.shape[-1]
    side = min(int(np.clip(_FACE_MARGIN * face.side, least, most)), length) // 16 * 16
    left, top = (int(np.clip(middle - side / 2, 0, length - side)) for middle in (face.x, face.y))
    return picture[:, :, top : top + side, left : left + side]
