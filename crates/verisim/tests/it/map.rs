//! Embeddings of two components are drawn; others are refused.

use std::fs;

use crate::cli::{Scratch, verisim};
use crate::flow::{Trained, text};

const RECIPE: &str = "\
name = 'two & two'
epochs = 1
[input]
width = 16
height = 16
channels = 1
[backbone]
kind = 'resnet'
stem_stride = 2
depths = [1]
widths = [8]
embedding_dim = 2
[loss]
kind = 'softmax'
[sampler]
kind = 'shuffle'
batch = 32
[optimizer]
kind = 'adamw'
lr = 3e-3
[schedule]
kind = 'constant'
[split]
validation_identities = 5
test_identities = 4
";

#[test]
fn a_map_shows_the_network_before_and_after() {
    let faces = Trained::get().faces();
    let scratch = Scratch::new();
    let (run, out) = (scratch.path("run"), scratch.path("map.svg"));
    let recipe = scratch.write("recipe.toml", RECIPE);
    verisim(["train", text(&recipe), "--data", text(&faces), "--out", text(&run)]).ok();
    let asked = ["map", text(&run), "--untrained", "--out", text(&out)];
    let table = verisim(asked).ok();
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split('|').collect()).collect();
    assert_eq!(rows.len(), 4, "{table}");
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{table}");
    assert_eq!((rows[2][1], rows[3][1]), (" untrained ", " two & two "), "{table}");
    assert_ne!(rows[2][2..], rows[3][2..], "training changed nothing: {table}");

    // 15 identities trained on, above and below, and 9 others below, in each of two panels.
    let svg = fs::read_to_string(&out).unwrap();
    assert_eq!(svg.matches("<path").count(), 2 * (15 + 15 + 9));
    assert_eq!(svg.matches("h0").count(), 2 * 6 * (15 + 15 + 9));
    assert!(svg.contains("two &amp; two") && svg.ends_with("</svg>"), "{svg}");
    verisim(asked).ok();
    assert_eq!(fs::read_to_string(&out).unwrap(), svg);
}

#[test]
fn a_map_of_more_components_is_refused() {
    let scratch = Scratch::new();
    let (run, out) = (Trained::get().run(), scratch.path("map.svg"));
    let refused = verisim(["map", text(&run), "--out", text(&out)]);
    assert_eq!(refused.status, 2);
    let words = "the embeddings of flow have 32 components, but a plane has 2; train with \
                 backbone.embedding_dim = 2";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    assert!(!out.exists());
}
