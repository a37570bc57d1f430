#!/usr/bin/env python3
"""Embeddings of networks defined in PyTorch from their papers, for the same weights as the Rust tests give theirs.

Run: `make reference`. Nothing but results is stored: weights and pictures are drawn from a hash of the parameter's
name and the position in it, here and in `backbone/pytorch_tests.rs`. A parameter that is named, shaped or used
otherwise gives other embeddings.
Needs: torch.
"""

import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

OUT = pathlib.Path(__file__).parent.parent / "crates/verisim-learn/testdata/networks"
BATCH = 2


def uniform(name, n):
    """n numbers in [0, 1): FNV-1a of the name, then SplitMix64."""
    with np.errstate(over="ignore"):
        key = np.uint64(0xCBF29CE484222325)
        for byte in name.encode():
            key = (key ^ np.uint64(byte)) * np.uint64(0x100000001B3)
        mixed = key + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(40)).astype(np.float64) / 2**24


def drawn(name, shape):
    """First values of a parameter in Verisim's layout: convolutions [out, in, h, w], linear layers [in, out]."""
    spread = 2 * uniform(name, math.prod(shape)) - 1
    kind = name.rsplit(".", 1)[-1]
    if kind == "weight":
        fan_in = math.prod(shape[1:]) if len(shape) == 4 else shape[-2]
        values = spread * math.sqrt(6 / fan_in)
    elif kind == "gamma":
        values = 1 + 0.2 * spread
    elif kind == "variance":
        values = 1.5 + 0.5 * spread
    elif kind == "slopes":
        values = 0.25 + 0.1 * spread
    else:
        values = 0.2 * spread
    return torch.from_numpy(values.reshape(shape)).float()


class Norm(nn.Module):
    """Batch normalization as it is after training."""

    def __init__(self, channels, epsilon=1e-5):
        super().__init__()
        self.epsilon = epsilon
        for name in ("gamma", "beta", "mean", "variance"):
            self.register_parameter(name, nn.Parameter(torch.empty(channels)))

    def forward(self, x):
        return F.batch_norm(x, self.mean, self.variance, self.gamma, self.beta, False, 0.0, self.epsilon)


class Conv(nn.Module):
    def __init__(self, c_in, c_out, kernel, stride=1, padding=0, groups=1):
        super().__init__()
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        self.weight = nn.Parameter(torch.empty(c_out, c_in // groups, *kernel))
        self.options = {"stride": stride, "padding": padding, "groups": groups}

    def forward(self, x):
        return F.conv2d(x, self.weight, **self.options)


class ConvNorm(nn.Module):
    def __init__(self, c_in, c_out, *sizes, activated=True, **options):
        super().__init__()
        self.conv, self.norm = Conv(c_in, c_out, *sizes, **options), Norm(c_out)
        self.slopes = nn.Parameter(torch.empty(c_out)) if activated else None

    def forward(self, x):
        x = self.norm(self.conv(x))
        return x if self.slopes is None else F.prelu(x, self.slopes)


class LinearNorm(nn.Module):
    def __init__(self, n_in, n_out, epsilon=1e-5):
        super().__init__()
        self.weight, self.norm = nn.Parameter(torch.empty(n_in, n_out)), Norm(n_out, epsilon)

    def forward(self, x):
        return self.norm(x @ self.weight)


class Linear(nn.Module):
    def __init__(self, n_in, n_out, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_in, n_out))
        self.bias = nn.Parameter(torch.empty(n_out)) if bias else None

    def forward(self, x):
        x = x @ self.weight
        return x if self.bias is None else x + self.bias


class Block(nn.Module):
    """Of IResNet: normalization, convolution, normalization, PReLU, convolution, normalization."""

    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.leading_norm = Norm(c_in)
        self.first = ConvNorm(c_in, c_out, 3, 1, 1)
        self.second = ConvNorm(c_out, c_out, 3, stride, 1, activated=False)
        changes = stride != 1 or c_in != c_out
        self.shortcut = ConvNorm(c_in, c_out, 1, stride, activated=False) if changes else None

    def forward(self, x):
        return self.second(self.first(self.leading_norm(x))) + (x if self.shortcut is None else self.shortcut(x))


class IResNet(nn.Module):
    """Duta et al. 2020, as InsightFace has it."""

    def __init__(self, depths, height, width):
        super().__init__()
        self.stem = ConvNorm(3, 64, 3, 1, 1)
        blocks, channels = [], 64
        for depth, out in zip(depths, (64, 128, 256, 512)):
            for block in range(depth):
                blocks.append(Block(channels, out, 2 if block == 0 else 1))
                channels = out
        self.blocks, self.norm = nn.ModuleList(blocks), Norm(channels)
        for _ in depths:
            height, width = -(-height // 2), -(-width // 2)
        self.head = LinearNorm(channels * height * width, 512)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).flatten(1))


