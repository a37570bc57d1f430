//! Where to look and at which size: the passes over a photograph. It knows no network and no pixels.

use super::decode::Canvas;

/// Longer sides of a tile, in pixels of an input of any size: bounded memory, little that is looked at twice.
const TILE: usize = 1024;
/// Tiles overlap by this many of the smallest faces that the network finds.
const OVERLAP: f32 = 8.0;
/// From one level to the next, faces grow this many times: tiles overlap by more, so that there is room for
/// some surroundings on both sides.
const STEP: f32 = 6.0;
/// The same where the network's input is hardly larger than faces: levels without end help nobody.
const MIN_STEP: f32 = 1.5;
/// Enlarging further shows a network nothing new.
const MAX_ENLARGEMENT: f32 = 2.0;

/// How thoroughly a photograph is searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Search {
    /// All faces whose longer side has at least this many pixels, up to one that fills the photograph: in as
    /// many passes as that takes.
    FacesFrom(f32),
    /// One pass over the photograph, its longer side brought down to this many pixels.
    OnePass(usize),
}

/// What a network can take and see, in pixels of its input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Its size, if the network takes one size alone.
    pub(super) fixed: Option<Canvas>,
    /// The smallest and the largest face that it reliably finds.
    pub(super) faces: [f32; 2],
}

/// A part of a photograph, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// One look at a part of a photograph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pass {
    /// 0 is the look at the whole; each further level sees smaller faces.
    pub(super) level: usize,
    /// The part that is looked at.
    pub(super) window: Window,
    /// Its size in the network's input.
    pub(super) resized: Canvas,
    /// What of the photograph can be trusted: faces that reach beyond it are seen whole in another pass.
    pub(super) trusted: Trusted,
}

/// A part of a photograph without the edges along which it was cut; open where the photograph itself ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Trusted {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) right: f32,
    pub(super) bottom: f32,
}

/// The passes over a photograph of this size.
pub(super) fn plan(photograph: Canvas, reach: Reach, search: Search) -> Vec<Pass> {
    let scales = scales(photograph, reach, search);
    let levels = scales.iter().enumerate();
    levels.flat_map(|(level, scale)| tiles(photograph, reach, level, *scale)).collect()
}

/// Pixels of the input for each of the photograph, level after level.
fn scales(photograph: Canvas, reach: Reach, search: Search) -> Vec<f32> {
    let longest = photograph.width.max(photograph.height) as f32;
    let to_fit = reach.fixed.map_or(f32::INFINITY, |input| {
        let across = input.width as f32 / photograph.width as f32;
        across.min(input.height as f32 / photograph.height as f32)
    });
    let [smallest, largest] = reach.faces;
    match search {
        Search::OnePass(side) => vec![(side.max(1) as f32 / longest).min(to_fit).min(1.0)],
        Search::FacesFrom(size) => {
            let whole = (largest / longest).min(to_fit).min(1.0);
            let finest = (smallest / size.max(1.0)).min(MAX_ENLARGEMENT);
            let growth = finest / whole;
            if growth <= 1.0 {
                return vec![whole];
            }
            let n_more = (growth.ln() / step(reach).ln()).ceil().max(1.0);
            let more = (1..=n_more as usize).map(|it| whole * growth.powf(it as f32 / n_more));
            std::iter::once(whole).chain(more).collect()
        }
    }
}

/// How much closer a level looks than the one before, at most.
///
/// What is too small for a level must fit, with its surroundings, into where two tiles of the next one overlap,
/// which is at most half of a tile.
fn step(reach: Reach) -> f32 {
    let smallest = reach.faces[0];
    let fits = |input: Canvas| {
        let overlap = (OVERLAP * smallest).min(input.width.min(input.height) as f32 / 2.0);
        // Tiles begin and end at whole pixels.
        0.95 * (overlap / smallest - 1.0)
    };
    reach.fixed.map_or(STEP, fits).clamp(MIN_STEP, STEP)
}

