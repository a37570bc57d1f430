//! A memory of the embeddings of earlier batches, to compare a batch with more than itself; it knows no
//! loss.

use std::fmt;

use super::matrix::Matrix;
use super::relevance::{Relation, Relations};

/// Bytes in front of labels and embeddings: dimension, capacity, length and next place.
const HEADER: usize = 4 * size_of::<u64>();

/// A ring of the latest embeddings and their labels.
///
/// A batch goes in first, and is then compared with everything there, its own samples included; only a
/// sample and its own copy are not compared. Gradients go to the batch alone.
///
/// ```text
/// bank.enqueue(embeddings, labels)
/// loss(embeddings, bank.references(), bank.relations(labels))
/// ```
///
/// The whole state, the place of the next batch included, goes through [`MemoryBank::to_bytes`], so that a
/// run that is resumed goes on as if it had not stopped.
///
/// Wang et al., *Cross-Batch Memory for Embedding Learning*, CVPR 2020,
/// <https://arxiv.org/abs/1912.06798>. As in pytorch-metric-learning, but that a batch of a single sample
/// is not compared with its own copy either, and that an empty batch changes nothing.
#[derive(Clone, PartialEq)]
pub struct MemoryBank {
    dim: usize,
    capacity: usize,
    /// Place of the next sample.
    next: usize,
    labels: Vec<u64>,
    embeddings: Vec<f32>,
}

/// Bytes that are no memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMemory {
    /// There are too few, or too many.
    #[error("the memory has {found} bytes, but must have {expected}")]
    Size {
        /// Number of bytes.
        found: usize,
        /// Number that the first of them ask for.
        expected: usize,
    },
    /// The sizes at the beginning contradict each other.
    #[error(
        "the memory holds {length} of {capacity} samples of {dim} numbers and goes on at {next}, which \
         cannot be"
    )]
    Header {
        /// Numbers in an embedding.
        dim: u64,
        /// Samples that there is room for.
        capacity: u64,
        /// Samples that are there.
        length: u64,
        /// Place of the next sample.
        next: u64,
    },
}

/// Says the sizes alone: embeddings and labels are personal data.
impl fmt::Debug for MemoryBank {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dim, capacity, .. } = self;
        write!(formatter, "MemoryBank[{} of {capacity}, {dim}]", self.len())
    }
}

impl MemoryBank {
    /// An empty memory with room for `capacity` samples; the paper's best is half a training set.
    ///
    /// # Panics
    ///
    /// Panics if there is no room.
    pub fn new(capacity: usize, dim: usize) -> Self {
        assert!(capacity > 0, "a memory without room");
        Self { dim, capacity, next: 0, labels: Vec::new(), embeddings: Vec::new() }
    }

    /// Number of samples that are there.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Puts a batch in, in place of the oldest samples. Of a batch that is larger than the memory, the
    /// last samples stay.
    ///
    /// # Panics
    ///
    /// Panics if there is not one label for each embedding, or an embedding is of another dimension.
    pub fn enqueue(&mut self, embeddings: &[f32], labels: &[u64]) {
        assert_eq!(embeddings.len(), labels.len() * self.dim, "not one label for each embedding");
        for (index, &label) in labels.iter().enumerate() {
            let embedding = &embeddings[index * self.dim..(index + 1) * self.dim];
            if self.next == self.len() {
                self.labels.push(label);
                self.embeddings.extend_from_slice(embedding);
            } else {
                self.labels[self.next] = label;
                self.embeddings[self.next * self.dim..][..self.dim].copy_from_slice(embedding);
            }
            self.next = (self.next + 1) % self.capacity;
        }
    }

    /// The embeddings, by place: `[len, dim]`.
    pub fn references(&self) -> Matrix {
        Matrix::from_f32(&self.embeddings, [self.len(), self.dim])
    }

    /// The labels, by place.
    pub fn labels(&self) -> &[u64] {
        &self.labels
    }

    /// The batch that was put in last against the memory, `[n, len]`: by label, a sample and its own copy
    /// ignored.
    ///
    /// # Panics
    ///
    /// Panics if [`MemoryBank::enqueue`] cannot have been called with these labels before.
    pub fn relations(&self, labels: &[u64]) -> Relations {
        let places = self.places(labels);
        self.by_label(labels, |anchor, place| places[anchor] == Some(place))
    }

    /// Samples that are not in the memory against it, `[n, len]`: by label.
    pub fn relations_of_others(&self, labels: &[u64]) -> Relations {
        self.by_label(labels, |_, _| false)
    }

    /// A batch followed by the memory: the references of [`MemoryBank::relations_with_batch`].
    ///
    /// # Panics
    ///
    /// Panics if the embeddings are of another dimension.
    pub fn references_with_batch(&self, embeddings: &Matrix) -> Matrix {
        assert_eq!(embeddings.n_columns(), self.dim, "embeddings of another dimension");
        let mut data = embeddings.data().to_vec();
        data.extend(self.embeddings.iter().map(|&value| f64::from(value)));
        Matrix::new(data, [embeddings.n_rows() + self.len(), self.dim])
    }

