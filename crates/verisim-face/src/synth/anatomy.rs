//! The bones and soft parts of one identity, in centimeters; it does not know colors or hair.
//!
//! The origin lies between the eyes on the axis of the skull: `x` to the right of the picture, `y` up,
//! `z` out of the face. Eyes are at `y = 0`. Means follow the anthropometry of adults, with the eyes a
//! little large, as in an illustration.

use super::dice::Dice;

/// What makes the parts of one identity go together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Build {
    /// From 0, masculine, to 1, feminine.
    pub(super) femininity: f32,
    /// From 0, young adult, to 1, old.
    pub(super) age: f32,
    /// From 0, lean, to 1, heavy.
    pub(super) weight: f32,
}

/// Skull, jaw, cheeks, neck and ears.
#[derive(Clone, Debug)]
pub(super) struct HeadShape {
    /// Half the width of the skull above the ears.
    pub(super) skull_width: f32,
    /// Half the width at the cheekbones.
    pub(super) face_width: f32,
    /// Half the width at the corners of the jaw.
    pub(super) jaw_width: f32,
    /// From -0.4, a square chin, to 1.1, a pointed one.
    pub(super) chin_taper: f32,
    /// Height of the chin's lower edge, below 0.
    pub(super) chin_y: f32,
    /// How far the chin stands out.
    pub(super) chin_projection: f32,
    /// Depth of the cleft in the chin.
    pub(super) chin_cleft: f32,
    /// Height of the crown.
    pub(super) crown_y: f32,
    /// How far the forehead leans back at its top.
    pub(super) forehead_slope: f32,
    /// How far the bone above the eyes stands out.
    pub(super) brow_ridge: f32,
    /// How far the cheekbones stand out.
    pub(super) cheekbone: f32,
    /// From hollow, -0.5, to full, 0.8.
    pub(super) cheek_fullness: f32,
    /// Half the width of the neck.
    pub(super) neck_width: f32,
    /// Size of the ears; 1 is common.
    pub(super) ear_size: f32,
    /// How far the ears stand off, in degrees.
    pub(super) ear_flare: f32,
}

/// The eyes and their lids.
#[derive(Clone, Debug)]
pub(super) struct EyeShape {
    /// Half the distance between the eye centers.
    pub(super) spacing: f32,
    /// Half the width of the opening.
    pub(super) half_width: f32,
    /// Height of the upper lid's edge above the line between the corners, wide awake.
    pub(super) upper: f32,
    /// Depth of the lower lid's edge below that line.
    pub(super) lower: f32,
    /// Rise from inner to outer corner, as a slope.
    pub(super) tilt: f32,
    /// Where the upper edge peaks: below 0 towards the nose, above 0 outwards.
    pub(super) skew: f32,
    /// How deep the eyes lie.
    pub(super) depth: f32,
    /// Distance of the lid's crease from its edge; none below 0.1.
    pub(super) crease: f32,
    /// Bags below the eyes, 0 to 1.
    pub(super) bags: f32,
    /// Radius of the iris.
    pub(super) iris_radius: f32,
}

/// The brows, painted on the skin.
#[derive(Clone, Debug)]
pub(super) struct BrowShape {
    /// Height above the eye center.
    pub(super) height: f32,
    /// Where they begin, from the middle of the face.
    pub(super) inner_x: f32,
    /// Where they end.
    pub(super) outer_x: f32,
    /// Thickness at the inner third.
    pub(super) thickness: f32,
    /// How far the arch rises above the ends.
    pub(super) arch: f32,
    /// Rise from inner to outer end.
    pub(super) rise: f32,
    /// How much they cover the skin, 0 to 1.
    pub(super) density: f32,
}

/// The nose.
#[derive(Clone, Debug)]
pub(super) struct NoseShape {
    /// Height of the tip, below 0.
    pub(super) tip_y: f32,
    /// How far the tip stands out of the face.
    pub(super) projection: f32,
    /// How far the bridge stands out between the eyes.
    pub(super) root: f32,
    /// Half the width of the bridge.
    pub(super) bridge_width: f32,
    /// Bend of the bridge: a hump above 0, a hollow below.
    pub(super) hump: f32,
    /// Radius of the ball of the tip.
    pub(super) tip_width: f32,
    /// How far the tip turns up.
    pub(super) lift: f32,
    /// Half the width at the wings.
    pub(super) wing_x: f32,
    /// How far the wings stand out.
    pub(super) wing_flare: f32,
}

