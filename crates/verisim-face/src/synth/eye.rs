//! Paints eyes, lids and lashes; it does not know the rest of the face.

use super::color::Rgb;
use super::complexion::Complexion;
use super::curve::{bump, mix, smoothstep};
use super::face::{EYEBALL_RADIUS, Face};
use super::light::Finish;
use super::noise;
use super::spot::Spot;
use super::vector::{Rotation, Vec3};

/// The white of the eye.
const SCLERA: Rgb = Rgb([0.70, 0.67, 0.65]);
/// The inner corner of the eye.
const CARUNCLE: Rgb = Rgb([0.55, 0.24, 0.20]);
/// Radius of the pupil as a part of that of the iris.
const PUPIL: f32 = 0.4;
/// Radius of the reflection of a lamp, in centimeters.
const CATCHLIGHT: f32 = 0.17;
/// Lashes and the shadow between them.
const LASH: Rgb = Rgb([0.012, 0.009, 0.008]);

/// What eyes of one picture have in common.
pub(super) struct EyePaint<'a> {
    pub(super) face: &'a Face<'a>,
    pub(super) complexion: &'a Complexion,
    pub(super) rotation: Rotation,
    /// Direction to the main light in the frame of the head.
    pub(super) light: Vec3,
}

impl EyePaint<'_> {
    /// Paints what lies at `spot` over `finish`; changes nothing away from the eyes.
    pub(super) fn paint(&self, spot: &Spot, finish: &mut Finish) {
        let (x, y) = (spot.rest.x, spot.rest.y);
        let (along, height) = self.face.at_eye(x, y);
        if along.abs() > 1.45 || !(-1.4..=2.2).contains(&height) || spot.rest.z < 2.0 {
            return;
        }
        let (upper, lower) = self.face.lid_edges(along);
        self.paint_lids(spot, finish, (along, height), upper, lower);
        if along.abs() < 1.0 && height < upper + 0.2 && height > lower - 0.2 {
            let open = spot.cover(upper - height) * spot.cover(height - lower);
            if open > 0.0 {
                let ball = self.eyeball(spot, (along, height), upper);
                finish.albedo = finish.albedo.mix(ball.albedo, open);
                // Half of the light in an eye comes through its white from elsewhere.
                finish.normal = finish.normal.mix(ball.normal, 0.6 * open).normalized();
                finish.shine = mix(finish.shine, ball.shine, open);
                finish.scatter = mix(finish.scatter, ball.scatter, open);
                finish.gloss = if open > 0.5 { ball.gloss } else { finish.gloss };
            }
        }
        self.paint_lashes(spot, finish, (along, height), upper, lower);
    }

    fn paint_lids(
        &self,
        spot: &Spot,
        finish: &mut Finish,
        (along, height): (f32, f32),
        upper: f32,
        lower: f32,
    ) {
        let eyes = self.face.eyes();
        let (shadow, strength) = self.complexion.eye_shadow;
        let crease = upper + eyes.crease * (1.0 - 0.55 * along * along).max(0.0);
        let on_lid = smoothstep(crease + 0.5, crease - 0.1, height)
            * smoothstep(upper - 0.3, upper, height)
            * smoothstep(1.4, 0.85, along.abs());
        finish.albedo = finish.albedo.mix(shadow, on_lid * strength);
        finish.albedo = finish.albedo * (1.0 - 0.16 * on_lid);
        if eyes.crease > 0.1 {
            let line = bump((height - crease) / (0.1 + 0.6 * spot.pixel))
                * smoothstep(1.25, 0.8, along.abs());
            finish.albedo = finish.albedo * (1.0 - 0.38 * line);
        }
        // Hollows beside the nose and below the lower lid, and bags of the old and tired.
        let inner = bump((along + 1.2) / 0.5) * bump((height - 0.1) / 1.2);
        let below = bump((height - lower + 0.45) / 0.5) * smoothstep(1.3, 0.6, along.abs());
        let tired = 0.12 + 0.25 * eyes.bags;
        let tint = Rgb([0.80, 0.70, 0.72]);
        finish.albedo = finish.albedo.mix(finish.albedo * tint, inner * 0.7 + below * tired);
        let bag = bump((height - lower + 0.75) / 0.16) * smoothstep(1.0, 0.4, along.abs());
        finish.albedo = finish.albedo * (1.0 - 0.22 * eyes.bags * bag);
    }

    fn paint_lashes(
        &self,
        spot: &Spot,
        finish: &mut Finish,
        (along, height): (f32, f32),
        upper: f32,
        lower: f32,
    ) {
        let strength = self.complexion.lashes;
        let outer = smoothstep(-1.0, 1.0, along);
        // Made-up lashes reach beyond the outer corner.
        let wing = 0.16 * (strength - 0.8).max(0.0);
        let reach = smoothstep(1.04 + wing, 0.95, along.abs().max(along));
        let lift = if along > 0.95 { 1.6 * (along - 0.95) } else { 0.0 };
        let thickness = (0.07 + 0.09 * outer) * (0.55 + 0.65 * strength);
        let band = spot.soft_cover(thickness - (height - upper - lift - 0.03).abs(), 0.12) * reach;
        finish.albedo = finish.albedo.mix(LASH, (band * (0.55 + 0.4 * strength)).min(1.0));
        let line = spot.soft_cover(0.045 - (height - lower).abs(), 0.14) * reach;
        finish.albedo = finish.albedo.mix(LASH, line * 0.35 * strength);
        finish.shine *= 1.0 - 0.8 * band;
    }

    fn eyeball(&self, spot: &Spot, (along, height): (f32, f32), upper: f32) -> Finish {
        let center =
            if spot.rest.x < 0.0 { self.face.eyeball.mirrored() } else { self.face.eyeball };
        let normal = on_ball(spot.rest - center, self.rotation.undo(spot.view));
        let [right, up] = self.face.expression.gaze;
        let gaze = Vec3::new(right - 0.03 * center.x.signum(), up, 1.0).normalized();
        let off_axis = normal - gaze * normal.dot(gaze);
        let radius = off_axis.length() * EYEBALL_RADIUS;
        let white = SCLERA.mix(CARUNCLE, 0.25 * smoothstep(0.5, 1.0, along.abs()));
        let white = white.mix(CARUNCLE, spot.soft_cover(-0.8 - along, 0.2));
        let mut color = white;
        let iris_radius = self.face.eyes().iris_radius;
        if normal.dot(gaze) > 0.0 {
            let iris = self.iris(off_axis, radius / iris_radius);
            color = color.mix(iris, spot.soft_cover(iris_radius - radius, 0.1));
        }
        // The upper lid and its lashes shade the ball.
        color = color * mix(0.42, 1.0, smoothstep(-0.02, 0.42, upper - height));
        let half = (self.light * 0.5 + Vec3::new(0.0, 0.45, 0.9) + self.rotation.undo(spot.view))
            .normalized();
        let glint = (normal - half).length() * EYEBALL_RADIUS;
        color = color.mix(Rgb::gray(1.6), spot.soft_cover(CATCHLIGHT - glint, 0.1));
        Finish {
            albedo: color,
            shine: 0.15,
            gloss: 90,
            scatter: 0.6,
            openness: 1.0,
            normal: self.rotation.apply(normal),
            fiber: None,
        }
    }

    /// Color of the iris at `share` of its radius.
    fn iris(&self, off_axis: Vec3, share: f32) -> Rgb {
        let direction = off_axis.normalized();
        let rays = noise::smooth(self.complexion.seed, 6.0 * direction.x, 6.0 * direction.y);
        let ring = smoothstep(0.72, 1.0, share);
        let glow = 1.15 + 0.35 * rays - 0.55 * direction.y * share;
        let color = self.complexion.iris * glow.max(0.3) * (1.0 - 0.7 * ring);
        color.mix(Rgb::gray(0.006), smoothstep(PUPIL + 0.1, PUPIL - 0.04, share))
    }
}

/// Normal of the eyeball where the ray towards `view` through `from`, relative to its center, meets it.
fn on_ball(from: Vec3, view: Vec3) -> Vec3 {
    let along = from.dot(view);
    let square = along * along - (from.dot(from) - EYEBALL_RADIUS * EYEBALL_RADIUS);
    if square < 0.0 {
        return (from - view * along).normalized();
    }
    (from + view * (square.sqrt() - along)).normalized()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ray_meets_the_near_side_of_the_ball() {
        let front = on_ball(Vec3::new(0.3, 0.2, 1.7), Vec3::new(0.0, 0.0, 1.0));
        assert!((front.x - 0.2).abs() < 1e-5 && front.z > 0.9, "{front:?}");
        let missed = on_ball(Vec3::new(3.0, 0.0, 1.0), Vec3::new(0.0, 0.0, 1.0));
        assert!((missed - Vec3::new(1.0, 0.0, 0.0)).length() < 1e-5);
    }
}
