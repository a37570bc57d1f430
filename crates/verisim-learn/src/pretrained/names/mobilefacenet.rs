//! MobileFaceNet in `InsightFace`:
//! <https://github.com/deepinsight/insightface/blob/master/recognition/arcface_torch/backbones/mobilefacenet.py>.

use super::Names;
use crate::backbone::MobileFaceNetConfig;

pub(super) fn names(config: &MobileFaceNetConfig) -> Names {
    let mut names = Names::default();
    conv_block(&mut names, "stem", "layers.0");
    let [n_early, n_following @ ..] = config.blocks;
    let mut bottlenecks = Vec::new();
    if n_early == 1 {
        conv_block(&mut names, "grouped", "layers.1");
    } else {
        bottlenecks.extend((0..n_early).map(|block| format!("layers.1.layers.{block}")));
    }
    for (halving, n_following) in (2..).step_by(2).zip(n_following) {
        bottlenecks.push(format!("layers.{halving}"));
        let following = |block| format!("layers.{}.layers.{block}", halving + 1);
        bottlenecks.extend((0..n_following).map(following));
    }
    for (index, theirs) in bottlenecks.iter().enumerate() {
        let ours = format!("blocks.{index}");
        conv_block(&mut names, &format!("{ours}.expand"), &format!("{theirs}.layers.0"));
        conv_block(&mut names, &format!("{ours}.depthwise"), &format!("{theirs}.layers.1"));
        linear_block(&mut names, &format!("{ours}.project"), &format!("{theirs}.layers.2"));
    }
    conv_block(&mut names, "last", "conv_sep");
    linear_block(&mut names, "global", "features.layers.0");
    names.linear_norm("head", ["features.layers.2", "features.layers.3"]);
    names
}

/// Theirs of a convolution that is normalized and activated.
fn conv_block(names: &mut Names, ours: &str, theirs: &str) {
    let part = |index: usize| format!("{theirs}.layers.{index}");
    names.conv_norm(ours, [&part(0), &part(1)], Some(&part(2)));
}

/// Theirs of a convolution that is only normalized.
fn linear_block(names: &mut Names, ours: &str, theirs: &str) {
    let part = |index: usize| format!("{theirs}.layers.{index}");
    names.conv_norm(ours, [&part(0), &part(1)], None);
}
