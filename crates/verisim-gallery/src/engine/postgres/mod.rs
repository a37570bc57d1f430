//! The engine of a server: PostgreSQL with pgvector; the only folder that names either.
//!
//! Every change is one transaction that locks the row of the gallery first and writes the log last:
//! changes come one after the other, as in a folder, and what a change saw is true when it commits. A
//! connection that is lost before the commit is made again and the change repeated; one that is lost
//! during it is an error, because what was asked for may have happened.

mod address;
mod change;
mod check;
mod enroll;
mod explain;
mod facade;
mod forget;
mod link;
mod list;
mod log;
mod pour;
mod rows;
mod schema;
mod search;
mod state;
mod takein;

use std::fmt;
use std::path::Path;

use verisim_core::ModelDigest;

use self::explain::Failure;
use self::link::Link;
use self::state::State;
use crate::admission::Binding;
use crate::audit::Action;
use crate::details::check_text;
use crate::gallery::{SOMEBODY, draw_vault, unlock};
use crate::policy::Policy;
use crate::store::GalleryRow;
use crate::vault::{Secret, Vault};
use crate::{Damage, GalleryError};
pub use address::Address;

/// The enrolled templates of one model, in a schema of a PostgreSQL server with pgvector.
///
/// It does what [`Gallery`](crate::Gallery) does, for the same reasons and with the same errors, but
/// for these: a search compares halves through an index that finds *most* of the nearest templates,
/// unless the [`Address`] says `exact=true`; the scores of what it finds are exact, and agree with
/// those of an embedded gallery to the bit. Templates lie open on the server, for whom it has to
/// compare them. What is forgotten is removed, but a server cannot promise that no byte of it is left.
///
/// Calls block; on a thread that drives asynchronous code they panic.
pub struct PostgresGallery {
    link: Link,
    vault: Vault,
    row: GalleryRow,
    actor: String,
    options: SearchOptions,
}

/// How the gallery is searched.
#[derive(Clone, Copy)]
struct SearchOptions {
    ef_search: u16,
    is_exact: bool,
}

impl PostgresGallery {
    /// Opens the gallery at an address; `secret` is what it was made with, if it is sealed.
    ///
    /// # Errors
    ///
    /// Fails if no server answers in time, if it turns the user away, if there is no gallery or one
    /// of a later version, or if the secret is not the one that it needs.
    pub fn open(address: &Address, secret: Option<&Secret>) -> Result<Self, GalleryError> {
        let link = Link::new(address)?;
        let found = link.wait_patiently(async || {
            let client = link.primary().await?;
            schema::format(&client, &address.schema).await
        })?;
        let path = || address.place().to_owned();
        match found {
            None => {
                return Err(GalleryError::NotAGallery { path: path(), found: "no such schema" });
            }
            Some(found) if found > schema::FORMAT => {
                let supported = schema::FORMAT;
                return Err(GalleryError::TooNew { path: path(), found, supported });
            }
            Some(found) if found < 1 => {
                return Err(GalleryError::Damaged {
                    path: path(),
                    damage: Damage::Format { found },
                });
            }
            Some(schema::FORMAT) => {}
            Some(_) => migrate(&link, address)?,
        }
        Self::ready(link, address, secret)
    }

    /// Opens the gallery at an address, and makes an empty one for `model` if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the gallery is bound to another model or dimension, if the server has no pgvector,
    /// and for the reasons of [`open`](Self::open) except that there is none.
    ///
    /// # Panics
    ///
    /// Panics if `dim` is 0.
    pub fn create_or_open(
        address: &Address,
        model: ModelDigest,
        dim: usize,
        secret: Option<&Secret>,
    ) -> Result<Self, GalleryError> {
        assert!(dim > 0, "an embedding has at least one component");
        let link = Link::new(address)?;
        link.wait_patiently(async || {
            let mut client = link.primary().await?;
            if schema::format(&client, &address.schema).await?.is_some() {
                return Ok(());
            }
            let sql = client.transaction().await?;
            schema::lock(&sql, &address.schema).await?;
            // Another process may have been faster.
            if schema::format(&sql, &address.schema).await?.is_some() {
                return Ok(());
            }
            schema::create(&sql, &link, &address.schema, dim).await?;
            schema::make_index(&sql, dim).await?;
            let io = |error| GalleryError::from_io(link.place(), error);
            let (uid, vault, seal) = draw_vault(secret).map_err(io)?;
            let (row, chain) = (GalleryRow { uid, model, dim }, vault.chain());
            State::insert(&sql, row, seal.as_ref(), &chain.start(state::OPEN)).await?;
            state::set_policy(&sql, Policy::default()).await?;
            let event = change::event(SOMEBODY, Action::Created);
            state::append(&sql, &chain, &chain.start(state::OPEN), &[event], link.place()).await?;
            Ok(sql.commit().await?)
        })?;
        let gallery = Self::open(address, secret)?;
        gallery.binding().expect(model, dim)?;
        Ok(gallery)
    }

    fn ready(link: Link, address: &Address, secret: Option<&Secret>) -> Result<Self, GalleryError> {
        let state = link.wait_patiently(async || {
            let client = link.primary().await?;
            State::read(&client, link.place()).await
        })?;
        let vault = unlock(state.seal.as_ref(), address.place(), state.row.uid, secret)?;
        let Address { ef_search, is_exact, .. } = *address;
        let options = SearchOptions { ef_search, is_exact };
        Ok(Self { link, vault, row: state.row, actor: SOMEBODY.to_owned(), options })
    }

    fn binding(&self) -> Binding<'_> {
        Binding { place: self.link.place(), model: self.row.model, dim: self.row.dim }
    }

    fn place(&self) -> &Path {
        self.link.place()
    }

    fn act_as(&mut self, actor: &str) -> Result<(), GalleryError> {
        check_text("the name of an actor", actor)?;
        actor.clone_into(&mut self.actor);
        Ok(())
    }

    fn damaged(&self, damage: Damage) -> Failure {
        state::damaged(self.link.place(), damage)
    }
}

impl fmt::Debug for PostgresGallery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GalleryRow { model, dim, .. } = self.row;
        write!(f, "PostgresGallery({} of {model:?}, {dim} components)", self.place().display())
    }
}

/// Brings the schema to the present format, if nobody did so meanwhile.
fn migrate(link: &Link, address: &Address) -> Result<(), GalleryError> {
    link.wait_patiently(async || {
        let mut client = link.primary().await?;
        let sql = client.transaction().await?;
        schema::lock(&sql, &address.schema).await?;
        let found = schema::format(&sql, &address.schema).await?;
        if let Some(found) = found.filter(|it| (1..schema::FORMAT).contains(it)) {
            let dim: i32 = sql.query_one("SELECT dim FROM gallery", &[]).await?.get(0);
            schema::migrate(&sql, found, usize::try_from(dim).unwrap_or(0)).await?;
        }
        Ok(sql.commit().await?)
    })
}
