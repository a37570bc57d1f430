#!/usr/bin/env python3
"""The small size of every recipe of a paper, trained with the same processor time and measured on the same faces.

Run: `make compare-recipes LFW=../shared/data/lfw ORL=../shared/data/orl`; hours. Each recipe trains on LFW's chips of folds
3 to 5 and of no fold, once for each seed, for as many epochs as fit into the budget by the time of one epoch; folds 1 and 2
and ORL are looked at afterwards only. Beside them stand softmax on the network of the first recipe, and raw pixels. What is
finished is kept in the folder of the results and not done again, so a run that was killed goes on when it is started again.
Needs: numpy, onnx.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import subprocess

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RECIPES = ["arcface-r50-small", "arcface-mobile-small", "adaface-r18-small", "facenet-small", "deepface-small", "deepid2-small"]
SOFTMAX = "softmax alone"
PIXELS = "raw pixels"
PIXEL_SIDE = 32
FOLDS = "1,2"
HELD_OUT = 2


def processor_seconds(command):
    """Runs a command; user and system time of it, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def kept(path, make):
    """What a file holds, or what is made now and kept in it, whole or not at all."""
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_text(json.dumps(make()))
        os.replace(part, path)
    return json.loads(path.read_text())


def held_out(pairs, folder):
    """A file with the identities of the first folds of LFW's list."""
    lines = pairs.read_text().splitlines()
    n_folds, n_each = (int(it) for it in lines[0].split())
    assert n_folds >= HELD_OUT
    names = set()
    for line in lines[1 : 1 + HELD_OUT * 2 * n_each]:
        cells = line.split()
        names.update([cells[0]] if len(cells) == 3 else [cells[0], cells[2]])
    path = folder / "held_out.txt"
    path.write_text("\n".join(sorted(names)) + "\n")
    return path


