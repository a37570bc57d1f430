//! What is behind a head: walls, lights out of focus, clouds, shelves, stripes.

use super::color::Rgb;
use super::curve::{mix, sin_cos, smoothstep};
use super::dice::Dice;
use super::noise;

/// Lights that are out of focus in one picture.
const N_LIGHTS: usize = 9;

/// The background of one picture.
#[derive(Clone, Debug)]
pub(super) struct Backdrop {
    scene: Scene,
    colors: [Rgb; 3],
    /// Direction of the gradient, as a unit vector.
    slope: [f32; 2],
    seed: u32,
}

#[derive(Clone, Debug)]
enum Scene {
    Wall,
    Lights(Vec<[f32; 3]>),
    Clouds { size: f32 },
    Shelves { columns: f32, rows: f32 },
    Stripes { count: f32 },
}

impl Backdrop {
    /// Draws a background.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let scene = match dice.weighted(&[0.25, 0.2, 0.25, 0.2, 0.1]) {
            0 => Scene::Wall,
            1 => Scene::Lights(
                (0..N_LIGHTS)
                    .map(|_| {
                        [dice.between(-0.1, 1.1), dice.between(-0.1, 1.1), dice.between(0.03, 0.16)]
                    })
                    .collect(),
            ),
            2 => Scene::Clouds { size: dice.between(1.5, 7.0) },
            3 => Scene::Shelves { columns: dice.between(2.0, 9.0), rows: dice.between(1.5, 5.0) },
            _ => Scene::Stripes { count: dice.between(3.0, 12.0) },
        };
        let (sin, cos) = sin_cos(dice.between(0.0, 6.3));
        let brightness = dice.between(0.05, 1.0);
        let mut color = || {
            let vivid = dice.unit();
            let gray = brightness * dice.between(0.4, 1.2);
            let hue = Rgb([dice.unit(), dice.unit(), dice.unit()]);
            Rgb::gray(gray).mix(hue * (2.0 * gray), 0.8 * vivid * vivid)
        };
        let colors = [color(), color(), color()];
        Self { scene, colors, slope: [cos, sin], seed: dice.fork() as u32 }
    }

    /// The color at (`x`, `y`), each from 0 to 1 across the picture.
    pub(super) fn color(&self, x: f32, y: f32) -> Rgb {
        let [first, second, third] = self.colors;
        let share = 0.5 + 0.7 * ((x - 0.5) * self.slope[0] + (y - 0.5) * self.slope[1]);
        let base = first.mix(second, share.clamp(0.0, 1.0));
        match &self.scene {
            Scene::Wall => base,
            Scene::Lights(lights) => {
                let mut color = base * 0.4;
                for (index, [light_x, light_y, radius]) in (0..).zip(lights) {
                    let (across, down) = (x - light_x, y - light_y);
                    let distance = (across * across + down * down).sqrt();
                    let glow = 0.3 + 0.5 * noise::hash(self.seed, index, 0).abs();
                    let tint = if index % 2 == 0 { third } else { second };
                    color += tint * (glow * smoothstep(*radius, 0.7 * radius, distance));
                }
                color
            }
            Scene::Clouds { size } => {
                let cloud = noise::rough(self.seed, size * x, size * y);
                base.mix(third, smoothstep(-0.3, 0.5, cloud))
            }
            Scene::Shelves { columns, rows } => {
                let row = (rows * y).floor();
                let shift = noise::hash(self.seed, row as i32, 5);
                let column = (columns * (1.0 + 0.4 * shift) * (x + shift)).floor();
                let level = noise::hash(self.seed, column as i32, row as i32);
                let color = if level > 0.0 { base } else { third };
                color * mix(0.35, 1.2, level.abs())
            }
            Scene::Stripes { count } => {
                let along = count * (x * self.slope[1] - y * self.slope[0]);
                let wave = (along - along.floor() - 0.5).abs() * 2.0;
                base.mix(third, smoothstep(0.4, 0.6, wave))
            }
        }
    }
}