/// Passes that cover a level.
fn tiles(photograph: Canvas, reach: Reach, level: usize, scale: f32) -> Vec<Pass> {
    let smallest = reach.faces[0];
    let tile = reach.fixed.unwrap_or(Canvas { width: TILE, height: TILE });
    let cuts = |side: usize, tile: usize| {
        if level == 0 {
            // One look at the whole, whatever its size.
            return vec![(0, side)];
        }
        let most = ((tile as f32 / scale) as usize).max(1);
        let overlap = (OVERLAP * smallest / scale).ceil() as usize;
        cuts(side, most, overlap.min(most / 2))
    };
    let columns = cuts(photograph.width, tile.width);
    let rows = cuts(photograph.height, tile.height);
    let edge = 0.5 * smallest / scale;
    let sides = |start: usize, length: usize, end: usize| {
        let first = if start == 0 { f32::NEG_INFINITY } else { start as f32 + edge };
        let last = (start + length) as f32 - edge;
        (first, if start + length == end { f32::INFINITY } else { last })
    };
    let resized = |side: usize, tile: usize| {
        let side = ((side as f32 * scale).round() as usize).max(1);
        if reach.fixed.is_some() { side.min(tile) } else { side }
    };
    let pass = |&(y, height): &(usize, usize), &(x, width): &(usize, usize)| {
        let (left, right) = sides(x, width, photograph.width);
        let (top, bottom) = sides(y, height, photograph.height);
        let window = Window { x, y, width, height };
        let resized =
            Canvas { width: resized(width, tile.width), height: resized(height, tile.height) };
        Pass { level, window, resized, trusted: Trusted { left, top, right, bottom } }
    };
    rows.iter().flat_map(|row| columns.iter().map(move |column| pass(row, column))).collect()
}

