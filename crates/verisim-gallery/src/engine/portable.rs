//! A gallery in rows that no engine owns: what a copy consists of; it does not know where it goes.
//!
//! A copy bears the random id and the keys of its original. So tags of names and pictures stay what
//! they are, sealed details pass as they are, the chain of the log holds, and receipts hold as well.

use verisim_core::Embedding;

use crate::GalleryError;
use crate::audit::{Action, Hash};
use crate::id::RandomId;
use crate::policy::Policy;
use crate::store::{GalleryRow, SealRow};
use crate::vault::{Beside, Place, SealKey};

/// What a gallery is, before any row of a person.
pub struct Head {
    pub(crate) row: GalleryRow,
    pub(crate) seal: Option<SealRow>,
    pub(crate) policy: Policy,
    pub(crate) settings: Vec<(String, String)>,
}

/// An identity: what is sealed stays so.
pub struct PortableIdentity<'a> {
    pub(crate) uid: RandomId,
    pub(crate) name_tag: [u8; 32],
    pub(crate) external_tag: Option<[u8; 32]>,
    pub(crate) details: &'a [u8],
    pub(crate) wrapped_key: Option<&'a [u8]>,
    pub(crate) enrolled_at: i64,
}

/// A template, open, because engines seal different parts of it; its thumbnail is sealed.
pub struct PortableTemplate<'a> {
    pub(crate) uid: RandomId,
    pub(crate) person: RandomId,
    pub(crate) person_key: &'a SealKey,
    pub(crate) source_tag: [u8; 32],
    pub(crate) embedding: &'a Embedding,
    pub(crate) label: Option<&'a str>,
    pub(crate) thumbnail: Option<&'a [u8]>,
    pub(crate) quality: Option<u8>,
    pub(crate) enrolled_at: i64,
}

impl PortableTemplate<'_> {
    /// What either engine seals of it is bound to.
    pub(crate) fn place(&self) -> Place {
        let (tag, quality, enrolled_at) = (Some(self.source_tag), self.quality, self.enrolled_at);
        Place::Template(self.person, self.uid, Beside { tag, quality, enrolled_at })
    }
}

/// What takes a copy: first the head, then all identities, all templates, all records of the log.
pub trait Intake {
    /// Begins with what the gallery is.
    fn head(&mut self, head: &Head) -> Result<(), GalleryError>;
    /// Takes an identity.
    fn identity(&mut self, it: &PortableIdentity<'_>) -> Result<(), GalleryError>;
    /// Takes a template of an identity that was taken.
    fn template(&mut self, it: &PortableTemplate<'_>) -> Result<(), GalleryError>;
    /// Takes the record at a position of the log, with the hash there.
    fn record(&mut self, position: i64, head: &Hash, record: &str) -> Result<(), GalleryError>;
}

/// What gives a copy.
pub trait Outlet {
    /// Puts everything into `intake`, as it is at one moment.
    fn pour(&self, intake: &mut dyn Intake) -> Result<(), GalleryError>;
}

/// What keeps a log that others write into.
pub trait Noting {
    /// Puts an action into the log.
    fn note(&mut self, action: Action) -> Result<(), GalleryError>;
}
