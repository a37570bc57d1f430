//! Builds hair as a shell of strands from the crown to the hairline, and paints it.

use std::f32::consts::PI;

use super::curve::{bump, bump2, mix, sin_cos, smoothstep};
use super::face::Face;
use super::hairdo::{Hairdo, Style};
use super::head::turn_at;
use super::light::Finish;
use super::mesh::{Material, Mesh, Vertex};
use super::noise;
use super::spot::Spot;
use super::vector::{Rotation, Vec3};

/// Strands around the head.
const N_STRANDS: u8 = 64;
/// Points along a strand.
const N_POINTS: usize = 20;
/// Hair above this height lies on the skull; below it may hang.
const HANG_Y: f32 = 1.0;
/// Lengths of hair at its lower end differ by this part between strands.
const RAGGED: f32 = 0.35;

/// Height of the hairline of `hairdo` at `angle` degrees from the middle of the face, on either side.
pub(super) fn root_edge(hairdo: &Hairdo, angle: f32) -> f32 {
    let front = hairdo.hairline + hairdo.recession * bump((angle - 36.0) / 20.0)
        - hairdo.peak * bump(angle / 13.0);
    let temple = mix(front, hairdo.hairline - 2.6, smoothstep(40.0, 60.0, angle));
    let sideburn = mix(temple, hairdo.sideburn, smoothstep(60.0, 76.0, angle));
    let ear = mix(sideburn, 1.9, smoothstep(80.0, 88.0, angle));
    mix(ear, hairdo.length.max(-6.0), smoothstep(100.0, 112.0, angle))
}

/// The hair of `hairdo`, or nothing for a bald head.
pub(super) fn hair(face: &Face, hairdo: &Hairdo, under_hat: bool) -> Option<Mesh> {
    if hairdo.style == Style::Bald {
        return None;
    }
    let mut mesh = Mesh::new(Material::Hair);
    let strands: Vec<Strand> =
        (0..N_STRANDS).map(|index| Strand::new(face, hairdo, index, under_hat)).collect();
    let mut vertices = Vec::with_capacity((N_POINTS + 1) * strands.len());
    for point in 0..=N_POINTS {
        vertices.extend(strands.iter().map(|strand| strand.vertex(point)));
    }
    mesh.add_grid(&vertices, N_POINTS + 1, true);
    if hairdo.style == Style::Tied && !under_hat {
        add_bun(face, hairdo, &mut mesh);
    }
    Some(mesh)
}

/// One line of hair from the crown down.
struct Strand<'a> {
    face: &'a Face<'a>,
    hairdo: &'a Hairdo,
    direction: (f32, f32),
    /// In half turns from the middle of the face.
    half_turns: f32,
    end: f32,
    /// From 0, rooted in the skin, to 1, loose, at its lower end.
    loose: f32,
    under_hat: bool,
}

impl<'a> Strand<'a> {
    fn new(face: &'a Face, hairdo: &'a Hairdo, index: u8, under_hat: bool) -> Self {
        let s = 2.0 * f32::from(index) / f32::from(N_STRANDS) - 1.0;
        let half_turns = s * (0.7 + 0.3 * s * s);
        let direction = sin_cos(PI * half_turns);
        let angle = 180.0 * half_turns.abs();
        let ragged = RAGGED * noise::hash(hairdo.seed, i32::from(index), 0);
        let (mut end, mut loose) = (root_edge(hairdo, angle), 0.0);
        if let Some(fringe) = hairdo.fringe {
            let x = face.anatomy.head.skull_width * direction.0;
            let edge = fringe.y + fringe.slant * x + fringe.spread * x * x + 0.6 * ragged;
            let share = smoothstep(64.0, 50.0, angle);
            end = mix(end, edge.min(end), share);
            loose = share;
        }
        if hairdo.hangs() {
            // Like curtains: aside first, then down.
            let share = smoothstep(hairdo.opening - 28.0, hairdo.opening + 2.0, angle);
            let share = share * share * share;
            let swing = 1.6 * noise::smooth(hairdo.seed ^ 3, 5.0 * half_turns, 0.0);
            end = mix(end, hairdo.length + 2.0 * ragged + swing, share);
            loose = mix(loose, 1.0, share);
        }
        Self { face, hairdo, direction, half_turns, end, loose, under_hat }
    }

