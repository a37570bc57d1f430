#!/usr/bin/env python3
"""Photographs to embeddings, here and in Python with OpenCV and ONNX Runtime, step by step and as whole processes.

Run: `make bench-photographs SHARED=DIR`. Both run YuNet and MobileFaceNet of the shared models on the same photographs with the same number of
threads, in turn; prints milliseconds of both and the ratio. Steps, one photograph at a time: detection at 320 and 640 pixels on the large
photographs of `data/photos`; decoding, detection, alignment, embedding and all of it on LFW's of 250 pixels. Whole processes: `embed` on the folder
of 807 photographs, where Python uses a thread a core as well; `verify` on two photographs, cold, where both have a thread a
photograph. Needs: numpy, onnxruntime, opencv-python-headless.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__)


def peer_steps(models, folder, n_images, rounds, threads):
    """Milliseconds a photograph of each step; what `verisim bench photographs` measures."""
    import cv2

    import photographs

    cv2.setNumThreads(threads)
    detector = photographs.Detector(str(models[0]), threads)
    embedder = photographs.Embedder(str(models[1]), threads)
    prepared = []
    for path in sorted(folder.rglob("*.jpg"))[:n_images]:
        picture = cv2.imread(str(path))
        faces = detector.faces(picture)
        if len(faces):
            face = photographs.chosen(faces, picture)
            prepared.append((path, picture, face, photographs.aligned(picture, face)))
    steps = {
        "decode": lambda path, picture, face, chip: cv2.imread(str(path)),
        "detect": lambda path, picture, face, chip: detector.faces(picture),
        "detect_320": lambda path, picture, face, chip: detector.faces(picture, 320),
        "detect_640": lambda path, picture, face, chip: detector.faces(picture, 640),
        "align": lambda path, picture, face, chip: photographs.aligned(picture, face),
        "embed": lambda path, picture, face, chip: embedder.embedding(chip),
        "all": lambda path, picture, face, chip: photographs.embed(path, detector, embedder),
    }
    taken = {}
    for name, step in steps.items():
        for row in prepared[:3]:
            step(*row)
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            for row in prepared:
                step(*row)
            times.append(1000 * (time.perf_counter() - start) / len(prepared))
        taken[name] = statistics.median(times)
    return {"photographs": len(prepared), "milliseconds": taken}


def peer_folder(models, folder, threads):
    """All photographs of a folder, a thread each core, each with networks of one thread."""
    import cv2
    import numpy as np

    import photographs

    cv2.setNumThreads(1)
    detector = photographs.Detector(str(models[0]))
    embedder = photographs.Embedder(str(models[1]))
    paths = sorted(folder.rglob("*.jpg"))
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        rows = list(pool.map(lambda path: photographs.embed(path, detector, embedder), paths))
    with tempfile.TemporaryDirectory() as scratch:
        np.save(pathlib.Path(scratch) / "e.npy", np.array(rows))
    return {"photographs": len(rows)}


def peer_verify(models, reference, probe):
    """Two photographs, a thread each."""
    import photographs

    detector = photographs.Detector(str(models[0]))
    embedder = photographs.Embedder(str(models[1]))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        a, b = pool.map(lambda path: photographs.embed(path, detector, embedder), (reference, probe))
    return {"score": round(float(a @ b), 4)}


def timed(command):
    start = time.perf_counter()
    run = subprocess.run([str(it) for it in command], capture_output=True, text=True, cwd=HERE.parent)
    if run.returncode not in (0, 1):
        sys.exit(f"{command[0]} failed: {run.stderr}")
    return 1000 * (time.perf_counter() - start), run.stdout


def compared(name, ours, theirs, rounds):
    """Runs two commands in turn; prints the medians of whole processes."""
    times, said = ([], []), ["", ""]
    for _ in range(rounds):
        for which, command in enumerate((ours, theirs)):
            taken, said[which] = timed(command)
            times[which].append(taken)
    ours, theirs = map(statistics.median, times)
    print(f"{name:34} {ours:9.1f} ms {theirs:9.1f} ms {theirs / ours:7.2f}x", flush=True)
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verisim", type=pathlib.Path)
    parser.add_argument("--shared", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--images", type=int, default=100, help="photographs of each folder that steps are timed on")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    args = parser.parse_args()
    shared, verisim = args.shared.resolve(), args.verisim.resolve()
    models = [shared / "models/yunet_n_dynamic.onnx", shared / "models/mobilefacenet_foamliu.onnx"]
    photos, faces = shared / "data/photos", shared / "data/lfw/images250"
    two = sorted(faces.glob("Abel_Pacheco/*.jpg"))[:2]
    if args.peer:
        peers = {
            "photos": lambda: peer_steps(models, photos, args.images, args.rounds, args.threads),
            "faces": lambda: peer_steps(models, faces, args.images, args.rounds, args.threads),
            "folder": lambda: peer_folder(models, faces, args.threads),
            "verify": lambda: peer_verify(models, *two),
        }
        return print(json.dumps(peers[args.peer]()))

    def peer(name, threads):
        options = ["--shared", shared, "--threads", threads, "--images", args.images, "--rounds", args.rounds]
        return [sys.executable, HERE.resolve(), verisim, *options, "--peer", name]

    with_models = ["--detector", models[0], "--model", models[1]]
    print(f"{'':34} {'verisim':>12} {'Python':>12} {'ratio':>8}")
    for threads in sorted({1, args.threads}):
        for folder, name, steps in [
            (photos, "photos", ["detect_320", "detect_640"]),
            (faces, "faces", ["decode", "detect", "align", "embed", "all"]),
        ]:
            bench = [verisim, "bench", "photographs", folder, *with_models, "--threads", threads, "--json"]
            bench += ["--images", args.images, "--rounds", args.rounds]
            ours, theirs = (json.loads(timed(it)[1])["milliseconds"] for it in (bench, peer(name, threads)))
            for step in steps:
                what = f"{step}, {name}, {threads} threads"
                print(f"{what:34} {ours[step]:9.2f} ms {theirs[step]:9.2f} ms {theirs[step] / ours[step]:7.2f}x", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "e.npy"
        embed = [verisim, "--quiet", "embed", *with_models, faces, "--out", out, "--threads", args.threads]
        compared(f"807 photographs, {args.threads} threads", embed, peer("folder", args.threads), 3)
    verify = [verisim, "verify", *with_models, *two, "--threshold", "0.4", "--threads", "2", "--json"]
    said = compared("verify, cold, two photographs", verify, peer("verify", 1), max(5, args.rounds))
    print(f"scores: {json.loads(said[0])['score']:.4f}, {json.loads(said[1])['score']:.4f}")


if __name__ == "__main__":
    main()
