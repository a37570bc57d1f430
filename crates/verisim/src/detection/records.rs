//! What was found, as people and programs read it: a table, JSON, CSV. It prints nothing.

use serde::Serialize;
use verisim_face::{Area, FoundFace, Landmarks, Point};

use super::Searched;

/// Landmarks in their order; left and right are the viewer's.
const LANDMARKS: [&str; 5] =
    ["image_left_eye", "image_right_eye", "nose", "image_left_mouth", "image_right_mouth"];

/// First line of the table.
pub(crate) const TABLE_HEAD: &str =
    "score       x       y   width  height  photograph (places in pixels)";

/// A photograph and its faces, in JSON.
#[derive(Serialize)]
pub(crate) struct SearchedDto {
    path: String,
    /// Of the photograph, in pixels.
    width: usize,
    height: usize,
    /// SHA-256 of the detector.
    detector: String,
    /// The surest first.
    faces: Vec<FaceDto>,
}

#[derive(Serialize)]
struct FaceDto {
    score: f64,
    /// From the upper left corner of the photograph.
    pixels: PixelsDto,
    /// The same in shares of the photograph's width and height.
    normalized: NormalizedDto,
    /// In pixels, if the detector finds any.
    landmarks: Option<LandmarksDto>,
}

#[derive(Serialize)]
struct PixelsDto {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

#[derive(Serialize)]
struct NormalizedDto {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

#[derive(Serialize)]
struct LandmarksDto {
    image_left_eye: PointDto,
    image_right_eye: PointDto,
    nose: PointDto,
    image_left_mouth: PointDto,
    image_right_mouth: PointDto,
}

#[derive(Serialize)]
struct PointDto {
    x: f64,
    y: f64,
}

impl SearchedDto {
    pub(crate) fn new(searched: &Searched, detector: &str) -> Self {
        let (width, height) = (searched.photograph.width(), searched.photograph.height());
        let face = |face: &FoundFace| {
            let Area { x, y, width: across, height: down } = face.area;
            let pixels =
                PixelsDto { x: pixel(x), y: pixel(y), width: pixel(across), height: pixel(down) };
            let share = |pixels: f32, side: usize| rounded(f64::from(pixels) / side as f64, 1e6);
            let normalized = NormalizedDto {
                left: share(x, width),
                top: share(y, height),
                width: share(across, width),
                height: share(down, height),
            };
            let landmarks = face.landmarks.as_ref().map(LandmarksDto::new);
            FaceDto { score: rounded(f64::from(face.score), 1e4), pixels, normalized, landmarks }
        };
        let path = searched.path.to_string_lossy().into_owned();
        let faces = searched.faces.iter().map(face).collect();
        Self { path, width, height, detector: detector.to_owned(), faces }
    }
}

impl LandmarksDto {
    fn new(landmarks: &Landmarks) -> Self {
        let [left_eye, right_eye, nose, left_mouth, right_mouth] =
            landmarks.points.map(|Point { x, y }| PointDto { x: pixel(x), y: pixel(y) });
        Self {
            image_left_eye: left_eye,
            image_right_eye: right_eye,
            nose,
            image_left_mouth: left_mouth,
            image_right_mouth: right_mouth,
        }
    }
}

/// Lines of the table for one photograph.
pub(crate) fn table(searched: &Searched) -> Vec<String> {
    let path = searched.path.display();
    if searched.faces.is_empty() {
        return vec![format!("{:>37}  {path}", "no face")];
    }
    let line = |face: &FoundFace| {
        let Area { x, y, width, height } = face.area;
        let score = face.score;
        format!("{score:>5.2} {x:>7.0} {y:>7.0} {width:>7.0} {height:>7.0}  {path}")
    };
    searched.faces.iter().map(line).collect()
}

/// A CSV file: a line for each face, and one without numbers for a photograph without faces.
pub(crate) struct FacesCsv(csv::Writer<Vec<u8>>);

impl FacesCsv {
    /// The file with its head.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let coordinates = |name| ["x", "y"].map(|axis| format!("{name}_{axis}"));
        let head = ["path", "face", "score", "x", "y", "width", "height"].map(str::to_owned);
        writer.write_record(head.into_iter().chain(LANDMARKS.into_iter().flat_map(coordinates)))?;
        Ok(Self(writer))
    }

