"""Train the predictor of norm rows: `python models/train_predictor.py PAINTINGS TEXTURES PHOTOGRAPHS MINUTES`.

The first folder holds paintings, the second other pictures to learn styles from, the third photographs to paint. The
bodies of `gallery-rich.onnx` and `gallery.onnx` stay as they are; `predictor.npz` beside them is written, and
`predictor.checkpoint` in the working directory, from which a second run goes on. One step: a style picture, often
cropped and recolored, gives its statistics; the predictor turns them into rows; a body paints a photograph with them;
the losses of every training judge it. It needs the extra `train`.

It begins by learning the rows that the galleries' own paintings have, so that its first pictures are paintings already,
and goes on asking for them a little. The style loss is the balanced one: with the other, whatever is not learned yet
fades to grey.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)
from torch import Tensor, nn

from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize, to_tensor
from stylecam.stylize.style_predictor import AREAS, LIMIT, size_of
from stylecam.training import losses
from stylecam.training.augmentation import relight_and_add_noise
from stylecam.training.dataset import PhotoDataset, pictures_in, read_picture
from stylecam.training.faces import ShippedFaceDetector
from stylecam.training.gallery import read_gallery
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.training.learner import MAX_SHIFT, RIM, crop_side
from stylecam.training.moving_grain import MovingGrain
from stylecam.training.objective import Objective, Targets
from stylecam.training.row_learner import Body
from stylecam.training.vgg import VggFeatures, load_vgg

MODELS = Path(__file__).parent
GALLERIES = {"rich": "gallery-rich", "lean": "gallery"}
SCALES = {"rich": ((340, 0.0), (540, 0.5), (860, 1.0)), "lean": ((560, 0.0),)}
"""Short sides of the pictures to learn from, and how much of the broad row paints then."""
LEAN_SHARE, PAINTING_SHARE = 0.1, 0.74
HIDDEN, RATE, DECAY, ANCHOR, JITTER = 256, 6e-4, 0.004, 0.3, 0.03
VERSIONS, FRESH_SHARE = 3, 0.1
_LONGEST_SIDE, _TARGET_SIDE = 1000, 352


class Version:
    """A style picture as it is or changed, with what is computed of it, when it is needed first."""

    def __init__(self, image: Image, vgg: VggFeatures) -> None:
        self._image, self._vgg = image, vgg
        self._targets: dict[int, Targets] = {}
        self.statistics = statistics(image, vgg)

    def targets(self, side: int, rng: np.random.Generator) -> Targets:
        """Return the Gram matrices of the picture with its short side at `side`."""
        if side not in self._targets:
            height, width = self._image.shape[:2]
            factor = side / min(height, width)
            image = resize(self._image, Size(round(width * factor), round(height * factor)))
            halves = part_of(image, 2 * _TARGET_SIDE, rng)
            self._targets[side] = Targets(
                Targets.of(self._vgg, [part_of(image, _TARGET_SIDE, rng)]).fine,
                Targets.of(self._vgg, [halves]).large,
            )
        return self._targets[side]


class Exemplar:
    """A picture to learn a style from, in up to `VERSIONS` versions; the first is the picture itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._versions: list[Version] = []

    def version(self, vgg: VggFeatures, rng: np.random.Generator) -> Version:
        """Return one of the versions, or now and then a new one."""
        fresh = len(self._versions) < VERSIONS and rng.random() < FRESH_SHARE
        if not self._versions or fresh:
            image = read_picture(self.path)
            factor = _LONGEST_SIDE / min(image.shape[:2])
            if factor < 1:
                image = np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
            self._versions.append(Version(changed(image, rng) if self._versions else image, vgg))
            return self._versions[-1]
        return self._versions[int(rng.integers(len(self._versions)))]


