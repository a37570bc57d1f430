//! The gallery: who is enrolled, under which rules; it does not know how rows are kept.

mod enroll;
mod examine;
mod export;
mod forget;
mod list;
mod log;
mod maintain;
mod packed;
mod pour;
mod rearrange;
mod search;
mod undo;

use std::fmt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use verisim_core::ModelDigest;
use verisim_core::knn::MAX_DIM;

use crate::admission::Binding;
use crate::audit::{Action, Event, LogEnd, ledger};
use crate::details::check_text;
use crate::id::RandomId;
use crate::policy::Policy;
use crate::store::{GalleryRow, SealRow, Session, Store};
use crate::vault::{Secret, Vault};
use crate::{Damage, GalleryError, migration};
pub use export::{Export, ExportedTemplate};
pub use forget::Forgotten;
pub use list::{IdentitySummary, TemplateSummary};
pub use maintain::Stats;
pub use packed::MatrixState;
use packed::Packed;
pub use rearrange::Removed;
pub use undo::{UndoableChange, Undone};

/// Who is said to have acted, until [`Gallery::set_actor`] says otherwise.
pub(crate) const SOMEBODY: &str = "unnamed";

/// The enrolled templates of one model, in a folder.
///
/// Every change is on disk when its call returns, whole or not at all, and other processes that
/// have opened the same gallery see it at their next call. Packed templates are read into memory at
/// the first search, from a file beside the gallery's that the first search of all makes, and then
/// only what changed since.
///
/// A gallery may be moved to another thread, but serves one call at a time.
pub struct Gallery {
    pub(crate) store: Store,
    vault: Vault,
    row: GalleryRow,
    actor: String,
    packed: Packed,
}

impl Gallery {
    /// Opens the gallery in `folder`, and makes an empty one for `model` if there is none.
    ///
    /// `dim` is the number of components of the model's embeddings, up to [`MAX_DIM`]. With a secret the gallery is
    /// sealed: all that is kept of a person is encrypted; without one it lies open. Killed at any
    /// moment, this leaves a gallery, or something that the next call turns into one.
    ///
    /// # Errors
    ///
    /// Fails if the gallery is bound to another model or dimension, and for the reasons of
    /// [`open`](Self::open) except that there is none.
    ///
    /// # Panics
    ///
    /// Panics if `dim` is 0 or above [`MAX_DIM`].
    pub fn create_or_open(
        folder: &Path,
        model: ModelDigest,
        dim: usize,
        secret: Option<&Secret>,
    ) -> Result<Self, GalleryError> {
        assert!((1..=MAX_DIM).contains(&dim), "embeddings of {dim} components cannot be searched");
        let create = |session: &Session<'_>| create(session, model, dim, secret);
        let store = Store::create_or_open(folder, &create, &migrate)?;
        let gallery = Self::new(store, secret)?;
        gallery.expect(model, dim)?;
        Ok(gallery)
    }

    /// Opens the gallery in `folder`; `secret` is what it was made with, if it is sealed.
    ///
    /// A gallery of an earlier format is brought to the present one.
    ///
    /// # Errors
    ///
    /// Fails if there is no gallery, if it is damaged, made by a later version or in use, if its
    /// folder may not be written, which reading needs as well, or if the secret is not the one that
    /// it needs.
    pub fn open(folder: &Path, secret: Option<&Secret>) -> Result<Self, GalleryError> {
        Self::new(Store::open(folder, &migrate)?, secret)
    }

    fn new(store: Store, secret: Option<&Secret>) -> Result<Self, GalleryError> {
        let session = store.view()?;
        let row = session.gallery()?;
        let vault = unlock(session.seal()?.as_ref(), store.path(), row.uid, secret)?;
        drop(session);
        Ok(Self { store, vault, row, actor: SOMEBODY.to_owned(), packed: Packed::default() })
    }

    /// Says who acts from now on, for the log: a program, a desk, a person on duty.
    ///
    /// It outlives whoever is forgotten: do not name enrolled people here.
    ///
    /// # Errors
    ///
    /// Fails if the text is empty, longer than [`MAX_LABEL_BYTES`](crate::MAX_LABEL_BYTES), or holds
    /// a control character.
    pub fn set_actor(&mut self, actor: &str) -> Result<(), GalleryError> {
        check_text("the name of an actor", actor)?;
        actor.clone_into(&mut self.actor);
        Ok(())
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
        self.row.model
    }

    /// Number of components of the embeddings.
    pub fn dim(&self) -> usize {
        self.row.dim
    }

    /// The gallery's file.
    pub fn path(&self) -> &Path {
        self.store.path()
    }

    /// Whether what is kept of persons is encrypted.
    pub fn is_sealed(&self) -> bool {
        self.vault.check().is_some()
    }

