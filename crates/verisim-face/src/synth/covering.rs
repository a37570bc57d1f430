//! What hides a part of a face: masks, scarves, hands, hats, and things before the camera.

use std::f32::consts::PI;

use super::color::Rgb;
use super::curve::{bump, mix, sin_cos, smoothstep};
use super::dice::Dice;
use super::face::Face;
use super::light::Finish;
use super::mesh::{Material, Mesh, Vertex};
use super::noise;
use super::spectacles::Spectacles;
use super::spot::Spot;
use super::vector::Vec3;

/// Colors of cloth.
const CLOTHS: [u32; 9] = [
    0x0068_a8c8,
    0x00f0_f0ee,
    0x0020_2024,
    0x0098_3030,
    0x0030_5080,
    0x0080_8888,
    0x0040_6048,
    0x00c0_a060,
    0x0078_5878,
];

/// What hides a part of a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Occlusion {
    /// Dark glasses over the eyes.
    Sunglasses,
    /// A mask over mouth and nose.
    Mask,
    /// A scarf over the chin, and perhaps the mouth.
    Scarf,
    /// Fingers before the face.
    Hand,
    /// A thing between camera and head, which may miss the face.
    Object,
}

/// What hides a part of the face in one picture, and how.
#[derive(Clone, Debug)]
pub(super) enum Covering {
    Sunglasses(Spectacles),
    /// A mask over mouth and nose.
    Mask,
    /// A scarf over the chin and perhaps the mouth, up to this part of the way to the nose.
    Scarf(f32),
    /// Fingers before the face: where the middle one ends, and its direction in radians.
    Hand {
        tip: [f32; 2],
        angle: f32,
    },
    /// A thing between camera and face.
    Patch(Patch),
}

/// A flat shape in the plane of the picture, around the middle of the face; 1 is the side of a chip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    center: [f32; 2],
    half: [f32; 2],
    turn: [f32; 2],
    round: bool,
}

/// A hat: whether it has a visor, and how low it sits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hat {
    visor: bool,
    edge: f32,
}

/// The color and pattern of cloth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cloth {
    pub(super) color: Rgb,
    second: Rgb,
    /// Stripes per centimeter; 0 for none.
    stripes: f32,
    seed: u32,
}

impl Covering {
    /// Draws a covering; most pictures have none.
    pub(super) fn draw(dice: &mut Dice) -> Option<Self> {
        match dice.weighted(&[0.76, 0.05, 0.05, 0.03, 0.04, 0.07]) {
            0 => None,
            1 => Some(Self::Sunglasses(Spectacles::draw_dark(dice))),
            2 => Some(Self::Mask),
            3 => Some(Self::Scarf(dice.between(0.0, 0.9))),
            4 => Some(Self::Hand {
                tip: [dice.between(-3.5, 3.5), dice.between(-7.0, 0.5)],
                angle: dice.between(-1.1, 1.1),
            }),
            _ => Some(Self::Patch(Patch::draw(dice))),
        }
    }

    /// Which kind it is.
    pub(super) fn kind(&self) -> Occlusion {
        match self {
            Self::Sunglasses(_) => Occlusion::Sunglasses,
            Self::Mask => Occlusion::Mask,
            Self::Scarf(_) => Occlusion::Scarf,
            Self::Hand { .. } => Occlusion::Hand,
            Self::Patch(_) => Occlusion::Object,
        }
    }

    /// The mesh of the covering, if it is one in space.
    pub(super) fn mesh(&self, face: &Face) -> Option<Mesh> {
        match self {
            Self::Sunglasses(_) | Self::Patch(_) => None,
            Self::Mask => Some(mask(face)),
            Self::Scarf(reach) => Some(scarf(face, *reach)),
            Self::Hand { tip, angle } => Some(hand(*tip, *angle)),
        }
    }
}

impl Patch {
    fn draw(dice: &mut Dice) -> Self {
        let (sin, cos) = sin_cos(dice.between(-0.6, 0.6));
        let bar = dice.chance(0.4);
        // At an edge of the face rather than over its middle.
        let (sin_side, cos_side) = sin_cos(dice.between(0.0, 2.0 * PI));
        let reach = dice.between(0.30, 0.55);
        Self {
            center: [reach * cos_side, reach * sin_side],
            half: if bar {
                [dice.between(0.4, 0.9), dice.between(0.04, 0.09)]
            } else {
                [dice.between(0.10, 0.26), dice.between(0.10, 0.26)]
            },
            turn: [cos, sin],
            round: !bar && dice.chance(0.5),
        }
    }

    /// True if the patch hides what is (`x`, `y`) from the middle of the face, in sides of a chip.
    pub(super) fn hides(&self, x: f32, y: f32) -> bool {
        let (across, down) = (x - self.center[0], y - self.center[1]);
        let along = (across * self.turn[0] + down * self.turn[1]) / self.half[0];
        let off = (down * self.turn[0] - across * self.turn[1]) / self.half[1];
        if self.round {
            along * along + off * off < 1.0
        } else {
            along.abs() < 1.0 && off.abs() < 1.0
        }
    }
}

