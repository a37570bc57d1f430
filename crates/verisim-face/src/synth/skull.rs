//! The smooth surface below a face: level sections from the shoulders to the crown.
//!
//! It knows neither eyes nor nose nor mouth; those are sculpted on it.

use super::anatomy::Anatomy;
use super::curve::{mix, through};
use super::vector::Vec3;

/// Above this height the sections shrink towards the crown.
const DOME_Y: f32 = 4.5;
/// The axis that the dome's sections shrink towards lies this far behind the origin.
const DOME_CENTER: f32 = -0.4;
/// Height of the origin's section at the collar bones.
pub(super) const COLLAR_Y: f32 = -15.4;
/// The lowest section.
pub(super) const LOWEST_Y: f32 = -27.0;
/// Distance between the sections that are kept, in centimeters.
const STEP: f32 = 0.125;

/// Half axes of one section, in centimeters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    pub(super) width: f32,
    /// `z` of the surface in front.
    pub(super) front: f32,
    /// `z` of the surface behind.
    pub(super) back: f32,
    /// How much higher the section is above the ears than in front: a jaw rises to the ear.
    pub(super) rise: f32,
}

impl Section {
    fn mix(&self, other: &Self, share: f32) -> Self {
        Self {
            width: mix(self.width, other.width, share),
            front: mix(self.front, other.front, share),
            back: mix(self.back, other.back, share),
            rise: mix(self.rise, other.rise, share),
        }
    }
}

/// The sections of one head.
#[derive(Clone, Debug)]
pub(super) struct Skull {
    /// Sections from the lowest up to the dome, [`STEP`] apart.
    table: Vec<Section>,
    crown_y: f32,
    chin_y: f32,
    chin_taper: f32,
}

impl Skull {
    /// The surface of `anatomy` with the chin lowered by `jaw_drop`.
    pub(super) fn new(anatomy: &Anatomy, jaw_drop: f32) -> Self {
        let (head, mouth_y) = (&anatomy.head, anatomy.mouth.y);
        let chin_y = head.chin_y - jaw_drop;
        let nose_y = anatomy.nose.tip_y - 1.0;
        let (skull, face, jaw) = (head.skull_width, head.face_width, head.jaw_width);
        let groove_y = mix(mouth_y, head.chin_y, 0.4) - 0.8 * jaw_drop;
        let chin = 8.6 + head.chin_projection;
        let neck_y = (COLLAR_Y + 1.0).min(chin_y - 3.0);
        let width = [
            (DOME_Y, skull),
            (2.2, skull * 0.99),
            (0.0, mix(skull, face, 0.6)),
            (-2.0, face),
            (nose_y, face * 0.985),
            (mouth_y - 0.3 * jaw_drop, mix(face, jaw, 0.4)),
            (groove_y, mix(face, jaw, 0.78)),
            (chin_y + 0.5, jaw),
            (chin_y, jaw * 0.97),
            (chin_y - 0.35, jaw * 0.93),
            (chin_y - 0.7, jaw * 0.87),
            (chin_y - 1.2, mix(jaw * 0.85, head.neck_width, 0.6)),
            (chin_y - 2.4, head.neck_width),
            (neck_y, head.neck_width),
            (neck_y - 2.0, head.neck_width + 1.6),
            (neck_y - 3.6, head.neck_width + 5.6),
            (neck_y - 5.5, head.neck_width + 11.5),
            (LOWEST_Y, head.neck_width + 14.5),
        ];
        let front = [
            (DOME_Y, 9.25 - 0.55 * head.forehead_slope),
            (2.2, 9.25),
            (0.3, 8.95),
            (-2.0, 8.7),
            (nose_y, 8.85),
            (mouth_y, 8.95),
            (groove_y, 8.55 + 0.3 * head.chin_projection),
            (mix(groove_y, chin_y, 0.62), chin + 0.15),
            (chin_y + 0.3, chin - 0.35),
            (chin_y, chin - 0.95),
            (chin_y - 0.35, chin - 2.3),
            (chin_y - 0.7, chin - 3.9),
            (chin_y - 1.2, 3.6),
            (chin_y - 2.4, 3.1),
            (neck_y, 3.0),
            (neck_y - 3.0, 4.0),
            (LOWEST_Y, 7.0),
        ];
        let back = [
            (DOME_Y, -9.8),
            (0.0, -9.3),
            (-4.0, -7.9),
            (-7.0, -7.0),
            (-11.0, -6.3),
            (neck_y, -6.5),
            (LOWEST_Y, -9.0),
        ];
        let rise = [
            (0.5, 0.0),
            (-2.0, 0.4),
            (nose_y, 1.5),
            (mouth_y, 2.6),
            (groove_y, 3.5),
            (chin_y, 4.3 + 0.6 * jaw_drop),
            (chin_y - 0.7, 3.9),
            (chin_y - 1.2, 3.0),
            (chin_y - 2.4, 1.6),
            (neck_y - 1.0, 0.0),
        ];
        let n_steps = ((DOME_Y - LOWEST_Y) / STEP) as usize + 1;
        let table = (0..=n_steps)
            .map(|step| {
                let y = LOWEST_Y + STEP * step as f32;
                Section {
                    width: through(&width, y),
                    front: through(&front, y),
                    back: through(&back, y),
                    rise: through(&rise, y),
                }
            })
            .collect();
        Self { table, crown_y: head.crown_y, chin_y, chin_taper: head.chin_taper }
    }

