//! Which gallery a command works on, and the models that it needs; it enrolls and names nobody.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use verisim_face::Recognizer;
use verisim_face::choice::FaceChoice;
use verisim_face::model::Model;
use verisim_face::pipeline::Pipeline;
use verisim_gallery::{Engine, GalleryError};

use super::load;
use crate::access::AccessArgs;
use crate::cli::{ModelArgs, SightArgs};
use crate::models::names;

/// Where the gallery remembers the model that it was filled with.
const MODEL_SETTING: &str = "model";
/// Where it remembers the model's card.
const CARD_SETTING: &str = "card";
/// Where it remembers what finds faces, if its people were enrolled from photographs.
const DETECTOR_SETTING: &str = "detector";
/// Where it remembers the detector's card.
const DETECTOR_CARD_SETTING: &str = "detector card";

/// Which gallery, and the model that it needs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GalleryArgs {
    /// Folder of the gallery, or `postgres://USER@HOST/DATABASE`
    #[arg(long, value_name = "PLACE")]
    pub(crate) gallery: PathBuf,

    /// ONNX model that turns a chip into an embedding, or its name; by default the one enrolled with
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,

    /// Card of the model, if it carries none: how to feed it (TOML)
    #[arg(long, value_name = "FILE", requires = "model")]
    pub(crate) card: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) sight: SightArgs,

    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

impl GalleryArgs {
    /// The model that was given, or the one that the gallery remembers.
    pub(crate) fn recognizer(&self) -> anyhow::Result<Recognizer> {
        if let Some(model) = &self.model {
            let (model, card) = (model.clone(), self.card.clone());
            return load::recognizer(&ModelArgs { model, card });
        }
        let gallery = self.access.open(&self.gallery, "verisim")?;
        let Some(model) = gallery.setting(MODEL_SETTING)? else {
            bail!("{} remembers no model; give it with --model", gallery.place().display());
        };
        let card = gallery.setting(CARD_SETTING)?.map(PathBuf::from);
        let model = Model::load(Path::new(&model), card.as_deref());
        let model = model.with_context(|| {
            format!("cannot load the model of {}; give it with --model", gallery.place().display())
        })?;
        Ok(Recognizer::new(model))
    }

    /// The model, and the detector that was given, or the one that the gallery remembers.
    pub(crate) fn pipeline(&self, usual: FaceChoice) -> anyhow::Result<Pipeline> {
        let recognizer = self.recognizer()?;
        let mut sight = self.sight.clone();
        let detector = &mut sight.detector;
        if detector.detector.is_none()
            && let Some(gallery) = self.open_if_there()?
        {
            detector.detector = gallery.setting(DETECTOR_SETTING)?.map(PathBuf::from);
            detector.detector_card = gallery.setting(DETECTOR_CARD_SETTING)?.map(PathBuf::from);
        }
        load::pipeline_of(recognizer, &sight, usual)
    }

    fn open_if_there(&self) -> anyhow::Result<Option<Box<dyn Engine>>> {
        match self.access.open(&self.gallery, "verisim") {
            Ok(gallery) => Ok(Some(gallery)),
            Err(error) => match error.downcast_ref() {
                Some(GalleryError::NotAGallery { .. }) => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Opens the gallery, which must be there and belong to the model.
    pub(crate) fn open(&self, recognizer: &Recognizer) -> anyhow::Result<Box<dyn Engine>> {
        let gallery = self.access.open(&self.gallery, "verisim identify")?;
        let (found, expected) = (recognizer.digest(), gallery.model());
        if found != expected {
            bail!(
                "{} holds templates of model {}, but the model given is {}; templates of different \
                 models cannot be compared",
                gallery.place().display(),
                expected.short(),
                found.short()
            );
        }
        Ok(gallery)
    }
}

/// Opens the gallery, or makes it for this model, which it will remember.
pub(crate) fn create_or_open(
    args: &GalleryArgs,
    recognizer: &Recognizer,
) -> anyhow::Result<Box<dyn Engine>> {
    let binding = (recognizer.digest(), recognizer.card().embedding_dim);
    let mut gallery = args.access.create_or_open(&args.gallery, binding, "verisim enroll")?;
    if let Some(model) = &args.model {
        gallery.set_setting(MODEL_SETTING, &absolute(&names::resolve(model)?)?)?;
        if let Some(card) = &args.card {
            gallery.set_setting(CARD_SETTING, &absolute(card)?)?;
        }
    }
    if let Some(detector) = &args.sight.detector.detector {
        gallery.set_setting(DETECTOR_SETTING, &absolute(&names::resolve(detector)?)?)?;
        if let Some(card) = &args.sight.detector.detector_card {
            gallery.set_setting(DETECTOR_CARD_SETTING, &absolute(card)?)?;
        }
    }
    Ok(gallery)
}

fn absolute(path: &Path) -> anyhow::Result<String> {
    Ok(std::path::absolute(path)?.to_string_lossy().into_owned())
}
