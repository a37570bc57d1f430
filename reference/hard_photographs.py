#!/usr/bin/env python3
"""What `verisim detect` finds where photographs are not as they should be: turned, mirrored, tiny faces, huge ones.

Run: `make hard-photographs SHARED=DIR`, with the photographs and the model of the shared data; prints the table of
docs/detection.md. All pictures are made here from those 18 photographs, whose noses are annotated, in a folder that is
removed afterwards (`--keep DIR` keeps it). A face counts as found if a box holds the tip of its nose, and as understood if the
landmark of the nose lies within a fifth of the box's width of it. Needs: numpy, opencv-python-headless.
"""

import argparse
import json
import pathlib
import struct
import subprocess
import tempfile

import cv2
import numpy as np

# How a picture that is to be seen upright is stored under each orientation of EXIF.
STORED = {
    1: lambda it: it,
    2: lambda it: it[:, ::-1],
    3: lambda it: it[::-1, ::-1],
    4: lambda it: it[::-1],
    5: lambda it: it.transpose(1, 0, 2),
    6: lambda it: np.rot90(it, 1),
    7: lambda it: np.rot90(it, 1)[:, ::-1],
    8: lambda it: np.rot90(it, -1),
}
TINY = (10, 12, 16, 20, 24)


def with_orientation(jpeg, orientation):
    """The bytes of a JPEG file with a tag that says how it is to be turned."""
    tiff = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def jpeg(picture):
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def turned(points, size, quarter):
    """Places in a picture of this width and height after so many quarters of a turn to the left."""
    points, (width, height) = np.array(points, float).reshape(-1, 2), size
    for _ in range(quarter):
        points, (width, height) = np.stack([points[:, 1], width - 1 - points[:, 0]], 1), (height, width)
    return points


class Pictures:
    """Pictures of one kind, and where noses are on each."""

    def __init__(self, folder, name):
        self.name, self.folder, self.noses = name, folder / name.replace(" ", "-").replace("/", "-"), {}
        self.folder.mkdir()

    def add(self, name, picture, noses, orientation=1):
        (self.folder / name).write_bytes(with_orientation(jpeg(picture), orientation))
        self.noses[name] = np.array(noses, float).reshape(-1, 2)


def detected(verisim, model, folder):
    """Boxes and noses of each photograph of a folder, by its name."""
    command = [verisim, "--quiet", "detect", folder, "--detector", model, "--json"]
    lines = subprocess.run(command, check=True, capture_output=True).stdout.splitlines()
    faces = {}
    for line in map(json.loads, lines):
        rows = [
            [*(face["pixels"][key] for key in ("x", "y", "width", "height")), *face["landmarks"]["nose"].values()]
            for face in line["faces"]
        ]
        faces[pathlib.Path(line["path"]).name] = np.array(rows).reshape(-1, 6)
    return faces


def holder(rows, nose):
    """The smallest box that holds a nose, or none."""
    holds = [row for row in rows if (row[:2] <= nose).all() and (nose <= row[:2] + row[2:4]).all()]
    return min(holds, key=lambda row: row[2] * row[3], default=None)


def count(pictures, found):
    """Faces, those found, those understood, further finds."""
    n_faces = n_found = n_understood = n_more = 0
    for name, noses in pictures.noses.items():
        rows, taken = found[name], set()
        for nose in noses:
            row = holder(rows, nose)
            n_faces += 1
            if row is not None:
                n_found += 1
                taken.add(tuple(row))
                n_understood += np.linalg.norm(row[4:] - nose) <= row[2] / 5
        n_more += len(rows) - len(taken)
    return n_faces, n_found, n_understood, n_more


def around(picture, row, margin):
    """A face with so many of its widths and heights of surroundings, and where that begins."""
    x, y, width, height = row[:4]
    left, top = max(0, round(x - margin * width)), max(0, round(y - margin * height))
    right, bottom = round(x + (1 + margin) * width), round(y + (1 + margin) * height)
    return picture[top:bottom, left:right], np.array([left, top])