/// Starts and lengths of the parts of a side, evenly spread, that overlap by at least so much.
fn cuts(side: usize, most: usize, overlap: usize) -> Vec<(usize, usize)> {
    if side <= most {
        return vec![(0, side)];
    }
    // The parts after the first one each add what they do not share.
    let n_more = (side - most).div_ceil((most - overlap).max(1));
    (0..=n_more).map(|it| ((side - most) * it / n_more, most)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPEN: Reach = Reach { fixed: None, faces: [16.0, 512.0] };

    fn sizes(photograph: (usize, usize), reach: Reach, search: Search) -> Vec<(usize, Canvas)> {
        let photograph = Canvas { width: photograph.0, height: photograph.1 };
        let passes = plan(photograph, reach, search);
        passes.iter().map(|pass| (pass.level, pass.resized)).collect()
    }

    #[test]
    fn a_small_photograph_takes_one_pass_and_is_not_enlarged() {
        let found = sizes((400, 300), OPEN, Search::FacesFrom(16.0));
        assert_eq!(found, [(0, Canvas { width: 400, height: 300 })]);
        let found = sizes((400, 300), OPEN, Search::OnePass(640));
        assert_eq!(found, [(0, Canvas { width: 400, height: 300 })]);
    }

    #[test]
    fn a_large_photograph_is_seen_whole_and_then_as_it_is() {
        let found = sizes((1024, 768), OPEN, Search::FacesFrom(16.0));
        let expected =
            [(0, Canvas { width: 512, height: 384 }), (1, Canvas { width: 1024, height: 768 })];
        assert_eq!(found, expected);
        // Who looks for large faces alone does not pay for small ones.
        assert_eq!(sizes((1024, 768), OPEN, Search::FacesFrom(40.0)).len(), 1);
        let found = sizes((1024, 768), OPEN, Search::OnePass(320));
        assert_eq!(found, [(0, Canvas { width: 320, height: 240 })]);
    }

    #[test]
    fn tiles_overlap_and_end_with_the_photograph() {
        assert_eq!(cuts(100, 100, 30), [(0, 100)]);
        assert_eq!(cuts(101, 100, 30), [(0, 100), (1, 100)]);
        assert_eq!(cuts(170, 100, 30), [(0, 100), (70, 100)]);
        assert_eq!(cuts(171, 100, 30), [(0, 100), (35, 100), (71, 100)]);
        let photograph = Canvas { width: 2000, height: 100 };
        let passes = plan(photograph, OPEN, Search::FacesFrom(16.0));
        let [_, left, middle, right] = &passes[..] else { unreachable!("{passes:?}") };
        assert_eq!((left.window.x, middle.window.x, right.window.x), (0, 488, 976));
        assert_eq!((left.trusted.left, left.trusted.right), (f32::NEG_INFINITY, 1016.0));
        assert_eq!((middle.trusted.left, middle.trusted.right), (496.0, 1504.0));
        assert_eq!((right.trusted.left, right.trusted.right), (984.0, f32::INFINITY));
        assert_eq!((left.trusted.top, left.trusted.bottom), (f32::NEG_INFINITY, f32::INFINITY));
    }

    #[test]
    fn small_faces_are_enlarged_within_reason() {
        let found = sizes((100, 100), OPEN, Search::FacesFrom(10.0));
        let expected =
            [(0, Canvas { width: 100, height: 100 }), (1, Canvas { width: 160, height: 160 })];
        assert_eq!(found, expected);
        let found = sizes((100, 100), OPEN, Search::FacesFrom(f32::MIN_POSITIVE));
        assert_eq!(found[1], (1, Canvas { width: 200, height: 200 }));
    }

    #[test]
    fn levels_of_a_small_input_lie_closer_together() {
        // Faces that one level misses by little must fit into the overlap of the next one's tiles.
        let small = Reach { fixed: Some(Canvas { width: 128, height: 141 }), ..OPEN };
        let large = Reach { fixed: Some(Canvas { width: 640, height: 640 }), ..OPEN };
        assert!((step(small) - 0.95 * 3.0).abs() < 1e-6, "{}", step(small));
        assert_eq!((step(large), step(OPEN)), (STEP, STEP));
        let tiny = Reach { fixed: Some(Canvas { width: 32, height: 32 }), ..OPEN };
        assert_eq!(step(tiny), MIN_STEP);
    }

    proptest! {
        /// Wherever a face lies, one pass sees it whole, with surroundings, at a size that the network finds.
        #[test]
        fn every_face_is_seen_whole_at_a_good_size(
            (width, height) in (1usize..6000, 1usize..6000),
            fixed in prop::option::of((128usize..700, 128usize..700)),
            (size, x, y) in (0.0f32..=1.0, 0.0f32..=1.0, 0.0f32..=1.0),
        ) {
            let photograph = Canvas { width, height };
            let fixed = fixed.map(|(width, height)| Canvas { width, height });
            let reach = Reach { fixed, ..OPEN };
            let largest = width.min(height) as f32;
            prop_assume!(largest >= 16.0);
            let size = 16.0 * (largest / 16.0).powf(size);
            let (x, y) = (x * (width as f32 - size), y * (height as f32 - size));
            let is_good = |pass: &Pass| {
                let scale = pass.resized.width as f32 / pass.window.width as f32;
                let trusted = pass.trusted;
                // Windows begin and end at whole pixels.
                let rounding = 1.0 + 1.0 / scale;
                (15.8..=520.0).contains(&(size * scale))
                    && trusted.left <= x + rounding
                    && x + size <= trusted.right + rounding
                    && trusted.top <= y + rounding
                    && y + size <= trusted.bottom + rounding
            };
            let passes = plan(photograph, reach, Search::FacesFrom(16.0));
            prop_assert!(passes.iter().any(is_good), "{passes:?}");
            for pass in passes {
                let Window { x, y, width: across, height: down } = pass.window;
                prop_assert!(across > 0 && x + across <= width && down > 0 && y + down <= height);
                if let Some(input) = fixed {
                    prop_assert!(pass.resized.width <= input.width);
                    prop_assert!(pass.resized.height <= input.height);
                }
            }
        }
    }
}
