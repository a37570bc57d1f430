//! One change: lock, work, record, commit; it does not know what the work is.

use std::io;

use deadpool_postgres::Transaction;

use super::PostgresGallery;
use super::explain::{Failure, is_lost};
use super::state::{self, State};
use crate::GalleryError;
use crate::audit::{Action, Event, LogEnd};
use crate::gallery::unix_seconds;

/// What a change left behind.
pub(super) struct Changed<T> {
    pub(super) value: T,
    /// When it was recorded, in seconds since 1970 (UTC).
    pub(super) at: i64,
    /// Where the log ends since.
    pub(super) end: LogEnd,
}

/// An event of now.
pub(super) fn event(actor: &str, action: Action) -> Event {
    Event { at: unix_seconds(), actor: actor.to_owned(), action }
}

impl PostgresGallery {
    /// Has `work` change the gallery, which it finds as the state says, and records the actions that
    /// it returns. All of it happens or nothing.
    #[expect(clippy::needless_pass_by_value, reason = "closures read better where they are called")]
    pub(super) fn change<T>(
        &self,
        work: impl AsyncFn(&Transaction<'_>, &State) -> Result<(T, Vec<Action>), Failure>,
    ) -> Result<Changed<T>, GalleryError> {
        self.link.wait_patiently(async || {
            let mut client = self.link.primary().await?;
            let sql = client.transaction().await?;
            let state = State::lock(&sql, self.link.place()).await?;
            let (value, actions) = work(&sql, &state).await?;
            let at = unix_seconds();
            let event = |action| Event { at, actor: self.actor.clone(), action };
            let events: Vec<Event> = actions.into_iter().map(event).collect();
            let (chain, place) = (self.vault.chain(), self.link.place());
            let end = state::append(&sql, &chain, &state.log_end, &events, place).await?;
            match sql.commit().await {
                Ok(()) => Ok(Changed { value, at, end }),
                // Whether it happened, nobody knows: to do it again is the caller's decision.
                Err(error) if is_lost(&error) => {
                    let reason = "the connection was lost during the commit, so that it may have \
                                  happened or not";
                    let path = self.link.place().to_owned();
                    Err(GalleryError::Io { path, source: io::Error::other(reason) }.into())
                }
                Err(error) => Err(error.into()),
            }
        })
    }
}
