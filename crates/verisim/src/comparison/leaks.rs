//! Pictures that stand under two identities, as copies or nearly so: what is trained on must not be
//! tested on. It knows pixels, no network.

use rayon::prelude::*;
use serde::Serialize;
use verisim_learn::backbone::InputSize;
use verisim_learn::data::{ChipSource, UnreadableChip};

use super::divide::Division;
use crate::digest::sha256;

/// Sides of the thumbnails that are compared.
const SIDE: usize = 16;
/// Correlation from which two thumbnails are nearly the same picture.
const NEAR: f32 = 0.99;
/// Squared deviation below which a thumbnail shows nothing.
const MIN_SQUARES: f32 = 1.0;

/// Two pictures of different identities that look the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Leak {
    /// Positions of the chips.
    pub(crate) chips: [usize; 2],
    /// Names of the identities.
    pub(crate) identities: [String; 2],
    /// Which picture of its identity each is, from 1.
    pub(crate) numbers: [usize; 2],
    /// Correlation of the thumbnails, at most 1.
    pub(crate) correlation: f32,
    /// Whether every pixel is the same.
    pub(crate) is_copy: bool,
    /// Whether one is trained on and the other is tested on.
    pub(crate) crosses: bool,
}

/// Looks for copies and near copies among different identities, worst first.
///
/// Thumbnails of 16 x 16 grey values are compared by their correlation, so that another size, format
/// or brightness hides nothing. Takes time in the square of the number of chips, on all cores.
pub(crate) fn scan(
    source: &dyn ChipSource,
    division: &Division,
) -> Result<Vec<Leak>, UnreadableChip> {
    let (mut thumbnails, mut digests) = (Vec::new(), Vec::new());
    let mut chip = vec![0; source.size().len()];
    for index in 0..source.labels().len() {
        source.read(index, &mut chip)?;
        thumbnails.push(thumbnail(&chip, source.size()));
        digests.push(sha256(&chip));
    }
    let labels = source.labels();
    let is_tested = |chip: usize| division.test.binary_search(&labels[chip]).is_ok();
    let number = |chip: usize| labels[..=chip].iter().filter(|it| **it == labels[chip]).count();
    let leak = |a: usize, b: usize, correlation: f32| Leak {
        chips: [a, b],
        identities: [a, b].map(|chip| source.identities()[labels[chip] as usize].clone()),
        numbers: [a, b].map(number),
        correlation,
        is_copy: digests[a] == digests[b],
        crosses: is_tested(a) != is_tested(b),
    };
    let of = |a: usize| {
        let others = (a + 1..labels.len()).filter(move |&b| labels[a] != labels[b]);
        let near = others.filter_map(|b| {
            let correlation = correlation(&thumbnails[a], &thumbnails[b]);
            let is_near = correlation >= NEAR || digests[a] == digests[b];
            is_near.then(|| leak(a, b, correlation))
        });
        near.collect::<Vec<Leak>>()
    };
    let mut leaks: Vec<Leak> = (0..labels.len()).into_par_iter().flat_map_iter(of).collect();
    let rank = |it: &Leak| (!it.crosses, !it.is_copy);
    leaks.sort_by(|a, b| {
        rank(a)
            .cmp(&rank(b))
            .then(b.correlation.total_cmp(&a.correlation))
            .then(a.chips.cmp(&b.chips))
    });
    Ok(leaks)
}

/// Deviations of a thumbnail from its mean, of unit length; of length 0 if it shows nothing.
fn thumbnail(chip: &[u8], size: InputSize) -> Vec<f32> {
    let InputSize { width, height, channels } = size;
    let mut sums = vec![(0.0f32, 0.0f32); SIDE * SIDE];
    for (pixel, values) in chip.chunks_exact(channels).enumerate() {
        let (x, y) = (pixel % width * SIDE / width, pixel / width * SIDE / height);
        let (sum, n) = &mut sums[y * SIDE + x];
        *sum += values.iter().map(|byte| f32::from(*byte)).sum::<f32>() / channels as f32;
        *n += 1.0;
    }
    let grey: Vec<f32> = sums.into_iter().map(|(sum, n)| sum / n.max(1.0)).collect();
    let mean = grey.iter().sum::<f32>() / grey.len() as f32;
    let deviations: Vec<f32> = grey.into_iter().map(|it| it - mean).collect();
    let squares: f32 = deviations.iter().map(|it| it * it).sum();
    let length = if squares < MIN_SQUARES { f32::INFINITY } else { squares.sqrt() };
    deviations.into_iter().map(|it| it / length).collect()
}

/// Side by side in lanes, for one sum after the other would take ten times as long.
fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; SIDE];
    for (a, b) in a.chunks_exact(SIDE).zip(b.chunks_exact(SIDE)) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum::<f32>().min(1.0)
}

#[cfg(test)]
mod tests {
    use verisim_learn::data::MemoryChips;

    use super::*;

    const SIZE: InputSize = InputSize { width: 32, height: 24, channels: 3 };

    /// A picture of its own kind for each number, in another light.
    fn picture(kind: usize, gain: f32) -> Vec<u8> {
        let byte = |it: usize| {
            let (x, y) = (it / 3 % SIZE.width, it / 3 / SIZE.width);
            let wave =
                ((x * (kind + 1)) as f32 * 0.3).sin() + ((y * (kind + 2)) as f32 * 0.2).cos();
            (128.0 + gain * 50.0 * wave).clamp(0.0, 255.0) as u8
        };
        (0..SIZE.len()).map(byte).collect()
    }

    fn scanned(pictures: &[(u64, Vec<u8>)], test: &[u64]) -> Vec<Leak> {
        let names = (0..4).map(|label| format!("n{label}")).collect();
        let mut chips = MemoryChips::new(SIZE, names);
        for (label, pixels) in pictures {
            chips.push(*label, pixels);
        }
        let division = Division { train: Vec::new(), folds: Vec::new(), test: test.to_vec() };
        scan(&chips, &division).unwrap()
    }

    #[test]
    fn copies_and_near_copies_of_other_identities_are_found() {
        let pictures = [
            (0, picture(0, 1.0)),
            (1, picture(1, 1.0)),
            (2, picture(0, 1.0)), // a copy
            (3, picture(2, 1.0)),
            (3, picture(1, 0.8)), // in another light
        ];
        let leaks = scanned(&pictures, &[2]);
        let found: Vec<([usize; 2], bool, bool)> =
            leaks.iter().map(|it| (it.chips, it.is_copy, it.crosses)).collect();
        assert_eq!(found, [([0, 2], true, true), ([1, 4], false, false)]);
        assert_eq!(leaks[0].identities, ["n0", "n2"]);
        assert_eq!([leaks[0].numbers, leaks[1].numbers], [[1, 1], [1, 2]]);
    }

    #[test]
    fn pictures_of_one_identity_may_look_the_same() {
        assert!(scanned(&[(0, picture(0, 1.0)), (0, picture(0, 1.0))], &[]).is_empty());
    }

    #[test]
    fn of_blank_pictures_copies_alone_are_found() {
        let blank = |value| vec![value; SIZE.len()];
        let leaks = scanned(&[(0, blank(0)), (1, blank(0)), (2, blank(255))], &[1, 2]);
        assert_eq!(leaks.iter().map(|it| it.chips).collect::<Vec<_>>(), [[0, 1]]);
    }
}