impl Cloth {
    /// Draws cloth, often close to `favorite`.
    pub(super) fn draw(dice: &mut Dice, favorite: Rgb) -> Self {
        let color = Rgb::hex(dice.one_of(&CLOTHS)) * dice.between(0.7, 1.1);
        let color = if dice.chance(0.4) { color.mix(favorite, 0.7) } else { color };
        Self {
            color,
            second: Rgb::hex(dice.one_of(&CLOTHS)),
            stripes: if dice.chance(0.3) { dice.between(0.2, 0.7) } else { 0.0 },
            seed: dice.fork() as u32,
        }
    }

    /// Color of the cloth at a pixel, for a thing too near to have a shape.
    pub(super) fn flat(&self, column: usize, row: usize) -> Rgb {
        let wave = noise::smooth(self.seed, 0.11 * column as f32, 0.11 * row as f32);
        self.color * (0.7 + 0.25 * wave)
    }

    /// Paints the cloth at `spot`.
    pub(super) fn paint(&self, spot: &Spot) -> Finish {
        let folds = noise::rough(self.seed, 1.1 * spot.rest.x, 0.8 * spot.rest.y);
        let line = self.stripes * spot.rest.y;
        let stripe = smoothstep(0.2, 0.3, (line - line.floor() - 0.5).abs());
        let color =
            if self.stripes > 0.0 { self.color.mix(self.second, stripe) } else { self.color };
        Finish {
            albedo: color * (1.0 + 0.12 * folds),
            shine: 0.03,
            gloss: 8,
            scatter: 0.2,
            openness: spot.openness,
            normal: spot.normal,
            fiber: None,
        }
    }
}

impl Hat {
    /// Draws a hat.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        Self { visor: dice.chance(0.45), edge: dice.between(3.4, 5.2) }
    }

    /// The mesh of the hat on `face`.
    pub(super) fn mesh(self, face: &Face) -> Mesh {
        const ROWS: usize = 16;
        const COLUMNS: usize = 48;
        let mut mesh = Mesh::new(Material::Cloth);
        let skull = &face.skull;
        let mut vertices = Vec::with_capacity(ROWS * COLUMNS);
        for row in 0..ROWS {
            let t = row as f32 / (ROWS - 2) as f32;
            let inside = row == ROWS - 1;
            for column in 0..COLUMNS {
                let direction = sin_cos(2.0 * PI * column as f32 / COLUMNS as f32 - PI);
                // Lower behind than in front.
                let edge = self.edge - 1.6 * (1.0 - direction.1);
                let y = mix(skull.crown_y() - 0.05, edge, (t * mix(t, 1.0, 0.4)).min(1.0));
                let base = skull.at_height(y, direction);
                let s = skull.dome_share(y);
                let level = (1.0 - s * s).max(0.0).sqrt();
                let out = Vec3::new(direction.0 * level, s, direction.1 * level).normalized();
                let brim = if self.visor { 0.0 } else { 0.35 * smoothstep(0.68, 0.74, t) };
                let thickness = if inside { 0.1 } else { 0.75 + brim };
                vertices.push(worn(base + out * thickness));
            }
        }
        mesh.add_grid(&vertices, ROWS, true);
        if self.visor {
            self.add_visor(face, &mut mesh);
        }
        mesh
    }

    fn add_visor(self, face: &Face, mesh: &mut Mesh) {
        let mut vertices = Vec::new();
        for step in 0..5u8 {
            let out = f32::from(step) / 4.0;
            for column in 0..15u8 {
                let across = f32::from(column) / 7.0 - 1.0;
                let direction = sin_cos(1.05 * across);
                let base = face.skull.at_height(self.edge, direction);
                let length = 5.2 * out * (1.0 - 0.75 * across * across);
                let fall = 0.9 * out * out + 1.1 * across * across * (0.4 + out);
                vertices.push(worn(base + Vec3::new(0.0, 0.1 - fall, 0.6 + length)));
            }
        }
        mesh.add_grid(&vertices, 5, false);
    }
}

fn worn(rest: Vec3) -> Vertex {
    Vertex { rest, turn: 1.0, openness: 1.0, ..Vertex::default() }
}

fn mask(face: &Face) -> Mesh {
    const ROWS: usize = 18;
    const COLUMNS: usize = 31;
    let skull = &face.skull;
    let nose = face.nose();
    let mut vertices = Vec::with_capacity(ROWS * COLUMNS);
    for row in 0..ROWS {
        let down = row as f32 / (ROWS - 1) as f32;
        for column in 0..COLUMNS {
            let across = 2.0 * column as f32 / (COLUMNS - 1) as f32 - 1.0;
            let direction = sin_cos(1.32 * across);
            let side = across * across;
            let top = -1.9 - 0.9 * side;
            let y = mix(top, skull.chin_y() - 0.1, down);
            let base = skull.point(y, &skull.section(y), direction);
            let ridge = (nose.projection + 0.55) * bump(base.x / mix(2.4, 5.2, down));
            let tent = ridge * smoothstep(1.05, 0.55, down) * smoothstep(-0.35, 0.25, down);
            let pleats = 0.07 * noise::smooth(3, 0.0, 14.0 * down);
            let out = Vec3::new(0.5 * direction.0, 0.0, direction.1);
            vertices.push(worn(base + out * (0.55 + pleats) + Vec3::new(0.0, 0.0, tent)));
        }
    }
    let mut mesh = Mesh::new(Material::Cloth);
    mesh.add_grid(&vertices, ROWS, false);
    mesh
}

