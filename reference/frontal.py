#!/usr/bin/env python3
"""Whether faces that were turned to the front are told apart better than those aligned in the plane.

Run: `python reference/frontal.py EXAMPLE`, where EXAMPLE is the built program `crates/verisim-face/examples/align.rs`.
It takes the photographs and the pairs of a fold of LFW (`--photographs`, `--pairs`), finds landmarks with YuNet, makes
both kinds of chips, embeds them with a model (`--model`, MobileFaceNet of foamliu), and prints the area under the ROC
curve for each; also for the mean of both embeddings. Nothing is kept.
Needs: numpy, opencv-python-headless, onnxruntime.
"""

import argparse
import pathlib
import subprocess
import tempfile

import cv2
import numpy as np
import onnxruntime
from align_agreement import YuNet

SHARED = pathlib.Path(__file__).parent.parent.parent / "shared"


def read_pairs(path):
    """Names and numbers of both pictures of each pair, and whether they show one identity."""
    for line in path.read_text().splitlines():
        fields = line.split("\t")
        if len(fields) == 3:
            yield (fields[0], int(fields[1])), (fields[0], int(fields[2])), True
        elif len(fields) == 4:
            yield (fields[0], int(fields[1])), (fields[2], int(fields[3])), False


def roc_area(mated, non_mated):
    below = np.searchsorted(np.sort(non_mated), mated)
    return below.mean() / len(non_mated)


def embedded(session, chip):
    rgb = cv2.cvtColor(chip, cv2.COLOR_BGR2RGB).astype(np.float32) / 255
    rgb = (rgb - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    output = session.run(None, {"input0": rgb.transpose(2, 0, 1)[None].astype(np.float32)})[0][0]
    return output / np.linalg.norm(output)


def main(given):
    pairs = list(read_pairs(given.pairs))
    names = sorted({name for pair in pairs for name in pair[:2]})
    yunet = YuNet(str(given.detector))
    session = onnxruntime.InferenceSession(str(given.model), providers=["CPUExecutionProvider"])
    embeddings = {}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for kind in ("plane", "frontal"):
            jobs = []
            for index, (name, number) in enumerate(names):
                path = given.photographs / name / f"{name}_{number:04}.jpg"
                found = yunet.landmarks(cv2.imread(str(path)))
                numbers = ",".join(f"{value:.9g}" for value in np.float32(found).ravel())
                jobs.append(f"{path},{scratch}/{index}.png,{numbers}")
            (scratch / "jobs.csv").write_text("\n".join(jobs))
            subprocess.run([given.example, scratch / "jobs.csv", kind], check=True)
            chips = (cv2.imread(f"{scratch}/{index}.png") for index in range(len(names)))
            embeddings[kind] = {name: embedded(session, chip) for name, chip in zip(names, chips)}
    both = {name: embeddings["plane"][name] + embeddings["frontal"][name] for name in names}
    embeddings["mean of both"] = {name: it / np.linalg.norm(it) for name, it in both.items()}
    for kind, of in embeddings.items():
        scores = np.array([of[a] @ of[b] for a, b, _ in pairs])
        mated = np.array([same for _, _, same in pairs])
        best = max(((scores >= t) == mated).mean() for t in scores)
        area = roc_area(scores[mated], scores[~mated])
        print(f"{kind}: {len(pairs)} pairs, ROC area {area:.5f}, best accuracy {100 * best:.2f} %", end=", ")
        print(f"mean score mated {scores[mated].mean():.3f}, non-mated {scores[~mated].mean():.3f}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("example")
    arguments.add_argument("--photographs", type=pathlib.Path, default=SHARED / "data/lfw/images250")
    arguments.add_argument("--pairs", type=pathlib.Path, default=SHARED / "data/lfw/pairs_fold1.txt")
    arguments.add_argument("--detector", type=pathlib.Path, default=SHARED / "models/yunet_n_dynamic.onnx")
    arguments.add_argument("--model", type=pathlib.Path, default=SHARED / "models/mobilefacenet_foamliu.onnx")
    main(arguments.parse_args())
