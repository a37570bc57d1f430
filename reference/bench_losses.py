#!/usr/bin/env python3
"""Losses by themselves, forward and backward, in Verisim and in pytorch-metric-learning, in turn on the same machine.

Run: `make bench-losses`. Both see random embeddings in float32, with the same number of threads; the median of the
timed steps counts, after half a second of others. The two take turns, each turn in a process of its own, so that its memory can be told.
A peer that runs out of memory or of time is said to have.
Needs: torch, pytorch-metric-learning.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

# name: identities, images of each, components, batch, our loss, steps of a turn
SEMI_HARD = 'kind = "triplet"\nmining = "semi-hard"\nmargin = 0.2\ndistance = { kind = "lp" }'
CASES = {
    "semi-hard 256": (64, 4, 128, None, SEMI_HARD, 5),
    "semi-hard 512": (128, 4, 128, None, SEMI_HARD, 5),
    "semi-hard 1024": (256, 4, 128, None, SEMI_HARD, 3),
    "semi-hard 1800": (45, 40, 128, None, SEMI_HARD, 1),
    "batch-hard 1024": (
        256, 4, 128, None,
        'kind = "triplet"\nmining = "all"\nmargin = 0.2\ndistance = { kind = "lp" }\nminer = { kind = "batch-hard" }', 5,
    ),
    "multi-similarity 1024": (256, 4, 128, None, 'kind = "multi-similarity"', 5),
    "supcon 1024": (256, 4, 128, None, 'kind = "supcon"', 5),
    "arcface 10000": (10_000, 1, 512, 128, 'kind = "arcface"', 5),
    "arcface 100000": (100_000, 1, 512, 128, 'kind = "arcface"', 3),
}
LIMIT = 300  # seconds of a turn
# As in `verisim bench`: steps and seconds, at least, before the clock counts; and seconds of timed steps.
WARM_UP, SETTLE = 2, 0.5


def peer(name, threads):
    """What `--peer` runs in a process of its own."""
    import torch
    from pytorch_metric_learning import losses, miners

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    identities, images, dim, batch, _, steps = CASES[name]
    batch = batch or identities * images
    labels = torch.arange(batch) // images % identities
    rows = torch.randn(batch, dim)
    kind = name.split()[0]
    miner = None
    if kind == "semi-hard":
        miner = miners.TripletMarginMiner(margin=0.2, type_of_triplets="semihard")
        loss = losses.TripletMarginLoss(margin=0.2)
    elif kind == "batch-hard":
        miner = miners.BatchHardMiner()
        loss = losses.TripletMarginLoss(margin=0.2)
    elif kind == "multi-similarity":
        loss = losses.MultiSimilarityLoss()
    elif kind == "supcon":
        loss = losses.SupConLoss()
    else:
        loss = losses.ArcFaceLoss(identities, dim)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for at_least in (WARM_UP, steps):
        seconds, begin = [], time.perf_counter()
        while len(seconds) < at_least or time.perf_counter() - begin < SETTLE:
            start = time.perf_counter()
            embeddings = rows.clone().requires_grad_(True)
            loss.zero_grad(set_to_none=True)
            value = loss(embeddings, labels, miner(embeddings, labels)) if miner else loss(embeddings, labels)
            value.backward()
            value.item()
            seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": statistics.median(seconds), "memory": peak - before}))


def ours(verisim, name, threads):
    identities, images, dim, batch, loss, steps = CASES[name]
    command = [verisim, "bench", "loss", loss, "--json", "--quiet", "--threads", str(threads)]
    command += ["--identities", str(identities), "--images", str(images), "--dim", str(dim)]
    command += ["--steps", str(steps)] + (["--batch", str(batch)] if batch else [])
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found["seconds_per_step"], found["peak_memory_mb"]


def theirs(verisim, name, threads):
    command = [sys.executable, __file__, verisim, "--peer", name, "--threads", str(threads)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return None, f"more than {LIMIT} s"
    if done.returncode != 0:
        last = done.stderr.decode().strip().splitlines()[-1:]
        return None, "killed: out of memory" if done.returncode < 0 else "".join(last)[:60]
    found = json.loads(done.stdout)
    return found["seconds"], found["memory"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("verisim", help="the release binary")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", help="cases whose name contains this")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(args.peer, args.threads)
    print(f"forward + backward, {args.threads} threads; memory of Verisim's whole process, and what the peer's step adds")
    for name in CASES:
        if args.only and args.only not in name:
            continue
        mine, other, memory, note = [], [], [], None
        for _ in range(args.rounds):
            seconds, peak = ours(args.verisim, name, args.threads)
            mine.append(seconds)
            if note is None:
                found, peak_other = theirs(args.verisim, name, args.threads)
                if found is None:
                    note = peak_other
                else:
                    other.append(found)
                    memory.append(peak_other)
        ms = 1e3 * statistics.median(mine)
        line = f"{name:22} verisim {ms:9.2f} ms {peak:6.0f} MB"
        if other:
            line += f"   peer {1e3 * statistics.median(other):9.2f} ms {max(memory):6.0f} MB"
            line += f"   {1e3 * statistics.median(other) / ms:6.1f}x"
        print(line + (f"   peer: {note}" if note else ""), flush=True)


if __name__ == "__main__":
    main()
