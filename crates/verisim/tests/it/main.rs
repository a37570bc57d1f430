//! Tests of the whole: the commands as a user runs them, and the repository as a reader finds it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails, and a test that is skipped, must be seen"
)]

mod archives;
mod bad_input;
mod bench_gallery;
mod cli;
mod compare;
mod demo;
mod detect;
mod doctor;
mod export;
mod fetch;
mod flow;
mod folders;
mod fuse;
mod gallery;
mod head;
mod help;
mod import;
mod map;
mod models;
mod mutated;
mod photographs;
mod postgres;
mod recipes;
mod resume;
mod server;
mod shared;
mod tidy;
mod weights;
