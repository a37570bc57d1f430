//! One identity's face in one expression: where lids, lips and folds are.
//!
//! The sculptor, the painters and the landmarks all read it, so they cannot disagree.

use super::anatomy::{Anatomy, BrowShape, EyeShape, MouthShape, NoseShape};
use super::curve::{bump, mix, smoothstep};
use super::skull::Skull;
use super::vector::Vec3;

/// Radius of the eyeball in centimeters.
pub(super) const EYEBALL_RADIUS: f32 = 1.5;
/// How far the lids stand off the eyeball, in centimeters.
pub(super) const LID_THICKNESS: f32 = 0.12;
/// How far the mouth opens at most, in centimeters.
const MAX_GAP: f32 = 1.9;

/// What the muscles do; zero is at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Expression {
    /// From -0.6, sad, to 1, a broad smile.
    pub(super) smile: f32,
    /// How far the mouth is open, 0 to 1.
    pub(super) open: f32,
    /// From -1, lowered and drawn together, to 1, raised.
    pub(super) brows: f32,
    /// How far the lids are closed, from -0.15, wide open, to 1, shut.
    pub(super) blink: f32,
    /// Direction of the eyes, to the right and up, as slopes.
    pub(super) gaze: [f32; 2],
}

/// One face in one expression.
pub(super) struct Face<'a> {
    pub(super) anatomy: &'a Anatomy,
    pub(super) expression: Expression,
    pub(super) skull: Skull,
    /// Center of the eyeball at positive `x`.
    pub(super) eyeball: Vec3,
    pub(super) lips: Lips,
}

/// The mouth in one expression.
#[derive(Clone, Debug)]
pub(super) struct Lips {
    /// Height of the line between closed lips in the middle.
    pub(super) y: f32,
    pub(super) half_width: f32,
    /// Height of the corners above `y`.
    pub(super) corner: f32,
    pub(super) upper: f32,
    pub(super) lower: f32,
    pub(super) bow: f32,
    /// How far the upper lip's edge is above the line, in the middle.
    pub(super) gap_above: f32,
    /// How far the lower lip's edge is below it.
    pub(super) gap_below: f32,
}

impl<'a> Face<'a> {
    /// Moves the muscles of `anatomy`.
    pub(super) fn new(anatomy: &'a Anatomy, expression: Expression) -> Self {
        let lips = Lips::new(&anatomy.mouth, &expression);
        let skull = Skull::new(anatomy, 0.75 * lips.gap_below);
        let eyes = &anatomy.eyes;
        let level = skull.section(0.0);
        let aside = eyes.spacing / level.width;
        let surface = level.front * (1.0 - aside * aside).sqrt();
        let front = surface - 0.3 - 0.6 * eyes.depth;
        let eyeball = Vec3::new(eyes.spacing, 0.0, front - EYEBALL_RADIUS);
        Self { anatomy, expression, skull, eyeball, lips }
    }

    pub(super) fn eyes(&self) -> &EyeShape {
        &self.anatomy.eyes
    }

    pub(super) fn nose(&self) -> &NoseShape {
        &self.anatomy.nose
    }

    /// Coordinates in the frame of the nearer eye: from -1 at the inner corner to 1 at the outer one,
    /// and centimeters above the line between the corners.
    pub(super) fn at_eye(&self, x: f32, y: f32) -> (f32, f32) {
        let eyes = self.eyes();
        let outwards = x.abs() - eyes.spacing;
        ((outwards + eyes.tilt * y) / eyes.half_width, y - eyes.tilt * outwards)
    }

    /// Heights of the edges of the upper and the lower lid at `along`, as of [`Self::at_eye`].
    pub(super) fn lid_edges(&self, along: f32) -> (f32, f32) {
        let eyes = self.eyes();
        let rest = (1.0 - along * along).max(0.0);
        let arc = rest.sqrt() * rest.sqrt().sqrt();
        let cheeks = 0.3 * self.expression.smile.max(0.0);
        let lower = -eyes.lower * (1.0 - cheeks) * arc * (1.0 + 0.2 * along);
        let wide = eyes.upper * arc * (1.0 + eyes.skew * along);
        let squint = 0.16 * self.expression.smile.max(0.0) + self.frown() * 0.15;
        let closed = (self.expression.blink + squint).min(1.0);
        (mix(wide, 0.7 * lower, closed), mix(lower, 0.7 * lower, closed.max(0.0)))
    }

    /// How much the brows are drawn together, 0 to 1.
    pub(super) fn frown(&self) -> f32 {
        (-self.expression.brows).max(0.0)
    }

    /// Height of the middle of the brow at distance `x` from the middle of the face, and half its
    /// thickness there.
    pub(super) fn brow(&self, x: f32) -> (f32, f32) {
        let brows: &BrowShape = &self.anatomy.brows;
        let (raise, frown) = (self.expression.brows.max(0.0), self.frown());
        let inner_x = brows.inner_x - 0.25 * frown;
        let along = (x - inner_x) / (brows.outer_x - inner_x);
        let arch = bump((along - 0.62) / 0.75) * (brows.arch + 0.15 * raise);
        let tail = -0.45 * smoothstep(0.6, 1.1, along);
        let lift = 0.55 * raise - 0.3 * frown - 0.35 * frown * (1.0 - along).clamp(0.0, 1.0);
        let y = brows.height + arch + brows.rise * (along - 0.4) + tail + lift;
        let taper = smoothstep(-0.02, 0.14, along) * (1.0 - 0.8 * smoothstep(0.35, 1.0, along));
        let ends = if (-0.02..1.0).contains(&along) { 1.0 } else { 0.0 };
        (y, 0.5 * brows.thickness * taper * ends)
    }

