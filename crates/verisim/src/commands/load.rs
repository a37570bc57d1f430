//! What several commands begin with: a model, a threshold, templates of pictures.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use verisim_core::{Head, Template};
use verisim_face::Recognizer;
use verisim_face::choice::FaceChoice;
use verisim_face::model::{Model, ThresholdPoint};
use verisim_face::pipeline::{Pipeline, RecognizedFace, Sight};

use super::each::each;
use crate::cli::{ModelArgs, SightArgs, ThresholdArgs};
use crate::dataset::decode_picture;
use crate::detection::detector;
use crate::models::names;
use crate::output::Printer;

/// Pictures whose templates are in memory at once: enough for all cores, few enough to lose by a failure.
pub(crate) const PICTURES_AT_ONCE: usize = 128;

/// A threshold, and what it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    /// Score at or above which a comparison matches.
    pub(crate) score: f32,
    /// The false match rate that it was chosen for, unless it was typed.
    pub(crate) fmr: Option<f64>,
}

/// A picture file with the templates of its faces, or why it has none.
pub(crate) struct Embedded {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// SHA-256 of its bytes.
    pub(crate) digest: [u8; 32],
    /// Whether it was known, and therefore not embedded.
    pub(crate) is_known: bool,
    /// Its faces: at least one unless it was known, and one alone unless all were asked for.
    pub(crate) faces: anyhow::Result<Vec<RecognizedFace>>,
}

impl Embedded {
    fn refused(path: &Path, digest: [u8; 32], error: anyhow::Error) -> Self {
        Self { path: path.to_owned(), digest, is_known: false, faces: Err(error) }
    }

    /// Its face; the surest, if there are several.
    pub(crate) fn face(self) -> anyhow::Result<RecognizedFace> {
        self.faces?.into_iter().next().context("a picture was not embedded")
    }

    /// The template of its face.
    pub(crate) fn template(self) -> anyhow::Result<Template> {
        self.face().map(|face| face.template)
    }
}

/// Loads the model that was asked for, by its path or by its name.
pub(crate) fn recognizer(args: &ModelArgs) -> anyhow::Result<Recognizer> {
    let path = names::resolve(&args.model)?;
    Ok(Recognizer::new(Model::load(&path, args.card.as_deref())?))
}

/// The model that was asked for, and what finds faces for it if it was asked for, too.
pub(crate) fn pipeline(model: &ModelArgs, sight: &SightArgs) -> anyhow::Result<Pipeline> {
    // Side by side: a command that is asked for one picture does little else.
    let (recognizer, sight) =
        rayon::join(|| recognizer(model), || self::sight(sight, FaceChoice::Central));
    Ok(Pipeline::new(recognizer?, sight?))
}

/// The same of a model that is loaded; `usual` is the face that is meant if nothing is said.
pub(crate) fn pipeline_of(
    recognizer: Recognizer,
    sight: &SightArgs,
    usual: FaceChoice,
) -> anyhow::Result<Pipeline> {
    Ok(Pipeline::new(recognizer, self::sight(sight, usual)?))
}

/// What finds and chooses faces, if it was asked for.
pub(crate) fn sight(args: &SightArgs, usual: FaceChoice) -> anyhow::Result<Option<Sight>> {
    let Some(detector) = detector(&args.detector)? else {
        ensure!(args.face.is_none(), "--face chooses among the faces that a --detector finds");
        return Ok(None);
    };
    Ok(Some(Sight::new(detector, args.face.map_or(usual, FaceChoice::from))))
}

/// The head that the model carries.
pub(crate) fn head(recognizer: &Recognizer) -> anyhow::Result<Head> {
    let head = recognizer.head().cloned();
    head.context("the model carries no head; train one with [head] in the recipe")
}

/// The threshold that was asked for, or the one that the model's card suggests.
pub(crate) fn decision(args: ThresholdArgs, recognizer: &Recognizer) -> anyhow::Result<Decision> {
    if let Some(score) = typed_threshold(args)? {
        return Ok(Decision { score, fmr: None });
    }
    let ThresholdPoint { score, fmr, .. } = recognizer.card().threshold(args.fmr)?;
    Ok(Decision { score, fmr: Some(fmr) })
}

/// The threshold that was typed, if one was.
pub(crate) fn typed_threshold(args: ThresholdArgs) -> anyhow::Result<Option<f32>> {
    if let Some(score) = args.threshold {
        ensure!(
            (-1.0..=1.0).contains(&score),
            "--threshold is {score}, but a score is a cosine from -1 to 1"
        );
    }
    Ok(args.threshold)
}

/// Embeds picture files, and hands each on in their order.
pub(crate) fn embed_files(
    pipeline: &Pipeline,
    paths: &[PathBuf],
    printer: &Printer,
    hand_on: impl FnMut(Embedded) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let sources = Sources { places: paths, bytes: &|index| read_file(&paths[index]) };
    embed_new(pipeline, sources, &|_, _| Ok(false), printer, hand_on)
}

/// Pictures, wherever they lie.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    /// What each is called.
    pub(crate) places: &'a [PathBuf],
    /// Gives the bytes of one.
    pub(crate) bytes: &'a (dyn Fn(usize) -> anyhow::Result<Vec<u8>> + Sync),
}

/// Embeds the pictures that are not known by their position and the SHA-256 of their bytes, and hands all on in their
/// order.
pub(crate) fn embed_new(
    pipeline: &Pipeline,
    Sources { places, bytes }: Sources<'_>,
    is_known: &(dyn Fn(usize, &[u8; 32]) -> anyhow::Result<bool> + Sync),
    printer: &Printer,
    mut hand_on: impl FnMut(Embedded) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let embed = |index: usize| {
        let path = &places[index];
        let bytes = match bytes(index) {
            Ok(bytes) => bytes,
            Err(error) => return Embedded::refused(path, [0; 32], error),
        };
        let digest = Sha256::digest(&bytes).into();
        match is_known(index, &digest) {
            Ok(false) => {}
            Ok(true) => {
                let (path, faces) = (path.clone(), Ok(Vec::new()));
                return Embedded { path, digest, is_known: true, faces };
            }
            Err(error) => return Embedded::refused(path, digest, error),
        }
        let faces = decode_picture(&bytes, path).and_then(|picture| {
            let faces = pipeline.faces(&picture);
            faces.with_context(|| format!("cannot embed {}", path.display()))
        });
        Embedded { path: path.clone(), digest, is_known: false, faces }
    };
    let n = (places.len(), PICTURES_AT_ONCE);
    each(n, ("embedding", printer), embed, |_, embedded| hand_on(embedded))
}

/// The bytes of a picture file.
pub(crate) fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