def made(folder, photographs, boxes):
    """All kinds of pictures, made from the photographs."""
    upright = Pictures(folder, "as they are")
    exif = Pictures(folder, "turned by EXIF, orientations 2 to 8")
    mirrored = Pictures(folder, "mirrored")
    quarters = [Pictures(folder, f"turned by {90 * it} degrees without EXIF") for it in (1, 2, 3)]
    tilted = [Pictures(folder, f"turned by {it} degrees") for it in (15, 30, 45)]
    tiny = [Pictures(folder, f"faces of {it} pixels") for it in TINY]
    filling = [Pictures(folder, f"a face of {it} pixels that fills the picture") for it in (300, 600, 1500)]
    eight = Pictures(folder, "8 faces on one photograph")
    sheet = []
    for name, (picture, noses) in photographs.items():
        height, width = picture.shape[:2]
        upright.add(name, picture, noses)
        for orientation in range(2, 9):
            exif.add(f"{orientation}-{name}", STORED[orientation](picture), noses, orientation)
        mirrored.add(name, picture[:, ::-1], [[width - 1 - x, y] for x, y in noses])
        for quarter, pictures in enumerate(quarters, 1):
            pictures.add(name, np.rot90(picture, quarter), turned(noses, (width, height), quarter))
        for degrees, pictures in zip((15, 30, 45), tilted):
            matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
            places = np.array(noses, float).reshape(-1, 2) @ matrix[:, :2].T + matrix[:, 2]
            inside = [it for it in places if 0 <= it[0] < width and 0 <= it[1] < height]
            gray = (128, 128, 128)
            pictures.add(name, cv2.warpAffine(picture, matrix, (width, height), borderValue=gray), inside)
        if len(noses) == 8:
            eight.add(name, picture, noses)
        for index, nose in enumerate(noses):
            row = holder(boxes[name], np.array(nose))
            longer = max(row[2:4])
            part, origin = around(picture, row, 1)
            for side, pictures in zip(TINY, tiny):
                scale = side / longer
                small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                canvas = np.full((480, 640, 3), 128, np.uint8)
                canvas[200 : 200 + small.shape[0], 300 : 300 + small.shape[1]] = small
                pictures.add(f"{index}-{name}", canvas, [(np.array(nose) - origin) * scale + [300, 200]])
            part, origin = around(picture, row, 0)
            for pictures, side in zip(filling, (300, 600, 1500)):
                scale = side / max(part.shape[:2])
                large = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
                pictures.add(f"{index}-{name}", large, [(np.array(nose) - origin) * scale])
            if len(noses) == 1 and len(sheet) < 8:
                part, origin = around(picture, row, 0.5)
                scale = 240 / max(part.shape[:2])
                sheet.append((cv2.resize(part, None, fx=scale, fy=scale), (np.array(nose) - origin) * scale))
    if len(sheet) == 8:
        canvas, noses = np.full((480, 960, 3), 128, np.uint8), []
        for index, (part, nose) in enumerate(sheet):
            top, left = 240 * (index // 4), 240 * (index % 4)
            canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
            noses.append(nose + [left, top])
        eight.add("sheet.jpg", canvas, noses)
    return [upright, exif, mirrored, *quarters, *tilted, *tiny, *filling, eight]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verisim")
    parser.add_argument("--shared", type=pathlib.Path, required=True)
    parser.add_argument("--keep", type=pathlib.Path, help="a new folder for the pictures")
    args = parser.parse_args()
    source, model = args.shared / "data/photos", args.shared / "models/yunet_n_dynamic.onnx"
    annotations = json.loads((source / "annotations.json").read_text())
    photographs = {it["file"]: (cv2.imread(str(source / it["file"])), it["noses"]) for it in annotations}
    boxes = detected(args.verisim, model, source)
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or pathlib.Path(scratch)
        folder.mkdir(exist_ok=True)
        print("| photographs | pictures | faces | found | nose in its place | more finds |\n|---|---|---|---|---|---|")
        for pictures in made(folder, photographs, boxes):
            counts = count(pictures, detected(args.verisim, model, pictures.folder))
            print("|", " | ".join([pictures.name, str(len(pictures.noses)), *map(str, counts)]), "|", flush=True)


if __name__ == "__main__":
    main()
