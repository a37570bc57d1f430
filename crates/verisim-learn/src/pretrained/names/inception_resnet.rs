//! Inception-ResNet-v1 in `facenet-pytorch`:
//! <https://github.com/timesler/facenet-pytorch/blob/master/models/inception_resnet_v1.py>.
//!
//! Its public weights were trained on `(pixel - 127.5) / 128`; here a pixel is divided by 127.5, which the
//! first normalization takes for 0.4 percent more contrast.

use super::Names;

/// Theirs of the convolutions before the first block.
const STEM: [&str; 6] =
    ["conv2d_1a", "conv2d_2a", "conv2d_2b", "conv2d_3b", "conv2d_4a", "conv2d_4b"];
/// Ours and theirs of the groups of blocks, how many there are, and the convolutions of each branch.
const GROUPS: [(&str, &str, usize, &[usize]); 3] = [
    ("a", "repeat_1", 5, &[1, 2, 3]),
    ("b", "repeat_2", 10, &[1, 3]),
    ("c", "repeat_3", 5, &[1, 3]),
];

pub(super) fn names() -> Names {
    let mut names = Names { ignored: "logits.", ..Names::default() };
    for (index, theirs) in STEM.iter().enumerate() {
        conv(&mut names, &format!("stem.{index}"), theirs);
    }
    for (ours, theirs, n_blocks, branches) in GROUPS {
        for block in 0..n_blocks {
            let (ours, theirs) = (format!("{ours}.{block}"), format!("{theirs}.{block}"));
            residual(&mut names, &ours, &theirs, branches);
        }
    }
    residual(&mut names, "c.5", "block8", &[1, 3]);
    side_by_side(&mut names, "reduction_a", "mixed_6a", &[1, 3]);
    side_by_side(&mut names, "reduction_b", "mixed_7a", &[2, 2, 3]);
    names.linear_norm("head", ["last_linear", "last_bn"]);
    names
}

fn residual(names: &mut Names, ours: &str, theirs: &str, branches: &[usize]) {
    side_by_side(names, ours, theirs, branches);
    names.tensor(&format!("{ours}.up.conv.weight"), &format!("{theirs}.conv2d.weight"));
    names.tensor(&format!("{ours}.up.bias"), &format!("{theirs}.conv2d.bias"));
}

/// Branches of so many convolutions; one alone has no number.
fn side_by_side(names: &mut Names, ours: &str, theirs: &str, branches: &[usize]) {
    for (branch, &n_steps) in branches.iter().enumerate() {
        for step in 0..n_steps {
            let number = if n_steps == 1 { String::new() } else { format!(".{step}") };
            let ours = format!("{ours}.branches.{branch}.{step}");
            conv(names, &ours, &format!("{theirs}.branch{branch}{number}"));
        }
    }
}

fn conv(names: &mut Names, ours: &str, theirs: &str) {
    names.conv_norm(ours, [&format!("{theirs}.conv"), &format!("{theirs}.bn")], None);
}