    /// Height of the crown.
    pub(super) fn crown_y(&self) -> f32 {
        self.crown_y
    }

    /// Height of the lower edge of the chin.
    pub(super) fn chin_y(&self) -> f32 {
        self.chin_y
    }

    /// The section that is at height `y` in front.
    pub(super) fn section(&self, y: f32) -> Section {
        let steps = ((y.min(DOME_Y) - LOWEST_Y) / STEP).max(0.0);
        let below = (steps as usize).min(self.table.len() - 2);
        let section = self.table[below].mix(&self.table[below + 1], steps - below as f32);
        if y <= DOME_Y {
            return section;
        }
        let s = ((y - DOME_Y) / (self.crown_y - DOME_Y)).min(1.0);
        // A little squarer than a sphere, as skulls are.
        let scale = (1.0 - s * s * (0.86 + 0.14 * s)).max(0.0).sqrt();
        Section {
            width: section.width * scale,
            front: mix(DOME_CENTER, section.front, scale),
            back: mix(DOME_CENTER, section.back, scale),
            rise: 0.0,
        }
    }

    /// The point of the section at height `y` in the direction `(sin, cos)` of an angle from the front.
    pub(super) fn point(&self, y: f32, section: &Section, (sin, cos): (f32, f32)) -> Vec3 {
        // The sides of every section lie above the ears, so front and back are two half ellipses.
        let axis = if y > DOME_Y { mix(0.0, DOME_CENTER, self.dome_share(y)) } else { 0.0 };
        let reach = if cos > 0.0 { section.front - axis } else { axis - section.back };
        let lifted =
            if cos > 0.0 { (1.0 - cos) * (1.0 + self.chin_taper * cos) } else { 1.0 - 0.3 * cos };
        Vec3::new(section.width * sin, y + section.rise * lifted, axis + reach * cos)
    }

    /// The point of the surface at height `y`, counting the rise of the sections towards the ears.
    pub(super) fn at_height(&self, y: f32, direction: (f32, f32)) -> Vec3 {
        /// Sections rise by less than a third of their height, so each step gains a digit or two.
        const N_STEPS: u8 = 3;
        let mut level = y;
        for _ in 0..N_STEPS {
            let point = self.point(level, &self.section(level), direction);
            level -= point.y - y;
        }
        let point = self.point(level, &self.section(level), direction);
        Vec3::new(point.x, y, point.z)
    }

    /// Share of the height of the dome at height `y`, 0 below it.
    pub(super) fn dome_share(&self, y: f32) -> f32 {
        ((y - DOME_Y) / (self.crown_y - DOME_Y)).clamp(0.0, 1.0)
    }
}

/// Heights of the rows of a mesh from the crown down to the collar, close together on the face.
pub(super) fn rows(skull: &Skull) -> Vec<f32> {
    const N_DOME: u8 = 9;
    /// Centimeters between rows on the face: under two pixels of a chip.
    const FACE_STEP: f32 = 0.32;
    let mut rows = Vec::with_capacity(100);
    for step in 0..N_DOME {
        // Dense at the crown, where the surface is level.
        let t = 1.0 - f32::from(step) / f32::from(N_DOME);
        rows.push(mix(DOME_Y, skull.crown_y, 1.0 - (1.0 - t) * (1.0 - t)));
    }
    let mut y = DOME_Y;
    while y > skull.chin_y + 0.1 {
        rows.push(y);
        y -= if y > 3.0 { 1.6 * FACE_STEP } else { FACE_STEP };
    }
    for below in [0.0, 0.18, 0.35, 0.52, 0.7, 0.95, 1.2, 1.7, 2.4] {
        rows.push(skull.chin_y - below);
    }
    let throat = skull.chin_y - 2.4;
    for step in 1..=8u8 {
        rows.push(mix(throat, LOWEST_Y, f32::from(step) / 8.0));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::anatomy::Build;
    use super::super::dice::Dice;
    use super::*;

    fn skull(seed: u64) -> Skull {
        let build = Build { femininity: 0.5, age: 0.2, weight: 0.5 };
        Skull::new(&Anatomy::draw(&mut Dice::new(seed), build), 0.0)
    }

    #[test]
    fn a_head_closes_at_the_crown_and_rows_descend() {
        for seed in 0..50 {
            let skull = skull(seed);
            assert!(skull.section(skull.crown_y()).width < 0.01);
            let rows = rows(&skull);
            assert!(rows.windows(2).all(|pair| pair[1] < pair[0]), "{rows:?}");
        }
    }

    #[test]
    fn a_jaw_rises_from_chin_to_ear() {
        let skull = skull(1);
        let chin = skull.section(skull.chin_y());
        let front = skull.point(skull.chin_y(), &chin, (0.0, 1.0));
        let side = skull.point(skull.chin_y(), &chin, (1.0, 0.0));
        assert!(side.y > front.y + 3.0 && front.z > side.z + 6.0);
    }
}
