#!/usr/bin/env python3
"""Nearest templates of a gallery, in Verisim and in FAISS, on the same vectors in the same run.

Run: `make bench-gallery`. `verisim bench gallery` draws the templates, times its own searches and leaves the vectors in
a folder; FAISS then searches them: IndexFlatIP, which is exact, and HNSW, which is not. BLAS is forced on for batches of
FAISS, without which they are far slower. The rows that Verisim and FAISS find are compared, too. Cores that others use
make all times longer, but hardly the time that processors worked, of all threads together: it is printed beside the
median and the fastest, with the probes that a core does in a second of it; ratios are of the fastest and of it.
Needs: numpy, faiss-cpu.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import faiss
import numpy as np

K = 10
BATCHES = (1, 8, 64)
# As in `verisim bench gallery`: searches are repeated at least so long, and so often.
AT_LEAST = (0.5, 5)
WORK = 0.3  # and until the processor worked so many seconds
HNSW_LINKS, HNSW_BUILD = 32, 80
HNSW_EFFORTS = (64, 256)


def resident_mb():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def timed(search, probes, batch):
    """Median and fastest seconds of a batch, in turn over the probes, and mean seconds of all processors together."""
    rows = np.arange(max(len(probes), batch)) % len(probes)
    probes = probes[rows]
    n_batches = len(probes) // batch
    search(probes[:batch])
    seconds, begin, work, turn = [], time.perf_counter(), time.process_time(), 1
    while time.perf_counter() - begin < AT_LEAST[0] or len(seconds) < AT_LEAST[1] or time.process_time() - work < WORK:
        part = probes[turn % n_batches * batch :][:batch]
        start = time.perf_counter()
        search(part)
        seconds.append(time.perf_counter() - start)
        turn += 1
    return statistics.median(seconds), min(seconds), (time.process_time() - work) / len(seconds)


def recall(found, exact, k):
    hits = sum(len(set(a[:k]) & set(b[:k])) for a, b in zip(found.tolist(), exact.tolist()))
    return hits / (k * len(exact))


def line(name, batch, threads, seconds, ours, note=""):
    median, fastest, work = seconds
    mine = ours.get((batch, threads))
    ratios = f"{fastest / mine[1]:7.2f}x {work / mine[2]:7.2f}x" if mine else f"{'':17}"
    columns = f"{1e3 * median:10.2f} {1e3 * fastest:9.2f} {1e3 * work:10.2f} {batch / work:9.1f}"
    print(f"{name:24} {batch:5} {threads:7} {columns} {ratios} {note}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("verisim", help="the release binary")
    parser.add_argument("--n", type=int, default=1_000_000, help="templates (default 1,000,000)")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--probes", type=int, default=128)
    parser.add_argument("--hnsw", type=int, default=100_000, help="templates of HNSW, which builds slowly; 0 for none (default 100,000)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare(args, pathlib.Path(folder))


def compare(args, folder):
    command = [args.verisim, "bench", "gallery", "--json", "--quiet", "--threads", str(args.threads), "--vectors", str(folder)]
    command += ["--n", str(args.n), "--dim", str(args.dim), "--probes", str(args.probes)]
    dto = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    ours = {(it["batch"], it["threads"]): (it["seconds_per_batch"], it["fastest_seconds"], it["processor_seconds"]) for it in dto["searches"]}
    print(f"{args.n:,} templates of {args.dim} components, {args.probes} probes; FAISS {faiss.__version__}")
    print(f"verisim: built in {dto['seconds_to_build']:.1f} s, {dto['resident_mb']:.0f} MB; {dto['reranked_median']} scored exactly at the")
    print(f"median, {dto['reranked_max']} at most; recall@1 {dto['recall_at_1']}, recall@10 {dto['recall_at_10']} beside its own plain scan")
    print(f"{'':24} {'batch':>5} {'threads':>7} {'ms, median':>10} {'fastest':>9} {'processor':>10} {'a core/s':>9} {'fastest':>8} {'processor':>8}")
    for (batch, threads), seconds in ours.items():
        line("verisim int8, exact", batch, threads, seconds, {})

    before = resident_mb()
    templates = np.fromfile(folder / "templates.f32", np.float32).reshape(-1, args.dim)
    probes = np.fromfile(folder / "probes.f32", np.float32).reshape(-1, args.dim)
    found = np.fromfile(folder / "nearest.u32", np.uint32).reshape(-1, K).astype(np.int64)
    start = time.perf_counter()
    flat = faiss.IndexFlatIP(args.dim)
    for first in range(0, len(templates), 100_000):
        flat.add(templates[first : first + 100_000])
    seconds = time.perf_counter() - start
    hnsw_templates = templates[: args.hnsw].copy()
    del templates
    print(f"FAISS IndexFlatIP: built in {seconds:.1f} s, {resident_mb() - before:.0f} MB beside Python")
    faiss.cvar.distance_compute_blas_threshold = 1
    exact = flat.search(probes, K)[1]
    print(f"rows of both: recall@1 {recall(found, exact, 1):.4f}, recall@10 {recall(found, exact, K):.4f} (FAISS sums in another order)")
    for threads in sorted({1, args.threads}):
        faiss.omp_set_num_threads(threads)
        for batch in BATCHES:
            # A single probe is faster without BLAS, a batch with it.
            faiss.cvar.distance_compute_blas_threshold = 20 if batch == 1 else 1
            line("FAISS IndexFlatIP", batch, threads, timed(lambda part: flat.search(part, K), probes, batch), ours)
    if args.hnsw == 0:
        return
    # Its own truth: of the templates that it holds.
    truth = faiss.IndexFlatIP(args.dim)
    truth.add(hnsw_templates)
    exact = truth.search(probes, K)[1]
    faiss.omp_set_num_threads(args.threads)
    start = time.perf_counter()
    hnsw = faiss.IndexHNSWFlat(args.dim, HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    hnsw.hnsw.efConstruction = HNSW_BUILD
    hnsw.add(hnsw_templates)
    seconds = time.perf_counter() - start
    print(f"FAISS HNSW of {len(hnsw_templates):,} templates ({HNSW_LINKS} links, effort {HNSW_BUILD}): built in {seconds:.1f} s")
    # The ratio would be of different sizes unless all templates are in it.
    same = ours if len(hnsw_templates) == args.n else {}
    mated = np.arange(len(probes)) % 2 == 0
    for effort in HNSW_EFFORTS:
        hnsw.hnsw.efSearch = effort
        rows = hnsw.search(probes, K)[1]
        note = f"recall@1 {recall(rows, exact, 1):.3f}, @10 {recall(rows, exact, K):.3f}; non-mated @1 {recall(rows[~mated], exact[~mated], 1):.3f}"
        for threads in sorted({1, args.threads}):
            faiss.omp_set_num_threads(threads)
            for batch in (1, 64):
                line(f"FAISS HNSW, effort {effort}", batch, threads, timed(lambda part: hnsw.search(part, K), probes, batch), same, note)
                note = ""


if __name__ == "__main__":
    sys.exit(main())