/// The mouth at rest.
#[derive(Clone, Debug)]
pub(super) struct MouthShape {
    /// Height of the line between the lips, below 0.
    pub(super) y: f32,
    /// Half the distance of the corners.
    pub(super) half_width: f32,
    /// Height of the upper lip.
    pub(super) upper: f32,
    /// Height of the lower lip.
    pub(super) lower: f32,
    /// How deep the upper lip dips in the middle, 0 to 1.
    pub(super) bow: f32,
    /// Height of the corners above the middle.
    pub(super) corner: f32,
    /// How far the lips stand out.
    pub(super) fullness: f32,
    /// Depth of the groove below the nose.
    pub(super) philtrum: f32,
}

/// The whole shape of one identity.
#[derive(Clone, Debug)]
pub(super) struct Anatomy {
    pub(super) head: HeadShape,
    pub(super) eyes: EyeShape,
    pub(super) brows: BrowShape,
    pub(super) nose: NoseShape,
    pub(super) mouth: MouthShape,
}

impl Anatomy {
    /// Draws a shape around the mean of `build`.
    pub(super) fn draw(dice: &mut Dice, build: Build) -> Self {
        let nose = draw_nose(dice, build);
        let mouth = draw_mouth(dice, build, &nose);
        Self {
            head: draw_head(dice, build, &mouth),
            eyes: draw_eyes(dice, build),
            brows: draw_brows(dice, build),
            nose,
            mouth,
        }
    }
}

fn draw_head(dice: &mut Dice, build: Build, mouth: &MouthShape) -> HeadShape {
    // From -0.5 to 0.5, so that a coefficient is the difference between the extremes.
    let (masculine, weight) = (0.5 - build.femininity, build.weight - 0.5);
    let face_width = dice.clipped(7.0 + 0.3 * masculine + 0.5 * weight, 0.36, 6.0, 8.0);
    let jaw_share = 0.80 + 0.06 * masculine + 0.08 * weight;
    HeadShape {
        skull_width: face_width + dice.clipped(0.5, 0.2, 0.1, 1.0),
        face_width,
        jaw_width: face_width * dice.clipped(jaw_share, 0.05, 0.62, 0.94),
        chin_taper: dice.clipped(0.42 - 0.4 * masculine - 0.2 * weight, 0.3, -0.4, 1.1),
        chin_y: mouth.y - dice.clipped(4.1 + 0.7 * masculine, 0.38, 3.1, 5.3),
        chin_projection: dice.clipped(0.1 + 0.25 * masculine, 0.3, -0.7, 0.9),
        chin_cleft: dice.normal(-0.1 + 0.1 * masculine, 0.12).max(0.0),
        crown_y: dice.clipped(11.0, 0.45, 9.8, 12.4),
        forehead_slope: dice.clipped(0.3 + 0.5 * masculine, 0.4, -0.5, 1.4),
        brow_ridge: dice.clipped(0.22 + 0.4 * masculine, 0.14, 0.0, 0.75),
        cheekbone: dice.clipped(0.15, 0.18, -0.2, 0.6),
        cheek_fullness: dice.clipped(0.1 + 0.7 * weight - 0.25 * build.age, 0.2, -0.5, 0.8),
        neck_width: dice.clipped(5.1 + 1.1 * masculine + 0.8 * weight, 0.3, 4.0, 6.6),
        ear_size: dice.clipped(1.0 + 0.12 * masculine + 0.12 * build.age, 0.1, 0.75, 1.35),
        ear_flare: dice.clipped(24.0, 9.0, 8.0, 50.0),
    }
}

