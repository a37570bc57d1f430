//! Every loss over tuples, held to the contract of all.

use super::contract::check;
use super::*;

#[test]
fn contrastive_keeps_the_contract() {
    check("contrastive", &ContrastiveLoss { mated_margin: 0.1, margin: 1.2 });
}
