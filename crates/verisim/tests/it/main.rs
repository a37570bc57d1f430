//! Tests of the whole: the commands as a user runs them, and the repository as a reader finds it.

mod bad_input;
mod cli;
mod demo;
mod export;
mod flow;
mod help;
mod recipes;
mod shared;
mod tidy;
