//! Files that `pyarrow` wrote (`reference/parquet.py`), whole and damaged.

use std::fs;
use std::path::Path;

use ::parquet::data_type::ByteArrayType;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;

use super::*;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/archive").join(name)
}

fn expected(number: usize) -> Vec<u8> {
    format!("picture {number} ").repeat(1 + number % 5).into_bytes()
}

#[test]
fn a_data_set_of_hugging_face_has_the_names_of_its_classes() {
    let archive = Parquet::open(&data("huggingface.parquet")).unwrap();
    assert_eq!(archive.identities(), ["Ann", "Bob", "Cy"]);
    assert_eq!(archive.labels(), [2, 0, 1, 0, 2, 2, 1]);
    for index in (0..7).rev() {
        assert_eq!(archive.read(index).unwrap(), expected(index));
    }
    assert_eq!(archive.place(4), Path::new("huggingface.parquet/Cy/4"));
    assert!(archive.corrupt().is_empty());
}

#[test]
fn empty_cells_are_corrupt_records_and_spoil_no_others() {
    let archive = Parquet::open(&data("texts.parquet")).unwrap();
    assert_eq!(archive.labels().len(), 39);
    assert_eq!(archive.identities().len(), 14);
    let nameless = archive.corrupt()[0].to_string();
    assert!(nameless.starts_with("texts.parquet/4: nothing says whose"), "{nameless}");
    // Row 4 is not listed, so row 7 is the record 6.
    let reason = archive.read(6).unwrap_err().to_string();
    assert_eq!(reason, "texts.parquet/person 2/7: the picture is null");
    for index in [0, 3, 5, 23, 24, 38] {
        let number = if index < 4 { index } else { index + 1 };
        assert_eq!(archive.read(index).unwrap(), expected(number), "record {index}");
    }
}

#[test]
fn numbers_without_names_are_names() {
    let archive = Parquet::open(&data("numbers.parquet")).unwrap();
    assert_eq!(archive.identities(), ["2", "10"]);
    assert_eq!(archive.labels(), [1, 0, 1]);
    assert_eq!(archive.read(2).unwrap(), expected(2));
}

#[test]
fn columns_that_are_missing_are_named_beside_those_that_are_there() {
    let message = Parquet::open(&data("strangers.parquet")).unwrap_err().to_string();
    for part in ["x (DOUBLE), y (BYTE_ARRAY)", "one of bytes called image.bytes, image"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn threads_that_read_at_once_read_their_own_rows() {
    let archive = Parquet::open(&data("texts.parquet")).unwrap();
    (0..400usize).into_par_iter().for_each(|turn| {
        let index = 7 + turn % 32;
        assert_eq!(archive.read(index).unwrap(), expected(index + 1));
    });
}

#[test]
fn shards_are_one_set() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..2 {
        let path = folder.path().join(format!("train-{number}.parquet"));
        fs::copy(data("huggingface.parquet"), path).unwrap();
    }
    let archive = Parquet::open(folder.path()).unwrap();
    assert_eq!((archive.labels().len(), archive.identities().len()), (14, 3));
    assert_eq!(archive.place(7), Path::new("train-1.parquet/Cy/0"));
    assert_eq!(archive.read(8).unwrap(), expected(1));
}

#[test]
fn a_changed_byte_under_a_checksum_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let mut bytes = fs::read(data("texts.parquet")).unwrap();
    let whole = Parquet::open(&data("texts.parquet")).unwrap();
    let chunk = whole.shards[0].reader.metadata().row_group(0).column(1).byte_range();
    // Behind the header of the first page.
    bytes[chunk.0 as usize + 80] ^= 0x20;
    fs::write(&path, &bytes).unwrap();
    let archive = Parquet::open(&path).unwrap();
    let n_damaged = (0..39).filter(|&index| archive.read(index).is_err()).count();
    assert!((1..39).contains(&n_damaged), "{n_damaged} records are damaged");
}

#[test]
fn a_footer_that_announces_more_than_it_holds_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let bytes = fs::read(data("texts.parquet")).unwrap();
    let (file, tail) = bytes.split_at(bytes.len() - 8);
    let length = u32::from_le_bytes(tail[..4].try_into().unwrap());
    // A field that nobody knows, before the end of the footer: a list of two billion truths.
    let list = [0xF9, 0xF1, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0];
    let longer = (length + 7).to_le_bytes();
    let footer = [&file[..file.len() - 1], &list, &longer, b"PAR1"].concat();
    fs::write(&path, footer).unwrap();
    let message = Parquet::open(&path).unwrap_err().to_string();
    assert!(message.contains("announces 2147483647 elements, but 1 bytes are left"), "{message}");
}

#[test]
fn more_rows_than_bytes_are_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let schema = "message faces { OPTIONAL BYTE_ARRAY image; OPTIONAL BYTE_ARRAY identity; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let file = fs::File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    // Empty cells are a run of two bytes, however many they are.
    while let Some(mut column) = group.next_column().unwrap() {
        column.typed::<ByteArrayType>().write_batch(&[], Some(&vec![0; 100_000]), None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    let n_bytes = fs::metadata(&path).unwrap().len();
    let message = Parquet::open(&path).unwrap_err().to_string();
    let expected = format!("it holds more rows than the file has bytes ({n_bytes})");
    assert!(message.contains(&expected), "{message}");
}
