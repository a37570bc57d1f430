"""Parquet files as other programs write them, for the tests of verisim-face/src/archive/parquet.

Run: `python3 reference/parquet.py`, then commit what changed. No picture is drawn: bytes suffice.
Needs: pyarrow.
"""

import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

OUT = pathlib.Path(__file__).parent.parent / "crates/verisim-face/testdata/archive"


def picture(number):
    return b"picture %d " % number * (1 + number % 5)


def hugging_face():
    """As `datasets` writes an `Image` and a `ClassLabel`."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    labels = [2, 0, 1, 0, 2, 2, 1]
    features = {"image": {"_type": "Image"}, "label": {"names": ["Ann", "Bob", "Cy"], "_type": "ClassLabel"}}
    schema = pa.schema([("image", image), ("label", pa.int64())])
    schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    images = [{"bytes": picture(number), "path": f"{number}.jpg"} for number in range(len(labels))]
    table = pa.table({"image": images, "label": labels}, schema=schema)
    pq.write_table(table, OUT / "huggingface.parquet", row_group_size=3)


def texts():
    """Names as text, cells that are empty, several pages in a row group, another compression, checksums."""
    names = [None if number == 4 else f"person {number // 3}" for number in range(40)]
    pictures = [None if number == 7 else picture(number) for number in range(40)]
    table = pa.table({"identity": pa.array(names, pa.string()), "image": pa.array(pictures, pa.binary())})
    pq.write_table(
        table,
        OUT / "texts.parquet",
        row_group_size=25,
        compression="zstd",
        use_dictionary=["identity"],
        data_page_size=64,
        write_batch_size=4,
        data_page_version="2.0",
        write_page_checksum=True,
        write_page_index=True,
    )


def numbers():
    """Numbers without names, and nothing compressed."""
    table = pa.table({
        "label": pa.array([10, 2, 10], pa.int32()),
        "jpg": pa.array([picture(number) for number in range(3)], pa.binary()),
    })
    pq.write_table(table, OUT / "numbers.parquet", compression="none", use_dictionary=False)


def strangers():
    """Columns that mean nothing here."""
    pq.write_table(pa.table({"x": [1.5], "y": ["a"]}), OUT / "strangers.parquet")


if __name__ == "__main__":
    hugging_face()
    texts()
    numbers()
    strangers()
