"""Archives as other programs write them, for the tests of verisim-face/src/archive.

Run: `python3 reference/archives.py [PYTHON2]`, then commit what changed. Nothing here is our own code
turned around: pickles and tar files come from Python's library, and RecordIO from a writer after
dmlc-core's `recordio.cc` and MXNet's `recordio.py`, which can no longer be installed.
With a Python 2 as the argument, its pickles are made again, too. No picture is drawn: bytes suffice.
"""

import io
import json
import pathlib
import pickle
import struct
import subprocess
import sys
import tarfile

OUT = pathlib.Path(__file__).parent.parent / "crates/verisim-face/testdata/archive"
MAGIC = 0xCED7230A


def record(payload):
    """`dmlc::RecordIOWriter::WriteRecord`."""
    magic, out, begin = struct.pack("<I", MAGIC), b"", 0
    aligned = len(payload) >> 2 << 2
    for at in range(0, aligned, 4):
        if payload[at : at + 4] == magic:
            kind = 1 if begin == 0 else 2
            out += magic + struct.pack("<I", kind << 29 | at - begin) + payload[begin:at]
            begin = at + 4
    kind, rest = (3 if begin else 0), payload[begin:]
    out += magic + struct.pack("<I", kind << 29 | len(rest)) + rest
    return out + bytes(-len(rest) % 4)


def pack(label, number, picture):
    """`mxnet.recordio.pack`: a number as the label, or several."""
    if isinstance(label, (int, float)):
        return struct.pack("<IfQQ", 0, label, number, 0) + picture
    labels = struct.pack(f"<{len(label)}f", *label)
    return struct.pack("<IfQQ", len(label), 0, number, 0) + labels + picture


def read_records(data):
    """`dmlc::RecordIOReader::NextRecord` and `mxnet.recordio.unpack`."""
    at = 0
    while at < len(data):
        parts = []
        while True:
            magic, word = struct.unpack_from("<II", data, at)
            assert magic == MAGIC
            kind, n = word >> 29, word & (1 << 29) - 1
            parts.append(data[at + 8 : at + 8 + n])
            at += 8 + (n + 3 >> 2 << 2)
            if kind in (0, 3):
                break
        payload = struct.pack("<I", MAGIC).join(parts)
        flag, label, number, _ = struct.unpack_from("<IfQQ", payload)
        labels = struct.unpack_from(f"<{flag}f", payload, 24) if flag else (label,)
        yield number, labels, payload[24 + 4 * flag :]


def write_records(name, records, indexed):
    data, index = b"", ""
    for number, label, picture in records:
        index += f"{number}\t{len(data)}\n"
        data += record(pack(label, number, picture))
    (OUT / name).write_bytes(data)
    if indexed:
        (OUT / name).with_suffix(".idx").write_text(index)


def record_files():
    magic = struct.pack("<I", MAGIC)
    pictures = [
        (7, b"picture one"),
        (3, b"abcd" + magic + magic + b"efg"),
        ((7, 1), b"three"),
    ]
    images = [(number, *it) for number, it in enumerate(pictures, start=1)]
    # As InsightFace's face2rec2.py: a header, pictures, then a record for each identity.
    headed = [(0, (4, 6), b""), *images, (4, (2, 3), b""), (5, (1, 4), b"")]
    write_records("headed.rec", headed, indexed=True)
    write_records("unindexed.rec", headed, indexed=False)
    write_records("plain.rec", images, indexed=True)


PICTURES = [bytes(range(256)), b"a\\u0041'\n\"\r\x1a\0", b"", b"\xff" * 300]
SAME = [True, False]
PYTHON2 = """
import pickle, sys
pictures = [''.join(map(chr, range(256))), 'a\\\\u0041\\'\\n"\\r\\x1a\\0', '', '\\xff' * 300]
for protocol in (0, 1, 2):
    with open(sys.argv[1] + '/python2-protocol%d.bin' % protocol, 'wb') as file:
        pickle.dump((pictures, [True, False]), file, protocol)
"""


def pickles(python2):
    for protocol in range(6):
        data = pickle.dumps((PICTURES, SAME), protocol)
        (OUT / f"python3-protocol{protocol}.bin").write_bytes(data)
    if python2:
        subprocess.run([python2, "-c", PYTHON2, str(OUT)], check=True)


def tars():
    long = "a-very-long-folder-name/" * 6
    formats = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
    for name, kind in formats.items():
        prefix = "x" * 90 + "/" + "y" * 20 + "/" if name == "ustar" else long
        files = [
            ("0001.jpg", b"one"),
            ("0001.cls", b"12"),
            (prefix + "0002.jpg", b"x" * 600),
            (prefix + "0002.json", json.dumps({"label": 3}).encode()),
            ("0003.txt", b"Ann\n"),
            ("0003.png", b"three"),
            ("Bob/1.jpg", b"four"),
        ]
        with tarfile.open(OUT / f"{name}.tar", "w", format=kind) as tar:
            for path, data in files:
                info = tarfile.TarInfo(path)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        for number, labels, picture in read_records(pathlib.Path(sys.argv[2]).read_bytes()):
            print(number, *labels, len(picture))
    else:
        OUT.mkdir(parents=True, exist_ok=True)
        record_files()
        pickles(sys.argv[1] if len(sys.argv) > 1 else None)
        tars()
