#!/usr/bin/env python3
"""Whether the quality of a face foretells errors: error versus discard on LFW's photographs, as they are and spoiled.

Run: `make quality SHARED=DIR`. LFW's photographs are good ones, and what errors there are have other reasons. So one of five is spoiled here, each in one
way, so that most faces are still found: shrunk, blurred or darkened; then `verisim evaluate` compares the pairs of fold 1 on both.
Prints the false non-match rate with nothing, a tenth and a fifth discarded, and the relative area. Needs: numpy,
opencv-python-headless.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import cv2
import numpy as np


def shrunk(picture, random):
    scale = random.uniform(0.16, 0.3)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.pad(small, ((60, 60), (60, 60), (0, 0)), constant_values=128)


def blurred(picture, random):
    return cv2.GaussianBlur(picture, (0, 0), random.uniform(2.5, 5))


def darkened(picture, random):
    noise = random.normal(0, 4, picture.shape)
    return np.clip(picture * random.uniform(0.06, 0.15) + noise, 0, 255).astype(np.uint8)


def spoil(source, target, seed):
    """Copies all photographs, and spoils one of five."""
    random = np.random.default_rng(seed)
    for path in sorted(source.rglob("*.jpg")):
        out = target / path.relative_to(source)
        out.parent.mkdir(parents=True, exist_ok=True)
        picture = cv2.imread(str(path))
        if random.random() < 0.2:
            ways = (shrunk, blurred, darkened)
            picture = ways[random.integers(len(ways))](picture, random)
        cv2.imwrite(str(out), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])


def measured(verisim, shared, data):
    models = shared / "models"
    command = [verisim, "evaluate", models / "mobilefacenet_foamliu.onnx", "--detector", models / "yunet_n_dynamic.onnx"]
    command += ["--data", data, "--pairs", shared / "data/lfw/pairs_fold1.txt", "--json", "--quiet"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"verisim failed: {run.stderr}")
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verisim", type=pathlib.Path)
    parser.add_argument("--shared", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    source = args.shared / "data/lfw/images250"

    def shown(it, factor=100):
        return f"{factor * it['value']:.2f} ({factor * it['lower']:.2f}–{factor * it['upper']:.2f})"

    print("| photographs | no face | FNMR at FMR 1 % | 10 % discarded | 20 % discarded | relative area |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        spoiled = pathlib.Path(scratch)
        spoil(source, spoiled, args.seed)
        for name, data in [("as they are", source), ("one of five spoiled", spoiled)]:
            found = measured(args.verisim, args.shared, data)
            discard = found["discard"]
            cells = [name, str(len(found["failures"])), shown(discard["fnmr"])]
            cells += [shown(it["fnmr"]) for it in discard["at_discard"]] + [shown(discard["relative_area"], 1)]
            print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
