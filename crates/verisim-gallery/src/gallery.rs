//! The gallery: who is enrolled, and who is nearest to a probe; it does not know how rows are kept.

use std::fmt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use verisim_core::{ModelDigest, Template};

use crate::matrix::{Candidate, Matrix};
use crate::patience::BUSY_TIMEOUT;
use crate::store::Store;
use crate::{GalleryError, Sample, name};

/// The enrolled templates of one model, in a folder.
///
/// Every change is on disk when its call returns, whole or not at all, and other processes that
/// have opened the same gallery see it at their next call. Templates are read into memory at the
/// first search, and then only those that were added since.
///
/// A gallery may be moved to another thread, but serves one call at a time.
pub struct Gallery {
    store: Store,
    model: ModelDigest,
    dim: usize,
    matrix: Matrix,
}

/// What [`Gallery::enroll`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// Number of templates that were added.
    pub n_added: usize,
    /// Number of samples whose pictures were enrolled for the same identity before.
    pub n_already_there: usize,
}

/// What [`Gallery::forget`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Forgotten {
    /// Number of templates that were overwritten.
    pub n_templates: usize,
    /// Whether they are gone from all files already.
    ///
    /// If not, another process prevented it, or the disk is full: the templates will not be found
    /// again, but their bytes linger until [`Gallery::wipe`] or until the gallery is next opened.
    pub is_wiped: bool,
}

/// An enrolled identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentitySummary {
    /// Its name.
    pub name: String,
    /// Number of its templates; at least one.
    pub n_templates: usize,
    /// When it was first enrolled, in seconds since 1970 (UTC).
    pub enrolled_at: i64,
}

impl Gallery {
    /// Opens the gallery in `folder`, and makes an empty one for `model` if there is none.
    ///
    /// `dim` is the number of components of the model's embeddings. Killed at any moment, this
    /// leaves a gallery, or something that the next call turns into one.
    ///
    /// # Errors
    ///
    /// Fails if the gallery is bound to another model or dimension, and for the reasons of
    /// [`open`](Self::open) except that there is none.
    ///
    /// # Panics
    ///
    /// Panics if `dim` is 0.
    pub fn create_or_open(
        folder: &Path,
        model: ModelDigest,
        dim: usize,
    ) -> Result<Self, GalleryError> {
        assert!(dim > 0, "an embedding has at least one component");
        let gallery = Self::new(Store::create_or_open(folder, model, dim)?)?;
        gallery.expect(model, dim)?;
        Ok(gallery)
    }

    /// Opens the gallery in `folder`.
    ///
    /// # Errors
    ///
    /// Fails if there is no gallery, if it is damaged, made by a later version or in use, or if its
    /// folder may not be written, which reading needs as well.
    pub fn open(folder: &Path) -> Result<Self, GalleryError> {
        Self::new(Store::open(folder)?)
    }

    fn new(store: Store) -> Result<Self, GalleryError> {
        let session = store.view()?;
        let (model, dim) = session.binding()?;
        drop(session);
        // A matrix that no number of forgets fits, to be filled at the first search.
        Ok(Self { store, model, dim, matrix: Matrix::new(dim, -1) })
    }

    /// The identities whose best template scores at least `threshold`, best first, ties by name.
    ///
    /// No candidate means that the probe shows nobody who is enrolled. Adding an identity never
    /// changes the score of another.
    ///
    /// # Errors
    ///
    /// Fails if the probe comes from another model, or if new templates cannot be read.
    pub fn identify(
        &mut self,
        probe: &Template,
        threshold: f32,
        limit: usize,
    ) -> Result<Vec<Candidate>, GalleryError> {
        let mut found = self.nearest(probe, limit)?;
        let n_matches = found.iter().take_while(|it| it.score >= threshold).count();
        found.truncate(n_matches);
        Ok(found)
    }

    /// The identities nearest to the probe, however far: what explains that nobody was identified.
    ///
    /// # Errors
    ///
    /// As [`identify`](Self::identify).
    pub fn nearest(
        &mut self,
        probe: &Template,
        limit: usize,
    ) -> Result<Vec<Candidate>, GalleryError> {
        self.expect(probe.model, probe.embedding.dim())?;
        self.refresh()?;
        Ok(self.matrix.nearest(&probe.embedding, limit))
    }

    /// Adds samples to an identity, which need not be known.
    ///
    /// A picture that is enrolled for this identity already is passed over. Without samples nothing
    /// happens.
    ///
    /// # Errors
    ///
    /// Fails if the name is not allowed, if a template comes from another model, or if the store
    /// cannot be written; then nothing was added.
    pub fn enroll(&mut self, identity: &str, samples: &[Sample]) -> Result<Enrolled, GalleryError> {
        self.enroll_many([(identity, samples)])
    }

    /// Adds samples to many identities at once: all of them, or none if one fails.
    ///
    /// The gallery is locked for other processes while the iterator runs: have the templates ready.
    ///
    /// # Errors
    ///
    /// As [`enroll`](Self::enroll).
    pub fn enroll_many<N: AsRef<str>, S: AsRef<[Sample]>>(
        &mut self,
        identities: impl IntoIterator<Item = (N, S)>,
    ) -> Result<Enrolled, GalleryError> {
        let now = unix_seconds();
        let session = self.store.change()?;
        let mut total = Enrolled::default();
        for (identity, samples) in identities {
            let (identity, samples) = (identity.as_ref(), samples.as_ref());
            name::check(identity)?;
            for Sample { template, .. } in samples {
                self.expect(template.model, template.embedding.dim())?;
            }
            if samples.is_empty() {
                continue;
            }
            let enrolled = session.add(identity, samples, now)?;
            total.n_added += enrolled.n_added;
            total.n_already_there += enrolled.n_already_there;
        }
        session.commit()?;
        Ok(total)
    }

