//! Failures of a server, sorted by what the caller can do about them; it repeats no row.

use std::io;
use std::path::Path;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::{Damage, GalleryError};

/// Why a statement or a step of ours failed.
pub(super) enum Failure {
    /// The server, or the way to it.
    Sql(Error),
    /// What the caller is to be told.
    Told(GalleryError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl From<GalleryError> for Failure {
    fn from(error: GalleryError) -> Self {
        Self::Told(error)
    }
}

impl Failure {
    /// Whether the server went away, so that another attempt may find it, or the one in its place.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Sql(error) if is_lost(error))
    }

    /// The error for the caller.
    pub(super) fn told(self, place: &Path) -> GalleryError {
        match self {
            Self::Told(error) => error,
            Self::Sql(error) => explain(place, &error),
        }
    }
}

/// Whether the connection is gone, or this server takes none now.
pub(super) fn is_lost(error: &Error) -> bool {
    match error.code() {
        // Connection exceptions, and an operator's or a crash's end of the session.
        Some(code) => {
            let code = code.code();
            code.starts_with("08") || code.starts_with("57P") || code == "53300"
        }
        // Of a failed handshake the cause is one of input and output, too, but it will fail again.
        None => !is_handshake(error) && (error.is_closed() || is_timeout(error) || is_io(error)),
    }
}

/// What the server says, in short; its details may quote a row, and are left out.
pub(super) fn reason(error: &Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", error.message(), error.code().code());
    }
    let source = std::error::Error::source(error).map(|it| format!(": {it}"));
    format!("{error}{}", source.filter(|it| !error.to_string().ends_with(it)).unwrap_or_default())
}

/// Sorts a failure.
pub(super) fn explain(place: &Path, error: &Error) -> GalleryError {
    let (path, reason) = (place.to_owned(), reason(error));
    let Some(code) = error.code() else {
        if is_lost(error) {
            return GalleryError::Io { path, source: io::Error::other(reason) };
        }
        return GalleryError::Engine { path, source: reason.into() };
    };
    if *code == SqlState::LOCK_NOT_AVAILABLE || *code == SqlState::T_R_DEADLOCK_DETECTED {
        return GalleryError::Busy { path };
    }
    if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        return GalleryError::NotWritable { path };
    }
    if *code == SqlState::DISK_FULL {
        return GalleryError::DiskFull { path };
    }
    if *code == SqlState::UNDEFINED_DATABASE {
        return GalleryError::NotAGallery { path, found: "no such database" };
    }
    if [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN].contains(code) {
        // Our statements fit our tables: where they do not, somebody changed those.
        return GalleryError::Damaged { path, damage: Damage::Pages { report: reason } };
    }
    match &code.code()[..2] {
        // Authorization, and privileges.
        "28" => GalleryError::Denied { path, reason },
        _ if *code == SqlState::INSUFFICIENT_PRIVILEGE => GalleryError::Denied { path, reason },
        "08" | "57" => GalleryError::Io { path, source: io::Error::other(reason) },
        // Integrity constraints, and data that the server itself calls corrupted.
        "23" | "XX" => GalleryError::Damaged { path, damage: Damage::Pages { report: reason } },
        _ => GalleryError::Engine { path, source: reason.into() },
    }
}

fn is_io(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<io::Error>)
}

// For these two tokio-postgres has no question but its words, which a test holds.
fn is_timeout(error: &Error) -> bool {
    error.to_string().starts_with("timeout")
}

fn is_handshake(error: &Error) -> bool {
    error.to_string().contains("TLS")
}
