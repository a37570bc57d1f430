#!/usr/bin/env python3
"""Training steps of IResNet-18, in Verisim and in PyTorch, in turn on the same machine.

Run: `make bench-train`. Both do forward, backward and a step of SGD with momentum on one batch of 32 pictures of
112 x 112 against random targets, in float32, on all cores; the median of the timed steps counts. The two take
turns, so that a machine that slows down slows both.
Needs: torch.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

BATCH = 32


def network():
    """IResNet-18 as InsightFace defines it."""
    import torch
    from torch import nn

    def conv3(c_in, c_out, stride):
        return nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)

    class Block(nn.Module):
        def __init__(self, c_in, c_out, stride):
            super().__init__()
            self.body = nn.Sequential(
                nn.BatchNorm2d(c_in),
                conv3(c_in, c_out, 1),
                nn.BatchNorm2d(c_out),
                nn.PReLU(c_out),
                conv3(c_out, c_out, stride),
                nn.BatchNorm2d(c_out),
            )
            changes = stride != 1 or c_in != c_out
            point = nn.Conv2d(c_in, c_out, 1, stride, bias=False)
            self.shortcut = nn.Sequential(point, nn.BatchNorm2d(c_out)) if changes else nn.Identity()

        def forward(self, maps):
            return self.body(maps) + self.shortcut(maps)

    layers = [conv3(3, 64, 1), nn.BatchNorm2d(64), nn.PReLU(64)]
    channels = 64
    for width in (64, 128, 256, 512):
        layers += [Block(channels, width, 2), Block(width, width, 1)]
        channels = width
    layers += [nn.BatchNorm2d(512), nn.Flatten(), nn.Linear(512 * 7 * 7, 512), nn.BatchNorm1d(512)]
    torch.manual_seed(1)
    return nn.Sequential(*layers)


def torch_steps(steps, threads):
    """What `--peer` runs in a process of its own, so that its memory can be told."""
    import torch

    torch.set_num_threads(threads)
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    images, targets = torch.randn(BATCH, 3, 112, 112), torch.randn(BATCH, 512)
    seconds = []
    for step in range(steps + 2):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = (net(images) - targets).square().mean()
        loss.backward()
        optimizer.step()
        loss.item()
        if step >= 2:
            seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_memory_mb": peak, "version": torch.__version__}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("verisim", help="the release binary")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")
    parser.add_argument("--steps", type=int, default=5, help="timed steps of a turn (default 5)")
    parser.add_argument("--threads", type=int, default=len(__import__("os").sched_getaffinity(0)))
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return torch_steps(args.steps, args.threads)

    ours, theirs = [], []
    memory = {"verisim": 0.0, "torch": 0.0}
    version = ""
    for _ in range(args.rounds):
        common = ["--steps", str(args.steps), "--threads", str(args.threads)]
        command = [args.verisim, "bench", "train", "--json", "--quiet", "--batch", str(BATCH), *common]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        ours.append(found["seconds_per_step"])
        memory["verisim"] = max(memory["verisim"], found["peak_memory_mb"])
        command = [sys.executable, __file__, args.verisim, "--peer", *common]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        theirs.append(statistics.median(found["seconds"]))
        memory["torch"] = max(memory["torch"], found["peak_memory_mb"])
        version = found["version"]

    print(f"IResNet-18, 112x112, batch {BATCH}, {args.threads} threads: forward, backward and step")
    for name, seconds, key in (
        ("verisim", ours, "verisim"),
        (f"PyTorch {version}", theirs, "torch"),
    ):
        rate = BATCH / statistics.median(seconds)
        turns = " ".join(f"{it:.2f}" for it in seconds)
        print(f"{name:20} {rate:6.2f} images/s   {memory[key]:6.0f} MB   seconds a step: {turns}")
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(f"speed beside PyTorch: {ratio:.2f}x, memory {memory['verisim'] / memory['torch']:.2f}x")


if __name__ == "__main__":
    main()