    /// The batch that was put in last against itself, and against the memory as a source of non-mated
    /// samples alone: `[n, n + len]`.
    ///
    /// Mated pairs are those of the batch; the copies of the batch in the memory are ignored. The gradient
    /// of the first `n` references is the batch's, too.
    ///
    /// # Panics
    ///
    /// As [`MemoryBank::relations`].
    pub fn relations_with_batch(&self, labels: &[u64]) -> Relations {
        let mut is_copy = vec![false; self.len()];
        self.places(labels).into_iter().flatten().for_each(|place| is_copy[place] = true);
        let n = labels.len();
        Relations::new([n, n + self.len()], &|anchor: usize, reference: usize| {
            if let Some(place) = reference.checked_sub(n) {
                let is_mated = labels[anchor] == self.labels[place];
                if is_copy[place] || is_mated { Relation::Ignored } else { Relation::NonMated }
            } else if reference == anchor {
                Relation::Ignored
            } else {
                by_label(labels[anchor], labels[reference])
            }
        })
    }

    /// Where each sample of the last batch lies; nowhere, if the batch was too large for it.
    fn places(&self, labels: &[u64]) -> Vec<Option<usize>> {
        let n = labels.len();
        let places: Vec<Option<usize>> = (0..n)
            .map(|index| {
                let age = n - index;
                (age <= self.capacity).then(|| (self.next + self.capacity - age) % self.capacity)
            })
            .collect();
        let is_last = places
            .iter()
            .zip(labels)
            .all(|(place, label)| place.is_none_or(|place| self.labels.get(place) == Some(label)));
        assert!(is_last, "these are not the labels of the last batch");
        places
    }

    fn by_label(&self, labels: &[u64], is_copy: impl Fn(usize, usize) -> bool) -> Relations {
        Relations::new([labels.len(), self.len()], &|anchor: usize, place: usize| {
            if is_copy(anchor, place) {
                Relation::Ignored
            } else {
                by_label(labels[anchor], self.labels[place])
            }
        })
    }

    /// The whole state, little-endian: dimension, capacity, length and next place as `u64`, then labels as
    /// `u64`, then embeddings as `f32`, bit by bit.
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = [self.dim, self.capacity, self.len(), self.next].map(|size| size as u64);
        let numbers = header.iter().chain(&self.labels).flat_map(|number| number.to_le_bytes());
        numbers.chain(self.embeddings.iter().flat_map(|value| value.to_le_bytes())).collect()
    }

    /// The memory that [`MemoryBank::to_bytes`] wrote.
    ///
    /// # Errors
    ///
    /// Fails if bytes are missing or left over, or the sizes contradict each other.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidMemory> {
        let wrong_size = |expected| InvalidMemory::Size { found: bytes.len(), expected };
        let numbers = |bytes: &[u8]| -> Vec<u64> {
            bytes.as_chunks().0.iter().map(|&it| u64::from_le_bytes(it)).collect()
        };
        let header = numbers(bytes.get(..HEADER).ok_or_else(|| wrong_size(HEADER))?);
        let [dim, capacity, length, next] = [header[0], header[1], header[2], header[3]];
        let invalid = || InvalidMemory::Header { dim, capacity, length, next };
        let is_consistent =
            length <= capacity && next < capacity && (length == capacity || next == length);
        let size = |number: u64| usize::try_from(number).map_err(|_| invalid());
        let [dim, capacity, length, next] =
            [size(dim)?, size(capacity)?, size(length)?, size(next)?];
        let n_values = length.checked_mul(dim).ok_or_else(invalid)?;
        let label_bytes = length.checked_mul(size_of::<u64>()).ok_or_else(invalid)?;
        let expected = n_values
            .checked_mul(size_of::<f32>())
            .and_then(|it| it.checked_add(label_bytes)?.checked_add(HEADER))
            .ok_or_else(invalid)?;
        if !is_consistent {
            return Err(invalid());
        }
        if bytes.len() != expected {
            return Err(wrong_size(expected));
        }
        let (labels, embeddings) = bytes[HEADER..].split_at(label_bytes);
        let values = embeddings.as_chunks().0.iter().map(|&it| f32::from_le_bytes(it));
        Ok(Self { dim, capacity, next, labels: numbers(labels), embeddings: values.collect() })
    }
}