    /// Adds the faces of a photograph.
    pub(crate) fn add(&mut self, searched: &Searched) -> anyhow::Result<()> {
        let path = searched.path.to_string_lossy();
        for (index, face) in searched.faces.iter().enumerate() {
            let Area { x, y, width, height } = face.area;
            let points = face.landmarks.map(|it| it.points.map(|point| [point.x, point.y]));
            let points = points.iter().flatten().flatten().map(|it| pixel(*it).to_string());
            let numbers = [x, y, width, height].map(|it| pixel(it).to_string());
            let head = [path.to_string(), index.to_string(), format!("{:.4}", face.score)];
            self.write(head.into_iter().chain(numbers).chain(points))?;
        }
        if searched.faces.is_empty() {
            self.write(std::iter::once(path.into_owned()))?;
        }
        Ok(())
    }

    /// Writes a line; what is missing at its end stays empty.
    fn write(&mut self, fields: impl Iterator<Item = String>) -> anyhow::Result<()> {
        let n_fields = 7 + 2 * LANDMARKS.len();
        let empty = std::iter::repeat_with(String::new);
        Ok(self.0.write_record(fields.chain(empty).take(n_fields))?)
    }

    /// All bytes of the file.
    pub(crate) fn finish(self) -> anyhow::Result<Vec<u8>> {
        Ok(self.0.into_inner()?)
    }
}

/// Hundredths of a pixel: detectors know less.
fn pixel(value: f32) -> f64 {
    rounded(f64::from(value), 1e2)
}

fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use verisim_face::Picture;

    use super::*;

    fn searched(n_faces: usize) -> Searched {
        let points = std::array::from_fn(|it| Point { x: it as f32, y: 10.0 + it as f32 / 3.0 });
        let area = Area { x: -2.0, y: 12.345, width: 20.0, height: 40.0 };
        let face = FoundFace { area, landmarks: Some(Landmarks { points }), score: 0.875 };
        let photograph = Picture::new(80, 100, vec![0; 24_000]);
        Searched { path: PathBuf::from("a,b.jpg"), photograph, faces: vec![face; n_faces] }
    }

    #[test]
    fn json_has_places_in_pixels_and_in_shares() {
        let json = serde_json::to_value(SearchedDto::new(&searched(1), "abc")).unwrap();
        let face = &json["faces"][0];
        let expected = serde_json::json!({"x": -2.0, "y": 12.35, "width": 20.0, "height": 40.0});
        assert_eq!(face["pixels"], expected);
        let expected =
            serde_json::json!({"left": -0.025, "top": 0.12345, "width": 0.25, "height": 0.4});
        assert_eq!(face["normalized"], expected);
        assert_eq!(face["landmarks"]["image_left_mouth"], serde_json::json!({"x": 3.0, "y": 11.0}));
        assert_eq!(face["landmarks"].as_object().unwrap().len(), LANDMARKS.len());
        assert_eq!((&json["width"], &json["detector"]), (&80.into(), &"abc".into()));
    }

    #[test]
    fn csv_has_a_line_for_each_face_and_one_for_none() {
        let mut csv = FacesCsv::new().unwrap();
        csv.add(&searched(2)).unwrap();
        csv.add(&searched(0)).unwrap();
        let mut without = searched(1);
        without.faces[0].landmarks = None;
        csv.add(&without).unwrap();
        let text = String::from_utf8(csv.finish().unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("path,face,score,x,y,width,height,image_left_eye_x,"));
        let place = "0.8750,-2,12.35,20,40";
        let points = "0,10,1,10.33,2,10.67,3,11,4,11.33";
        assert_eq!(lines[1], format!("\"a,b.jpg\",0,{place},{points}"));
        assert_eq!(lines[2], format!("\"a,b.jpg\",1,{place},{points}"));
        assert_eq!(lines[3], format!("\"a,b.jpg\"{}", ",".repeat(16)));
        assert_eq!(lines[4], format!("\"a,b.jpg\",0,{place}{}", ",".repeat(10)));
    }

    #[test]
    fn the_table_says_where_there_is_no_face() {
        assert_eq!(table(&searched(1)), [" 0.88      -2      12      20      40  a,b.jpg"]);
        assert!(table(&searched(0))[0].ends_with("no face  a,b.jpg"));
    }
}
