//! Where a gallery is, as people write it: a folder, or the address of a server; it opens either.

use std::path::{Path, PathBuf};

use verisim_core::ModelDigest;

use super::{Engine, Outlet};
#[cfg(feature = "postgres")]
use crate::engine::postgres::{Address, PostgresGallery};
use crate::{Gallery, GalleryError, Secret};

/// How addresses of servers begin.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Where a gallery is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A schema of a PostgreSQL server.
    #[cfg(feature = "postgres")]
    Server(Box<Address>),
}

impl Place {
    /// Takes `postgres://...` for a server, and anything else for a folder.
    ///
    /// # Errors
    ///
    /// Fails if the address of a server is not one, or if servers were left out of this build.
    pub fn new(text: &Path) -> Result<Self, GalleryError> {
        if !Self::is_server(text) {
            return Ok(Self::Folder(text.to_owned()));
        }
        #[cfg(feature = "postgres")]
        return Ok(Self::Server(Box::new(Address::from_url(&text.to_string_lossy())?)));
        #[cfg(not(feature = "postgres"))]
        return Err(GalleryError::InvalidAddress {
            reason: "this build knows no PostgreSQL (the feature postgres)".to_owned(),
        });
    }

    /// Whether this is meant for the address of a server.
    pub fn is_server(text: &Path) -> bool {
        text.to_str().is_some_and(|text| SCHEMES.iter().any(|scheme| text.starts_with(scheme)))
    }

    /// Gives the password of a server, unless its address holds one; a folder needs none.
    #[must_use]
    pub fn or_password(self, password: &str) -> Self {
        match self {
            #[cfg(feature = "postgres")]
            Self::Server(address) => Self::Server(Box::new(address.or_password(password))),
            Self::Folder(folder) => {
                let _ = password;
                Self::Folder(folder)
            }
        }
    }

    /// Opens the gallery that is there.
    ///
    /// # Errors
    ///
    /// As [`Gallery::open`], or if the server cannot be reached.
    pub fn open(&self, secret: Option<&Secret>) -> Result<Box<dyn Engine>, GalleryError> {
        Ok(match self {
            Self::Folder(folder) => Box::new(Gallery::open(folder, secret)?),
            #[cfg(feature = "postgres")]
            Self::Server(address) => Box::new(PostgresGallery::open(address, secret)?),
        })
    }

    /// Opens the gallery that is there, and makes an empty one if there is none.
    ///
    /// # Errors
    ///
    /// As [`Gallery::create_or_open`], or if the server cannot be reached.
    ///
    /// # Panics
    ///
    /// Panics if `dim` is 0.
    pub fn create_or_open(
        &self,
        model: ModelDigest,
        dim: usize,
        secret: Option<&Secret>,
    ) -> Result<Box<dyn Engine>, GalleryError> {
        Ok(match self {
            Self::Folder(folder) => Box::new(Gallery::create_or_open(folder, model, dim, secret)?),
            #[cfg(feature = "postgres")]
            Self::Server(address) => {
                Box::new(PostgresGallery::create_or_open(address, model, dim, secret)?)
            }
        })
    }

    /// Makes a gallery of what `from` holds.
    pub(crate) fn take_in(
        &self,
        from: &dyn Outlet,
        secret: Option<&Secret>,
    ) -> Result<Box<dyn Engine>, GalleryError> {
        Ok(match self {
            Self::Folder(folder) => Box::new(Gallery::take_in(from, folder, secret)?),
            #[cfg(feature = "postgres")]
            Self::Server(address) => Box::new(PostgresGallery::take_in(from, address, secret)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_told_from_servers() {
        for folder in ["g", "./postgres:/x", "/a/postgres://b", "postgres"] {
            assert!(matches!(Place::new(Path::new(folder)), Ok(Place::Folder(_))), "{folder}");
        }
        for server in ["postgres://h/d", "postgresql://u:p@h:1/d?sslmode=require"] {
            assert!(Place::is_server(Path::new(server)));
            assert_eq!(Place::new(Path::new(server)).is_ok(), cfg!(feature = "postgres"));
        }
    }
}