    fn vertex(&self, point: usize) -> Vertex {
        let (face, skull) = (self.face, &self.face.skull);
        // The last point closes the shell towards the skin.
        let closing = point == N_POINTS;
        let t = (point.min(N_POINTS - 1)) as f32 / (N_POINTS - 1) as f32;
        let crown = skull.crown_y();
        let y = mix(crown, self.end, t * mix(t, 1.0, 0.42));
        let thickness = if closing { 0.0 } else { self.thickness(y) };
        let (sin, cos) = self.direction;
        let hanging = self.hairdo.hangs() && y < HANG_Y;
        let base = if hanging {
            let level = skull.at_height(HANG_Y, self.direction);
            Vec3::new(level.x, y, level.z)
        } else {
            skull.at_height(y, self.direction)
        };
        let s = skull.dome_share(y);
        let level = (1.0 - s * s).max(0.0).sqrt();
        let outwards = Vec3::new(sin * level, s, cos * level).normalized();
        let mut rest = base + outwards * (thickness + 0.05);
        if hanging {
            let fall = HANG_Y - y;
            let flare = 0.05 * fall.min(9.0) * (0.4 + self.hairdo.curl);
            rest += Vec3::new(sin, 0.0, 0.35 * cos) * flare;
        }
        let wave = self.wave(rest);
        rest += outwards * (wave * smoothstep(0.1, 0.8, thickness));
        Vertex {
            rest,
            along: t,
            across: self.half_turns,
            turn: turn_at(skull.chin_y(), y).max(if face.anatomy.head.chin_y < y {
                1.0
            } else {
                0.0
            }),
            openness: if closing { 0.3 } else { 1.0 },
        }
    }

    fn thickness(&self, y: f32) -> f32 {
        let hairdo = self.hairdo;
        let angle = 180.0 * self.half_turns.abs();
        let full = mix(hairdo.side, hairdo.top, smoothstep(2.0, 9.5, y));
        let quiff = hairdo.quiff * bump2(angle / 95.0, (y - 9.0) / 4.2);
        let mut thickness = full + quiff;
        if let Some(part) = hairdo.part {
            let x = self.face.anatomy.head.skull_width * self.direction.0;
            thickness -= 0.55 * full * bump((x - part) / 0.8) * smoothstep(5.0, 8.0, y);
        }
        if self.under_hat {
            thickness = thickness.min(mix(thickness, 0.35, smoothstep(3.0, 5.0, y)));
        }
        let locks = noise::smooth(hairdo.seed ^ 6, 11.0 * self.half_turns, 0.22 * y);
        thickness *= 1.0 + 0.28 * locks;
        // Thick hair bulges out slowly.
        let above = ((y - self.end) / (1.1 + 0.8 * full)).clamp(0.0, 1.0);
        let rooted = above * (2.0 - above);
        let tip = mix(0.55, 1.0, above);
        thickness * mix(rooted, tip, self.loose)
    }

    fn wave(&self, place: Vec3) -> f32 {
        let (seed, size) = (self.hairdo.seed, 1.0 / self.hairdo.curl_size);
        if self.hairdo.hangs() {
            // Waves of long hair run along the strand.
            let along = noise::smooth(
                seed,
                7.0 * self.half_turns / self.hairdo.curl_size,
                0.8 * place.y * size,
            );
            return self.hairdo.curl * along;
        }
        self.hairdo.curl * noise::solid(seed, place.x * size, place.y * size, place.z * size)
    }
}

/// A knot of hair at the back of the crown.
fn add_bun(face: &Face, hairdo: &Hairdo, mesh: &mut Mesh) {
    const RINGS: usize = 9;
    const SPOKES: usize = 14;
    let high = noise::hash(hairdo.seed, 7, 7) > 0.0;
    let radius = 2.6 + 0.6 * noise::hash(hairdo.seed, 8, 8);
    let center = if high {
        Vec3::new(0.0, face.skull.crown_y() + 0.45 * radius, -3.0)
    } else {
        Vec3::new(0.0, 2.0, -10.5)
    };
    let mut vertices = Vec::with_capacity(RINGS * SPOKES);
    for ring in 0..RINGS {
        let (sin_fall, cos_fall) = sin_cos(PI * ring as f32 / (RINGS - 1) as f32);
        for spoke in 0..SPOKES {
            let share = spoke as f32 / SPOKES as f32;
            let (sin, cos) = sin_cos(2.0 * PI * share);
            let out = Vec3::new(sin * sin_fall, cos_fall, cos * sin_fall);
            vertices.push(Vertex {
                rest: center + out * radius,
                along: ring as f32 / RINGS as f32,
                across: 3.0 * share,
                turn: 1.0,
                openness: 1.0,
            });
        }
    }
    mesh.add_grid(&vertices, RINGS, true);
}

