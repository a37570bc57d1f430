#!/usr/bin/env python3
"""Training steps of IResNet-50 and MobileFaceNet on a GPU, in Verisim and in PyTorch, and the small recipes there.

Run: `make bench-gpu`. Both do forward, backward and a step of SGD with momentum on one batch of 128 pictures of
112 x 112 against random targets, in float32 and in bfloat16, with weights in float32; the median of the timed steps
counts. PyTorch runs eagerly and compiled, with its matrix products in full float32. The programs take turns, so that
a GPU that slows down slows all. Then the small recipes are trained for one epoch on drawn faces. Where there is no
GPU it says so and ends well.
Needs: torch; cargo, to build Verisim with the features of --device.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parent.parent
BATCH = 128
NETWORKS = ("iresnet50", "mobilefacenet")
PRECISIONS = ("float32", "bf16")
RECIPES = ("arcface-mobile-small", "arcface-r50-small", "adaface-r18-small", "triplet-small")


def iresnet(nn, depths):
    """As InsightFace defines it."""

    def conv(c_in, c_out, side, stride=1):
        return nn.Conv2d(c_in, c_out, side, stride, side // 2, bias=False)

    class Block(nn.Module):
        def __init__(self, c_in, c_out, stride):
            super().__init__()
            self.body = nn.Sequential(
                nn.BatchNorm2d(c_in),
                conv(c_in, c_out, 3),
                nn.BatchNorm2d(c_out),
                nn.PReLU(c_out),
                conv(c_out, c_out, 3, stride),
                nn.BatchNorm2d(c_out),
            )
            changes = stride != 1 or c_in != c_out
            self.shortcut = (
                nn.Sequential(conv(c_in, c_out, 1, stride), nn.BatchNorm2d(c_out)) if changes else nn.Identity()
            )

        def forward(self, maps):
            return self.body(maps) + self.shortcut(maps)

    layers, channels = [conv(3, 64, 3), nn.BatchNorm2d(64), nn.PReLU(64)], 64
    for width, depth in zip((64, 128, 256, 512), depths):
        layers += [Block(channels, width, 2)] + [Block(width, width, 1) for _ in range(depth - 1)]
        channels = width
    head = [nn.Flatten(), nn.Linear(512 * 7 * 7, 512, bias=False), nn.BatchNorm1d(512)]
    return nn.Sequential(*layers, nn.BatchNorm2d(512), *head)


def mobilefacenet(nn):
    """Chen et al. 2018, table 1."""

    def conv(c_in, c_out, side, stride=1, padding=0, groups=1, activated=True):
        layers = [nn.Conv2d(c_in, c_out, side, stride, padding, groups=groups, bias=False), nn.BatchNorm2d(c_out)]
        return nn.Sequential(*layers, *([nn.PReLU(c_out)] if activated else []))

    class Bottleneck(nn.Module):
        def __init__(self, c_in, inside, c_out, stride):
            super().__init__()
            self.body = nn.Sequential(
                conv(c_in, inside, 1),
                conv(inside, inside, 3, stride, 1, groups=inside),
                conv(inside, c_out, 1, activated=False),
            )
            self.is_residual = stride == 1 and c_in == c_out

        def forward(self, maps):
            return maps + self.body(maps) if self.is_residual else self.body(maps)

    layers, channels = [conv(3, 64, 3, 2, 1), conv(64, 64, 3, 1, 1, groups=64)], 64
    for first, inside, out, n in ((128, 128, 64, 4), (256, 256, 128, 6), (512, 256, 128, 2)):
        layers += [Bottleneck(channels, first, out, 2)] + [Bottleneck(out, inside, out, 1) for _ in range(n)]
        channels = out
    layers += [conv(128, 512, 1), conv(512, 512, 7, groups=512, activated=False), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(512, 128, bias=False), nn.BatchNorm1d(128))


def torch_steps(name, precision, compiled, steps):
    """What `--peer` runs in a process of its own, so that neither holds the other's memory."""
    import torch

    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    net = mobilefacenet(torch.nn) if name == "mobilefacenet" else iresnet(torch.nn, (3, 4, 14, 3))
    net = net.cuda()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    images = torch.randn(BATCH, 3, 112, 112, device="cuda")
    targets = torch.randn(BATCH, 128 if name == "mobilefacenet" else 512, device="cuda")
    run = torch.compile(net) if compiled else net
    seconds = []
    for step in range(steps + 5):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16"):
            features = run(images)
        loss = (features.float() - targets).square().mean()
        loss.backward()
        optimizer.step()
        loss.item()
        torch.cuda.synchronize()
        if step >= 5:
            seconds.append(time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated() / 2**20
    found = {"seconds_per_step": statistics.median(seconds), "gpu_memory_mb": peak, "version": torch.__version__}
    print(json.dumps(found))


def gpu():
    """What the GPU is called, or why there is none."""
    try:
        import torch
    except ImportError:
        return None, "PyTorch is not installed"
    if not torch.cuda.is_available():
        return None, f"PyTorch {torch.__version__} finds none"
    return torch.cuda.get_device_name(), ""


def ran(command):
    """What a command printed as JSON, or why it did not."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    return json.loads(done.stdout), ""


def compare(verisim, device, name, precision, rounds, steps):
    """Turns of the three, and what came of them."""
    ours = [verisim, "bench", "train", "--json", "--quiet", "--network", name, "--precision", precision]
    ours += ["--device", device, "--batch", str(BATCH), "--steps", str(steps)]
    peer = [sys.executable, __file__, "--peer", name, "--precision", precision, "--steps", str(steps)]
    programs = {"verisim": ours, "PyTorch eager": peer, "PyTorch compiled": [*peer, "--compiled"]}
    seconds, reasons = {program: [] for program in programs}, {}
    for _ in range(rounds):
        for program, command in programs.items():
            found, reason = (None, reasons[program]) if program in reasons else ran(command)
            if found is None:
                reasons[program] = reason
            else:
                seconds[program].append(found["seconds_per_step"])
    print(f"{name}, 112x112, batch {BATCH}, {precision}: forward, backward and step")
    for program in programs:
        if program in reasons:
            print(f"  {program:17} did not run: {reasons[program]}")
            continue
        rate = BATCH / statistics.median(seconds[program])
        turns = " ".join(f"{it:.4f}" for it in seconds[program])
        print(f"  {program:17} {rate:9.1f} images/s   seconds a step: {turns}")
    for program in list(programs)[1:]:
        if "verisim" not in reasons and program not in reasons:
            ratio = statistics.median(seconds[program]) / statistics.median(seconds["verisim"])
            print(f"  speed beside {program}: {ratio:.2f}x")


def train(verisim, device):
    """The small recipes, for an epoch, in both precisions."""
    with tempfile.TemporaryDirectory() as folder:
        faces = pathlib.Path(folder) / "faces"
        sizes = ["--identities", "300", "--images", "12", "--size", "112"]
        subprocess.run([verisim, "synth", "--quiet", "--out", faces, *sizes], check=True)
        for name in RECIPES:
            text = (ROOT / "recipes" / f"{name}.toml").read_text()
            for precision in PRECISIONS:
                recipe = pathlib.Path(folder) / f"{name}-{precision}.toml"
                recipe.write_text(f'precision = "{precision}"\n{text}')
                run = pathlib.Path(folder) / f"{name}-{precision}"
                command = [verisim, "train", recipe, "--data", faces, "--out", run, "--epochs", "1", "--device", device]
                start = time.perf_counter()
                done = subprocess.run(command, capture_output=True, text=True)
                seconds = time.perf_counter() - start
                if done.returncode:
                    why = (done.stderr.strip().splitlines() or ["without a word"])[-1]
                    print(f"{name}, {precision}: did not train: {why}")
                    continue
                lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
                epoch = next(line for line in lines if line["event"] == "epoch")
                validation = epoch.get("validation") or {}
                auc = f", AUC {validation['auc']:.4f} on unseen identities" if validation else ""
                print(f"{name}, {precision}: an epoch in {seconds:.1f} s, loss {epoch['mean_loss']:.3f}{auc}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="wgpu", choices=("wgpu", "cuda"), help="Verisim's (default wgpu)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")
    parser.add_argument("--steps", type=int, default=20, help="timed steps of a turn (default 20)")
    parser.add_argument("--peer", choices=NETWORKS, help=argparse.SUPPRESS)
    parser.add_argument("--precision", default="float32", choices=PRECISIONS, help=argparse.SUPPRESS)
    parser.add_argument("--compiled", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return torch_steps(args.peer, args.precision, args.compiled, args.steps)
    name, why = gpu()
    if name is None:
        print(f"There is no GPU to measure here ({why}), so nothing was run.")
        return None
    build = ["cargo", "build", "--release", "-p", "verisim", "--features", args.device]
    subprocess.run(build, check=True, cwd=ROOT)
    verisim = str(ROOT / "target/release/verisim")
    print(f"{name}; Verisim by {args.device}")
    for network in NETWORKS:
        for precision in PRECISIONS:
            compare(verisim, args.device, network, precision, args.rounds, args.steps)
    return train(verisim, args.device)


if __name__ == "__main__":
    main()
