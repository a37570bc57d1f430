//! Files that mean harm: valid ones with bytes turned, cut, moved and doubled, and bytes of pure chance.
//!
//! Whatever comes, a reader answers or refuses; it does not panic. A few thousand files of each kind are
//! tried at once, and ten minutes long with `RUN_SLOW_TESTS=1`. A failure names the case, which is its seed.

#![expect(clippy::print_stderr, reason = "how many cases ten minutes were must be seen")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use verisim_core::protocol::parse_pairs;

use super::bin::Bin;
use super::parquet::Parquet;
use super::recordio::RecordIo;
use super::tar::Tar;
use super::{Archive, ArchiveError, list};

const N_CASES: u64 = 2000;
const SLOW: Duration = Duration::from_mins(10);
/// Records of a case that are read.
const MAX_READ: usize = 32;
/// Numbers at which lengths turn over.
const EDGES: [u32; 8] = [0, 1, 3, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1fff_ffff, 0xced7_230a];

/// Files of the test data that end so.
fn valid(ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/archive");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    let of_kind = paths.iter().filter(|path| path.extension().is_some_and(|it| it == ending));
    of_kind.map(|path| fs::read(path).unwrap()).collect()
}

/// Turns bytes of a file, several times.
fn harm(bytes: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        let until = (at + random.below(64)).min(bytes.len());
        match random.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            2 => {
                let edge = EDGES[random.below(EDGES.len())].to_le_bytes();
                let n = edge.len().min(bytes.len() - at);
                bytes[at..at + n].copy_from_slice(&edge[..n]);
            }
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..until)),
            5 => {
                let copy = bytes[at..until].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            6 => {
                let noise: Vec<u8> =
                    (0..random.below(16)).map(|_| random.below(256) as u8).collect();
                bytes.splice(at..at, noise);
            }
            7 => {
                let other = &others[random.below(others.len())];
                let from = random.below(other.len() + 1);
                let end = (from + random.below(600)).min(other.len());
                bytes.splice(at..until, other[from..end].iter().copied());
            }
            _ => bytes[at..until].fill(b'0'),
        }
    }
}

/// Random choices of one case.
struct Random(Pcg64Mcg);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }
}

/// Tries cases until enough were tried, or for as long as was asked for.
fn try_all(valid: &[Vec<u8>], mut attempt: impl FnMut(&[u8], &mut Random)) {
    assert!(!valid.is_empty());
    let is_slow = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let start = Instant::now();
    let mut n_cases = 0;
    while if is_slow { start.elapsed() < SLOW } else { n_cases < N_CASES } {
        let mut random = Random(Pcg64Mcg::seed_from_u64(n_cases));
        let mut bytes = if random.below(16) == 0 {
            (0..random.below(2000)).map(|_| random.below(256) as u8).collect()
        } else {
            valid[random.below(valid.len())].clone()
        };
        harm(&mut bytes, valid, &mut random);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            attempt(&bytes, &mut random);
        }));
        assert!(outcome.is_ok(), "case {n_cases}: {} bytes", bytes.len());
        n_cases += 1;
    }
    if is_slow {
        eprintln!("{n_cases} cases");
    }
}

/// Opens a file and reads what it lists.
fn try_archives<A: Archive>(
    ending: &str,
    open: impl Fn(&Path) -> Result<A, ArchiveError>,
    prepare: impl Fn(&[u8], &mut Random) -> Vec<u8>,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("a.{ending}"));
    let (mut n_opened, mut n_read) = (0, 0);
    try_all(&valid(ending), |bytes, random| {
        fs::write(&path, prepare(bytes, random)).unwrap();
        let Ok(archive) = open(&path) else { return };
        n_opened += 1;
        let n_identities = archive.identities().len() as u64;
        assert!(archive.labels().iter().all(|label| *label < n_identities));
        for index in 0..archive.labels().len().min(MAX_READ) {
            let _ = archive.place(index);
            n_read += usize::from(archive.read(index).is_ok());
        }
    });
    // Otherwise only the first check of all would be tried.
    assert!(n_opened > 50 && n_read > 50, "{n_opened} opened, {n_read} records read");
}

fn as_they_are(bytes: &[u8], _: &mut Random) -> Vec<u8> {
    bytes.to_vec()
}

#[test]
fn any_record_file_is_read_or_refused() {
    try_archives("rec", RecordIo::open, as_they_are);
}

#[test]
fn any_index_and_list_beside_records_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.rec");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/archive");
    fs::copy(data.join("headed.rec"), &path).unwrap();
    let texts = [valid("idx"), vec![b"1\t0\tAnn/1.jpg\n2\t1.0\t0\tBob/1.jpg\n".to_vec()]].concat();
    try_all(&texts, |bytes, random| {
        fs::write(path.with_extension(["idx", "lst"][random.below(2)]), bytes).unwrap();
        let Ok(archive) = RecordIo::open(&path) else { return };
        for index in 0..archive.labels().len().min(MAX_READ) {
            let _ = archive.read(index);
        }
    });
}

#[test]
fn any_verification_set_is_read_or_refused() {
    try_archives("bin", Bin::open, as_they_are);
}

#[test]
fn any_parquet_file_is_read_or_refused() {
    try_archives("parquet", Parquet::open, as_they_are);
}

#[test]
fn any_tar_file_is_read_or_refused() {
    try_archives("tar", Tar::open, |bytes, random| {
        if random.below(2) == 0 { with_checksums(bytes) } else { bytes.to_vec() }
    });
}

/// Behind the checksum of a header lie the checks that matter.
fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    bytes
}

#[test]
fn any_list_is_read_or_refused() {
    let lists = [
        b"path,identity\na.jpg,Ann\n\"b,c.jpg\",\"Bob \"\"B\"\"\"\n".to_vec(),
        b"a.jpg\tAnn\nb.jpg\t7\n".to_vec(),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    try_all(&lists, |bytes, _| {
        fs::write(&path, bytes).unwrap();
        let _ = list::open(&path).map(|list| list.labels().len());
    });
}

#[test]
fn any_pairs_are_read_or_refused() {
    let pairs = [b"1\t2\nAnn\t1\t2\nAnn\t1\t3\nAnn\t1\tBob\t1\nCy\t1\tBob\t1\n".to_vec()];
    try_all(&pairs, |bytes, _| {
        let _ = parse_pairs(&String::from_utf8_lossy(bytes)).map(|pairs| pairs.len());
    });
}
