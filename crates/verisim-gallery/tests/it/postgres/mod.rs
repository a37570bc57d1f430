//! What only a gallery on a server does: be out of reach, refuse users, fail over, be copied by others.

mod failover;
mod forgetting;
mod index;
mod refusals;
mod standby;
mod tampering;
mod tls;

use std::path::Path;

use verisim_gallery::{Engine, GalleryError, Place, Secret};

use crate::synthetic::{DIM, model};

/// Opens or makes the gallery at an address.
fn open_at(url: &str, secret: Option<&Secret>) -> Result<Box<dyn Engine>, GalleryError> {
    Place::new(Path::new(url)).unwrap().create_or_open(model(), DIM, secret)
}

/// An address with another user and database.
fn as_user(url: &str, user: &str, database: &str) -> String {
    let (head, _) = url.rsplit_once('/').unwrap();
    let (_, host) = head.rsplit_once('@').unwrap();
    format!("postgres://{user}@{host}/{database}")
}

/// The host and port of an address.
fn host_of(url: &str) -> &str {
    url.rsplit_once('@').unwrap().1.split('/').next().unwrap()
}
