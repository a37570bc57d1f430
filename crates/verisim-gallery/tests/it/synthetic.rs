//! Templates made of seeded random numbers, and the search for their traces in files.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use verisim_core::knn::quantize;
use verisim_core::{Embedding, ModelDigest, Template};
use verisim_gallery::{Enrollment, Gallery, Sample, SourceDigest};

/// Small, so that the engine has many rows a page to move about.
pub(crate) const DIM: usize = 32;

/// `SplitMix64`, which any seed is good enough for.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

pub(crate) fn model() -> ModelDigest {
    ModelDigest::new([1; 32])
}

pub(crate) fn open(folder: &Path) -> Gallery {
    Gallery::create_or_open(folder, model(), DIM, None).unwrap()
}

/// The sample number `idx` of an identity: always the same, and like no other.
pub(crate) fn sample(identity: &str, idx: usize) -> Sample {
    let seed = identity.bytes().fold(0, |seed, byte| Random(seed ^ u64::from(byte)).next());
    let mut random = Random(seed ^ idx as u64);
    let values = (0..DIM).map(|_| random.next() as f32 / u64::MAX as f32 - 0.5);
    let embedding = Embedding::new(values.collect()).unwrap();
    let source = SourceDigest::new(std::array::from_fn(|_| random.next() as u8));
    Sample::new(Template { embedding, model: model() }, source)
}

/// Enrolls many in one change, and returns the number of templates that were added.
pub(crate) fn enroll_all<N: AsRef<str>>(
    gallery: &mut Gallery,
    people: impl IntoIterator<Item = (N, Vec<Sample>)>,
) -> usize {
    let people: Vec<(N, Vec<Sample>)> = people.into_iter().collect();
    let enrollments: Vec<Enrollment<'_>> =
        people.iter().map(|(name, samples)| Enrollment::new(name.as_ref(), samples)).collect();
    let outcomes = gallery.enroll_many(&enrollments).unwrap();
    outcomes.into_iter().map(|outcome| outcome.unwrap().n_added).sum()
}

/// The first `n` samples of an identity.
pub(crate) fn samples(identity: &str, n: usize) -> Vec<Sample> {
    (0..n).map(|idx| sample(identity, idx)).collect()
}

/// The files of the folder that hold 15 consecutive bytes, or more, of one of the templates.
pub(crate) fn traces(folder: &Path, samples: &[Sample]) -> Vec<String> {
    // Any 15 bytes of a template contain 8 that begin at a multiple of 8.
    let chunks: HashSet<[u8; 8]> = samples
        .iter()
        .flat_map(|sample| sample.template.embedding.as_slice().as_chunks::<2>().0)
        .map(|[a, b]| [a.to_le_bytes(), b.to_le_bytes()].concat().try_into().unwrap())
        .collect();
    traces_of(folder, |window| chunks.contains(window))
}

/// The files of the folder that hold 8 consecutive codes, or more, of one of the templates.
pub(crate) fn code_traces(folder: &Path, samples: &[Sample]) -> Vec<String> {
    let mut windows: HashSet<[u8; 8]> = HashSet::new();
    for sample in samples {
        let mut codes = [0; DIM];
        quantize(sample.template.embedding.as_slice(), &mut codes);
        windows.extend(codes.map(i8::cast_unsigned).array_windows());
    }
    traces_of(folder, |window| windows.contains(window))
}

/// The files of the folder in which some 8 consecutive bytes satisfy `is_trace`.
pub(crate) fn traces_of(folder: &Path, is_trace: impl Fn(&[u8; 8]) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        if let Some(at) = bytes.array_windows().position(&is_trace) {
            found.push(format!("{} at {at}", path.display()));
        }
    }
    found
}
