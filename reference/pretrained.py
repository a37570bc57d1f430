#!/usr/bin/env python3
"""Files of weights as others write them, and embeddings of the networks that they belong to.

Run: `make reference`. The networks are written down here with the modules, and so the names of parameters, of
InsightFace's arcface_torch and of facenet-pytorch. A small residual network is stored as `torch.save` writes it and as
safetensors. Of larger ones only names, shapes and embeddings are: their values are drawn from a hash of the name, here
and in `pretrained/tests.rs`, which writes the file that it loads.
Needs: torch.
"""

import json
import math
import pathlib
import struct

import torch
import torch.nn.functional as F
from networks import BATCH, uniform
from torch import nn

OUT = pathlib.Path(__file__).parent.parent / "crates/verisim-learn/testdata/pretrained"


class IBasicBlock(nn.Module):
    """InsightFace, backbones/iresnet.py."""

    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.prelu = nn.PReLU(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(c_out)
        shortcut = lambda: nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))
        self.downsample = shortcut() if stride != 1 or c_in != c_out else None

    def forward(self, x):
        y = self.bn3(self.conv2(self.prelu(self.bn2(self.conv1(self.bn1(x))))))
        return y + (x if self.downsample is None else self.downsample(x))


class IResNet(nn.Module):
    def __init__(self, depths, widths, embedding, side):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1, self.prelu = nn.BatchNorm2d(widths[0]), nn.PReLU(widths[0])
        channels, self.layers = widths[0], []
        for layer, (depth, width) in enumerate(zip(depths, widths), 1):
            sizes = [(channels, width, 2)] + [(width, width, 1)] * (depth - 1)
            self.add_module(f"layer{layer}", nn.Sequential(*(IBasicBlock(*size) for size in sizes)))
            channels, side = width, -(-side // 2)
        self.bn2 = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels * side * side, embedding)
        self.features = nn.BatchNorm1d(embedding)

    def forward(self, x):
        x = self.prelu(self.bn1(self.conv1(x)))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return self.features(self.fc(self.bn2(x).flatten(1)))


class Layers(nn.Module):
    """InsightFace's blocks of backbones/mobilefacenet.py keep their parts in `layers`."""

    def __init__(self, *layers, residual=False):
        super().__init__()
        self.layers, self.residual = nn.Sequential(*layers), residual

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


def linear_block(c_in, c_out, kernel=1, stride=1, padding=0, groups=1, activation=()):
    conv = nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups, bias=False)
    return Layers(conv, nn.BatchNorm2d(c_out), *activation)


def conv_block(c_in, c_out, *sizes, **options):
    return linear_block(c_in, c_out, *sizes, **options, activation=[nn.PReLU(c_out)])


def depthwise(c_in, c_out, inside, stride=2, residual=False):
    middle = conv_block(inside, inside, 3, stride, 1, groups=inside)
    return Layers(conv_block(c_in, inside), middle, linear_block(inside, c_out), residual=residual)


def residual(channels, n, inside):
    return Layers(*(depthwise(channels, channels, inside, 1, True) for _ in range(n)))


