//! Faces turned to the front and away from it, by a generic head; it knows nobody's own shape.
//!
//! As `DeepFace` did (Taigman et al., *DeepFace: Closing the Gap to Human-Level Performance in Face Verification*,
//! CVPR 2014, section 2): an affine camera is fitted to the landmarks of a face and of a generic head, and every
//! pixel of the front view of the head is read from where the camera sees it in the photograph. `DeepFace` used 67
//! landmarks and moved the head by the residuals of the fit; here 5 are enough, and the head is one of our own.
//! What the head hides from the camera is read from the other half of the face (Hassner et al., *Effective Face
//! Frontalization in Unconstrained Images*, CVPR 2015), softly.
//!
//! Against the truth of drawn heads the front view is nearer than alignment in the plane from 15 degrees on. A
//! model that was trained on faces aligned in the plane is worse with it all the same (`docs/frontal.md`), as
//! Banerjee et al., *To Frontalize or Not To Frontalize*, <https://arxiv.org/abs/1610.04823>, found; so
//! [`align`](crate::align) stays the default. [`turned`], the reverse, makes training pictures.

mod camera;
mod head;
#[cfg(test)]
mod tests;
mod turned;

use std::array;

use camera::dot;
pub use camera::{Camera, CameraError};
use head::Head;
pub use turned::{Turned, turned};

use crate::Picture;
use crate::align::{Similarity, Template};
use crate::warp::Source;

/// Steps along a ray to the viewer, in centimeters.
const RAY_STEP: f64 = 0.4;
/// A surface that stands out of a ray by less than the first hides nothing, by more than the second all.
const HIDING: [f64; 2] = [0.1, 0.5];
/// A surface that faces the viewer with a cosine below the first is not seen, above the second it is.
const GRAZING: [f64; 2] = [0.05, 0.3];
/// Where neither half of the face is seen by more than this, nothing is better than what is there.
const MIN_SEEN: f64 = 0.02;

/// What becomes of pixels that the camera could not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// They are read from the other half of the face, as far as that is seen.
    Mirrored,
    /// They show whatever hid them, and [`Frontal::seen`] marks them.
    Kept,
}

/// A face as from the front.
#[derive(Clone, Debug)]
pub struct Frontal {
    /// The chip.
    pub picture: Picture,
    /// How well the camera saw each pixel, row after row: from 0, hidden, to 255.
    pub seen: Vec<u8>,
}

/// The chip of a face as from the front, from the photograph that `camera` was fitted to.
///
/// Its size, and where the generic head's landmarks lie in it, are the template's. What lies beside the head is
/// read as if the head went on. A chip takes some milliseconds.
///
/// # Errors
///
/// Fails only if the template's landmarks are those of no face, which no [`Template`]'s are.
pub fn frontal(
    photograph: &Picture,
    camera: &Camera,
    template: &Template,
    hidden: Hidden,
) -> Result<Frontal, CameraError> {
    let head = Head::generic();
    let to_head = head.to_chip(template)?.inverse();
    let [width, height] = template.size();
    let view = camera.view();
    let corners = [[0, 0], [width, 0], [0, height], [width, height]];
    let corners = corners.map(|[column, row]| {
        let [x, down] = to_head.apply([column as f64, row as f64]);
        // The nearest and the farthest parts of a head fall farthest out.
        [-10.0, 12.0].map(|z| camera.place([x, -down, z]))
    });
    let shrinkage = camera.scale() * to_head.scale();
    let source = Source::new(photograph, shrinkage, corners.into_iter().flatten());
    let mut pixels = Vec::with_capacity(3 * width * height);
    let mut seen = Vec::with_capacity(width * height);
    for row in 0..height {
        for column in 0..width {
            let [x, down] = to_head.apply([column as f64, row as f64]);
            let point = [x, -down, head.depth(x, -down)];
            let own = source.at(camera.place(point));
            let share = seen_share(head, view, point);
            seen.push((255.0 * share + 0.5) as u8);
            let mirror = [-point[0], point[1], point[2]];
            let other = (1.0 - share) * seen_share(head, view, mirror);
            if hidden == Hidden::Kept || other < MIN_SEEN {
                pixels.extend(own);
                continue;
            }
            let mirrored = source.at(camera.place(mirror));
            let weight = other / (share + other);
            pixels.extend(array::from_fn::<u8, 3, _>(|channel| {
                let [own, mirrored] = [own, mirrored].map(|it| f64::from(it[channel]));
                (own + weight * (mirrored - own) + 0.5) as u8
            }));
        }
    }
    Ok(Frontal { picture: Picture::new(width, height, pixels), seen })
}

impl Head {
    /// From the front view in centimeters, `y` down, to a chip.
    fn to_chip(&self, template: &Template) -> Result<Similarity, CameraError> {
        let points = self.landmarks.map(|[x, y, _]| crate::Point { x: x as f32, y: -y as f32 });
        Ok(Similarity::fit(&crate::Landmarks { points }, template)?)
    }
}

/// How well a viewer sees a point of the surface, from 0 to 1.
fn seen_share(head: &Head, view: [f64; 3], point: [f64; 3]) -> f64 {
    let [x, y, z] = point;
    let facing = dot(head.normal(x, y), view);
    let grazing = share_between(GRAZING, facing);
    if grazing <= 0.0 || view[2] <= 0.0 {
        return 0.0;
    }
    let mut hiding: f64 = 0.0;
    let mut length = RAY_STEP;
    // Nothing of a head is nearer than this.
    while z + length * view[2] < 13.0 {
        let [x, y, z] = array::from_fn(|axis| point[axis] + length * view[axis]);
        hiding = hiding.max(head.depth(x, y) - z);
        length += RAY_STEP;
    }
    grazing * (1.0 - share_between(HIDING, hiding))
}

/// From 0 at the first value to 1 at the second.
fn share_between([from, to]: [f64; 2], value: f64) -> f64 {
    let share = ((value - from) / (to - from)).clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}
