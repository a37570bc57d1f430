//! Many finds of the same faces to one of each; it knows no network.
//!
//! What overlaps a surer find is taken away (non-maximum suppression), and so is what a closer look found
//! inside of a larger, surer face: seen too close, parts of a face look like faces to a network.

use std::cmp::Ordering;

use crate::{Area, FoundFace};

/// The surest finds that are looked at; no photograph has more faces, and a network that fails may find one a cell.
const MAX_FINDS: usize = 5000;
/// Share of a find that must lie inside of a larger face to be a part of it.
const INSIDE: f32 = 0.6;
/// A face is larger than a part of it by this ratio of areas at least.
const LARGER: f32 = 2.0;

/// A face, and how close the look was that found it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Find {
    pub(super) face: FoundFace,
    /// 0 is the look at the whole photograph.
    pub(super) level: usize,
}

/// The faces among finds, the surest first; at equal scores, the order is that of their places.
///
/// Two finds are one face if their intersection over union exceeds `overlap_threshold`. With `n` finds of
/// `k` faces it takes `O(n log n + n k)` steps, `n` being cut to the 5,000 surest.
pub(super) fn merge(mut finds: Vec<Find>, overlap_threshold: f32) -> Vec<FoundFace> {
    finds.sort_unstable_by(surest_first);
    finds.truncate(MAX_FINDS);
    let mut kept: Vec<Find> = Vec::new();
    for find in finds {
        let is_known = kept.iter().any(|known| {
            known.face.area.overlap(&find.face.area) > overlap_threshold || is_part(&find, known)
        });
        if !is_known {
            kept.push(find);
        }
    }
    kept.into_iter().map(|find| find.face).collect()
}

/// Whether a closer look found a part of a face that was seen from farther away.
fn is_part(find: &Find, whole: &Find) -> bool {
    let (part, area) = (&find.face.area, &whole.face.area);
    whole.level < find.level
        && area.size() > LARGER * part.size()
        && intersection(part, area) > INSIDE * part.size()
}

/// Shared square pixels, from the share of the union.
fn intersection(a: &Area, b: &Area) -> f32 {
    let overlap = a.overlap(b);
    (a.size() + b.size()) * overlap / (1.0 + overlap)
}

fn surest_first(a: &Find, b: &Find) -> Ordering {
    let place = |find: &Find| {
        let Area { x, y, width, height } = find.face.area;
        [x, y, width, height]
    };
    let by_place = || {
        let pairs = place(a).into_iter().zip(place(b));
        pairs.map(|(a, b)| a.total_cmp(&b)).find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
    };
    b.face.score.total_cmp(&a.face.score).then(a.level.cmp(&b.level)).then_with(by_place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find([x, y, width, height]: [f32; 4], score: f32, level: usize) -> Find {
        let area = Area { x, y, width, height };
        Find { face: FoundFace { area, landmarks: None, score }, level }
    }

    fn scores(finds: &[Find]) -> Vec<f32> {
        merge(finds.to_vec(), 0.3).iter().map(|face| face.score).collect()
    }

    #[test]
    fn of_overlapping_finds_the_surest_stays() {
        let finds = [
            find([0.0, 0.0, 10.0, 10.0], 0.6, 0),
            find([1.0, 0.0, 10.0, 10.0], 0.9, 0),
            find([50.0, 0.0, 10.0, 10.0], 0.7, 0),
            find([2.0, 0.0, 10.0, 10.0], 0.8, 0),
        ];
        assert_eq!(scores(&finds), [0.9, 0.7]);
    }

    #[test]
    fn what_was_taken_away_takes_nothing_away() {
        // The second overlaps both others, which do not overlap each other enough.
        let finds = [
            find([0.0, 0.0, 10.0, 10.0], 0.9, 0),
            find([5.0, 0.0, 10.0, 10.0], 0.8, 0),
            find([10.0, 0.0, 10.0, 10.0], 0.7, 0),
        ];
        assert_eq!(scores(&finds), [0.9, 0.7]);
    }

    #[test]
    fn overlap_at_the_threshold_is_two_faces() {
        // 10 of 20 square pixels.
        let finds = [find([0.0, 0.0, 10.0, 2.0], 0.9, 0), find([0.0, 0.0, 10.0, 1.0], 0.8, 0)];
        assert_eq!(merge(finds.to_vec(), 0.5).len(), 2);
        assert_eq!(merge(finds.to_vec(), 0.4999).len(), 1);
    }

    #[test]
    fn a_part_seen_from_close_belongs_to_the_surer_face() {
        let face = find([0.0, 0.0, 100.0, 100.0], 0.9, 0);
        let eye = find([20.0, 20.0, 20.0, 20.0], 0.8, 1);
        assert_eq!(scores(&[face, eye]), [0.9]);
        // Not if the same look found both, nor if the small one is surer, nor if most of it lies outside.
        assert_eq!(scores(&[face, Find { level: 0, ..eye }]), [0.9, 0.8]);
        let surer = find([20.0, 20.0, 20.0, 20.0], 0.95, 1);
        assert_eq!(scores(&[face, surer]), [0.95, 0.9]);
        let neighbor = find([90.0, 20.0, 20.0, 20.0], 0.8, 1);
        assert_eq!(scores(&[face, neighbor]), [0.9, 0.8]);
    }

    #[test]
    fn too_many_finds_are_cut_to_the_surest() {
        let finds: Vec<Find> = (0..MAX_FINDS + 100)
            .map(|it| find([20.0 * it as f32, 0.0, 10.0, 10.0], it as f32 / 1e4, 0))
            .collect();
        let faces = merge(finds, 0.3);
        assert_eq!(faces.len(), MAX_FINDS);
        assert_eq!(faces[MAX_FINDS - 1].score, 100.0 / 1e4);
    }

    proptest! {
        #[test]
        fn faces_are_few_sorted_apart_and_the_same_in_any_order(
            numbers in prop::collection::vec(
                (-20i8..20, -20i8..20, 1u8..30, 1u8..30, 0u8..5, 0usize..3), 0..60),
            seed in any::<usize>(),
        ) {
            let finds: Vec<Find> = numbers
                .iter()
                .map(|&(x, y, width, height, score, level)| {
                    let area = [f32::from(x), f32::from(y), f32::from(width), f32::from(height)];
                    find(area, f32::from(score) / 4.0, level)
                })
                .collect();
            let faces = merge(finds.clone(), 0.3);
            prop_assert_eq!(faces.is_empty(), finds.is_empty());
            prop_assert!(faces.is_sorted_by(|a, b| a.score >= b.score));
            for (index, face) in faces.iter().enumerate() {
                prop_assert!(faces[..index].iter().all(|it| it.area.overlap(&face.area) <= 0.3));
            }
            let mut turned = finds;
            let n = turned.len().max(1);
            turned.rotate_left(seed % n);
            turned.reverse();
            prop_assert_eq!(merge(turned, 0.3), faces);
        }
    }
}