    /// The rules that are stored with the gallery.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub fn policy(&self) -> Result<Policy, GalleryError> {
        self.store.view()?.policy()
    }

    /// Replaces the rules; templates that are enrolled already stay.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written.
    pub fn set_policy(&mut self, policy: Policy) -> Result<(), GalleryError> {
        let session = self.store.change()?;
        self.record(&session, Action::Configured { setting: "policy".to_owned() })?;
        session.set_policy(policy)?;
        ledger::vouch(&session, &self.vault.chain())?;
        session.commit()
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
    /// It is not sealed, but cannot be changed unnoticed, and the log names its key.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written.
    pub fn set_setting(&mut self, key: &str, value: &str) -> Result<(), GalleryError> {
        let session = self.store.change()?;
        if session.setting(key)?.as_deref() != Some(value) {
            self.record(&session, Action::Configured { setting: key.to_owned() })?;
            session.set_setting(key, value)?;
            ledger::vouch(&session, &self.vault.chain())?;
        }
        session.commit()
    }

    /// Puts an action into the log, within the change that it belongs to.
    fn record(&self, session: &Session<'_>, action: Action) -> Result<LogEnd, GalleryError> {
        let event = Event { at: unix_seconds(), actor: self.actor.clone(), action };
        ledger::append(session, &self.vault.chain(), &event)
    }

    /// Fails unless a template of this model and dimension can be compared with the enrolled ones.
    fn expect(&self, model: ModelDigest, dim: usize) -> Result<(), GalleryError> {
        self.binding().expect(model, dim)
    }

    fn binding(&self) -> Binding<'_> {
        Binding { place: self.store.path(), model: self.row.model, dim: self.row.dim }
    }
}

impl fmt::Debug for Gallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, GalleryRow { model, dim, .. }) = (self.path(), self.row);
        write!(f, "Gallery({} of {model:?}, {dim} components)", path.display())
    }
}

fn create(
    session: &Session<'_>,
    model: ModelDigest,
    dim: usize,
    secret: Option<&Secret>,
) -> Result<(), GalleryError> {
    let (uid, vault, seal) = draw_vault(secret).map_err(|error| session.failed(error))?;
    let chain = vault.chain();
    let row = GalleryRow { uid, model, dim };
    session.create(row, seal.as_ref(), &chain.genesis())?;
    ledger::vouch(session, &chain)?;
    let event = Event { at: unix_seconds(), actor: SOMEBODY.to_owned(), action: Action::Created };
    ledger::append(session, &chain, &event).map(drop)
}

/// The random id of a new gallery, its vault, and what it keeps of how it is sealed.
pub(crate) fn draw_vault(
    secret: Option<&Secret>,
) -> std::io::Result<(RandomId, Vault, Option<SealRow>)> {
    let uid = RandomId::draw()?;
    let Some(secret) = secret else { return Ok((uid, Vault::plain(uid), None)) };
    let derivation = secret.derivation()?;
    let master = secret.master_key(derivation.as_ref());
    let master = master.ok_or_else(|| std::io::Error::other("no memory to derive the key"))?;
    let vault = Vault::sealed(uid, &master);
    let seal = vault.check().map(|&check| SealRow { derivation, check });
    Ok((uid, vault, seal))
}

fn migrate(session: &Session<'_>) -> Result<(), GalleryError> {
    migration::migrate(session, unix_seconds())
}

/// The vault of a gallery, if the secret is the one that it needs.
pub(crate) fn unlock(
    seal: Option<&SealRow>,
    path: &Path,
    gallery: RandomId,
    secret: Option<&Secret>,
) -> Result<Vault, GalleryError> {
    let path = path.to_owned();
    match (seal, secret) {
        (None, None) => Ok(Vault::plain(gallery)),
        (None, Some(_)) => Err(GalleryError::NotSealed { path }),
        (Some(_), None) => Err(GalleryError::Sealed { path }),
        (Some(SealRow { derivation, check }), Some(secret)) => {
            if derivation.is_some_and(|it| !it.is_bearable()) {
                return Err(GalleryError::Damaged { path, damage: Damage::Derivation });
            }
            let master = secret.master_key(derivation.as_ref());
            let vault = master.map(|key| Vault::sealed(gallery, &key));
            let expected = if derivation.is_some() { "a passphrase" } else { "a key" };
            vault
                .filter(|it| it.check() == Some(check))
                .ok_or(GalleryError::WrongSecret { path, expected })
        }
    }
}

pub(crate) fn unix_seconds() -> i64 {
    // A clock before 1970 is wrong anyway, and no reason not to enroll.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs().cast_signed())
}

#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod tests;