class Predictor(nn.Module):
    """Maps the statistics of a picture to rows of each body; see `stylecam.stylize.style_predictor`."""

    def __init__(self, known: Tensor, bodies: dict[str, Body]) -> None:
        super().__init__()
        self.register_buffer("mean", known.mean(0))
        self.register_buffer("deviation", known.std(0) + 0.05 * known.mean(0).abs() + 1e-3)
        self.first, self.second = nn.Linear(known.shape[1], HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.heads = nn.ModuleDict()
        for tier, body in bodies.items():
            rows = torch.from_numpy(body.rows.vectors)
            deviation = rows.std(0)
            self.register_buffer(f"{tier}_base", rows.mean(0))
            self.register_buffer(f"{tier}_spread", 0.7 * deviation + 0.3 * deviation.mean())
            self.heads[tier] = nn.Linear(HIDDEN, rows[0].numel())
            nn.init.normal_(self.heads[tier].weight, std=0.01)
            nn.init.zeros_(self.heads[tier].bias)

    def relative(self, statistics: Tensor, tier: str) -> Tensor:
        """Return how many spreads the rows lie from their base, as one vector."""
        value = ((statistics - self.mean) / self.deviation).clamp(-LIMIT, LIMIT)
        hidden = F.relu(self.first(value))
        found: Tensor = self.heads[tier](hidden + F.relu(self.second(hidden)))
        return found

    def forward(self, statistics: Tensor, tier: str) -> Tensor:
        """Return the rows, sizes of strokes × values."""
        base, spread = self.get_buffer(f"{tier}_base"), self.get_buffer(f"{tier}_spread")
        return base + spread * self.relative(statistics, tier).view(base.shape)

    def told(self, rows: Tensor, tier: str) -> Tensor:
        """Return what `relative` should be for `rows` (styles × sizes × values)."""
        base, spread = self.get_buffer(f"{tier}_base"), self.get_buffer(f"{tier}_spread")
        return ((rows - base) / spread).flatten(1)


@torch.no_grad()
def statistics(image: Image, vgg: VggFeatures) -> Tensor:
    """Return what the predictor sees of `image`: of each channel of each feature map mean and deviation."""
    found = []
    for area in AREAS:
        for features in vgg(torch.from_numpy(to_tensor(resize(image, size_of(image, area))))):
            values = features[0].float()
            mean = values.mean((1, 2))
            found += [mean, (values.square().mean((1, 2)) - mean.square()).clamp_min(0).sqrt()]
    return torch.cat(found)


def part_of(image: Image, side: int, rng: np.random.Generator) -> Image:
    """Return a random part of `image`, at most `side` pixels wide and high."""
    height, width = image.shape[:2]
    top, left = (int(rng.integers(0, max(1, length - side + 1))) for length in (height, width))
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def changed(image: Image, rng: np.random.Generator) -> Image:
    """Return a part of `image`, perhaps flipped or turned, with other hues, or another contrast."""
    height, width = image.shape[:2]
    down, across = (int(length * rng.uniform(0.6, 1)) for length in (height, width))
    top, left = int(rng.integers(0, height - down + 1)), int(rng.integers(0, width - across + 1))
    image = image[top : top + down, left : left + across]
    if rng.random() < 0.5:
        image = image[:, ::-1]
    if rng.random() < 0.15:
        image = np.rot90(image)
    image = np.ascontiguousarray(image)
    if rng.random() < 0.55:
        hue = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(np.int32)
        hue[..., 0] = (hue[..., 0] + int(rng.integers(0, 180))) % 180
        hue[..., 1] = np.clip(hue[..., 1] * rng.uniform(0.5, 1.6), 0, 255)
        image = np.asarray(cv2.cvtColor(hue.astype(np.uint8), cv2.COLOR_HSV2BGR))
    if rng.random() < 0.4:
        light = (image.astype(np.float32) / 255 - 0.5) * rng.uniform(0.7, 1.5) + 0.5 + rng.uniform(-0.12, 0.12)
        image = (light.clip(0, 1) ** rng.uniform(0.7, 1.4) * 255).astype(np.uint8)
    return image


def known_rows(
    bodies: dict[str, Body], paintings: Path, vgg: VggFeatures, rng: np.random.Generator
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return for each tier the statistics of its gallery's paintings, in four crops each, and the rows they have."""
    known = {}
    for tier, gallery in GALLERIES.items():
        found, rows = [], []
        for number, style in enumerate(read_gallery(MODELS / f"{gallery}.toml", paintings)):
            image = read_picture(style.path)
            height, width = image.shape[:2]
            for crop in range(4):
                top, bottom = (int(share * height) for share in (rng.uniform(0, 0.2), rng.uniform(0.8, 1)))
                left, right = (int(share * width) for share in (rng.uniform(0, 0.2), rng.uniform(0.8, 1)))
                part = image[top:bottom, left:right] if crop else image
                found.append(statistics(np.ascontiguousarray(part), vgg))
                rows.append(torch.from_numpy(bodies[tier].rows.vectors[number]))
        known[tier] = torch.stack(found), torch.stack(rows)
    return known


def anchor_loss(predictor: Predictor, known: dict[str, tuple[Tensor, Tensor]], noise: float) -> Tensor:
    """Return how far the rows of the galleries' own paintings are from those that they have."""
    total = torch.zeros(())
    for tier, (found, rows) in known.items():
        which = torch.randint(len(found), (8,))
        seen = found[which] * (1 + noise * torch.randn_like(found[which]))
        total = total + (predictor.relative(seen, tier) - predictor.told(rows[which], tier)).square().mean()
    return total


def export(predictor: Predictor, bodies: dict[str, Body], path: Path) -> None:
    """Write the predictor's file: matrices in eight bits with one scale for each row, all else in sixteen."""
    arrays: dict[str, Any] = {"mean": predictor.mean.numpy(), "deviation": predictor.deviation.numpy()}

    def layer(name: str, module: nn.Linear) -> None:
        weights = module.weight.detach().numpy()
        scale = np.abs(weights).max(1) / 127 + 1e-12
        arrays[f"{name}.w"] = np.round(weights / scale[:, None]).astype(np.int8)
        arrays[f"{name}.w.scale"] = scale
        arrays[f"{name}.b"] = module.bias.detach().numpy().astype(np.float16)

    layer("first", predictor.first)
    layer("second", predictor.second)
    for tier, body in bodies.items():
        layer(body.rows.body, predictor.heads[tier])
        for part in ("base", "spread"):
            arrays[f"{body.rows.body}.{part}"] = predictor.get_buffer(f"{tier}_{part}").numpy().astype(np.float16)
    arrays["bodies"] = np.array(json.dumps([body.rows.body for body in bodies.values()]))
    np.savez_compressed(path, **arrays)


def main(paintings: Path, textures: Path, photographs: Path, minutes: float) -> None:
    """Train for so many minutes, and write the predictor's file."""
    rng = np.random.default_rng()
    vgg = load_vgg(None)
    vgg.use_bfloat16(True)
    bodies = {}
    for tier, gallery in GALLERIES.items():
        body = Body.read(MODELS / f"{gallery}.onnx")
        assert body is not None
        bodies[tier] = body
    networks = {tier: body.network(body.mean).requires_grad_(False) for tier, body in bodies.items()}
    groups = [[Exemplar(path) for path in pictures_in(folder)] for folder in (paintings, textures)]
    known = known_rows(bodies, paintings, vgg, rng)
    seen = [picture.version(vgg, rng).statistics for group in groups for picture in group]
    predictor = Predictor(torch.stack(seen), bodies)
    average = copy.deepcopy(predictor).requires_grad_(False)
    adam = torch.optim.Adam(predictor.parameters(), 1e-3, betas=(0.9, 0.99))
    for _ in range(250):
        adam.zero_grad()
        anchor_loss(predictor, known, 0.15).backward()
        adam.step()
    step, checkpoint = 0, Path("predictor.checkpoint")
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        predictor.load_state_dict(saved["predictor"])
        average.load_state_dict(saved["average"])
        adam.load_state_dict(saved["adam"])
        step = saved["step"]
    hparams = Hyperparameters(minutes=minutes, crop=336, scale=540)
    photos = PhotoDataset([photographs], crop_side(hparams), detector=ShippedFaceDetector())
    first, end = step, time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        for group in adam.param_groups:
            group["lr"] = RATE * min(1.0, (step - first + 1) / 40)
        tier = "lean" if rng.random() < LEAN_SHARE else "rich"
        pictures = groups[0 if rng.random() < PAINTING_SHARE else 1]
        version = pictures[int(rng.integers(len(pictures)))].version(vgg, rng)
        side, broad = SCALES[tier][int(rng.integers(len(SCALES[tier])))]
        rows = predictor(version.statistics * (1 + JITTER * torch.randn_like(version.statistics)), tier)
        lengths = [bodies[tier].rows.rows[name].shape[-1] for name in bodies[tier].rows.names]
        parts = dict(zip(bodies[tier].rows.names, rows.split(lengths, 1), strict=True))
        weights = torch.ones(1, 1) if tier == "lean" else torch.tensor([[1 - broad, broad]])
        objective = Objective(vgg, version.targets(side, rng), torch.ones(1), hparams, balanced=True)
        crop = photos.random_crop(rng)
        window = hparams.crop + 2 * RIM
        photo = torch.from_numpy(crop.picture)[None].permute(0, 3, 1, 2)
        grain = MovingGrain(networks[tier], 1, window, MAX_SHIFT, rng)

        def paint(picture: Tensor, at: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16):
                around = picture.contiguous(memory_format=torch.channels_last)
                return torch.func.functional_call(networks[tier], parts, (around, weights, at)).float()  # noqa: B023

        inner = photo[:, :, MAX_SHIFT : MAX_SHIFT + window, MAX_SHIFT : MAX_SHIFT + window]
        styled = paint(inner, grain.at())
        total = predictor.relative(version.statistics, tier).square().mean() * DECAY
        if step % 3 == 0:
            down, right = (int(value) for value in rng.integers(-MAX_SHIFT, MAX_SHIFT + 1, size=2))
            top, left = MAX_SHIFT + down, MAX_SHIFT + right
            moved = relight_and_add_noise(photo[:, :, top : top + window, left : left + window], rng)
            again = paint(moved, grain.at(down, right) if rng.random() < 0.5 else grain.at())
            total = total + losses.stability_loss(styled, again, down, right).mean()
        cut = np.s_[:, :, RIM : RIM + hparams.crop, RIM : RIM + hparams.crop]
        face = crop.face and crop.face.within(MAX_SHIFT + RIM, MAX_SHIFT + RIM)
        measured = objective.measure(styled[cut], inner[cut], torch.zeros(1, dtype=torch.int64), [face], rng)
        total = total + sum(measured.values()) + ANCHOR * anchor_loss(predictor, known, JITTER)
        adam.zero_grad()
        total.backward()
        norm = nn.utils.clip_grad_norm_(predictor.parameters(), 5.0)
        if torch.isfinite(norm):
            adam.step()
        with torch.no_grad():
            for mean, value in zip(average.parameters(), predictor.parameters(), strict=True):
                mean.lerp_(value, 1 - min(0.995, (step + 1) / (step + 20)))
        step += 1
        if step % 200 == 0:
            print(step, {name: round(part.item(), 3) for name, part in measured.items()}, flush=True)  # noqa: T201
            torch.save(
                {
                    "predictor": predictor.state_dict(), "average": average.state_dict(), "adam": adam.state_dict(),
                    "step": step,
                },
                checkpoint,
            )  # fmt: skip
            export(average, bodies, MODELS / "predictor.npz")
    export(average, bodies, MODELS / "predictor.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]))