fn draw_eyes(dice: &mut Dice, build: Build) -> EyeShape {
    let feminine = build.femininity - 0.5;
    EyeShape {
        spacing: dice.clipped(3.2, 0.15, 2.8, 3.6),
        half_width: dice.clipped(1.68 + 0.1 * feminine, 0.12, 1.35, 2.0),
        upper: dice.clipped(0.70 + 0.12 * feminine - 0.14 * build.age, 0.11, 0.4, 0.98),
        lower: dice.clipped(0.48, 0.08, 0.28, 0.68),
        tilt: dice.clipped(0.07 + 0.06 * feminine - 0.06 * build.age, 0.07, -0.14, 0.26),
        skew: dice.clipped(0.0, 0.16, -0.35, 0.35),
        depth: dice.clipped(0.35 - 0.2 * feminine, 0.22, -0.15, 0.9),
        crease: dice.clipped(0.32, 0.16, 0.0, 0.62),
        bags: dice.clipped(0.15 + 0.5 * build.age, 0.2, 0.0, 1.0),
        iris_radius: dice.clipped(0.78, 0.04, 0.68, 0.88),
    }
}

fn draw_brows(dice: &mut Dice, build: Build) -> BrowShape {
    let feminine = build.femininity - 0.5;
    let inner_x = dice.clipped(1.35, 0.32, 0.5, 2.1);
    BrowShape {
        height: dice.clipped(2.2 + 0.3 * feminine, 0.22, 1.65, 2.9),
        inner_x,
        outer_x: dice.clipped(5.15, 0.3, 4.3, 5.8),
        thickness: dice.clipped(0.58 - 0.28 * feminine, 0.14, 0.26, 1.0),
        arch: dice.clipped(0.35 + 0.35 * feminine, 0.2, -0.1, 0.95),
        rise: dice.clipped(0.05, 0.2, -0.45, 0.5),
        density: dice.clipped(0.85 - 0.25 * build.age, 0.14, 0.35, 1.0),
    }
}

fn draw_nose(dice: &mut Dice, build: Build) -> NoseShape {
    let (masculine, age) = (0.5 - build.femininity, build.age);
    NoseShape {
        tip_y: dice.clipped(-3.5 - 0.4 * masculine - 0.25 * age, 0.34, -4.6, -2.7),
        projection: dice.clipped(2.15 + 0.3 * masculine + 0.15 * age, 0.28, 1.5, 3.0),
        root: dice.clipped(0.42 + 0.3 * masculine, 0.22, -0.05, 1.1),
        bridge_width: dice.clipped(0.82 + 0.1 * masculine, 0.13, 0.5, 1.25),
        hump: dice.clipped(0.02 + 0.2 * masculine, 0.16, -0.35, 0.5),
        tip_width: dice.clipped(0.92 + 0.12 * masculine, 0.15, 0.6, 1.35),
        lift: dice.clipped(0.03 - 0.25 * masculine - 0.2 * age, 0.14, -0.4, 0.32),
        wing_x: dice.clipped(1.62 + 0.25 * masculine, 0.22, 1.1, 2.35),
        wing_flare: dice.clipped(0.85, 0.16, 0.45, 1.3),
    }
}

fn draw_mouth(dice: &mut Dice, build: Build, nose: &NoseShape) -> MouthShape {
    let (feminine, age) = (build.femininity - 0.5, build.age);
    MouthShape {
        y: nose.tip_y - 1.0 - dice.clipped(2.45 - 0.3 * feminine + 0.2 * age, 0.26, 1.7, 3.4),
        half_width: dice.clipped(2.55 - 0.15 * feminine, 0.2, 1.9, 3.2),
        upper: dice.clipped(0.62 + 0.24 * feminine - 0.25 * age, 0.17, 0.16, 1.15),
        lower: dice.clipped(0.84 + 0.24 * feminine - 0.2 * age, 0.17, 0.3, 1.35),
        bow: dice.clipped(0.5, 0.25, 0.0, 1.0),
        corner: dice.clipped(0.05 + 0.1 * feminine - 0.15 * age, 0.12, -0.3, 0.4),
        fullness: dice.clipped(0.42 + 0.16 * feminine, 0.14, 0.1, 0.9),
        philtrum: dice.clipped(0.16, 0.06, 0.02, 0.3),
    }
}
