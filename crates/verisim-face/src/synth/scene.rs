//! The pixels of one picture: what is in front at each, painted and lit.
//!
//! It is given meshes in their places and a camera; it does not know how either came about.

use super::appearance::Appearance;
use super::camera::Camera;
use super::color::Rgb;
use super::covering::Covering;
use super::flaws::Canvas;
use super::hair;
use super::identity::Identity;
use super::light::Finish;
use super::mesh::{Material, Placed};
use super::raster::{Corner, Hit, Layer, NOTHING, SAMPLES, Sides, shares};
use super::skin::SkinPaint;
use super::spectacles::Spectacles;
use super::spot::Spot;
use super::vector::{Rotation, Vec3};

/// A triangle is not continued farther than this part of itself, where its plane would leave the head.
const MAX_OVERHANG: f32 = 0.5;

/// Everything that the pixels of one picture are made from.
pub(super) struct Scene<'a> {
    pub(super) identity: &'a Identity,
    pub(super) appearance: &'a Appearance,
    pub(super) camera: Camera,
    pub(super) rotation: Rotation,
    pub(super) parts: Vec<Placed>,
    /// Size of the picture in pixels.
    pub(super) size: (usize, usize),
    /// Column and row between the landmarks.
    pub(super) face_center: [f32; 2],
    /// Side of an aligned chip of the face, in pixels.
    pub(super) chip_side: f32,
}

/// What is in front at each sample.
pub(super) struct View {
    /// The corners of each part, in samples.
    corners: Vec<Vec<Corner>>,
    solid: Layer,
    /// What is seen through, if there is any.
    glass: Option<Layer>,
}

