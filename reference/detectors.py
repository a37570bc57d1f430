#!/usr/bin/env python3
"""Outputs of face detectors and the faces that follow from them, in NumPy, from the authors' definitions.

Run: `python reference/detectors.py` (or `make reference`), then commit the JSON. Outputs are random; each decoder is
written from its paper's code, with normalized coordinates where the authors use them, and does not share a line with
the Rust: libfacedetection.train (YuNet), insightface/detection/scrfd (SCRFD), Ultra-Light-Fast-Generic-Face-Detector-1MB
(vision/utils/box_utils.py), Pytorch_Retinaface (layers/functions/prior_box.py, utils/box_utils.py).
"""

import json
import math
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).parent.parent / "crates/verisim-face/testdata/detectors.json"


def yunet(outputs, canvas, strides, **_):
    faces = []
    for stride in strides:
        columns, rows = canvas[0] // stride, canvas[1] // stride
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
        prior = np.concatenate([grid * stride, np.full_like(grid, stride)], axis=1).astype(float)
        box, points = outputs[f"bbox_{stride}"], outputs[f"kps_{stride}"]
        center = box[:, :2] * prior[:, 2:] + prior[:, :2]
        size = np.exp(box[:, 2:]) * prior[:, 2:]
        landmarks = np.concatenate([points[:, 2 * i : 2 * i + 2] * prior[:, 2:] + prior[:, :2] for i in range(5)], 1)
        cut = [np.clip(outputs[f"{name}_{stride}"], 0, 1) for name in ("cls", "obj")]
        faces.append(np.concatenate([np.sqrt(cut[0] * cut[1]), center - size / 2, size, landmarks], axis=1))
    return np.concatenate(faces)


def scrfd(outputs, canvas, strides, anchors, **_):
    faces = []
    for i, stride in enumerate(strides):
        columns, rows = canvas[0] // stride, canvas[1] // stride
        centers = np.stack(np.mgrid[:rows, :columns][::-1], axis=-1).astype(float).reshape(-1, 2) * stride
        centers = np.stack([centers] * anchors, axis=1).reshape(-1, 2)
        distance = outputs[f"box{i}"] * stride
        left_top, right_bottom = centers - distance[:, :2], centers + distance[:, 2:]
        parts = [outputs[f"score{i}"], left_top, right_bottom - left_top]
        if f"points{i}" in outputs:
            parts.append((outputs[f"points{i}"] * stride).reshape(-1, 5, 2).__add__(centers[:, None]).reshape(-1, 10))
        faces.append(np.concatenate(parts, axis=1))
    return np.concatenate(faces)


def priors(canvas, strides, min_sizes, clip):
    """Center and size in shares of the input."""
    width, height = canvas
    rows = []
    for stride, sides in zip(strides, min_sizes):
        for j in range(math.ceil(height / stride)):
            for i in range(math.ceil(width / stride)):
                for side in sides:
                    rows.append([(i + 0.5) * stride / width, (j + 0.5) * stride / height, side / width, side / height])
    return np.clip(rows, 0, 1) if clip else np.array(rows)


def moved(prior, offsets, canvas):
    center = prior[:, :2] + offsets[:, :2] * 0.1 * prior[:, 2:]
    size = prior[:, 2:] * np.exp(offsets[:, 2:] * 0.2)
    return np.concatenate([center - size / 2, size], axis=1) * np.tile(canvas, 2)


def ultra_light(outputs, canvas, strides, min_sizes, **_):
    prior = priors(canvas, strides, min_sizes, clip=True)
    return np.concatenate([outputs["scores"][:, 1:], moved(prior, outputs["boxes"], canvas)], axis=1)


def ultra_light_corners(outputs, canvas, **_):
    corners = outputs["boxes"] * np.tile(canvas, 2)
    return np.concatenate([outputs["scores"][:, 1:], corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)


def retinaface(outputs, canvas, strides, min_sizes, **_):
    prior = priors(canvas, strides, min_sizes, clip=False)
    points = outputs["landmarks"]
    landmarks = [prior[:, :2] + points[:, 2 * i : 2 * i + 2] * 0.1 * prior[:, 2:] for i in range(5)]
    landmarks = np.concatenate([it * np.array(canvas) for it in landmarks], axis=1)
    return np.concatenate([outputs["scores"][:, 1:], moved(prior, outputs["boxes"], canvas), landmarks], axis=1)


def softmax(rows):
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def case(random, decoder, function, canvas, strides, shapes, anchors=1, min_sizes=()):
    """One case: random outputs of these names and shapes, and their faces."""
    outputs = {}
    for name, rows, width in shapes:
        values = random.normal(size=(rows, width))
        if name == "scores":
            values = softmax(2 * values)
        elif width == 1:
            values = random.uniform(-0.1, 1.1, size=(rows, 1)) if decoder == "yunet" else random.uniform(size=(rows, 1))
        elif decoder == "scrfd" and width == 4:
            values = np.abs(values) + 0.5
        elif decoder == "ultra-light-corners" and width == 4:
            values = random.uniform([0, 0, 0.5, 0.5], [0.4, 0.4, 1, 1], size=(rows, 4))
        outputs[name] = values.astype(np.float32).astype(float).round(2)
    sizes = {"strides": list(strides), "anchors": anchors, "min_sizes": [list(it) for it in min_sizes]}
    faces = function(outputs, canvas, **sizes)
    min_score = 0.6
    faces = faces[faces[:, 0] >= min_score].round(5)
    assert 2 <= len(faces) < 60, (decoder, len(faces))
    listed = [{"name": name, "width": it.shape[1], "values": it.ravel().tolist()} for name, it in outputs.items()]
    random.shuffle(listed)
    head = {"decoder": decoder, "canvas": list(canvas), **sizes, "min_score": min_score}
    return {**head, "outputs": listed, "faces": faces.tolist()}


def main():
    random = np.random.default_rng(7)
    three, canvas = (8, 16, 32), (64, 32)
    cells = {stride: (canvas[0] // stride) * (canvas[1] // stride) for stride in three}
    form = (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
    shapes = [(f"{name}_{stride}", n, width) for stride, n in cells.items() for name, width in form]
    cases = [case(random, "yunet", yunet, canvas, three, shapes)]
    small = (32, 32)
    for names in ((("score", 1), ("box", 4), ("points", 10)), (("score", 1), ("box", 4))):
        rows = [2 * (small[0] // stride) * (small[1] // stride) for stride in three]
        shapes = [(f"{name}{i}", n, width) for i, n in enumerate(rows) for name, width in names]
        cases.append(case(random, "scrfd", scrfd, small, three, shapes, anchors=2))
    # Sides that no stride divides, and priors that are larger than the input.
    odd, strides, sides = (44, 28), (8, 16, 32, 64), ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256))
    n = len(priors(odd, strides, sides, True))
    shapes = [("scores", n, 2), ("boxes", n, 4)]
    cases.append(case(random, "ultra-light", ultra_light, odd, strides, shapes, min_sizes=sides))
    cases.append(case(random, "ultra-light-corners", ultra_light_corners, odd, strides, shapes, min_sizes=sides))
    sides = ((16, 32), (64, 128), (256, 512))
    n = len(priors(odd, three, sides, False))
    shapes = [("scores", n, 2), ("boxes", n, 4), ("landmarks", n, 10)]
    cases.append(case(random, "retinaface", retinaface, odd, three, shapes, min_sizes=sides))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(it, separators=(",", ":")) for it in cases) + "\n]\n")
    print(f"{OUT.name}: {len(cases)} cases, {OUT.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
