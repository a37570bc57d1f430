//! Tar files that Python wrote, and damaged ones.

use std::fs;

use super::*;

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/archive").join(name)
}

/// A header of a regular file.
fn header(name: &str, n_bytes: usize) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..135].copy_from_slice(format!("{n_bytes:011o}").as_bytes());
    block[148..156].fill(b' ');
    block[156] = b'0';
    block[257..263].copy_from_slice(b"ustar\0");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, data) in files {
        bytes.extend(header(name, data.len()));
        bytes.extend(*data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes
}

fn opened(bytes: &[u8]) -> Result<Tar, ArchiveError> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.tar"), bytes).unwrap();
    Tar::open(&folder.path().join("a.tar"))
}

fn corrupt(tar: &Tar) -> Vec<String> {
    tar.corrupt().iter().map(ToString::to_string).collect()
}

/// Written by `reference/archives.py`.
#[test]
fn tar_files_of_every_kind_are_read() {
    for name in ["ustar.tar", "gnu.tar", "pax.tar"] {
        let tar = Tar::open(&testdata(name)).unwrap();
        assert_eq!(tar.identities(), ["3", "12", "Ann", "Bob"], "{name}");
        assert_eq!(tar.labels(), [1, 0, 2, 3]);
        assert!(tar.corrupt().is_empty(), "{:?}", tar.corrupt());
        let pictures: Vec<Vec<u8>> = (0..4).map(|it| tar.read(it).unwrap()).collect();
        assert_eq!(
            pictures,
            [b"one".to_vec(), vec![b'x'; 600], b"three".to_vec(), b"four".to_vec()]
        );
        assert_eq!(tar.place(3), Path::new(name).join("Bob/1.jpg"));
        let long = tar.place(1).display().to_string();
        assert!(long.len() > 120 && long.ends_with("/0002.jpg"), "{long}");
    }
}

#[test]
fn several_shards_are_one_set() {
    let folder = tempfile::tempdir().unwrap();
    for (number, who) in [(8, "Ann"), (9, "Bob"), (10, "Ann")] {
        let bytes = tar(&[("1.jpg", b"picture"), ("1.cls", who.as_bytes())]);
        fs::write(folder.path().join(format!("s-{number:02}.tar")), bytes).unwrap();
    }
    for path in [folder.path().to_owned(), folder.path().join("s-{08..10}.tar")] {
        let tar = Tar::open(&path).unwrap();
        assert_eq!(
            (tar.identities(), tar.labels()),
            (&["Ann".into(), "Bob".into()][..], &[0, 1, 0][..])
        );
        assert_eq!(tar.place(2), Path::new("s-10.tar/1.jpg"));
    }
    let missing = Tar::open(&folder.path().join("s-{08..11}.tar")).unwrap_err().to_string();
    assert!(missing.contains("s-11.tar"), "{missing}");
}

#[test]
fn a_damaged_header_is_named_and_spoils_its_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    let mut bytes = tar(&[("A/1.jpg", b"one"), ("A/2.jpg", b"two"), ("A/3.jpg", b"three")]);
    bytes[1024 + 3] ^= 1;
    fs::write(&path, bytes).unwrap();
    let tar = Tar::open(&path).unwrap();
    assert_eq!((tar.read(0).unwrap(), tar.read(1).unwrap()), (b"one".to_vec(), b"three".to_vec()));
    let [reason] = &corrupt(&tar)[..] else { panic!() };
    assert!(reason.starts_with("a.tar/byte 1024: the header's checksum is"), "{reason}");
}

#[test]
fn a_file_cut_off_keeps_what_is_whole() {
    let bytes = tar(&[("A/1.jpg", b"one"), ("A/2.jpg", &[1; 600])]);
    let tar = opened(&bytes[..1700]).unwrap();
    assert_eq!(tar.labels(), [0]);
    let expected =
        "a.tar/byte 1024: A/2.jpg has 600 bytes, but the file has 164 left: it is cut off";
    assert_eq!(corrupt(&tar), [expected]);
    let tar = opened(&bytes[..1100]).unwrap();
    assert_eq!(corrupt(&tar), ["a.tar/byte 1024: the file is cut off within a header"]);
}

#[test]
fn a_sample_that_says_too_little_is_named() {
    let tar = opened(&tar(&[
        ("1.jpg", b"of nobody"),
        ("2.cls", b"5"),
        ("3.png", b"of a broken label"),
        ("3.json", b"{\"age\": 3}"),
        ("4.v2.jpg", b"of two dots"),
        ("README", b"passed over"),
        ("B/5.jpg", b"fine"),
    ]))
    .unwrap();
    assert_eq!(tar.identities(), ["B"]);
    let expected = [
        "a.tar/1: nothing says whose picture it is: .cls, .json, .txt or a folder is expected",
        "a.tar/2: a label without a picture (bmp, gif, jpeg, jpg, pbm, pgm, png, pnm, ppm, tif, tiff, \
         webp)",
        "a.tar/3: 3.json has no `identity`, `label`, `cls`",
        "a.tar/4: 4.v2.jpg is no picture's name: one dot is expected",
    ];
    assert_eq!(corrupt(&tar), expected);
}

#[test]
fn the_surest_label_counts() {
    let tar = opened(&tar(&[
        ("F/1.txt", b"from text"),
        ("F/1.jpg", b""),
        ("F/1.json", br#"{"label": 7, "identity": "from JSON"}"#),
        ("F/2.jpg", b""),
        ("F/2.json", br#"{"label": 7}"#),
        ("F/2.cls", b" from cls\n"),
    ]))
    .unwrap();
    assert_eq!(tar.identities(), ["from JSON", "from cls"]);
}

#[test]
fn an_empty_file_says_what_is_expected() {
    let message = opened(&[0; 1024]).unwrap_err().to_string();
    assert!(message.ends_with("KEY.jpg and KEY.cls are expected, or NAME/1.jpg"), "{message}");
    let message = opened(&[7; 1024]).unwrap_err().to_string();
    assert!(message.contains("1 corrupt records, the first: a.tar/byte 0"), "{message}");
}

#[test]
fn a_size_beyond_any_file_takes_no_memory() {
    let mut bytes = tar(&[("A/1.jpg", b"one")]);
    bytes[124..136].copy_from_slice(&[0x80, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    let sum: u64 =
        bytes[..148].iter().chain(&bytes[156..512]).map(|it| u64::from(*it)).sum::<u64>() + 256;
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let message = opened(&bytes).unwrap_err().to_string();
    assert!(message.contains("A/1.jpg has 18446744073709551615 bytes"), "{message}");
}