class MobileFaceNet(nn.Module):
    def __init__(self, embedding, blocks, scale, side):
        super().__init__()
        a, b = 64 * scale, 128 * scale
        second = conv_block(a, a, 3, 1, 1, groups=64) if blocks[0] == 1 else residual(a, blocks[0], 128)
        self.layers = nn.ModuleList(
            [conv_block(3, a, 3, 2, 1), second]
            + [depthwise(a, a, 128), residual(a, blocks[1], 128)]
            + [depthwise(a, b, 256), residual(b, blocks[2], 256)]
            + [depthwise(b, b, 512), residual(b, blocks[3], 256)]
        )
        self.conv_sep = conv_block(b, 512)
        last = linear_block(512, 512, side // 16, groups=512)
        linear = nn.Linear(512, embedding, bias=False)
        self.features = Layers(last, nn.Flatten(), linear, nn.BatchNorm1d(embedding))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.features(self.conv_sep(x))


class Attention(nn.Module):
    """InsightFace, backbones/vit.py."""

    def __init__(self, width, heads):
        super().__init__()
        self.qkv, self.proj, self.heads = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width), heads

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        shares = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1)
        return self.proj((shares @ v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, width, inside):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inside), nn.Linear(inside, width)

    def forward(self, x):
        return self.fc2(F.relu6(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width), Attention(width, heads)
        self.norm2, self.mlp = nn.LayerNorm(width), Mlp(width, 4 * width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, patch, width):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    def __init__(self, side, patch, width, depth, heads, embedding):
        super().__init__()
        n = (side // patch) ** 2
        self.patch_embed = PatchEmbed(patch, width)
        self.pos_embed, self.mask_token = nn.Parameter(torch.zeros(1, n, width)), nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        first, last = nn.Linear(width * n, width, bias=False), nn.Linear(width, embedding, bias=False)
        norms = nn.BatchNorm1d(width, eps=2e-5), nn.BatchNorm1d(embedding, eps=2e-5)
        self.feature = nn.Sequential(first, norms[0], last, norms[1])

    def forward(self, x):
        x = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.feature(self.norm(x).flatten(1))


class BasicConv2d(nn.Module):
    """facenet-pytorch, models/inception_resnet_v1.py."""

    def __init__(self, c_in, c_out, kernel, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Branches(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.n = len(branches)
        for index, steps in enumerate(branches):
            convs = [BasicConv2d(*step) for step in steps]
            self.add_module(f"branch{index}", convs[0] if len(convs) == 1 else nn.Sequential(*convs))

    def side_by_side(self, x):
        return [getattr(self, f"branch{index}")(x) for index in range(self.n)]


class Mixed(Branches):
    def forward(self, x):
        return torch.cat(self.side_by_side(x) + [F.max_pool2d(x, 3, 2)], 1)


class ResidualBranches(Branches):
    def __init__(self, inside, channels, scale, cuts_off, *branches):
        super().__init__(*branches)
        self.conv2d, self.scale, self.cuts_off = nn.Conv2d(inside, channels, 1), scale, cuts_off

    def forward(self, x):
        x = self.conv2d(torch.cat(self.side_by_side(x), 1)) * self.scale + x
        return F.relu(x) if self.cuts_off else x


def block35():
    three = lambda: (32, 32, 3, 1, 1)
    return ResidualBranches(96, 256, 0.17, True, [(256, 32, 1)], [(256, 32, 1), three()], [(256, 32, 1), three(), three()])


def block17():
    long = [(896, 128, 1), (128, 128, (1, 7), 1, (0, 3)), (128, 128, (7, 1), 1, (3, 0))]
    return ResidualBranches(256, 896, 0.10, True, [(896, 128, 1)], long)


def block8(scale=0.20, cuts_off=True):
    long = [(1792, 192, 1), (192, 192, (1, 3), 1, (0, 1)), (192, 192, (3, 1), 1, (1, 0))]
    return ResidualBranches(384, 1792, scale, cuts_off, [(1792, 192, 1)], long)


class InceptionResnetV1(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv2d_1a, self.conv2d_2a = BasicConv2d(3, 32, 3, 2), BasicConv2d(32, 32, 3)
        self.conv2d_2b, self.conv2d_3b = BasicConv2d(32, 64, 3, 1, 1), BasicConv2d(64, 80, 1)
        self.conv2d_4a, self.conv2d_4b = BasicConv2d(80, 192, 3), BasicConv2d(192, 256, 3, 2)
        self.repeat_1 = nn.Sequential(*(block35() for _ in range(5)))
        self.mixed_6a = Mixed([(256, 384, 3, 2)], [(256, 192, 1), (192, 192, 3, 1, 1), (192, 256, 3, 2)])
        self.repeat_2 = nn.Sequential(*(block17() for _ in range(10)))
        first = [(896, 256, 1), (256, 384, 3, 2)]
        second = [(896, 256, 1), (256, 256, 3, 2)]
        third = [(896, 256, 1), (256, 256, 3, 1, 1), (256, 256, 3, 2)]
        self.mixed_7a = Mixed(first, second, third)
        self.repeat_3 = nn.Sequential(*(block8() for _ in range(5)))
        self.block8 = block8(1.0, False)
        self.last_linear = nn.Linear(1792, 512, bias=False)
        self.last_bn = nn.BatchNorm1d(512, eps=0.001)
        self.logits = nn.Linear(512, 5)

    def forward(self, x):
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x)))
        x = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(F.max_pool2d(x, 3, 2))))
        x = self.mixed_7a(self.repeat_2(self.mixed_6a(self.repeat_1(x))))
        return self.last_bn(self.last_linear(self.block8(self.repeat_3(x)).mean((2, 3))))


