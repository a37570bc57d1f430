//! Copying a gallery from one engine to another, and proving that nothing is missing.

use sha2::{Digest, Sha256};

use super::{Engine, Head, Intake, Outlet, Place, PortableIdentity, PortableTemplate};
use crate::audit::{Action, Hash};
use crate::blob;
use crate::{GalleryError, Secret};

/// What was copied, counted on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Number of identities.
    pub n_identities: usize,
    /// Number of templates.
    pub n_templates: usize,
    /// A number for all identities, templates, records of the log and rules, whatever their order.
    ///
    /// It is the sum modulo 2²⁵⁶ of the SHA-256 sums of each one's bytes; it says nothing of them, and
    /// two galleries have the same one only if they hold the same.
    pub digest: [u8; 32],
}

/// Copies a gallery to a place where there is none, and reads both again to compare them.
///
/// The copy is the same gallery: it bears the same random id, opens with the same secret, knows the
/// same pictures again, keeps the log, and honors receipts. From then on the two go their own ways:
/// who is forgotten in one is still in the other.
///
/// The copy is there entirely or not at all. Both logs keep a record of it.
///
/// # Errors
///
/// Fails if there is a gallery at `to`, if either cannot be read or written, if `secret` is not that
/// of the gallery, or with [`GalleryError::CopyDiffers`] if what came to be is not what was read;
/// then the copy must not be used.
pub fn copy(
    from: &mut dyn Engine,
    to: &Place,
    secret: Option<&Secret>,
) -> Result<Copied, GalleryError> {
    from.note(Action::BackedUp)?;
    let source = Counted { outlet: from, tally: std::cell::RefCell::default() };
    let mut made = to.take_in(&source, secret)?;
    let expected = source.tally.into_inner().copied();
    let mut tally = Tally::default();
    made.pour(&mut tally)?;
    let found = tally.copied();
    made.verify_log()?;
    if found != expected {
        return Err(GalleryError::CopyDiffers { path: made.place().to_owned() });
    }
    made.note(Action::Restored)?;
    Ok(found)
}

/// An outlet that counts what it gives.
struct Counted<'a> {
    outlet: &'a dyn Engine,
    tally: std::cell::RefCell<Tally>,
}

impl Outlet for Counted<'_> {
    fn pour(&self, intake: &mut dyn Intake) -> Result<(), GalleryError> {
        // An engine that loses its connection may begin anew.
        let mut tally = self.tally.borrow_mut();
        *tally = Tally::default();
        self.outlet.pour(&mut Both { tally: &mut tally, intake })
    }
}

/// What is poured, counted on its way.
struct Both<'a> {
    tally: &'a mut Tally,
    intake: &'a mut dyn Intake,
}

impl Intake for Both<'_> {
    fn head(&mut self, head: &Head) -> Result<(), GalleryError> {
        self.tally.head(head)?;
        self.intake.head(head)
    }

    fn identity(&mut self, it: &PortableIdentity<'_>) -> Result<(), GalleryError> {
        self.tally.identity(it)?;
        self.intake.identity(it)
    }

    fn template(&mut self, it: &PortableTemplate<'_>) -> Result<(), GalleryError> {
        self.tally.template(it)?;
        self.intake.template(it)
    }

    fn record(&mut self, position: i64, head: &Hash, record: &str) -> Result<(), GalleryError> {
        self.tally.record(position, head, record)?;
        self.intake.record(position, head, record)
    }
}

/// Counts and sums what is poured.
#[derive(Default)]
struct Tally {
    n_identities: usize,
    n_templates: usize,
    sum: [u64; 4],
}

impl Tally {
    fn copied(&self) -> Copied {
        let mut digest = [0; 32];
        for (bytes, limb) in digest.as_chunks_mut::<8>().0.iter_mut().zip(self.sum) {
            *bytes = limb.to_le_bytes();
        }
        Copied { n_identities: self.n_identities, n_templates: self.n_templates, digest }
    }

    /// Adds the sum of one row's parts, each after its length.
    fn add(&mut self, kind: &str, parts: &[&[u8]]) {
        let mut hash = Sha256::new().chain_update(kind);
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut carry = false;
        for (limb, bytes) in self.sum.iter_mut().zip(digest.as_chunks::<8>().0) {
            let (sum, first) = limb.overflowing_add(u64::from_le_bytes(*bytes));
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, first || second);
        }
    }
}

impl Intake for Tally {
    fn head(&mut self, head: &Head) -> Result<(), GalleryError> {
        let settings = format!("{:?} {:?}", head.policy, head.settings);
        let row = &head.row;
        let dim = row.dim.to_le_bytes();
        self.add("head", &[row.uid.as_bytes(), row.model.as_bytes(), &dim, settings.as_bytes()]);
        Ok(())
    }

    fn identity(&mut self, it: &PortableIdentity<'_>) -> Result<(), GalleryError> {
        self.n_identities += 1;
        let external_tag = it.external_tag.as_ref().map_or(&[][..], |tag| tag);
        let key = it.wrapped_key.unwrap_or_default();
        let at = it.enrolled_at.to_le_bytes();
        let parts = [it.uid.as_bytes(), &it.name_tag[..], external_tag, it.details, key, &at];
        self.add("identity", &parts);
        Ok(())
    }

    fn template(&mut self, it: &PortableTemplate<'_>) -> Result<(), GalleryError> {
        self.n_templates += 1;
        let embedding = blob::encode(it.embedding);
        let label = it.label.unwrap_or_default().as_bytes();
        let thumbnail = it.thumbnail.unwrap_or_default();
        let quality = it.quality.as_slice();
        let at = it.enrolled_at.to_le_bytes();
        let owner = [it.uid.as_bytes().as_slice(), it.person.as_bytes()].concat();
        let parts = [&owner, &it.source_tag[..], &embedding, label, thumbnail, quality, &at];
        self.add("template", &parts);
        Ok(())
    }

    fn record(&mut self, position: i64, head: &Hash, record: &str) -> Result<(), GalleryError> {
        self.add("record", &[&position.to_le_bytes(), head, record.as_bytes()]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use verisim_core::Embedding;

    use super::*;
    use crate::id::RandomId;
    use crate::vault::Vault;

    /// The digest of templates, given as their numbers and qualities.
    fn digest(templates: &[(u8, u8)]) -> Copied {
        let mut tally = Tally::default();
        let key = Vault::plain(RandomId::new([1; 16])).draw_key().unwrap();
        let embedding = Embedding::new(vec![0.6, 0.8]).unwrap();
        for &(number, quality) in templates {
            let template = PortableTemplate {
                uid: RandomId::new([number; 16]),
                person: RandomId::new([2; 16]),
                person_key: &key,
                source_tag: [3; 32],
                embedding: &embedding,
                label: None,
                thumbnail: None,
                quality: Some(quality),
                enrolled_at: 4,
            };
            tally.template(&template).unwrap();
        }
        tally.copied()
    }

    #[test]
    fn a_digest_tells_what_differs_but_not_the_order() {
        let expected = digest(&[(1, 50), (2, 60), (3, 70)]);
        assert_eq!(digest(&[(3, 70), (1, 50), (2, 60)]), expected);
        for other in [
            &[(1, 50), (2, 60), (3, 71)][..],
            &[(1, 60), (2, 50), (3, 70)],
            &[(1, 50), (2, 60)],
            &[(1, 50), (2, 60), (3, 70), (3, 70)],
        ] {
            assert_ne!(digest(other).digest, expected.digest);
        }
    }
}