fn scarf(face: &Face, reach: f32) -> Mesh {
    const ROWS: usize = 14;
    const COLUMNS: usize = 40;
    let skull = &face.skull;
    let top_y = mix(face.lips.y - 1.5, face.nose().tip_y - 0.4, reach);
    let mut vertices = Vec::with_capacity(ROWS * COLUMNS);
    for row in 0..ROWS {
        let down = row as f32 / (ROWS - 1) as f32;
        for column in 0..COLUMNS {
            let direction = sin_cos(2.0 * PI * column as f32 / COLUMNS as f32 - PI);
            let y = mix(top_y, skull.chin_y() - 5.5, down);
            let fold = 0.35 * noise::smooth(11, 3.0 * direction.0, 6.0 * down);
            let bulge = 1.0 + 0.6 * bump(2.0 * down - 1.0) + fold;
            let rest = Vec3::new(
                (face.anatomy.head.jaw_width + 1.2 + bulge) * direction.0,
                y + 1.2 * (1.0 - direction.1),
                if direction.1 > 0.0 { 9.6 + bulge } else { 8.0 + bulge } * direction.1,
            );
            vertices.push(worn(rest));
        }
    }
    let mut mesh = Mesh::new(Material::Cloth);
    mesh.add_grid(&vertices, ROWS, true);
    mesh
}

/// Four fingers, side by side, each a tube with a round end.
fn hand(tip: [f32; 2], angle: f32) -> Mesh {
    const RINGS: usize = 9;
    const SPOKES: usize = 10;
    let (sin, cos) = sin_cos(angle);
    // The fingers point up and inwards; the wrist is below.
    let pointing = Vec3::new(sin, cos, 0.0);
    let beside = Vec3::new(cos, -sin, 0.0);
    let mut mesh = Mesh::new(Material::Hand);
    for finger in 0..4u8 {
        let place = f32::from(finger) - 1.5;
        let end = Vec3::new(tip[0], tip[1], 12.6) + beside * (1.75 * place)
            - pointing * (0.55 * place * place);
        let mut vertices = Vec::with_capacity(RINGS * SPOKES);
        for ring in 0..RINGS {
            let back = ring as f32 / (RINGS - 1) as f32;
            let radius = 0.88 * (1.0 - bump(back / 0.16) * 0.97).max(0.02).sqrt();
            let center = end - pointing * (11.0 * back * back + 0.4 * back);
            for spoke in 0..SPOKES {
                let (sin_spoke, cos_spoke) = sin_cos(-2.0 * PI * spoke as f32 / SPOKES as f32);
                let around = beside * cos_spoke - Vec3::new(0.0, 0.0, 1.0) * sin_spoke;
                vertices.push(worn(center + around * radius));
            }
        }
        mesh.add_grid(&vertices, RINGS, true);
    }
    mesh
}

#[cfg(test)]
mod tests {
    use super::super::Identity;
    use super::super::face::Expression;
    use super::*;

    #[test]
    fn a_patch_hides_what_is_inside_of_it_however_it_is_turned() {
        let (sin, cos) = sin_cos(0.5);
        let bar = Patch { center: [0.1, 0.2], half: [0.4, 0.05], turn: [cos, sin], round: false };
        let along = |reach: f32| [0.1 + reach * cos, 0.2 + reach * sin];
        let [x, y] = along(0.39);
        assert!(bar.hides(x, y));
        let [x, y] = along(0.41);
        assert!(!bar.hides(x, y));
        assert!(!bar.hides(0.1, 0.3));
        let disk = Patch { half: [0.4, 0.4], round: true, ..bar };
        assert!(disk.hides(0.1, 0.5) && !disk.hides(0.1 + 0.35, 0.2 + 0.35));
    }

    #[test]
    fn hats_sit_on_the_head_above_the_eyes() {
        for seed in 0..30 {
            let identity = Identity::from_seed(seed);
            let face = Face::new(&identity.anatomy, Expression::default());
            let hat = Hat::draw(&mut Dice::new(seed)).mesh(&face);
            let crown = face.skull.crown_y();
            assert!(hat.vertices.iter().any(|vertex| vertex.rest.y > crown + 0.2));
            let before_eyes = |vertex: &&Vertex| vertex.rest.z > 5.0 && vertex.rest.y < 1.0;
            assert_eq!(hat.vertices.iter().filter(before_eyes).count(), 0, "{seed}");
        }
    }
}