    /// Depth of the fold from nose to mouth, 0 to 1.
    pub(super) fn cheek_fold(&self, wrinkles: f32) -> f32 {
        (0.12 + 0.5 * wrinkles + 0.5 * self.expression.smile.max(0.0)).min(1.0)
    }

    /// Distance in centimeters from the fold at (`x`, `y`), outwards, and how deep the fold is there.
    pub(super) fn at_cheek_fold(&self, x: f32, y: f32) -> (f32, f32) {
        let top = self.nose().tip_y + 0.1;
        let bottom = self.lips.y + self.lips.corner - 0.6;
        let down = (top - y) / (top - bottom);
        let start = self.nose().wing_x + 0.35;
        let end = self.lips.half_width + 0.75;
        let fold_x = mix(start, end, down) + 0.35 * bump(2.0 * down - 1.0);
        (x.abs() - fold_x, bump((down - 0.42) / 0.62))
    }
}

impl Lips {
    fn new(mouth: &MouthShape, expression: &Expression) -> Self {
        let (smile, open) = (expression.smile, expression.open);
        let broad = smile.max(0.0);
        let gap = MAX_GAP * open;
        Self {
            y: mouth.y + 0.12 * broad,
            half_width: mouth.half_width * (1.0 + 0.26 * broad - 0.12 * open),
            corner: mouth.corner + 0.75 * smile - 0.1 * gap,
            upper: mouth.upper * (1.0 - 0.22 * broad),
            lower: mouth.lower * (1.0 - 0.18 * broad),
            bow: mouth.bow * (1.0 - 0.5 * broad),
            gap_above: gap * (0.12 + 0.2 * broad),
            gap_below: gap * (0.88 - 0.2 * broad),
        }
    }

    /// From -1 at one corner to 1 at the other.
    pub(super) fn along(&self, x: f32) -> f32 {
        x / self.half_width
    }

    /// Height of the line between closed lips.
    pub(super) fn seam(&self, along: f32) -> f32 {
        let square = (along * along).min(1.15);
        self.y + self.corner * square - 0.07 * bump(along / 0.3)
            + 0.07 * bump((along.abs() - 0.35) / 0.4)
    }

    /// Heights of the inner edges of the upper and the lower lip; equal where the mouth is closed.
    pub(super) fn inner_edges(&self, along: f32) -> (f32, f32) {
        let seam = self.seam(along);
        let rest = (1.0 - along * along).max(0.0);
        (seam + self.gap_above * rest, seam - self.gap_below * rest.sqrt() * rest.sqrt().sqrt())
    }

    /// Heights of the outer edges of the upper and the lower lip.
    pub(super) fn outer_edges(&self, along: f32) -> (f32, f32) {
        let (above, below) = self.inner_edges(along);
        let rest = (1.0 - along * along).max(0.0);
        let peaks = 1.0 - 0.55 * self.bow * bump(along / 0.22);
        let upper = self.upper * rest.sqrt().min(1.35 * rest) * peaks;
        let lower = self.lower * rest.sqrt() * rest.sqrt().sqrt();
        (above + upper, below - lower)
    }

    /// Place of the corner at positive `x`.
    pub(super) fn corner(&self) -> (f32, f32) {
        (self.half_width, self.seam(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Identity;
    use super::*;

    const ALONG: [f32; 5] = [-0.9, -0.4, 0.0, 0.5, 0.8];

    #[test]
    fn closed_lids_meet_and_open_ones_do_not_cross() {
        for seed in 0..50 {
            let identity = Identity::from_seed(seed);
            let lids = |blink, along| {
                let expression = Expression { blink, ..Expression::default() };
                Face::new(&identity.anatomy, expression).lid_edges(along)
            };
            for along in ALONG {
                let (upper, lower) = lids(0.0, along);
                assert!(upper > lower + 0.1, "{seed}: {upper} {lower}");
                let (upper, lower) = lids(1.0, along);
                assert!((upper - lower).abs() < 1e-3, "{seed}: {upper} {lower}");
            }
        }
    }

    #[test]
    fn lips_are_in_order_and_part_only_when_the_mouth_opens() {
        for seed in 0..50 {
            let identity = Identity::from_seed(seed);
            for (open, smile) in [(0.0, 0.0), (0.0, 1.0), (0.7, 0.0), (0.4, 1.0)] {
                let expression = Expression { smile, open, ..Expression::default() };
                let lips = Face::new(&identity.anatomy, expression).lips;
                for along in ALONG {
                    let (above, below) = lips.inner_edges(along);
                    let (top, bottom) = lips.outer_edges(along);
                    assert!(top > above && below > bottom, "{seed}: {lips:?}");
                    assert_eq!(above > below, open > 0.0, "{seed}: {lips:?}");
                }
            }
        }
    }

    #[test]
    fn a_smile_widens_the_mouth_and_lifts_its_corners() {
        let identity = Identity::from_seed(2);
        let corner = |smile| {
            let expression = Expression { smile, ..Expression::default() };
            Face::new(&identity.anatomy, expression).lips.corner()
        };
        let (rest, smiling) = (corner(0.0), corner(1.0));
        assert!(smiling.0 > rest.0 + 0.3 && smiling.1 > rest.1 + 0.3);
    }

    #[test]
    fn brows_lie_above_the_eyes_and_end() {
        for seed in 0..50 {
            let identity = Identity::from_seed(seed);
            let face = Face::new(&identity.anatomy, Expression::default());
            let (y, half) = face.brow(face.eyes().spacing);
            assert!(y - half > 0.7, "{seed}: {y} {half}");
            assert_eq!(face.brow(0.0).1, 0.0);
            assert_eq!(face.brow(7.0).1, 0.0);
        }
    }
}