def drawn(name, shape):
    """Values of a tensor, in PyTorch's layout."""
    spread = 2 * uniform(name, math.prod(shape)) - 1
    kind = name.rsplit(".", 1)[-1]
    if kind == "running_var":
        values = 1.5 + 0.5 * spread
    elif kind == "weight" and len(shape) == 1:
        values = 1 + 0.2 * spread
    elif kind == "weight":
        values = spread * math.sqrt(6 / math.prod(shape[1:]))
    else:
        values = 0.2 * spread
    return torch.from_numpy(values.reshape(shape)).float()


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        kind = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int64: "I64"}[tensor.dtype]
        block = tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(block)]}
        data += block
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


# name: network, configuration, side
SMALL = 'kind = "resnet"\ndepths = [1, 2, 1, 1]\nwidths = [4, 6, 8, 10]\nleading_norm = true\nembedding_dim = 12'
NETWORKS = {
    "iresnet": (lambda: IResNet([1, 2, 1, 1], [4, 6, 8, 10], 12, 32), SMALL, 32),
    "mobilefacenet": (lambda: MobileFaceNet(32, [1, 1, 2, 0], 2, 48),
                      'kind = "mobilefacenet"\nembedding_dim = 32\nscale = 2\nblocks = [1, 1, 2, 0]', 48),
    "mobilefacenet-deep": (lambda: MobileFaceNet(32, [2, 1, 0, 1], 1, 32),
                           'kind = "mobilefacenet"\nembedding_dim = 32\nblocks = [2, 1, 0, 1]', 32),
    "vit": (lambda: VisionTransformer(30, 9, 24, 2, 4, 16),
            'kind = "vit"\nwidth = 24\ndepth = 2\nheads = 4\nembedding_dim = 16', 30),
    "inception-resnet": (InceptionResnetV1, 'kind = "inception-resnet"', 80),
}
WIDTHS = [64, 128, 256, 512]
# As their authors publish them.
NETWORKS |= {
    "r100": (lambda: IResNet([3, 13, 30, 3], WIDTHS, 512, 112),
             f'kind = "resnet"\ndepths = [3, 13, 30, 3]\nwidths = {WIDTHS}\nleading_norm = true\nembedding_dim = 512', 112),
    "mbf": (lambda: MobileFaceNet(512, [1, 4, 6, 2], 2, 112),
            'kind = "mobilefacenet"\nembedding_dim = 512\nscale = 2\nblocks = [1, 4, 6, 2]', 112),
    "vit-t": (lambda: VisionTransformer(112, 9, 256, 12, 8, 512), 'kind = "vit"\nwidth = 256', 112),
}


@torch.no_grad()
def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, (make, config, side) in NETWORKS.items():
        network = make().eval()
        tensors = network.state_dict()
        for key, tensor in tensors.items():
            tensor.copy_(drawn(key, tuple(tensor.shape)) if tensor.is_floating_point() else torch.tensor(7))
        pictures = 2 * uniform("pictures", BATCH * 3 * side * side) - 1
        features = network(torch.from_numpy(pictures.reshape(BATCH, 3, side, side)).float())
        embeddings = F.normalize(features).double().numpy().round(8).tolist()
        shapes = {key: list(tensor.shape) for key, tensor in tensors.items()}
        document = {"config": config, "side": side, "embeddings": embeddings, "tensors": shapes}
        (OUT / f"{name}.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
        print(f"{name}: {len(shapes)} tensors, {sum(p.numel() for p in network.parameters())} parameters")
        if name == "iresnet":
            torch.save(tensors, OUT / "iresnet.pth")
            torch.save(tensors, OUT / "iresnet-old.pt", _use_new_zipfile_serialization=False)
            inner = {f"module.{key}": tensor for key, tensor in tensors.items()}
            beside = {"epoch": 3, "state_dict_softmax_fc": {"weight": torch.ones(3, 12)}}
            torch.save({**beside, "state_dict_backbone": inner}, OUT / "iresnet-checkpoint.pt")
            write_safetensors(OUT / "iresnet.safetensors", tensors)


if __name__ == "__main__":
    main()