impl Scene<'_> {
    /// Finds what is in front.
    pub(super) fn view(&self) -> View {
        let (width, height) = (self.size.0 * SAMPLES, self.size.1 * SAMPLES);
        let mut solid = Layer::new(width, height);
        let mut glass = None;
        let corners: Vec<Vec<Corner>> = self.parts.iter().map(|part| self.corners(part)).collect();
        for (index, (part, corners)) in self.parts.iter().zip(&corners).enumerate() {
            let material = part.mesh.material;
            let closed = match material {
                Material::Skin | Material::Ear => true,
                Material::Hair => !self.identity.hairdo.hangs(),
                _ => false,
            };
            let sides = if closed { Sides::Front } else { Sides::Both };
            let layer = if material == Material::Lens {
                glass.get_or_insert_with(|| Layer::new(width, height))
            } else {
                &mut solid
            };
            layer.draw(index as u16, corners, &part.mesh.faces, sides);
        }
        View { corners, solid, glass }
    }

    fn corners(&self, part: &Placed) -> Vec<Corner> {
        let to_corner = |point: &Vec3| {
            let [x, y] = self.camera.project(*point);
            [x * SAMPLES as f32, y * SAMPLES as f32, point.z]
        };
        part.place.iter().map(to_corner).collect()
    }

    /// Paints every pixel.
    pub(super) fn paint(&self, paint: &SkinPaint, view: &View) -> Canvas {
        let (width, height) = self.size;
        let mut values = Vec::with_capacity(3 * width * height);
        for row in 0..height {
            for column in 0..width {
                let color = if self.is_patched(column as f32 + 0.5, row as f32 + 0.5) {
                    self.appearance.cloth.flat(column, row)
                } else {
                    let solid = self.pixel(paint, view, column, row);
                    self.through_glass(solid, view, column, row)
                };
                values.extend(color.0);
            }
        }
        Canvas { width, height, values }
    }

    /// True if nothing is nearer to the camera than `point` by more than `tolerance` centimeters, and
    /// the point is inside of the picture.
    pub(super) fn is_seen(&self, view: &View, point: Vec3, tolerance: f32) -> bool {
        let [x, y] = self.camera.project(point);
        let (width, height) = (self.size.0 as f32, self.size.1 as f32);
        if !(0.0..width).contains(&x) || !(0.0..height).contains(&y) || self.is_patched(x, y) {
            return false;
        }
        let (column, row) = ((x * SAMPLES as f32) as usize, (y * SAMPLES as f32) as usize);
        let hides =
            |layer: &Layer| layer.nearness[row * layer.width + column] > point.z + tolerance;
        let dark_glass = view.glass.as_ref().filter(|_| self.spectacles().is_dark());
        !hides(&view.solid) && !dark_glass.is_some_and(hides)
    }

    fn pixel(&self, paint: &SkinPaint, view: &View, column: usize, row: usize) -> Rgb {
        let indices = sample_indices(&view.solid, column, row);
        let hits = indices.map(|index| view.solid.hits[index]);
        let first = hits[0];
        if hits.iter().all(|hit| hit.part == first.part) {
            if first.part == NOTHING {
                return self.background(column, row);
            }
            let middle = [column, row].map(|place| SAMPLES as f32 * (place as f32 + 0.5));
            let spot = self.spot(view, first, middle);
            // The paint knows the size of a pixel and smooths its own edges.
            return self.shade(paint, first.part, &spot);
        }
        let mut sum = Rgb::BLACK;
        for (hit, place) in hits.into_iter().zip(sample_places(column, row)) {
            sum += if hit.part == NOTHING {
                self.background(column, row)
            } else {
                let spot = self.spot(view, hit, place);
                self.shade(paint, hit.part, &spot)
            };
        }
        sum * (1.0 / hits.len() as f32)
    }

    fn background(&self, column: usize, row: usize) -> Rgb {
        let side = self.size.0 as f32;
        self.appearance.backdrop.color(column as f32 / side, row as f32 / side)
    }

    fn is_patched(&self, x: f32, y: f32) -> bool {
        match &self.appearance.covering {
            Some(Covering::Patch(patch)) => {
                let [face_x, face_y] = self.face_center;
                patch.hides((x - face_x) / self.chip_side, (y - face_y) / self.chip_side)
            }
            _ => false,
        }
    }

    /// What `hit` shows at a column and row.
    fn spot(&self, view: &View, hit: Hit, place_in_samples: [f32; 2]) -> Spot {
        let part = &self.parts[usize::from(hit.part)];
        let corners = &view.corners[usize::from(hit.part)];
        let face = part.mesh.faces[hit.face as usize].map(|index| index as usize);
        let [_, share_b, share_c] = shares(face.map(|index| corners[index]), place_in_samples);
        let limit = |share: f32| share.clamp(-MAX_OVERHANG, 1.0 + MAX_OVERHANG);
        let (share_b, share_c) = (limit(share_b), limit(share_c));
        let mut spot = Spot { pixel: 1.0 / self.camera.to_pixels.scale(), ..Spot::default() };
        let mut place = Vec3::ZERO;
        for (index, share) in face.into_iter().zip([1.0 - share_b - share_c, share_b, share_c]) {
            let vertex = &part.mesh.vertices[index];
            place += part.place[index] * share;
            spot.normal += part.normals[index] * share;
            spot.lit += part.lit[index] * share;
            spot.rest += vertex.rest * share;
            spot.along += vertex.along * share;
            spot.across += vertex.across * share;
            spot.openness += vertex.openness * share;
        }
        spot.lit = spot.lit.clamp(0.0, 1.0);
        spot.normal = spot.normal.normalized();
        spot.view = self.camera.direction_from(place);
        spot
    }

    fn shade(&self, paint: &SkinPaint, part: u16, spot: &Spot) -> Rgb {
        let mut spot = *spot;
        let material = self.parts[usize::from(part)].mesh.material;
        // Open surfaces are seen from both sides.
        if spot.normal.dot(spot.view) < 0.0 && material != Material::Skin {
            spot.normal = -spot.normal;
        }
        let finish = match material {
            Material::Skin => paint.paint(&spot),
            Material::Ear => paint.paint_ear(&spot),
            Material::Hand => paint.paint_hand(&spot),
            Material::Hair => hair::paint(&self.identity.hairdo, &self.rotation, &spot),
            Material::Cloth => self.appearance.cloth.paint(&spot),
            Material::Frame | Material::Lens => frame_finish(self.spectacles().color, &spot),
        };
        self.appearance.light.shade(&finish, spot.view, spot.lit)
    }

    fn spectacles(&self) -> &Spectacles {
        match &self.appearance.covering {
            Some(Covering::Sunglasses(spectacles)) => spectacles,
            _ => &self.identity.spectacles,
        }
    }

    fn through_glass(&self, behind: Rgb, view: &View, column: usize, row: usize) -> Rgb {
        let Some(glass) = &view.glass else { return behind };
        let mut color = behind;
        let share = 1.0 / (SAMPLES * SAMPLES) as f32;
        let (tint, density) = self.spectacles().tint;
        let sky = self.appearance.light.sky;
        let places = sample_places(column, row);
        for (index, place) in sample_indices(glass, column, row).into_iter().zip(places) {
            if glass.nearness[index] <= view.solid.nearness[index] {
                continue;
            }
            let spot = self.spot(view, glass.hits[index], place);
            // Glass mirrors the sky above.
            let mirrored = spot.normal * (2.0 * spot.normal.dot(spot.view)) - spot.view;
            let gleam = sky * (share * (0.01 + 0.10 * mirrored.y.max(0.0)));
            color = color.mix(tint * sky, density * share) + gleam;
        }
        color
    }
}

fn frame_finish(color: Rgb, spot: &Spot) -> Finish {
    Finish {
        albedo: color,
        shine: 0.5,
        gloss: 40,
        scatter: 0.0,
        openness: 1.0,
        normal: spot.normal,
        fiber: None,
    }
}

/// The samples of a pixel, the first of them in its upper left.
fn sample_indices(layer: &Layer, column: usize, row: usize) -> [usize; SAMPLES * SAMPLES] {
    let start = row * SAMPLES * layer.width + column * SAMPLES;
    [start, start + 1, start + layer.width, start + layer.width + 1]
}

/// The centers of the samples of a pixel, in samples.
fn sample_places(column: usize, row: usize) -> [[f32; 2]; SAMPLES * SAMPLES] {
    let (x, y) = ((column * SAMPLES) as f32 + 0.5, (row * SAMPLES) as f32 + 0.5);
    [[x, y], [x + 1.0, y], [x, y + 1.0], [x + 1.0, y + 1.0]]
}
