//! Writes the chips of many pictures whose landmarks are known; it finds no faces.
//!
//! Run with `cargo run -p verisim-face --example align -- JOBS [frontal]`, where each line of the file JOBS is
//! `PICTURE,CHIP,X1,Y1,...,X5,Y5`: the picture, the chip to write as PNG, and the five landmarks. With `frontal`
//! the faces are turned to the front. `reference/align_agreement.py` compares the chips with those of `OpenCV`,
//! `reference/frontal.py` compares what a model makes of both kinds.

use std::error::Error;
use std::fs;

use verisim_face::align::{Template, chip};
use verisim_face::frontal::{Camera, Hidden, frontal};
use verisim_face::image::{DecodeLimits, decode, encode_png};
use verisim_face::{Landmarks, Point};

fn main() -> Result<(), Box<dyn Error>> {
    let jobs = std::env::args_os().nth(1).ok_or("name the file with the jobs")?;
    let is_frontal = std::env::args_os().nth(2).is_some_and(|it| it == "frontal");
    let template = Template::new(Template::ARCFACE);
    for line in fs::read_to_string(jobs)?.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let [picture, target, numbers @ ..] = fields.as_slice() else {
            return Err("a line is PICTURE,CHIP and ten numbers".into());
        };
        let numbers = numbers.iter().map(|it| it.parse()).collect::<Result<Vec<f32>, _>>()?;
        let points: Vec<Point> =
            numbers.as_chunks::<2>().0.iter().map(|&[x, y]| Point { x, y }).collect();
        let points = points.try_into().map_err(|_| "a face has five landmarks")?;
        let picture = decode(&fs::read(picture)?, &DecodeLimits::default())?;
        let landmarks = Landmarks { points };
        let chip = if is_frontal {
            let camera = Camera::from_landmarks(&landmarks)?;
            frontal(&picture, &camera, &template, Hidden::Mirrored)?.picture
        } else {
            chip(&picture, &landmarks, &template)?
        };
        fs::write(target, encode_png(&chip)?)?;
    }
    Ok(())
}
