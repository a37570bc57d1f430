//! From pictures to templates of the faces on them; it knows models, no gallery and no threshold.
//!
//! Without a detector a picture *is* a chip. With one it is a photograph: its faces are found, one or all are
//! chosen, and each is brought into the pose that models expect.

use rayon::prelude::*;
use verisim_core::Template as FaceTemplate;

use crate::align::{AlignError, Template, box_chip, chip};
use crate::choice::{ChoiceError, FaceChoice};
use crate::detect::{DetectError, Detector, OnnxDetector};
use crate::onnx;
use crate::quality::Measures;
use crate::recognizer::{EmbedError, Recognizer};
use crate::{FoundFace, Picture};

/// What is added around the box of a face without landmarks, in shares of its sides.
const BOX_MARGIN: f32 = 0.2;

/// Finds the faces of photographs and cuts their chips.
pub struct Sight {
    detector: OnnxDetector,
    choice: FaceChoice,
}

/// A face with its chip.
pub struct SeenFace {
    /// Where it was found.
    pub face: FoundFace,
    /// How good the picture of it is, if that can be measured.
    pub measures: Option<Measures>,
    /// The aligned face; by its box alone if its detector finds no landmarks.
    pub chip: Picture,
}

/// A face with its template.
pub struct RecognizedFace {
    /// Where it was found; `None` if the picture was taken for a chip.
    pub face: Option<FoundFace>,
    /// How good the picture of it is; `None` for a chip, whose photograph is not known.
    pub measures: Option<Measures>,
    /// Its template.
    pub template: FaceTemplate,
}

/// Pictures to templates: a [`Recognizer`], and a [`Sight`] if pictures are photographs.
pub struct Pipeline {
    recognizer: Recognizer,
    sight: Option<Sight>,
}

/// Why a photograph has no chip.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SightError {
    /// The detector failed.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// No face of it can be taken.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// A face cannot be aligned.
    #[error(transparent)]
    Align(#[from] AlignError),
}

/// Why a picture has no template.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// It has no chip.
    #[error(transparent)]
    Sight(#[from] SightError),
    /// A chip of it has no template.
    #[error(transparent)]
    Embed(#[from] EmbedError),
}

impl Sight {
    /// Takes a detector into use, and a rule by which faces are chosen.
    pub fn new(detector: OnnxDetector, choice: FaceChoice) -> Self {
        Self { detector, choice }
    }

    /// The detector.
    pub fn detector(&self) -> &OnnxDetector {
        &self.detector
    }

    /// The chosen faces of a photograph, at least one, with chips for a template.
    ///
    /// Where all are asked for, those that cannot be aligned are left out.
    ///
    /// # Errors
    ///
    /// Fails if the detector fails, if no face can be chosen, or if no chosen one can be aligned.
    pub fn see(
        &self,
        photograph: &Picture,
        template: &Template,
    ) -> Result<Vec<SeenFace>, SightError> {
        let faces = self.detector.detect(photograph)?;
        let chosen = self.choice.choose(&faces, photograph.width(), photograph.height())?;
        let (mut seen, mut refusal) = (Vec::new(), None);
        for index in chosen {
            let face = faces[index];
            match chip_of(photograph, &face, template) {
                Ok(chip) => {
                    let measures = Measures::of(photograph, &face).ok();
                    seen.push(SeenFace { face, measures, chip });
                }
                Err(error) => refusal = Some(error),
            }
        }
        match refusal {
            Some(error) if seen.is_empty() => Err(error.into()),
            _ => Ok(seen),
        }
    }
}

/// The chip of a face that was found in a photograph; by its box alone if there are no landmarks.
///
/// # Errors
///
/// Fails if the face cannot be aligned.
pub fn chip_of(
    photograph: &Picture,
    face: &FoundFace,
    template: &Template,
) -> Result<Picture, AlignError> {
    match &face.landmarks {
        Some(landmarks) => chip(photograph, landmarks, template),
        None => box_chip(photograph, &face.area, BOX_MARGIN, template.size()),
    }
}

impl Pipeline {
    /// Takes a model into use, and what finds faces for it; without, pictures are chips.
    pub fn new(recognizer: Recognizer, sight: Option<Sight>) -> Self {
        Self { recognizer, sight }
    }

    /// What turns chips into templates.
    pub fn recognizer(&self) -> &Recognizer {
        &self.recognizer
    }

    /// What finds faces, if pictures are photographs.
    pub fn sight(&self) -> Option<&Sight> {
        self.sight.as_ref()
    }

    /// Where landmarks belong in the chips of this model.
    ///
    /// A square input is cut from the photograph at its own size. Others are made from ArcFace's square, cropped
    /// and resized as the model's card says, because so their training made them from chips.
    pub fn template(&self) -> Template {
        let input = &self.recognizer.card().input;
        let is_whole_square = input.width == input.height && input.crop.is_none();
        Template::new(if is_whole_square { [input.width, input.height] } else { Template::ARCFACE })
    }

    /// The chosen faces of a picture, with their templates; at least one, and one alone unless all were asked for.
    ///
    /// # Errors
    ///
    /// Fails if there is no face, if none can be chosen, or if a model fails.
    pub fn faces(&self, picture: &Picture) -> Result<Vec<RecognizedFace>, PipelineError> {
        let Some(sight) = &self.sight else {
            let template = self.recognizer.template(picture)?;
            return Ok(vec![RecognizedFace { face: None, measures: None, template }]);
        };
        let seen = sight.see(picture, &self.template())?;
        let recognized = seen.into_iter().map(|SeenFace { face, measures, chip }| {
            let template = self.recognizer.template(&chip)?;
            Ok(RecognizedFace { face: Some(face), measures, template })
        });
        recognized.collect()
    }
}

/// Computes on `n` threads from now on, in every model; without this there is one for each physical core.
///
/// A process has its threads once: only the first call counts, and only before any model has run.
pub fn use_threads(n: usize) {
    onnx::use_threads(n);
}

/// Does `work` for every number below `n` on all cores, and gives the results in order.
///
/// The threads are those of the runtime of the models, so that pictures share them instead of competing. Each
/// works on one picture at a time, so memory holds as many pictures as there are threads.
pub fn on_all_cores<T: Send>(n: usize, work: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
    onnx::on_threads(|| (0..n).into_par_iter().map(work).collect())
}
