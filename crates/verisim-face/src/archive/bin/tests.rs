//! Pickles that Pythons wrote, and pickles that mean harm.

use super::*;

/// Written by `reference/archives.py`: two pairs, of which the first is mated.
#[track_caller]
fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/archive");
    let set = Bin::open(&folder.join(name)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(set.answers(), [true, false], "{name}");
    assert_eq!(set.labels(), [0, 0, 1, 2]);
    assert_eq!(set.identities(), ["pair 1", "pair 2 left", "pair 2 right"]);
    let places = [0, 1, 3].map(|it| set.place(it).display().to_string());
    let expected = ["pair 1/1", "pair 1/2", "pair 2 right/1"].map(|it| format!("{name}/{it}"));
    assert_eq!(places, expected);
    let all: Vec<u8> = (0..=255).collect();
    let expected = [all, b"a\\u0041'\n\"\r\x1a\0".to_vec(), Vec::new(), vec![0xff; 300]];
    for (index, expected) in expected.iter().enumerate() {
        assert_eq!(&set.read(index).unwrap(), expected, "{name}: {}", set.place(index).display());
    }
}

#[test]
fn pickles_of_every_protocol_and_python_are_read() {
    for protocol in 0..=2 {
        check(&format!("python2-protocol{protocol}.bin"));
    }
    for protocol in 0..=5 {
        check(&format!("python3-protocol{protocol}.bin"));
    }
}

fn refusal(pickle: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pickle).unwrap();
    let message = Bin::open(file.path()).unwrap_err().to_string();
    message.split_once(", byte ").unwrap().1.to_owned()
}

#[track_caller]
fn check_refusal(pickle: &[u8], expected: &str) {
    let found = refusal(pickle);
    assert!(found.starts_with(expected), "{found}");
}

#[test]
fn nothing_is_imported_or_called() {
    check_refusal(
        b"cos\nsystem\n(S'true'\ntR.",
        "0: it names os.system, which Python would import",
    );
    check_refusal(b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "14: operation 0x93 is not among");
    check_refusal(b"(ios\nsystem\n.", "1: operation `i` is not among");
    check_refusal(
        b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aX\x04\0\0\0utf8\x86R.",
        "34: a call other",
    );
    check_refusal(b"c__builtin__\nbytes\n(I9\ntR.", "24: a call other");
    check_refusal(b"cnumpy.core.multiarray\n_reconstruct\n.", "0: it names numpy.core.multiarray");
}

#[test]
fn a_pickle_of_something_else_is_refused() {
    check_refusal(b"N.", "2: it holds no tuple of two lists");
    check_refusal(b"]]]\x87.", "5: it holds 3 values, but two lists are expected");
    check_refusal(b"]]\x86.", "4: it holds 0 pictures and 0 answers");
    check_refusal(b"(U\x01aNl(I01\nl\x86.", "14: its first list holds something else than bytes");
    check_refusal(b"(U\x01aU\x01bl(Nl\x86.", "13: its second list holds something else than truth");
    check_refusal(b"\xff\xd8\xff", "0: operation 0xff is not among");
    check_refusal(b"\x80\x09.", "0: found protocol 9");
}

#[test]
fn a_length_beyond_the_file_and_an_early_end_are_refused() {
    check_refusal(b"(B\xff\xff\xff\xff", "1: 4294967295 bytes are expected, but 0 are left");
    check_refusal(b"(\x8e\xff\xff\xff\xff\xff\xff\xff\xffab", "1: 18446744073709551615 bytes are");
    check_refusal(b"(S'abc", "1: it ends in the middle of a line");
    check_refusal(b"", "0: 1 bytes are expected, but 0 are left");
    for pickle in [b".".as_slice(), b"a", b"e", b"l", b"R", b"\x86", b"h\x01", b"q\0", b"(a", b"]a"]
    {
        refusal(pickle);
    }
    // A value below a mark is not taken.
    check_refusal(b"](a", "2: a value is asked for");
    check_refusal(b"](]\x86", "3: a tuple takes values of the list around it");
}