class Bottleneck(nn.Module):
    def __init__(self, c_in, inside, c_out, stride):
        super().__init__()
        self.expand = ConvNorm(c_in, inside, 1)
        self.depthwise = ConvNorm(inside, inside, 3, stride, 1, groups=inside)
        self.project = ConvNorm(inside, c_out, 1, activated=False)
        self.is_residual = stride == 1 and c_in == c_out

    def forward(self, x):
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.is_residual else y


class MobileFaceNet(nn.Module):
    """Chen et al. 2018, table 1; wider and deeper as InsightFace's mbf and mbf_large."""

    def __init__(self, height, width, embedding=128, scale=1, blocks=(1, 4, 6, 2)):
        super().__init__()
        channels = 64 * scale
        self.stem = ConvNorm(3, channels, 3, 2, 1)
        early, *following = blocks
        self.grouped = ConvNorm(channels, channels, 3, 1, 1, groups=64) if early == 1 else None
        inner = [] if self.grouped else [Bottleneck(channels, 128, channels, 1) for _ in range(early)]
        for (first, inside, out), n in zip([(128, 128, 64), (256, 256, 128), (512, 256, 128)], following):
            inner.append(Bottleneck(channels, first, out * scale, 2))
            channels = out * scale
            inner += [Bottleneck(channels, inside, channels, 1) for _ in range(n)]
        self.blocks = nn.ModuleList(inner)
        self.last = ConvNorm(channels, 512, 1)
        for _ in range(4):
            height, width = -(-height // 2), -(-width // 2)
        # `global` is a word of Python's.
        self.add_module("global", ConvNorm(512, 512, (height, width), groups=512, activated=False))
        self.head = LinearNorm(512, embedding)

    def forward(self, x):
        x = self.stem(x)
        x = self.grouped(x) if self.grouped else x
        for block in self.blocks:
            x = block(x)
        return self.head(getattr(self, "global")(self.last(x)).flatten(1))


class RectifiedConv(nn.Module):
    def __init__(self, response, c_in, c_out, side, stride=1):
        super().__init__()
        self.conv = Conv(c_in, c_out, side, stride, side // 2)
        self.norm = None if response else Norm(c_out)
        self.bias = nn.Parameter(torch.empty(c_out)) if response else None

    def forward(self, x):
        x = self.conv(x)
        return F.relu(x + self.bias[:, None, None] if self.norm is None else self.norm(x))


class InceptionModule(nn.Module):
    """Branches in the order of OpenFace: 3 x 3, 5 x 5, pooled, 1 x 1."""

    def __init__(self, response, c_in, one, three, five, pool, projection, stride):
        super().__init__()
        unit = lambda *sizes: RectifiedConv(response, *sizes)
        deep = lambda sizes, side: nn.ModuleList([unit(c_in, sizes[0], 1), unit(sizes[0], sizes[1], side, stride)])
        self.three = deep(three, 3)
        self.five = deep(five, 5) if five else None
        self.projection = unit(c_in, projection, 1) if projection else None
        self.one = unit(c_in, one, 1) if one else None
        self.pool, self.stride = pool, stride
        self.channels = three[1] + (five[1] if five else 0) + (projection or c_in) + (one or 0)

    def forward(self, x):
        if self.pool == "l2":
            pooled = F.lp_pool2d(F.pad(x, (1, 1, 1, 1)), 2, 3, 1)
        else:
            pooled = F.max_pool2d(x, 3, self.stride, 1)
        branches = [self.three[1](self.three[0](x))]
        branches += [self.five[1](self.five[0](x))] if self.five else []
        branches += [self.projection(pooled) if self.projection else pooled]
        branches += [self.one(x)] if self.one else []
        return torch.cat(branches, 1)


# FaceNet, table 2: 1x1, 3x3, 5x5, pooling, projection, stride.
NN2 = [
    (64, (96, 128), (16, 32), "max", 32, 1),
    (64, (96, 128), (32, 64), "l2", 64, 1),
    (None, (128, 256), (32, 64), "max", None, 2),
    (256, (96, 192), (32, 64), "l2", 128, 1),
    (224, (112, 224), (32, 64), "l2", 128, 1),
    (192, (128, 256), (32, 64), "l2", 128, 1),
    (160, (144, 288), (32, 64), "l2", 128, 1),
    (None, (160, 256), (64, 128), "max", None, 2),
    (384, (192, 384), (48, 128), "l2", 128, 1),
    (384, (192, 384), (48, 128), "max", 128, 1),
]
# OpenFace, nn4.small2.
NN4_SMALL = NN2[:4] + [NN2[7], (256, (96, 384), None, "l2", 96, 1), (256, (96, 384), None, "max", 96, 1)]


class Inception(nn.Module):
    def __init__(self, table, response=False):
        super().__init__()
        self.response = response
        self.stem = RectifiedConv(response, 3, 64, 7, 2)
        self.second = nn.ModuleList([RectifiedConv(response, 64, 64, 1), RectifiedConv(response, 64, 192, 3)])
        modules, channels = [], 192
        for row in table:
            modules.append(InceptionModule(response, channels, *row))
            channels = modules[-1].channels
        # `modules` is a method of PyTorch's.
        self.add_module("inner", nn.ModuleList(modules))
        self.head = Linear(channels, 128)

    def respond(self, x):
        return F.local_response_norm(x, 5, 1e-4, 0.75, 1.0) if self.response else x

    def forward(self, x):
        x = self.respond(F.max_pool2d(self.stem(x), 3, 2, 1))
        for conv in self.second:
            x = conv(x)
        x = F.max_pool2d(self.respond(x), 3, 2, 1)
        for module in self.inner:
            x = module(x)
        return self.head(x.mean((2, 3)))


class NormedConv(nn.Module):
    """Of Inception-ResNet: convolution, normalization, ReLU."""

    def __init__(self, c_in, c_out, kernel, stride=1, padding=0):
        super().__init__()
        self.conv, self.norm = Conv(c_in, c_out, kernel, stride, padding), Norm(c_out, 1e-3)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class ScaledConv(nn.Module):
    def __init__(self, c_in, c_out, scale):
        super().__init__()
        self.conv, self.bias, self.scale = Conv(c_in, c_out, 1), nn.Parameter(torch.empty(c_out)), scale

    def forward(self, x):
        return (self.conv(x) + self.bias[:, None, None]) * self.scale


def in_turn(*convs):
    return nn.Sequential(*(NormedConv(*conv) for conv in convs))


class Residual(nn.Module):
    def __init__(self, channels, scale, cuts_off, *branches):
        super().__init__()
        self.branches = nn.ModuleList([in_turn(*branch) for branch in branches])
        self.up = ScaledConv(sum(branch[-1][1] for branch in branches), channels, scale)
        self.cuts_off = cuts_off

    def forward(self, x):
        x = x + self.up(torch.cat([branch(x) for branch in self.branches], 1))
        return F.relu(x) if self.cuts_off else x


class Reduction(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList([in_turn(*branch) for branch in branches])

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches] + [F.max_pool2d(x, 3, 2)], 1)


class InceptionResNet(nn.Module):
    """Szegedy et al. 2016, version 1, with the sizes of facenet."""

    def __init__(self):
        super().__init__()
        self.stem = in_turn(
            (3, 32, 3, 2), (32, 32, 3), (32, 64, 3, 1, 1), (64, 80, 1), (80, 192, 3), (192, 256, 3, 2)
        )
        a = [(256, 32, 1)], [(256, 32, 1), (32, 32, 3, 1, 1)], [(256, 32, 1), (32, 32, 3, 1, 1), (32, 32, 3, 1, 1)]
        self.a = nn.Sequential(*(Residual(256, 0.17, True, *a) for _ in range(5)))
        self.reduction_a = Reduction([(256, 384, 3, 2)], [(256, 192, 1), (192, 192, 3, 1, 1), (192, 256, 3, 2)])
        b = [(896, 128, 1)], [(896, 128, 1), (128, 128, (1, 7), 1, (0, 3)), (128, 128, (7, 1), 1, (3, 0))]
        self.b = nn.Sequential(*(Residual(896, 0.10, True, *b) for _ in range(10)))
        self.reduction_b = Reduction(
            [(896, 256, 1), (256, 384, 3, 2)],
            [(896, 256, 1), (256, 256, 3, 2)],
            [(896, 256, 1), (256, 256, 3, 1, 1), (256, 256, 3, 2)],
        )
        c = [(1792, 192, 1)], [(1792, 192, 1), (192, 192, (1, 3), 1, (0, 1)), (192, 192, (3, 1), 1, (1, 0))]
        self.c = nn.Sequential(*(Residual(1792, *end, *c) for end in [(0.20, True)] * 5 + [(1.0, False)]))
        self.head = LinearNorm(1792, 512, 1e-3)

    def forward(self, x):
        x = self.stem[3:](F.max_pool2d(self.stem[:3](x), 3, 2))
        x = self.c(self.reduction_b(self.b(self.reduction_a(self.a(x)))))
        return self.head(x.mean((2, 3)))


class LayerNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.empty(width)), nn.Parameter(torch.empty(width))

    def forward(self, x):
        return F.layer_norm(x, self.gamma.shape, self.gamma, self.beta)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.qkv, self.projection, self.heads = Linear(width, 3 * width, bias=False), Linear(width, width), heads

    def forward(self, x):
        parts = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        return self.projection(F.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2))