def pixels(folder):
    """A model whose embedding is the picture, shrunk, gray and without its mean."""
    path, card = folder / "pixels.onnx", folder / "pixels.toml"
    n = PIXEL_SIDE * PIXEL_SIDE
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["input", "shape"], ["flat"]),
            helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[1], keepdims=1),
            helper.make_node("Sub", ["flat", "mean"], ["centered"]),
            helper.make_node("ReduceL2", ["centered"], ["norm"], axes=[1], keepdims=1),
            helper.make_node("Div", ["centered", "norm"], ["embedding"]),
        ],
        "pixels",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 1, PIXEL_SIDE, PIXEL_SIDE])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", n])],
        [numpy_helper.from_array(np.array([-1, n], np.int64), "shape")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    card.write_text(
        f'name = "{PIXELS}"\nlicense = "none"\nembedding_dim = {n}\n'
        f'[input]\nwidth = {PIXEL_SIDE}\nheight = {PIXEL_SIDE}\nchannels = "GRAY"\nmean = [127.5]\nstd = [127.5]\n'
    )
    return path, card


def cost(model):
    """Parameters of a model, and multiplications and additions for one picture."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(model)).graph
    weights = {it.name: numpy_helper.to_array(it) for it in graph.initializer}
    shapes = {
        it.name: [axis.dim_value or 1 for axis in it.type.tensor_type.shape.dim]
        for it in [*graph.value_info, *graph.output, *graph.input]
    }
    n_parameters = sum(it.size for it in weights.values() if it.dtype == np.float32)
    n_operations = 0
    for node in graph.node:
        operand = next((weights[it] for it in node.input[1:2] if it in weights), None)
        if operand is None:
            continue
        if node.op_type == "Conv":
            places = int(np.prod(shapes[node.output[0]][2:]))
            n_operations += 2 * operand.size * places
        elif node.op_type in ("Gemm", "MatMul"):
            n_operations += 2 * operand.size
    return n_parameters, n_operations


class Comparison:
    def __init__(self, options):
        self.options = options
        self.out = options.out
        self.out.mkdir(parents=True, exist_ok=True)
        self.pairs = options.lfw / "pairs.txt"
        self.names = held_out(self.pairs, self.out)

    def run(self, *arguments):
        return [str(it) for it in (self.options.verisim, *arguments)]

    def recipe(self, name):
        folder = pathlib.Path(__file__).parent.parent / "recipes"
        if name != SOFTMAX:
            return folder / f"{name}.toml"
        text = (folder / f"{RECIPES[0]}.toml").read_text()
        text = re.sub(r"\[loss\]\n(.+\n)+", '[loss]\nkind = "softmax"\n', text).replace(RECIPES[0], "softmax-r50-small")
        path = self.out / "softmax.toml"
        path.write_text(text)
        return path

    def train(self, name, seed, epochs, out):
        subprocess.run(["rm", "-rf", str(out)], check=True)
        return processor_seconds(
            self.run("train", self.recipe(name), "--data", self.options.lfw / "aligned112", "--exclude-pairs", self.pairs)
            + ["--exclude-folds", FOLDS, "--seed", str(seed), "--epochs", str(epochs), "--threads", "1", "-q", "--out", str(out)]
        )

    def evaluate(self, model, *arguments):
        command = self.run("evaluate", model, "--json", "-q", "--threads", "1", *arguments)
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def measure(self, model, *card):
        """Figures of a model on identities that it never saw."""
        chips = ["--data", self.options.lfw / "aligned112", *card]
        pairs = self.evaluate(model, *chips, "--pairs", self.pairs, "--folds", FOLDS)
        lfw = self.evaluate(model, *chips, "--identities", self.names)
        orl = self.evaluate(model, "--data", self.options.orl, *card)
        figures = {
            "accuracy": pairs["folds"]["mean_accuracy"],
            "lfw_tar": tar(pairs),
            "orl_auc": orl["verification"]["auc"]["value"],
            "orl_tar": tar(orl),
        }
        for key, of in (("lfw", lfw), ("orl", orl)):
            figures[f"{key}_rank1"] = of["closed_set"]["ranks"][0]["share"]["value"]
            figures[f"{key}_tpir"] = 1 - of["open_set"]["at_fpir"][0]["fnir"]["value"]
            figures[f"{key}_within"] = of["spread"]["mean_within"]["value"]
            figures[f"{key}_between"] = of["spread"]["mean_between"]["value"]
        figures["parameters"], figures["operations"] = cost(model)
        return figures

    def images_per_second(self, model, *card):
        """Pictures of ORL a second of processor time, files to embeddings; the best of three."""
        command = self.run("embed", "--model", model, *card, self.options.orl, "--threads", "1", "-q", "--out", self.out / "e.npy")
        n_images = sum(1 for it in self.options.orl.rglob("*") if it.is_file())
        return n_images / min(processor_seconds(command) for _ in range(3))

    def folder(self, name, seed):
        return self.out / f"{name.replace(' ', '-')}-{seed}"

    def trained(self, name, seed):
        """Trains a recipe within the budget, and measures it."""
        run = self.folder(name, seed)
        first = self.folder(name, "epoch").with_suffix(".json")
        epoch = kept(first, lambda: self.train(name, 1, 1, self.out / "epoch"))
        epochs = max(1, int(60 * self.options.minutes / epoch))

        def make():
            seconds = self.train(name, seed, epochs, run)
            return {**self.measure(run / "model.onnx"), "epochs": epochs, "processor_seconds": seconds}

        return kept(run.with_suffix(".json"), make)


def tar(figures):
    return next(it["tar"]["value"] for it in figures["verification"]["at_fmr"] if it["demanded_fmr"] == 0.01)


COLUMNS = [
    ("LFW accuracy", "accuracy", 100, 1),
    ("TAR at FMR 0.01", "lfw_tar", 100, 1),
    ("rank-1", "lfw_rank1", 100, 1),
    ("TPIR at FPIR 0.1", "lfw_tpir", 100, 1),
    ("within / between", ("lfw_within", "lfw_between"), 1, 2),
    ("ORL AUC", "orl_auc", 1, 3),
    ("TAR at FMR 0.01", "orl_tar", 100, 1),
    ("rank-1", "orl_rank1", 100, 1),
    ("TPIR at FPIR 0.1", "orl_tpir", 100, 1),
    ("within / between", ("orl_within", "orl_between"), 1, 2),
]
# Half widths of 95 % intervals in standard errors, by Student's t, for 2, 3, 4 and 5 seeds.
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}


def cell(values, digits):
    """Mean and half the 95 % interval over seeds."""
    mean = np.mean(values)
    if len(values) not in STUDENT:
        return f"{mean:.{digits}f}"
    half = STUDENT[len(values)] * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def table(rows, speed):
    yield "| | " + " | ".join(it[0] for it in COLUMNS) + " |"
    yield "|---" * (len(COLUMNS) + 1) + "|"
    for name, runs in rows.items():
        cells = []
        for _, keys, factor, digits in COLUMNS:
            keys = (keys,) if isinstance(keys, str) else keys
            values = [[run[key] * factor for run in runs] for key in keys]
            cells.append(cell(values[0], digits) if len(keys) == 1 else " / ".join(f"{np.mean(it):.{digits}f}" for it in values))
        yield f"| {name} | " + " | ".join(cells) + " |"
    yield ""
    yield "| | parameters | million operations | images/s | epochs | processor seconds |"
    yield "|---|---|---|---|---|---|"
    for name, runs in rows.items():
        first = runs[0]
        seconds = f"{np.mean([run['processor_seconds'] for run in runs]):.0f}" if "epochs" in first else ""
        size = f"{first['parameters']:,} | {first['operations'] / 1e6:.0f}"
        yield f"| {name} | {size} | {speed[name]:.0f} | {first.get('epochs', '')} | {seconds} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verisim", type=pathlib.Path)
    parser.add_argument("--lfw", type=pathlib.Path, required=True, help="aligned112/ and pairs.txt")
    parser.add_argument("--orl", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/recipes"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=6, help="of processor time, for each recipe and seed")
    parser.add_argument("--only", nargs="*", default=[SOFTMAX, *RECIPES])
    options = parser.parse_args()
    comparison = Comparison(options)
    model, card = pixels(options.out)
    rows = {PIXELS: [kept(options.out / "pixels.json", lambda: comparison.measure(model, "--card", card))]}
    for seed in range(1, options.seeds + 1):
        for name in options.only:
            run = comparison.trained(name, seed)
            rows.setdefault(name, []).append(run)
            print(f"{name}, seed {seed}: accuracy {run['accuracy']:.4f}, ORL AUC {run['orl_auc']:.4f}", flush=True)
    speed = {PIXELS: comparison.images_per_second(model, "--card", card)}
    for name in options.only:
        speed[name] = comparison.images_per_second(comparison.folder(name, 1) / "model.onnx")
    print("\n".join(table(rows, speed)))


if __name__ == "__main__":
    main()
