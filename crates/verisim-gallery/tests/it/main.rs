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
mod forgetting;
#[cfg(unix)]
mod killing;
mod migration;
#[cfg(feature = "postgres")]
mod postgres;
mod refusals;
mod sealing;
mod sharing;
mod synthetic;
