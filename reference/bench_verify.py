#!/usr/bin/env python3
"""`verisim verify` from a cold start, beside a Python process with ONNX Runtime that does the same.

Run: `make bench-verify`. Each time is that of a whole process: start, load the model, decode two chips, embed
them, compare. The two take turns; the median counts. The model is MobileFaceNet, untrained but of the real size,
unless `--model` names one.
Needs: onnxruntime, opencv-python-headless, numpy.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time


def peer(model, reference, probe):
    """What a short Python program would do; `--peer` runs it in a process of its own."""
    import cv2
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    height, width = source.shape[2:]

    def embed(path):
        chip = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        chip = cv2.resize(chip, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        chip = ((chip - 127.5) / 127.5).transpose(2, 0, 1)[None]
        (row,) = session.run(None, {source.name: chip})[0]
        return row / np.linalg.norm(row)

    print(f"score {embed(reference) @ embed(probe):.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("verisim", help="the release binary")
    parser.add_argument("--model", help="an ONNX embedder with its card inside")
    parser.add_argument("--rounds", type=int, default=15, help="processes of each (default 15)")
    parser.add_argument("--peer", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(*args.peer)

    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        quiet = {"check": True, "capture_output": True}
        faces = folder / "faces"
        command = [args.verisim, "synth", "--identities", "4", "--images", "4", "--out", faces]
        subprocess.run(command, **quiet)
        model = args.model or folder / "run/model.onnx"
        if not args.model:
            recipe = folder / "recipe.toml"
            recipe.write_text(RECIPE)
            command = [args.verisim, "train", recipe, "--data", faces, "--out", folder / "run"]
            subprocess.run(command, **quiet)
        chips = [faces / "0001/0001.png", faces / "0001/0002.png"]
        ours = [args.verisim, "verify", "--model", model, *chips, "--threshold", "0.5"]
        theirs = [sys.executable, __file__, args.verisim, "--peer", model, *chips]
        times = {"verisim": [], "Python + ONNX Runtime": []}
        said = {}
        for _ in range(args.rounds):
            for name, command in zip(times, (ours, theirs)):
                start = time.perf_counter()
                ran = subprocess.run([str(it) for it in command], capture_output=True, text=True)
                times[name].append(1000 * (time.perf_counter() - start))
                said[name] = (ran.stdout or ran.stderr).strip()
        for name, taken in times.items():
            median, worst = statistics.median(taken), max(taken)
            print(f"{name:22} median {median:6.1f} ms   worst {worst:6.1f} ms   {said[name]}")
        ratio = statistics.median(times["Python + ONNX Runtime"]) / statistics.median(times["verisim"])
        print(f"verify from a cold start: {ratio:.1f}x as fast")


# One pass over sixteen pictures: the weights do not matter for the time.
RECIPE = """
name = "bench"
epochs = 1
input = { width = 112, height = 112, channels = 3 }
backbone = { kind = "mobilefacenet", embedding_dim = 128 }
loss = { kind = "arcface" }
sampler = { kind = "shuffle", batch = 16 }
optimizer = { kind = "sgd", lr = 1e-3 }
schedule = { kind = "constant" }
"""

if __name__ == "__main__":
    main()