class TransformerBlock(nn.Module):
    def __init__(self, width, heads, expansion):
        super().__init__()
        self.attention_norm, self.attention = LayerNorm(width), Attention(width, heads)
        self.mlp_norm = LayerNorm(width)
        self.widen, self.narrow = Linear(width, expansion * width), Linear(expansion * width, width)

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.narrow(F.relu6(self.widen(self.mlp_norm(x))))


class VisionTransformer(nn.Module):
    """Dosovitskiy et al. 2020, as InsightFace has it: no class token, all tokens into the last layers."""

    def __init__(self, height, width, patch, tokens, depth, heads=8, expansion=4, embedding=512):
        super().__init__()
        n = (height // patch) * (width // patch)
        self.patches, self.bias = Conv(3, tokens, patch, patch), nn.Parameter(torch.empty(tokens))
        self.positions = nn.Parameter(torch.empty(n, tokens))
        self.mask_token = nn.Parameter(torch.empty(1, tokens))  # while training
        self.blocks = nn.Sequential(*(TransformerBlock(tokens, heads, expansion) for _ in range(depth)))
        self.norm = LayerNorm(tokens)
        self.hidden, self.head = LinearNorm(n * tokens, tokens, 2e-5), LinearNorm(tokens, embedding, 2e-5)

    def forward(self, x):
        x = (self.patches(x) + self.bias[:, None, None]).flatten(2).transpose(1, 2)
        return self.head(self.hidden(self.norm(self.blocks(x + self.positions)).flatten(1)))


class Local(nn.Module):
    """A convolution with weights of its own in every square of places: rows, columns and channels of a window."""

    def __init__(self, c_in, c_out, height, width, side, stride=1, region=1):
        super().__init__()
        self.out = [(size - side) // stride + 1 for size in (height, width)]
        regions = [-(-size // region) for size in self.out]
        self.weight = nn.Parameter(torch.empty(math.prod(regions), side * side * c_in, c_out))
        self.bias = nn.Parameter(torch.empty(c_out, *regions))
        self.side, self.stride, self.region = side, stride, region

    def forward(self, x):
        places = []
        for y in range(self.out[0]):
            for x_out in range(self.out[1]):
                top, left, down, across = self.stride * y, self.stride * x_out, y // self.region, x_out // self.region
                window = x[:, :, top : top + self.side, left : left + self.side].permute(0, 2, 3, 1).flatten(1)
                weight = self.weight[down * self.bias.shape[2] + across]
                places.append(window @ weight + self.bias[:, down, across])
        return F.relu(torch.stack(places, 2).unflatten(2, self.out))


class DeepFace(nn.Module):
    """Taigman et al. 2014, section 3, up to F7."""

    def __init__(self, channels, height, width):
        super().__init__()
        c1, c3, c4, c5, c6 = channels
        self.convs = nn.ModuleList([RectifiedConv(True, 3, c1, 11), RectifiedConv(True, c1, c3, 9)])
        for conv in self.convs:
            conv.conv.options["padding"] = 0
        locals_, sizes = [], [(-(-(size - 13) // 2) + 1) - 8 for size in (height, width)]
        for c_in, c_out, side, stride in ((c3, c4, 9, 1), (c4, c5, 7, 2), (c5, c6, 5, 1)):
            locals_.append(Local(c_in, c_out, *sizes, side, stride))
            sizes = locals_[-1].out
        self.locals = nn.ModuleList(locals_)
        self.head = Linear(c6 * math.prod(sizes), 24)

    def forward(self, x):
        x = self.convs[1](F.max_pool2d(self.convs[0](x), 3, 2, ceil_mode=True))
        for local in self.locals:
            x = local(x)
        return F.relu(self.head(x.flatten(1)))


class DeepId2(nn.Module):
    """Sun et al. 2014, Figure 1: the last layer sees the third, pooled, and the fourth."""

    def __init__(self, channels, windows, regions, height, width, embedding):
        super().__init__()
        c1, c2, c3, c4 = channels
        w1, w2, w3, w4 = windows
        self.convs = nn.ModuleList([RectifiedConv(True, 3, c1, w1), RectifiedConv(True, c1, c2, w2)])
        sizes = [height, width]
        for conv, side in zip(self.convs, windows):
            conv.conv.options["padding"] = 0
            sizes = [(size - side + 1) // 2 for size in sizes]
        third = Local(c2, c3, *sizes, w3, region=regions[0])
        sizes = [size // 2 for size in third.out]
        fourth = Local(c3, c4, *sizes, w4, region=regions[1])
        self.locals = nn.ModuleList([third, fourth])
        self.head = Linear(c3 * math.prod(sizes) + c4 * math.prod(fourth.out), embedding)

    def forward(self, x):
        for conv in self.convs:
            x = F.max_pool2d(conv(x), 2)
        third = F.max_pool2d(self.locals[0](x), 2)
        return F.relu(self.head(torch.cat([third.flatten(1), self.locals[1](third).flatten(1)], 1)))


# name: network, configuration, width, height
NETWORKS = {
    "iresnet18": (lambda: IResNet([2, 2, 2, 2], 32, 48), 'kind = "resnet"\ndepths = [2, 2, 2, 2]\n'
                  "widths = [64, 128, 256, 512]\nleading_norm = true\nembedding_dim = 512", 48, 32),
    "mobilefacenet": (lambda: MobileFaceNet(48, 64), 'kind = "mobilefacenet"', 64, 48),
    "mbf": (lambda: MobileFaceNet(48, 64, 512, 2), 'kind = "mobilefacenet"\nembedding_dim = 512\nscale = 2', 64, 48),
    "mbf-deep": (lambda: MobileFaceNet(32, 48, 64, 3, (2, 1, 2, 0)), 'kind = "mobilefacenet"\nembedding_dim = 64\n'
                 "scale = 3\nblocks = [2, 1, 2, 0]", 48, 32),
    "vit": (lambda: VisionTransformer(40, 31, 9, 48, 3, 4, 2, 32), 'kind = "vit"\nwidth = 48\ndepth = 3\nheads = 4\n'
            "expansion = 2\nembedding_dim = 32", 31, 40),
    "nn2": (lambda: Inception(NN2), 'kind = "inception"\ntable = "nn2"', 80, 64),
    "nn4-small": (lambda: Inception(NN4_SMALL), 'kind = "inception"\ntable = "nn4-small"', 64, 64),
    "nn4-small-response": (lambda: Inception(NN4_SMALL, True),
                           'kind = "inception"\ntable = "nn4-small"\nnorm = "response"', 64, 64),
    "inception-resnet": (InceptionResNet, 'kind = "inception-resnet"', 96, 80),
    "deepface": (lambda: DeepFace((6, 5, 4, 3, 2), 76, 85),
                 'kind = "deepface"\nchannels = [6, 5, 4, 3, 2]\nembedding_dim = 24', 85, 76),
    "deepid2": (lambda: DeepId2((20, 40, 60, 80), (4, 3, 3, 2), (2, 1), 55, 47, 160), 'kind = "deepid2"', 47, 55),
    "deepid2-cut": (lambda: DeepId2((4, 5, 6, 7), (3, 2, 2, 2), (3, 2), 48, 41, 12),
                    'kind = "deepid2"\nchannels = [4, 5, 6, 7]\nwindows = [3, 2, 2, 2]\nregions = [3, 2]\n'
                    "embedding_dim = 12", 41, 48),
}


@torch.no_grad()
def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, (make, config, width, height) in NETWORKS.items():
        network = make().eval()
        for parameter, tensor in network.named_parameters():
            tensor.copy_(drawn(parameter.replace("inner.", "modules."), tuple(tensor.shape)))
        pictures = 2 * uniform("pictures", BATCH * 3 * height * width) - 1
        features = network(torch.from_numpy(pictures.reshape(BATCH, 3, height, width)).float())
        found = F.normalize(features).double().numpy().round(8).tolist()
        statistics = ("mean", "variance")
        learned = sum(p.numel() for n, p in network.named_parameters() if n.rsplit(".", 1)[-1] not in statistics)
        document = {"config": config, "width": width, "height": height, "parameters": learned, "embeddings": found}
        (OUT / f"{name}.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
        print(f"{name}: {learned} parameters")


if __name__ == "__main__":
    main()
