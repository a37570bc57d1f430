//! What is read of a RecordIO file: written here, by an independent script, and damaged.

use std::fs;
use std::path::Path;

use super::*;

/// Pictures of two identities, `Ann` and `Bob`, written by the writer.
fn pack(folder: &Path) -> PathBuf {
    let (mut records, mut index, mut list) = (Vec::new(), Vec::new(), Vec::new());
    let mut writer = RecordWriter::new([&mut records, &mut index, &mut list], 3, 2).unwrap();
    for (label, path, picture) in
        [(0, "Ann/1.jpg", b"one".as_slice()), (0, "Ann/2.jpg", b"two"), (1, "Bob/1.jpg", b"three")]
    {
        writer.push(label, Path::new(path), picture).unwrap();
    }
    writer.finish().unwrap();
    let path = folder.join("train.rec");
    fs::write(&path, records).unwrap();
    fs::write(path.with_extension("idx"), index).unwrap();
    fs::write(path.with_extension("lst"), list).unwrap();
    path
}

#[track_caller]
fn check(archive: &RecordIo, identities: &[&str], labels: &[u64], pictures: &[&[u8]]) {
    assert_eq!(archive.identities(), identities);
    assert_eq!(archive.labels(), labels);
    let found: Vec<Vec<u8>> =
        (0..archive.labels().len()).map(|index| archive.read(index).unwrap()).collect();
    assert_eq!(found, pictures);
}

#[test]
fn what_is_written_is_read_with_and_without_index_and_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = pack(folder.path());
    let pictures = [b"one".as_slice(), b"two", b"three"];
    let archive = RecordIo::open(&path).unwrap();
    check(&archive, &["Ann", "Bob"], &[0, 0, 1], &pictures);
    assert_eq!(archive.place(2), Path::new("train.rec/record 3"));
    fs::remove_file(path.with_extension("idx")).unwrap();
    check(&RecordIo::open(&path).unwrap(), &["Ann", "Bob"], &[0, 0, 1], &pictures);
    fs::remove_file(path.with_extension("lst")).unwrap();
    let archive = RecordIo::open(&path).unwrap();
    check(&archive, &["0", "1"], &[0, 0, 1], &pictures);
    assert!(archive.corrupt().is_empty());
}

/// Written by `reference/recordio.py`, which follows MXNet's source and not ours.
#[test]
fn what_another_program_wrote_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/archive");
    // Labels 7 and 3, a picture that holds the magic number, and one with two labels.
    let pictures: [&[u8]; 3] =
        [b"picture one", b"abcd\x0a\x23\xd7\xce\x0a\x23\xd7\xceefg", b"three"];
    for name in ["headed.rec", "plain.rec", "unindexed.rec"] {
        let archive = RecordIo::open(&folder.join(name)).unwrap();
        check(&archive, &["3", "7"], &[1, 0, 1], &pictures);
    }
}

#[test]
fn a_damaged_record_is_named_and_spoils_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = pack(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    let second = 8 + 32 + 8 + 28; // the header record and the first picture
    bytes[second] = 0;
    fs::write(&path, &bytes).unwrap();
    let archive = RecordIo::open(&path).unwrap();
    check(&archive, &["Ann", "Bob"], &[0, 1], &[b"one", b"three"]);
    let [corrupt] = archive.corrupt() else { panic!("{:?}", archive.corrupt()) };
    assert_eq!(
        corrupt.to_string(),
        "train.rec/record 2: found 0xced72300 at byte 76, but a record begins with 0xced7230a"
    );
    fs::remove_file(path.with_extension("idx")).unwrap();
    let archive = RecordIo::open(&path).unwrap();
    check(&archive, &["Ann", "Bob"], &[0, 1], &[b"one", b"three"]);
    assert_eq!(archive.corrupt()[0].place, Path::new("train.rec/byte 76"));
}

#[test]
fn a_label_that_is_no_number_of_an_identity_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (label, shown) in [(f32::NAN, "NaN"), (-1.0, "-1"), (0.5, "0.5"), (3e7, "30000000")] {
        let path = pack(folder.path());
        let mut bytes = fs::read(&path).unwrap();
        bytes[40 + 8 + 4..][..4].copy_from_slice(&label.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        let archive = RecordIo::open(&path).unwrap();
        let expected = format!("the label is {shown}, but must be a whole number up to 2^24");
        assert_eq!(archive.corrupt()[0].reason, expected);
    }
}

#[test]
fn a_file_cut_off_loses_its_end_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = pack(folder.path());
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..120]).unwrap();
    fs::remove_file(path.with_extension("idx")).unwrap();
    check(&RecordIo::open(&path).unwrap(), &["Ann"], &[0, 0], &[b"one", b"two"]);
}

#[test]
fn an_index_or_a_list_that_is_none_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = pack(folder.path());
    let message = || RecordIo::open(&path).unwrap_err().to_string();
    fs::write(path.with_extension("idx"), "0\t0\n1 40\n").unwrap();
    assert!(message().contains("train.idx, line 2: the number of a record"), "{}", message());
    fs::write(path.with_extension("idx"), "0\t0\n1\t40\n").unwrap();
    fs::write(path.with_extension("lst"), "1\t0\tAnn/1.jpg\n2\t0\tBob/2.jpg\n").unwrap();
    let expected = "train.lst, line 2: label 0 is called Bob, but was called Ann before";
    assert!(message().ends_with(expected), "{}", message());
}

#[test]
fn a_writer_keeps_to_what_was_announced() {
    let write = |labels: &[u64], n_pictures, n_identities| {
        let (mut records, mut index, mut list) = (Vec::new(), Vec::new(), Vec::new());
        let files: [&mut dyn std::io::Write; 3] = [&mut records, &mut index, &mut list];
        let mut writer = RecordWriter::new(files, n_pictures, n_identities)?;
        for &label in labels {
            writer.push(label, Path::new("a"), b"picture")?;
        }
        writer.finish()
    };
    assert!(write(&[0, 0, 1], 3, 2).is_ok());
    assert!(matches!(write(&[0, 1], 3, 2), Err(WriteError::Count { what: "pictures", .. })));
    assert!(matches!(write(&[0, 0], 2, 2), Err(WriteError::Count { what: "identities", .. })));
    assert!(matches!(write(&[0, 2], 2, 2), Err(WriteError::Disorder { found: 2, before: 0 })));
    assert!(matches!(write(&[], 1 << 24, 1), Err(WriteError::TooMany { .. })));
    assert!(matches!(write(&[], 0, 0), Err(WriteError::Empty)));
}
