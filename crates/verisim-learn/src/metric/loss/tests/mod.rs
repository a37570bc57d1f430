//! Every loss over tuples, held to the contract of all.

mod pairs;
mod ranking;
mod triplets;
