//! The gallery as its users see it: from outside, through files and processes.

#![expect(clippy::unwrap_used, reason = "what these helpers of tests cannot do fails the test")]

mod child;
mod conformance;
mod conformance_search;
mod copies;
mod copying;
mod damage;
mod engines;
mod everyday;
#[cfg(unix)]
mod failing_disk;
mod forgetting;
#[cfg(unix)]
mod killing;
mod ledger;
mod migration;
mod packed;
#[cfg(feature = "postgres")]
mod postgres;
mod rearranging;
mod refusals;
mod sealing;
mod sharing;
mod synthetic;
mod tampering;
