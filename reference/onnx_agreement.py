#!/usr/bin/env python3
"""Whether exported models mean the same in ONNX Runtime as in Verisim and in the network that was trained.

Run: `make agreement`; the result is kept in `reference/onnx_agreement.json`. For each network that can be exported, a
short run trains on drawn faces and exports; `verisim embed` and ONNX Runtime embed the same 100 chips, which are of
the model's size, so that nothing is resized. The Rust test `export` compares the trained network with the exported
file in Verisim's runtime; here the other half is compared.
Needs: onnx, onnxruntime, opencv-python-headless, numpy.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import cv2
import numpy as np
import onnx
import onnxruntime

OUT = pathlib.Path(__file__).parent / "onnx_agreement.json"
TOLERANCE = 1e-4

NETWORKS = {
    "mobilefacenet": ('{ kind = "mobilefacenet", embedding_dim = 128 }', 112, 3),
    "mobilefacenet, wide": ('{ kind = "mobilefacenet", embedding_dim = 512, scale = 2 }', 112, 3),
    "vit": ('{ kind = "vit", width = 64, depth = 3, embedding_dim = 64, drop_path = 0.1, masked = 0.1 }', 64, 3),
    "resnet": (
        '{ kind = "resnet", depths = [1, 2], widths = [32, 64], stem_stride = 2, embedding_dim = 64, dropout = 0.2 }',
        64,
        3,
    ),
    "resnet, leading normalization": (
        '{ kind = "resnet", depths = [1, 1], widths = [32, 64], leading_norm = true, embedding_dim = 64 }',
        48,
        3,
    ),
    "inception": ('{ kind = "inception", table = "nn4-small" }', 64, 3),
    "inception, response normalization": ('{ kind = "inception", table = "nn4-small", norm = "response" }', 64, 3),
    "inception-resnet": ('{ kind = "inception-resnet", embedding_dim = 128 }', 80, 3),
    "deepface": ('{ kind = "deepface", windows = [7, 5, 5, 5, 3], embedding_dim = 256 }', 64, 3),
    "deepid2": ('{ kind = "deepid2" }', 64, 3),
    "resnet, gray": ('{ kind = "resnet", depths = [1, 1], widths = [16, 32], embedding_dim = 64 }', 48, 1),
}

RECIPE = """
name = "agreement"
epochs = 2
input = {{ width = {side}, height = {side}, channels = {channels} }}
backbone = {backbone}
loss = {{ kind = "arcface", scale = 16.0 }}
sampler = {{ kind = "shuffle", batch = 20 }}
optimizer = {{ kind = "adamw", lr = 1e-3 }}
schedule = {{ kind = "constant" }}
"""


def luma(chip):
    """Gray as the program makes it: ITU-R BT.601 in 32 bits, from red to blue, rounded half up."""
    red, green, blue = (np.float32(share) for share in (0.299, 0.587, 0.114))
    sums = (chip[..., 0] * red + chip[..., 1] * green) + chip[..., 2] * blue
    return np.floor(sums.astype(np.float64) + 0.5)[..., None].astype(np.float32)


def check(verisim, name, folder):
    backbone, side, channels = NETWORKS[name]
    quiet = {"check": True, "capture_output": True}
    faces, run, rows = folder / "faces", folder / "run", folder / "e.npy"
    sizes = ["--identities", "10", "--images", "10", "--size", str(side)]
    subprocess.run([verisim, "synth", *sizes, "--out", faces], **quiet)
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(side=side, channels=channels, backbone=backbone))
    subprocess.run([verisim, "train", recipe, "--data", faces, "--out", run], **quiet)
    model = run / "model.onnx"
    subprocess.run([verisim, "embed", "--model", model, faces, "--out", rows], **quiet)
    ours = np.load(rows)

    document = onnx.load(model)
    onnx.checker.check_model(document, full_check=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0].name
    paths = rows.with_name("e.names.txt").read_text().split("\n")[:-1]
    chips = [cv2.imread(path)[..., ::-1].astype(np.float32) for path in paths]
    chips = [luma(chip) if channels == 1 else chip for chip in chips]
    batch = ((np.stack(chips) - 127.5) / 127.5).transpose(0, 3, 1, 2).astype(np.float32)
    theirs = session.run(None, {source: batch})[0]
    operators = {}
    for node in document.graph.node:
        operators[node.op_type] = operators.get(node.op_type, 0) + 1
    return {
        "chips": len(paths),
        "largest_difference": float(f"{np.abs(ours - theirs).max():.3g}"),
        "largest_deviation_from_unit_length": float(f"{abs(np.linalg.norm(theirs, axis=1) - 1).max():.3g}"),
        "opset": document.opset_import[0].version,
        "operators": operators,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("verisim", help="the release binary")
    args = parser.parse_args()
    results = {"from": f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}"}
    for name in NETWORKS:
        with tempfile.TemporaryDirectory() as scratch:
            results[name] = check(args.verisim, name, pathlib.Path(scratch))
        print(f"{name}: {results[name]['largest_difference']:.2g}")
        assert results[name]["chips"] == 100, results[name]
        assert results[name]["largest_difference"] < TOLERANCE, f"{name} disagrees: {results[name]}"
    OUT.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
