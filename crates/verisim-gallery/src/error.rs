//! What can go wrong with a gallery, in variants a caller can act on; it does not know the engine.

use std::io;
use std::path::{Path, PathBuf};

use verisim_core::ModelDigest;

use crate::{Damage, InvalidDetails, InvalidName, RandomId};

/// Why a gallery could not do what it was asked for.
///
/// Whatever the error, nothing was changed, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GalleryError {
    /// There is no gallery in the folder, or something else bears its name.
    #[error("no gallery at {path}: found {found}, expected a gallery of Verisim")]
    NotAGallery {
        /// Where the gallery file should be.
        path: PathBuf,
        /// What is there instead.
        found: &'static str,
    },
    /// A later version of Verisim made the gallery.
    #[error(
        "the gallery {path} has format {found}, but this version of Verisim reads up to \
         {supported}: use a newer one"
    )]
    TooNew {
        /// The gallery file.
        path: PathBuf,
        /// Its format.
        found: i32,
        /// The latest format that this version reads.
        supported: i32,
    },
    /// A template, or the caller, belongs to a model that is not the gallery's.
    #[error(
        "the gallery {path} holds templates of model {}, but {} was given: templates of \
         different models cannot be compared",
        .gallery.short(), .given.short()
    )]
    OtherModel {
        /// The gallery file.
        path: PathBuf,
        /// The model that the gallery is bound to.
        gallery: ModelDigest,
        /// The model that was given.
        given: ModelDigest,
    },
    /// The model is the gallery's, but the embedding is not of the gallery's dimension.
    #[error("the gallery {path} holds embeddings of {gallery} components, but {given} were given")]
    OtherDim {
        /// The gallery file.
        path: PathBuf,
        /// Number of components of the gallery's embeddings.
        gallery: usize,
        /// Number of components that was given.
        given: usize,
    },
    /// The file does not hold what a gallery holds. Restore it from a backup, or enroll anew.
    #[error("the gallery {path} is damaged: {damage}; restore it from a backup or enroll anew")]
    Damaged {
        /// The gallery file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// The file of packed templates is whole, but says something else than the gallery does, which is
    /// not damaged. Without the file, a search makes it anew.
    #[error(
        "{path} does not agree with the gallery on template {template}: remove that file, which the \
         next search makes anew"
    )]
    MatrixContradicts {
        /// The file of packed templates.
        path: PathBuf,
        /// Row of the template.
        template: i64,
    },
    /// An identity cannot bear this name.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// Something beside a template cannot be kept.
    #[error(transparent)]
    InvalidDetails(#[from] InvalidDetails),
    /// Another identity bears this external id.
    #[error("another identity in the gallery {path} bears the external id {external_id:?}")]
    ExternalIdTaken {
        /// The gallery file.
        path: PathBuf,
        /// The external id.
        external_id: String,
    },
    /// An identity would have more templates than the policy allows.
    #[error(
        "the identity would have {wanted} templates, but the gallery {path} keeps at most {max} of \
         each: enroll fewer pictures, or raise the limit"
    )]
    TooManyTemplates {
        /// The gallery file.
        path: PathBuf,
        /// Number of templates it would have.
        wanted: usize,
        /// Most templates that the policy allows.
        max: u32,
    },
    /// The gallery is sealed, and no secret was given.
    #[error("the gallery {path} is sealed: give its key or passphrase")]
    Sealed {
        /// The gallery file.
        path: PathBuf,
    },
    /// The secret is not the one that the gallery is sealed with.
    #[error("the gallery {path} is sealed with {expected}: the one given does not open it")]
    WrongSecret {
        /// The gallery file.
        path: PathBuf,
        /// What kind of secret opens it.
        expected: &'static str,
    },
    /// A secret was given for a gallery that is not sealed.
    #[error(
        "the gallery {path} is not sealed, but a secret was given: leave it out, or enroll into a \
         new gallery with it"
    )]
    NotSealed {
        /// The gallery file.
        path: PathBuf,
    },
    /// Something is where a copy, or a restored gallery, should come.
    #[error("{path} is there already: choose another place, or move it away")]
    Occupied {
        /// What is there.
        path: PathBuf,
    },
    /// A receipt does not agree with the gallery.
    #[error("the receipt does not agree with the gallery {path}: {mismatch}")]
    ReceiptMismatch {
        /// The gallery file.
        path: PathBuf,
        /// What does not agree.
        mismatch: Mismatch,
    },
    /// Nobody of this name is enrolled.
    #[error("no identity {name:?} in the gallery {path}{}", did_you_mean(.similar))]
    NoSuchIdentity {
        /// The gallery file.
        path: PathBuf,
        /// The name that was given.
        name: String,
        /// Enrolled names that differ only in case or in surrounding white space.
        similar: Vec<String>,
    },
    /// There is no template of this random id, or it belongs to somebody else than the caller says.
    #[error(
        "no such template in the gallery {path}: {template}; `verisim gallery list` with a name shows \
         those of a person"
    )]
    NoSuchTemplate {
        /// The gallery file.
        path: PathBuf,
        /// The random id that was given.
        template: RandomId,
    },
    /// Templates would go from an identity to itself.
    #[error("the templates are those of {name:?} in the gallery {path} already")]
    SameIdentity {
        /// The gallery file.
        path: PathBuf,
        /// Name of the identity.
        name: String,
    },
    /// An identity would be left without a template.
    #[error(
        "{name:?} in the gallery {path} would be left without a template: merge or forget the whole \
         person"
    )]
    WouldBeEmpty {
        /// The gallery file.
        path: PathBuf,
        /// Name of the identity.
        name: String,
    },
    /// Somebody bears the name that a new identity, or one that comes back, would bear.
    #[error("{name:?} is enrolled in the gallery {path} already: choose another name, or merge")]
    NameTaken {
        /// The gallery file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// No change can be undone.
    #[error(
        "nothing to undo in the gallery {path}: nothing was merged, moved or split, or those people \
         were forgotten since"
    )]
    NothingToUndo {
        /// The gallery file.
        path: PathBuf,
    },
    /// Other users of the gallery did not let go of it in time.
    #[error("the gallery {path} is in use by another process: run again, or close the other one")]
    Busy {
        /// The gallery file.
        path: PathBuf,
    },
    /// There is no space left for the gallery.
    #[error("no space left to write the gallery {path}: free some and run again")]
    DiskFull {
        /// The gallery file.
        path: PathBuf,
    },
    /// The gallery may not be written.
    ///
    /// Reading needs a folder that may be written, for the files of locks and changes in it.
    #[error(
        "the gallery {path} cannot be written: the file, its folder, its file system or its server \
         is read-only for this user"
    )]
    NotWritable {
        /// The gallery file, or its folder.
        path: PathBuf,
    },
    /// The text is not the address of a server. It is not repeated, because it may hold a password.
    #[error(
        "this is not the address of a gallery on a server: {reason}; expected \
         postgres://USER@HOST:PORT/DATABASE?gallery=NAME"
    )]
    InvalidAddress {
        /// What is wrong with it.
        reason: String,
    },
    /// The server of the gallery did not answer, or not as a server that may be written to.
    #[error(
        "cannot reach the gallery {path}: {reason} ({n_attempts} attempts in {seconds} s); see \
         whether the server runs and the network lets you through"
    )]
    Unreachable {
        /// The gallery, without user and password.
        path: PathBuf,
        /// What the last attempt failed at.
        reason: String,
        /// Number of attempts to connect.
        n_attempts: u32,
        /// How long they took.
        seconds: u64,
    },
    /// The server of the gallery turned the user away, or lets him not do this.
    #[error("the server of the gallery {path} refused: {reason}")]
    Denied {
        /// The gallery, without user and password.
        path: PathBuf,
        /// What the server says.
        reason: String,
    },
    /// The server has no vectors.
    #[error(
        "the server of the gallery {path} has no vectors ({reason}): install pgvector there, and let \
         an administrator run CREATE EXTENSION vector in this database"
    )]
    NoVectors {
        /// The gallery, without user and password.
        path: PathBuf,
        /// What the server says.
        reason: String,
    },
    /// A copy does not hold what its original holds. Nothing says which of the two failed: remove it,
    /// check the original, and copy anew.
    #[error("the copy {path} does not hold what was read: remove it, and copy anew")]
    CopyDiffers {
        /// The copy.
        path: PathBuf,
    },
    /// Reading or writing failed.
    ///
    /// If a disk fails at the very end of a change, what it reports as failed may yet have happened:
    /// open the gallery again to see.
    #[error("cannot read or write the gallery {path}")]
    Io {
        /// The gallery file, or its folder.
        path: PathBuf,
        /// What the operating system, or the engine on its behalf, reported.
        source: io::Error,
    },
    /// The engine failed in a way that no other variant describes, such as want of memory.
    #[error("the engine of the gallery {path} failed")]
    Engine {
        /// The gallery file.
        path: PathBuf,
        /// What the engine reported.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Where a receipt and a gallery disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The receipt is of another gallery.
    #[error("it is of another gallery")]
    Gallery,
    /// The log ends before the record that the receipt names: the gallery was put back to a state
    /// before it.
    #[error("the log ends before the record that it names, so the gallery is an earlier one")]
    Beyond,
    /// The record that the receipt names says something else.
    #[error("the log says something else at the record that it names")]
    Record,
    /// The person is enrolled.
    #[error("the person is in the gallery")]
    Enrolled,
}

