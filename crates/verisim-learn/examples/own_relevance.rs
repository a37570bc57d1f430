//! Samples with several labels: who shares one with the anchor is mated, by a rule of one's own.
//!
//! Run with: `cargo run --release -p verisim-learn --example own_relevance`

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use verisim_learn::metric::distance::Distance;
use verisim_learn::metric::loss::SupConLoss;
use verisim_learn::metric::matrix::Matrix;
use verisim_learn::metric::relevance::{Relation, Relations, SharedLabel};
use verisim_learn::metric::scene::{Batch, Options, evaluate};

fn main() {
    // Four photos with the people on them.
    let people = [vec![1, 2], vec![2], vec![3], vec![1, 3]];
    let embeddings = Matrix::new(vec![1.0, 0.2, 0.9, 0.1, -0.3, 1.0, 0.4, 0.8], [4, 2]);
    let loss = SupConLoss { temperature: 0.1 };

    let shared = SharedLabel { probes: &people, references: &people };
    let but_not_itself = |anchor: usize, reference: usize| {
        use verisim_learn::metric::relevance::Relevance;
        if anchor == reference { Relation::Ignored } else { shared.relation(anchor, reference) }
    };
    let relations = Relations::new([4, 4], &but_not_itself);
    let batch =
        Batch { embeddings: &embeddings, references: None, relations: &relations, labels: None };
    let found = evaluate(&loss, batch, &Options::default());
    println!("shares a person with the anchor: loss {:.4}", found.value);

    // Or any rule: here, photos taken within a day of each other.
    let days = [1.0f64, 1.5, 8.0, 8.2];
    let same_day = |anchor: usize, reference: usize| {
        let apart = (days[anchor] - days[reference]).abs();
        match anchor == reference {
            true => Relation::Ignored,
            false if apart < 1.0 => Relation::Mated,
            false => Relation::NonMated,
        }
    };
    let relations = Relations::new([4, 4], &same_day);
    let batch = Batch { relations: &relations, ..batch };
    let options = Options { distance: Some(&Distance::Cosine), ..Options::default() };
    println!("taken within a day: loss {:.4}", evaluate(&loss, batch, &options).value);
}
