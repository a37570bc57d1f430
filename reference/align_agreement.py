#!/usr/bin/env python3
"""Whether chips are those of Umeyama's method and OpenCV's `warpAffine`.

Run: `python reference/align_agreement.py` writes `crates/verisim-face/testdata/align.json`, chips of made-up pictures
which the Rust tests make again. With `--check EXAMPLE FOLDER`, where EXAMPLE is the built program
`crates/verisim-face/examples/align.rs`, it takes every picture of FOLDER, finds the landmarks of its most central large
face with YuNet (`--detector`), and compares chips of 112 x 112; nothing is kept.
Needs: numpy, opencv-python-headless, onnxruntime (the last for `--check` alone).
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import cv2
import numpy as np

OUT = pathlib.Path(__file__).parent.parent / "crates/verisim-face/testdata/align.json"
ARCFACE = np.float32(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
).astype(np.float64)

# Width and height of the picture, width and height of the chip, scale, turn in degrees, middle of the face.
CASES = [
    ([60, 50], [20, 20], 0.3, 12, [30, 26]),
    ([60, 50], [16, 16], 0.26, -75, [33, 24]),
    ([40, 40], [20, 20], 0.15, 5, [12, 20]),  # enlarges
    ([64, 64], [12, 14], 0.23, 170, [30, 34]),  # higher than wide
    ([48, 48], [18, 18], 0.3, 33, [3, 44]),  # most of it lies outside
]


def template(width, height):
    """ArcFace's landmarks in a chip of another size: at the same places of the head."""
    scale = max(width, height) / 112
    return (ARCFACE + 0.5 - 56) * scale + np.array([width, height]) / 2 - 0.5


def umeyama(source, target):
    """Umeyama 1991, equations 34 to 42, with a singular value decomposition."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    p, q = source - source_mean, target - target_mean
    u, d, vt = np.linalg.svd(q.T @ p / len(p))
    s = np.diag([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ s @ vt
    scale = np.trace(np.diag(d) @ s) / p.var(0).sum()
    return np.hstack([scale * rotation, (target_mean - scale * rotation @ source_mean)[:, None]])


def warp(picture, transform, size):
    return cv2.warpAffine(picture, transform, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def made_up(width, height):
    """Smooth waves with noise on them, as in `align/tests.rs`."""
    y, x, channel = np.mgrid[:height, :width, :3]
    noise = (x * 73 + y * 151 + channel * 37 + x * y * 11) % 97
    wave = (x * (channel + 2) + y * 3) % 158
    return (np.minimum(wave, 158 - wave) * 2 + noise).astype(np.uint8)


def write():
    cases = []
    for index, (picture, chip, scale, turn, middle) in enumerate(CASES):
        noise = np.random.default_rng(index).normal(0, 1.5, (5, 2))
        turned = np.exp(1j * np.deg2rad(turn)) * ((ARCFACE - 56) @ [1, 1j])
        landmarks = np.stack([turned.real, turned.imag], 1) * scale + middle + noise * scale
        landmarks = np.float32(np.round(landmarks, 3))
        transform = umeyama(landmarks.astype(np.float64), template(*chip))
        pixels = warp(made_up(*picture), transform, tuple(chip))
        cases.append(
            {
                "picture": picture,
                "chip": chip,
                "landmarks": [[float(f"{value:.6g}") for value in point] for point in landmarks],
                "transform": transform[0].tolist(),
                "pixels": pixels.tobytes().hex(),
            }
        )
    document = {"from": f"OpenCV {cv2.__version__}, numpy {np.__version__}", "cases": cases}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(f"{OUT}: {OUT.stat().st_size} bytes")


class YuNet:
    """Landmarks of the largest and most central face of a picture in BGR."""

    def __init__(self, path):
        import onnxruntime

        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def landmarks(self, picture):
        height, width = picture.shape[:2]
        pad = [(0, -height % 32), (0, -width % 32), (0, 0)]
        data = np.pad(picture, pad).transpose(2, 0, 1)[None].astype(np.float32)
        names = [output.name for output in self.session.get_outputs()]
        outputs = dict(zip(names, self.session.run(None, {"input": data})))
        best = None
        for stride in (8, 16, 32):
            columns = data.shape[3] // stride
            scores = np.sqrt(outputs[f"cls_{stride}"][0, :, 0] * outputs[f"obj_{stride}"][0, :, 0])
            for cell in np.flatnonzero(scores >= 0.5):
                prior = np.array([cell % columns, cell // columns]) * stride
                dx, dy, dw, dh = outputs[f"bbox_{stride}"][0, cell]
                away = prior + np.array([dx, dy]) * stride - np.array([width, height]) / 2
                worth = np.exp(dw + dh) * stride**2 - 2 * (away**2).sum()
                if best is None or worth > best[0]:
                    best = worth, outputs[f"kps_{stride}"][0, cell].reshape(5, 2) * stride + prior
        return None if best is None else best[1]


def check(example, folder, detector):
    yunet = YuNet(detector)
    worst, n_off, n_values, n_chips, n_reduced = 0, 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        jobs, expected = [], []
        for path in sorted(pathlib.Path(folder).rglob("*.jpg")):
            picture = cv2.imread(str(path))
            found = yunet.landmarks(picture)
            if found is None:
                continue
            transform = umeyama(np.float64(np.float32(found)), ARCFACE)
            if np.hypot(*transform[:, 0]) <= 0.5:
                n_reduced += 1  # is not meant to agree
                continue
            # As PNG, so that decoders of JPEG are not compared.
            source, chip = scratch / f"{len(jobs)}.png", scratch / f"{len(jobs)}_chip.png"
            cv2.imwrite(str(source), picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
            numbers = ",".join(f"{value:.9g}" for value in np.float32(found).ravel())
            jobs.append(f"{source},{chip},{numbers}")
            expected.append(warp(picture, transform, (112, 112)))
        (scratch / "jobs.csv").write_text("\n".join(jobs))
        subprocess.run([example, scratch / "jobs.csv"], check=True)
        for index, chip in enumerate(expected):
            off = cv2.absdiff(cv2.imread(str(scratch / f"{index}_chip.png")), chip)
            worst, n_off = max(worst, int(off.max())), n_off + np.count_nonzero(off)
            n_values, n_chips = n_values + off.size, n_chips + 1
    print(f"{n_chips} chips by OpenCV {cv2.__version__}: worst difference {worst} gray levels,", end=" ")
    print(f"{100 * n_off / n_values:.3f} % of values differ; {n_reduced} faces shrink to less than half")
    return worst <= 1


if __name__ == "__main__":
    shared = pathlib.Path(__file__).parent.parent.parent / "shared"
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", nargs=2, metavar=("EXAMPLE", "FOLDER"))
    arguments.add_argument("--detector", default=str(shared / "models/yunet_n_dynamic.onnx"))
    given = arguments.parse_args()
    if given.check:
        raise SystemExit(not check(*given.check, given.detector))
    write()
