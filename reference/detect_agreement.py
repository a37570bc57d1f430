#!/usr/bin/env python3
"""Whether Verisim finds the faces that OpenCV and ONNX Runtime find, at the same working size.

Run: `make detect-agreement SHARED=DIR`, with the photographs and the model of the shared data: 18 large ones at three
working sizes, and LFW's 807 as they are. Each is brought to the working size here, so that nothing is resized
afterwards; then `verisim detect --one-pass`,
OpenCV's FaceDetectorYN and ONNX Runtime with the decoder of `detectors.py` look at the same pixels. Prints the worst
overlap and the worst distance of a landmark, and fails if a face is missing on one side, if an overlap is below 0.95,
or if a landmark lies more than a pixel away.
Needs: onnxruntime, opencv-python-headless, numpy.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import cv2
import numpy as np
import onnxruntime

from detectors import yunet

SETS = [("photos", 160), ("photos", 320), ("photos", 640), ("lfw/images250", 250)]
MIN_SCORE, MAX_OVERLAP = 0.5, 0.3
NAMES = ("image_left_eye", "image_right_eye", "nose", "image_left_mouth", "image_right_mouth")


def ours(verisim, model, folder, size):
    """Score, box and landmarks of each face, by name of the photograph."""
    options = ["--detector", model, "--one-pass", str(size), "--json"]
    output = subprocess.run([verisim, "--quiet", "detect", folder, *options], check=True, capture_output=True).stdout
    found = {}
    for line in map(json.loads, output.splitlines()):
        rows = []
        for face in line["faces"]:
            points = [face["landmarks"][name][axis] for name in NAMES for axis in "xy"]
            rows.append([face["score"], *(face["pixels"][key] for key in ("x", "y", "width", "height")), *points])
        found[pathlib.Path(line["path"]).name] = np.array(rows).reshape(-1, 15)
    return found


def opencv(detector, picture):
    detector.setInputSize((picture.shape[1], picture.shape[0]))
    faces = detector.detect(picture)[1]
    return np.zeros((0, 15)) if faces is None else np.concatenate([faces[:, 14:], faces[:, :14]], axis=1)


def runtime(session, picture):
    height, width = (-(-side // 32) * 32 for side in picture.shape[:2])
    padded = np.zeros((height, width, 3), np.float32)
    padded[: picture.shape[0], : picture.shape[1]] = picture
    names = [output.name for output in session.get_outputs()]
    outputs = session.run(None, {session.get_inputs()[0].name: padded.transpose(2, 0, 1)[None]})
    outputs = {name: rows[0] for name, rows in zip(names, outputs)}
    faces = yunet(outputs, (width, height), (8, 16, 32))
    faces = faces[faces[:, 0] >= MIN_SCORE]
    kept = cv2.dnn.NMSBoxes(faces[:, 1:5].tolist(), faces[:, 0].tolist(), MIN_SCORE, MAX_OVERLAP)
    return faces[np.array(kept, int).reshape(-1)]


def overlap(a, b):
    shared = [max(0, min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i])) for i in (0, 1)]
    both = shared[0] * shared[1]
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def compare(found, expected):
    """Faces without a partner, the worst overlap, the worst distances of a landmark and of a score."""
    pairs = [(row, max(expected, key=lambda it: overlap(row[1:5], it[1:5]), default=None)) for row in found]
    pairs = [(a, b) for a, b in pairs if b is not None and overlap(a[1:5], b[1:5]) > 0.5]
    alone = len(found) + len(expected) - 2 * len(pairs)
    overlaps = [overlap(a[1:5], b[1:5]) for a, b in pairs]
    points = [np.linalg.norm((a[5:] - b[5:]).reshape(5, 2), axis=1).max() for a, b in pairs]
    scores = [abs(a[0] - b[0]) for a, b in pairs]
    return len(pairs), alone, min(overlaps, default=1), max(points, default=0), max(scores, default=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verisim")
    parser.add_argument("--shared", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    model = arguments.shared / "models/yunet_n_dynamic.onnx"
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    detector = cv2.FaceDetectorYN.create(str(model), "", (320, 320), MIN_SCORE, MAX_OVERLAP, 5000)
    failed = False
    for source, size in SETS:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            pictures = {}
            for path in sorted((arguments.shared / "data" / source).rglob("*.jpg")):
                picture = cv2.imread(str(path))
                scale = min(1, size / max(picture.shape[:2]))
                sides = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
                pictures[f"{path.stem}.png"] = cv2.resize(picture, sides, interpolation=cv2.INTER_AREA)
                cv2.imwrite(str(folder / f"{path.stem}.png"), pictures[f"{path.stem}.png"])
            found = ours(arguments.verisim, model, folder, size)
        peers = {"OpenCV": lambda it: opencv(detector, it), "ONNX Runtime": lambda it: runtime(session, it)}
        for peer, look in peers.items():
            rows = [compare(found[name], look(picture)) for name, picture in pictures.items()]
            pairs, alone, overlaps, points, scores = zip(*rows)
            print(
                f"{source}, {size:3} {peer:>12}: {sum(pairs)} faces on both sides, {sum(alone)} on one, worst overlap "
                f"{min(overlaps):.5f}, landmark {max(points):.4f} px, score {max(scores):.5f}"
            )
            failed |= sum(alone) > 0 or min(overlaps) < 0.95 or max(points) > 1
    sys.exit("they do not agree" if failed else 0)


if __name__ == "__main__":
    main()
