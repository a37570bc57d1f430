#!/usr/bin/env python3
"""Accuracy from whole photographs to pairs, here and in Python with OpenCV and ONNX Runtime.

Run: `make photographs SHARED=DIR`. LFW's photographs behind fold 1 go through YuNet, alignment and MobileFaceNet in both;
the accuracy is that of the best threshold on the fold, since one fold has no others to choose a threshold on. Fails if the
two lie more than 0.3 points apart, or if either finds no face on a photograph.
Needs: numpy, onnxruntime, opencv-python-headless.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np

import photographs

# Points of accuracy.
MAX_APART = 0.3


def accuracy(scores, mated):
    """Share of right decisions at the best threshold."""
    candidates = np.append(np.unique(scores), np.inf)
    return max(np.mean((scores >= it) == mated) for it in candidates)


def pairs(path):
    """Names and numbers of both sides, and whether they are mated."""
    for line in path.read_text().splitlines()[1:]:
        cells = line.split()
        if len(cells) == 3:
            yield (cells[0], cells[1]), (cells[0], cells[2]), True
        elif len(cells) == 4:
            yield (cells[0], cells[1]), (cells[2], cells[3]), False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verisim", type=pathlib.Path)
    parser.add_argument("--shared", type=pathlib.Path, required=True)
    args = parser.parse_args()
    faces = args.shared / "data/lfw/images250"
    models = args.shared / "models"
    detector = photographs.Detector(str(models / "yunet_n_dynamic.onnx"))
    embedder = photographs.Embedder(str(models / "mobilefacenet_foamliu.onnx"))
    found, missed = {}, []
    for path in sorted(faces.glob("*/*.jpg")):
        embedding = photographs.embed(path, detector, embedder)
        if embedding is None:
            missed.append(path.name)
        found[path.parent.name, str(int(path.stem.rsplit("_", 1)[1]))] = embedding
    listed = list(pairs(args.shared / "data/lfw/pairs_fold1.txt"))
    scores = np.array([found[a] @ found[b] for a, b, _ in listed])
    mated = np.array([it for _, _, it in listed])
    theirs = accuracy(scores, mated)
    print(f"Python:  {len(found)} photographs, no face in {len(missed)}; accuracy {100 * theirs:.2f} %")
    command = [args.verisim, "evaluate", models / "mobilefacenet_foamliu.onnx", "--detector", models / "yunet_n_dynamic.onnx"]
    command += ["--data", faces, "--pairs", args.shared / "data/lfw/pairs_fold1.txt", "--json", "--quiet"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"verisim failed: {run.stderr}")
    ours = json.loads(run.stdout)
    ours, n_failures = ours["fitted"]["accuracy"], len(ours["failures"])
    print(f"verisim: {len(found)} photographs, no face in {n_failures}; accuracy {100 * ours:.2f} %")
    apart = 100 * abs(ours - theirs)
    print(f"{apart:.2f} points apart")
    sys.exit("they do not agree" if apart > MAX_APART or missed or n_failures else 0)


if __name__ == "__main__":
    main()
