//! The gallery as its users see it: from outside, through files and processes.

#![expect(clippy::unwrap_used, reason = "what these helpers of tests cannot do fails the test")]

mod child;
mod copies;
mod damage;
mod everyday;
#[cfg(unix)]
mod failing_disk;
mod forgetting;
#[cfg(unix)]
mod killing;
mod migration;
mod packed;
mod rearranging;
mod refusals;
mod sealing;
mod sharing;
mod synthetic;
mod tampering;
