//! Waiting for others who use the same gallery; it does not know what for.

use std::thread;
use std::time::{Duration, Instant};

use crate::GalleryError;

/// Longer than any but the largest change of another process takes.
pub(crate) const BUSY_TIMEOUT: Duration =
    Duration::from_millis(if cfg!(test) { 200 } else { 5000 });

/// Not a time at which the engine retries, lest two that hinder each other do so again and again.
const RETRY_AFTER: Duration = Duration::from_millis(3);

/// Tries again for as long as others use the gallery and `patience` lasts.
pub(crate) fn patiently(
    patience: Duration,
    mut attempt: impl FnMut() -> Result<(), GalleryError>,
) -> Result<(), GalleryError> {
    let deadline = Instant::now() + patience;
    loop {
        match attempt() {
            Err(GalleryError::Busy { .. }) if Instant::now() < deadline => {
                thread::sleep(RETRY_AFTER);
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> GalleryError {
        GalleryError::Busy { path: "g".into() }
    }

    #[test]
    fn only_what_is_busy_is_tried_again() {
        let mut n_attempts = 0;
        let outcome = patiently(BUSY_TIMEOUT, || {
            n_attempts += 1;
            if n_attempts < 3 { Err(busy()) } else { Ok(()) }
        });
        assert!(outcome.is_ok() && n_attempts == 3, "{n_attempts}");

        let mut n_attempts = 0;
        let outcome = patiently(BUSY_TIMEOUT, || {
            n_attempts += 1;
            Err(GalleryError::DiskFull { path: "g".into() })
        });
        assert!(outcome.is_err() && n_attempts == 1, "{n_attempts}");
    }

    #[test]
    fn patience_ends() {
        let outcome = patiently(Duration::from_millis(10), || Err(busy()));
        assert!(matches!(outcome, Err(GalleryError::Busy { .. })));
    }
}