/// Paints hair at `spot`.
pub(super) fn paint(hairdo: &Hairdo, rotation: &Rotation, spot: &Spot) -> Finish {
    if hairdo.style == Style::Scarf {
        return paint_scarf(hairdo, spot);
    }
    let rest = spot.rest;
    let curly = matches!(hairdo.style, Style::Curls | Style::Afro);
    let (streak, shine, gloss) = if curly {
        let size = 2.2 / hairdo.curl_size;
        let coils = noise::solid(hairdo.seed ^ 9, rest.x * size, rest.y * size, rest.z * size);
        (coils * 0.9, 0.05, 10)
    } else {
        let fine = noise::rough(hairdo.seed, 130.0 * spot.across, 2.2 * spot.along);
        let locks = noise::smooth(hairdo.seed ^ 2, 34.0 * spot.across, 1.5 * spot.along);
        (0.55 * fine + 0.45 * locks, 0.16, 34)
    };
    let short = if hairdo.style == Style::Buzz { 0.35 } else { 1.0 };
    let normal = spot.normal;
    let combed = match hairdo.part {
        Some(part) => Vec3::new(0.5 * (rest.x - part), -0.6, 0.1) * smoothstep(3.0, 8.0, rest.y),
        None => Vec3::ZERO,
    };
    let combed = combed + Vec3::new(0.0, -1.0, 0.25);
    let down = rotation.apply(combed);
    let fiber = (down - normal * normal.dot(down)).normalized();
    Finish {
        albedo: hairdo.color * (1.0 + 0.5 * short * streak).max(0.2),
        shine: shine * (1.0 + 0.8 * streak) * mix(0.5, 1.0, hairdo.color.luminance().sqrt()),
        gloss,
        scatter: 0.15,
        openness: (spot.openness * (1.0 + 0.25 * streak)).clamp(0.0, 1.0),
        normal,
        fiber: if curly { None } else { Some(fiber) },
    }
}

fn paint_scarf(hairdo: &Hairdo, spot: &Spot) -> Finish {
    let folds = noise::rough(hairdo.seed, 16.0 * spot.across, 2.0 * spot.along);
    let weave = noise::smooth(hairdo.seed ^ 4, 6.0 * spot.rest.x, 6.0 * spot.rest.y);
    Finish {
        albedo: hairdo.color * (1.0 + 0.16 * folds + 0.05 * weave),
        shine: 0.03,
        gloss: 8,
        scatter: 0.1,
        openness: spot.openness * (1.0 + 0.2 * folds.min(0.0)),
        normal: spot.normal,
        fiber: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Identity;
    use super::super::face::Expression;
    use super::*;

    fn of_style(style: Style) -> Identity {
        let mut people = (0..2_000).map(Identity::from_seed);
        people.find(|person| person.hairdo.style == style).unwrap()
    }

    fn heights(style: Style) -> Option<(f32, f32)> {
        let identity = of_style(style);
        let face = Face::new(&identity.anatomy, Expression::default());
        let mesh = hair(&face, &identity.hairdo, false)?;
        let heights = mesh.vertices.iter().map(|vertex| vertex.rest.y);
        Some((heights.clone().fold(99.0, f32::min), heights.fold(-99.0, f32::max)))
    }

    #[test]
    fn hair_is_as_long_as_its_style() {
        assert_eq!(heights(Style::Bald), None);
        assert!(heights(Style::Crop).unwrap().0 > -8.5);
        assert!(heights(Style::Bob).unwrap().0 < -6.5);
        assert!(heights(Style::Long).unwrap().0 < -13.0);
        assert!(heights(Style::Afro).unwrap().1 > heights(Style::Buzz).unwrap().1 + 1.5);
    }

    #[test]
    fn hair_leaves_eyes_and_mouth_free() {
        for seed in 0..100 {
            let identity = Identity::from_seed(seed);
            let face = Face::new(&identity.anatomy, Expression::default());
            let Some(mesh) = hair(&face, &identity.hairdo, false) else { continue };
            let over_face = mesh.vertices.iter().filter(|vertex| {
                let rest = vertex.rest;
                rest.z > 5.0 && rest.x.abs() < 3.5 && (-9.0..1.2).contains(&rest.y)
            });
            assert_eq!(over_face.count(), 0, "{seed}: {:?}", identity.hairdo);
        }
    }

    #[test]
    fn a_hat_presses_the_hair_on_top() {
        let identity = of_style(Style::Afro);
        let face = Face::new(&identity.anatomy, Expression::default());
        let top = |under_hat| {
            let mesh = hair(&face, &identity.hairdo, under_hat).unwrap();
            mesh.vertices.iter().map(|vertex| vertex.rest.y).fold(0.0, f32::max)
        };
        assert!(top(true) < face.skull.crown_y() + 1.0 && top(false) > top(true) + 1.5);
    }
}
