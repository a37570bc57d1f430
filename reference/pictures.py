#!/usr/bin/env python3
"""Small picture files of kinds that the project's own encoder cannot write, and the colors that they show.

Run: `python reference/pictures.py`; writes `crates/verisim-face/testdata/pictures.json`: the files as hexadecimal
digits, and what is seen, which follows from how each file was made and not from a decoder. `off` says by how much a
file with losses may be off.
Needs: numpy, pillow.
"""

import io
import json
import pathlib
import struct
import zlib

import numpy as np
import PIL
from PIL import Image

OUT = pathlib.Path(__file__).parent.parent / "crates/verisim-face/testdata/pictures.json"
WIDTH, HEIGHT = 16, 8
# Four flat quarters: so losses are small, and no two ways of turning the picture look alike.
QUARTERS = np.uint8([[[220, 40, 30], [40, 200, 60]], [[30, 60, 210], [240, 220, 190]]])
RGB = QUARTERS.repeat(HEIGHT // 2, 0).repeat(WIDTH // 2, 1)
cases = []


def keep(name, data, seen, off=0):
    seen = np.asarray(seen, np.uint8)
    case = {"name": name, "width": seen.shape[1], "height": seen.shape[0]}
    cases.append({**case, "off": off, "bytes": data.hex(), "seen": seen.tobytes().hex()})


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def over_white(rgb, alpha):
    alpha = np.float64(alpha)[..., None] / 255
    return np.floor(rgb * alpha + 255 * (1 - alpha) + 0.5)


def four_components(planes, transform):
    """A JPEG whose four components hold `planes`, with Adobe's mark that says what they mean."""
    # Pillow stores the opposite of what it is given, as Adobe does.
    data = bytearray(saved(Image.fromarray(255 - np.uint8(planes), "CMYK"), "JPEG", quality=95))
    mark = data.index(b"Adobe") + 11
    assert data[mark] in (0, 2)
    data[mark] = transform
    return bytes(data)


def jpeg():
    # Adobe's files hold the opposite of ink: white paper is 255, and a color is the product with that of black.
    black = np.full((HEIGHT, WIDTH), 200)
    ink = np.clip(np.round(RGB * 255.0 / 200), 0, 255)
    cmyk = np.dstack([ink, black])
    seen = cmyk[..., :3] * cmyk[..., 3:] / 255
    keep("CMYK JPEG of Adobe", four_components(cmyk, 0), np.round(seen), 4)
    # JFIF's YCbCr of 255 minus each of the first three components.
    red, green, blue = np.moveaxis(255 - ink, -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    ycck = np.dstack([luma, 128 + 0.564 * (blue - luma), 128 + 0.713 * (red - luma), black])
    keep("YCCK JPEG of Adobe", four_components(np.round(ycck), 2), np.round(seen), 5)
    gray = saved(Image.fromarray(RGB[..., 0]), "JPEG", quality=95)
    keep("gray JPEG", gray, RGB[..., :1].repeat(3, -1), 4)
    keep("progressive JPEG", saved(Image.fromarray(RGB), "JPEG", quality=95, progressive=True, subsampling=0), RGB, 4)
    keep("turned JPEG", saved(Image.fromarray(RGB), "JPEG", quality=95, subsampling=0, exif=exif(1)), RGB, 4)


def png():
    keep("turned PNG", saved(Image.fromarray(RGB), "PNG", exif=exif(1)), RGB)
    palette = Image.fromarray(RGB).quantize(4)
    keep("palette PNG", saved(palette, "PNG"), RGB)
    keep("interlaced PNG", interlaced(), RGB)
    # The first color of the palette is seen through.
    hidden = np.asarray(palette) == 0
    keep("palette PNG with a hole", saved(palette, "PNG", transparency=0), np.where(hidden[..., None], 255, RGB))
    alpha = np.linspace(0, 255, WIDTH).round()[None].repeat(HEIGHT, 0)
    rgba = Image.fromarray(np.uint8(np.dstack([RGB, alpha])), "RGBA")
    keep("PNG with alpha", saved(rgba, "PNG"), over_white(RGB, alpha), 1)
    keep("lossless WebP with alpha", saved(rgba, "WEBP", lossless=True, exact=True), over_white(RGB, alpha), 1)
    keep("16-bit PNG", deep(), RGB)
    one = np.uint8(RGB[..., 0] > 128) * 255
    keep("1-bit PNG", saved(Image.fromarray(one).convert("1"), "PNG"), one[..., None].repeat(3, -1))


def chunked(header, data):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def deep():
    """Pillow writes no 16-bit RGB."""
    rows = (RGB.astype(">u2") * 257).reshape(HEIGHT, -1)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    return chunked(header, b"".join(b"\0" + row.tobytes() for row in rows))


def interlaced():
    """Pillow writes no interlaced PNG: the seven passes of Adam7."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    data = b""
    for x, y, across, down in passes:
        data += b"".join(b"\0" + row[x::across].tobytes() for row in RGB[y::down])
    return chunked(struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 1), data)


def others():
    first = Image.fromarray(RGB).quantize(4)
    second = Image.fromarray(255 - RGB).quantize(4)
    keep("GIF of two frames", saved(first, "GIF", save_all=True, append_images=[second], duration=100), RGB)
    still, moved = Image.fromarray(RGB), Image.fromarray(255 - RGB)
    data = saved(still, "WEBP", save_all=True, append_images=[moved], lossless=True, duration=100)
    keep("WebP of two frames", data, RGB)
    keep("turned WebP", saved(still, "WEBP", lossless=True, exif=exif(1)), RGB)
    flat = np.full_like(RGB, QUARTERS[0, 1])  # colors are stored at half the size: no edge is where it was
    keep("WebP with losses", saved(Image.fromarray(flat), "WEBP", quality=95), flat, 6)
    keep("palette BMP", saved(first, "BMP"), RGB)
    keep("turned TIFF", saved(still, "TIFF", tiffinfo={0x0112: 1}), RGB)
    keep("packed TIFF", saved(still, "TIFF", compression="tiff_lzw"), RGB)
    cmyk = np.dstack([255 - RGB, np.zeros((HEIGHT, WIDTH), np.uint8)])
    keep("CMYK TIFF", saved(Image.fromarray(cmyk, "CMYK"), "TIFF"), RGB)
    keep("PNM in letters", f"P3\n# a remark\n{WIDTH} {HEIGHT}\n255\n".encode() + " ".join(map(str, RGB.ravel())).encode(), RGB)


if __name__ == "__main__":
    jpeg()
    png()
    others()
    document = {"from": f"Pillow {PIL.__version__}, numpy {np.__version__}", "cases": cases}
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    for case in cases:
        print(f"{case['name']}: {len(case['bytes']) // 2} bytes")
    print(f"{OUT}: {OUT.stat().st_size} bytes")