    /// Removes an identity, and overwrites its templates in all files of the gallery.
    ///
    /// No byte of a template is left in a file. The name and the digests of the pictures may leave
    /// copies in unused space until [`wipe`](Self::wipe). What the disk itself keeps of overwritten
    /// blocks, and backups, are beyond this call.
    ///
    /// # Errors
    ///
    /// Fails if nobody of this name is enrolled, or if the store cannot be written; then everything
    /// is still there.
    pub fn forget(&mut self, identity: &str) -> Result<Forgotten, GalleryError> {
        let session = self.store.change()?;
        let Some(n_templates) = session.forget(identity)? else {
            let wanted = identity.trim().to_lowercase();
            let is_similar = |name: &String| name.trim().to_lowercase() == wanted;
            let names = session.identities()?.into_iter().map(|it| it.name);
            return Err(GalleryError::NoSuchIdentity {
                path: self.store.path().to_owned(),
                name: identity.to_owned(),
                similar: names.filter(is_similar).collect(),
            });
        };
        session.commit()?;
        // From here on the identity is forgotten: a failure to wipe is no failure to forget.
        let is_wiped = self.store.truncate_log(BUSY_TIMEOUT).is_ok();
        Ok(Forgotten { n_templates, is_wiped })
    }

    /// Writes the file anew, so that nothing of what was forgotten is left in it, names included.
    ///
    /// This takes time, disk and memory in proportion to the whole gallery.
    ///
    /// # Errors
    ///
    /// Fails if other processes are using the gallery, or if the store cannot be written; the
    /// enrolled templates are not affected.
    pub fn wipe(&mut self) -> Result<(), GalleryError> {
        self.store.rewrite()?;
        self.store.truncate_log(BUSY_TIMEOUT)
    }

    /// The enrolled identities, by name.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub fn identities(&self) -> Result<Vec<IdentitySummary>, GalleryError> {
        self.store.view()?.identities()
    }

    /// Number of enrolled identities.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub fn n_identities(&self) -> Result<usize, GalleryError> {
        self.store.view()?.n_identities()
    }

    /// Number of enrolled templates.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub fn n_templates(&self) -> Result<usize, GalleryError> {
        self.store.view()?.n_templates()
    }

    /// Whether nobody is enrolled.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub fn is_empty(&self) -> Result<bool, GalleryError> {
        Ok(self.n_identities()? == 0)
    }

    /// The model that the gallery is bound to.
    pub fn model(&self) -> ModelDigest {
        self.model
    }

    /// Number of components of the embeddings.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The gallery's file.
    pub fn path(&self) -> &Path {
        self.store.path()
    }

    /// A text that the caller keeps with the gallery, such as where its model file lies.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub fn setting(&self, key: &str) -> Result<Option<String>, GalleryError> {
        self.store.view()?.setting(key)
    }

    /// Keeps a text with the gallery, in place of the one it kept under this key.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written.
    pub fn set_setting(&mut self, key: &str, value: &str) -> Result<(), GalleryError> {
        let session = self.store.change()?;
        session.set_setting(key, value)?;
        session.commit()
    }

    /// Reads everything, and makes sure that it fits together.
    ///
    /// # Errors
    ///
    /// Fails with [`GalleryError::Damaged`] if it does not, or if the store cannot be read.
    pub fn check(&self) -> Result<(), GalleryError> {
        let session = self.store.view()?;
        session.check()?;
        session.templates_after(0, self.dim, |_, _, _, _| {})
    }

    /// Brings the matrix up to date with the store.
    fn refresh(&mut self) -> Result<(), GalleryError> {
        let session = self.store.view()?;
        let n_forgets = session.n_forgets()?;
        if n_forgets != self.matrix.n_forgets() {
            self.matrix = Matrix::new(self.dim, n_forgets);
        }
        let matrix = &mut self.matrix;
        // Should a row fail, those before it are in the matrix, and the next call goes on from there.
        session.templates_after(matrix.newest(), self.dim, |template, identity, name, embedding| {
            matrix.push(template, identity, name, embedding);
        })
    }

    /// Fails unless a template of this model and dimension can be compared with the enrolled ones.
    fn expect(&self, model: ModelDigest, dim: usize) -> Result<(), GalleryError> {
        let path = || self.store.path().to_owned();
        if model != self.model {
            Err(GalleryError::OtherModel { path: path(), gallery: self.model, given: model })
        } else if dim != self.dim {
            Err(GalleryError::OtherDim { path: path(), gallery: self.dim, given: dim })
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Gallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, model, dim) = (self.path(), self.model, self.dim);
        write!(f, "Gallery({} of {model:?}, {dim} components)", path.display())
    }
}

fn unix_seconds() -> i64 {
    // A clock before 1970 is wrong anyway, and no reason not to enroll.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs().cast_signed())
}

#[cfg(test)]
mod tests;