impl GalleryError {
    /// Sorts a failure of the file system by what the caller can do about it.
    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotWritable { path }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { path, source },
        }
    }
}

fn did_you_mean(similar: &[String]) -> String {
    match similar {
        [] => String::new(),
        names => {
            let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
            format!("; did you mean {}?", names.join(" or "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_brings_similar_ones() {
        let error = |similar: &[&str]| {
            let similar = similar.iter().map(|&name| name.to_owned()).collect();
            GalleryError::NoSuchIdentity { path: "g".into(), name: "ann".into(), similar }
        };
        assert_eq!(error(&[]).to_string(), r#"no identity "ann" in the gallery g"#);
        assert_eq!(
            error(&["Ann", "ANN"]).to_string(),
            r#"no identity "ann" in the gallery g; did you mean "Ann" or "ANN"?"#
        );
    }

    #[test]
    fn failures_of_the_file_system_are_told_apart() {
        let sorted = |kind: io::ErrorKind| GalleryError::from_io(Path::new("g"), kind.into());
        let denied = sorted(io::ErrorKind::PermissionDenied);
        assert!(matches!(denied, GalleryError::NotWritable { .. }), "{denied}");
        let full = sorted(io::ErrorKind::StorageFull);
        assert!(matches!(full, GalleryError::DiskFull { .. }), "{full}");
        let other = sorted(io::ErrorKind::NotFound);
        assert!(matches!(other, GalleryError::Io { .. }), "{other}");
    }
}