fn by_label(one: u64, other: u64) -> Relation {
    if one == other { Relation::Mated } else { Relation::NonMated }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::ContrastiveLoss;
    use crate::metric::scene::{Batch, Options, evaluate};
    use crate::metric::worked;

    fn rows(from: usize, factor: f64, shift: f64) -> (Matrix, Vec<u64>) {
        let all = worked::embeddings();
        let rows = Matrix::from_fn([6, 8], |i, j| factor * all[(from + i, j)] + shift);
        (rows, worked::labels()[from..from + 6].to_vec())
    }

    fn narrowed(rows: &Matrix) -> Vec<f32> {
        rows.data().iter().map(|&value| value as f32).collect()
    }

    #[test]
    fn steps_agree_with_the_reference() {
        let steps = [
            (rows(0, 1.0, 0.0), 1.238_805_669_3),
            (rows(6, 1.0, 0.0), 1.349_124_462_9),
            (rows(0, 1.5, 0.1), 1.146_398_788_0),
            (rows(3, 1.0, -0.2), 1.189_106_016_8),
        ];
        let loss = ContrastiveLoss { mated_margin: 0.0, margin: 1.0 };
        let mut bank = MemoryBank::new(20, 8);
        for ((embeddings, labels), expected) in steps {
            bank.enqueue(&narrowed(&embeddings), &labels);
            // What is written and read again goes on as if nothing had happened.
            bank = MemoryBank::from_bytes(&bank.to_bytes()).unwrap();
            let (references, relations) = (bank.references(), bank.relations(&labels));
            let batch = Batch {
                embeddings: &embeddings,
                references: Some(&references),
                relations: &relations,
                labels: Some(&labels),
            };
            let found = evaluate(&loss, batch, &Options::default()).value;
            assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
        }
        assert_eq!((bank.len(), bank.next), (20, 4));
    }

    #[test]
    fn a_sample_is_never_compared_with_its_copy() {
        let mut bank = MemoryBank::new(3, 1);
        for (label, place) in [(7, 0), (7, 1), (8, 2), (7, 0)] {
            // The reference compares a batch of one with its own copy from the ring's end on.
            bank.enqueue(&[0.5], &[label]);
            assert_eq!(bank.relations(&[label]).at(0, place), Relation::Ignored);
        }
        assert_eq!(
            bank.relations(&[7]).of(0),
            [Relation::Ignored, Relation::Mated, Relation::NonMated]
        );
        assert_eq!(bank.relations_of_others(&[7]).mated(0).count(), 2);
        bank.enqueue(&[], &[]);
        assert_eq!(bank.labels(), [7, 7, 8]);
    }

    #[test]
    fn of_a_batch_too_large_the_end_stays() {
        let mut bank = MemoryBank::new(2, 1);
        bank.enqueue(&[4.0, 5.0], &[4, 4]);
        assert_eq!(bank.relations(&[4, 4]).of(0), [Relation::Ignored, Relation::Mated]);
        bank.enqueue(&[1.0, 2.0, 3.0], &[1, 2, 3]);
        assert_eq!(bank.labels(), [3, 2]);
        let relations = bank.relations(&[1, 2, 3]);
        assert_eq!(relations.of(2), [Relation::Ignored, Relation::NonMated]);
        assert_eq!(relations.of(0), [Relation::NonMated, Relation::NonMated]);
    }

    #[test]
    fn a_memory_of_negatives_gives_no_mated_pairs_and_no_copies() {
        use Relation::{Ignored, Mated, NonMated};

        let mut bank = MemoryBank::new(4, 1);
        bank.enqueue(&[1.0, 2.0], &[1, 2]);
        bank.enqueue(&[3.0, 4.0], &[1, 1]);
        let relations = bank.relations_with_batch(&[1, 1]);
        assert_eq!(relations.of(0), [Ignored, Mated, Ignored, NonMated, Ignored, Ignored]);
        assert_eq!(relations.of(1), [Mated, Ignored, Ignored, NonMated, Ignored, Ignored]);
        let references = bank.references_with_batch(&Matrix::new(vec![3.0, 4.0], [2, 1]));
        assert_eq!(references.data(), [3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
        // The copy of another identity's sample is there already, in the batch.
        bank.enqueue(&[5.0, 6.0], &[1, 2]);
        let relations = bank.relations_with_batch(&[1, 2]);
        assert_eq!(relations.of(0), [Ignored, NonMated, Ignored, Ignored, Ignored, Ignored]);
    }

    #[test]
    fn bytes_keep_every_bit_and_others_are_refused() {
        let mut bank = MemoryBank::new(3, 2);
        bank.enqueue(&[f32::NAN, -0.0, f32::MIN_POSITIVE / 4.0, 1.0], &[u64::MAX, 5]);
        let bytes = bank.to_bytes();
        assert_eq!(MemoryBank::from_bytes(&bytes).unwrap().to_bytes(), bytes);
        for end in 0..bytes.len() {
            let error = MemoryBank::from_bytes(&bytes[..end]).unwrap_err();
            assert!(matches!(error, InvalidMemory::Size { found, .. } if found == end), "{error}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(
            MemoryBank::from_bytes(&longer).unwrap_err().to_string(),
            "the memory has 65 bytes, but must have 64"
        );
        for (place, value) in [(1, 1), (1, 0), (2, 1), (2, u64::MAX), (3, 1), (0, u64::MAX)] {
            let mut wrong = bytes.clone();
            wrong[8 * place..8 * place + 8].copy_from_slice(&u64::to_le_bytes(value));
            let error = MemoryBank::from_bytes(&wrong).unwrap_err();
            assert!(matches!(error, InvalidMemory::Header { .. }), "{place} {value}: {error}");
        }
    }

    #[test]
    fn debug_says_the_sizes_alone() {
        let mut bank = MemoryBank::new(3, 2);
        bank.enqueue(&[0.25, 0.5], &[77]);
        assert_eq!(format!("{bank:?}"), "MemoryBank[1 of 3, 2]");
    }
}
