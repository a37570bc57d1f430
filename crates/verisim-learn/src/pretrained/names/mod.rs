//! What parameters are called here, and what they are called elsewhere.

mod inception_resnet;
mod iresnet;
mod mobilefacenet;
mod vit;

use std::collections::BTreeMap;

use crate::backbone::BackboneConfig;

/// Counters beside running statistics, which nothing here depends on.
const COUNTER: &str = "num_batches_tracked";

/// Where the values of a parameter are found.
#[derive(Debug)]
pub(super) struct Source {
    /// The tensor's name elsewhere.
    pub(super) theirs: String,
    /// Whether it lies there as `[outputs, inputs]`.
    pub(super) is_transposed: bool,
    /// A bias that is subtracted: it comes right before a normalization, which here has it in its mean.
    pub(super) minus: Option<String>,
}

/// Names of one network, here and elsewhere.
#[derive(Default)]
pub(super) struct Names {
    sources: BTreeMap<String, Source>,
    anchor: String,
    ignored: &'static str,
}

impl Names {
    /// Those of a network, if others have it, too.
    pub(super) fn of(config: &BackboneConfig) -> Option<Self> {
        match config {
            BackboneConfig::ResNet(config) => config.leading_norm.then(|| iresnet::names(config)),
            BackboneConfig::MobileFaceNet(config) => Some(mobilefacenet::names(config)),
            BackboneConfig::InceptionResNet(_) => Some(inception_resnet::names()),
            BackboneConfig::Vit(config) => Some(vit::names(config)),
            BackboneConfig::Inception(_)
            | BackboneConfig::DeepFace(_)
            | BackboneConfig::DeepId2(_)
            | BackboneConfig::Gradients(_) => None,
        }
    }

    /// Where the values of a parameter of ours are found.
    pub(super) fn source(&self, ours: &str) -> Option<&Source> {
        self.sources.get(ours)
    }

    /// The name of the first tensor, which every network of the kind has.
    pub(super) fn anchor(&self) -> &str {
        &self.anchor
    }

    /// Whether a tensor of theirs is of no use here.
    pub(super) fn is_ignored(&self, theirs: &str) -> bool {
        let is_beside = !self.ignored.is_empty() && theirs.starts_with(self.ignored);
        is_beside || theirs.rsplit('.').next() == Some(COUNTER)
    }

    fn insert(&mut self, ours: String, theirs: String, is_transposed: bool) {
        if self.sources.is_empty() {
            self.anchor.clone_from(&theirs);
        }
        self.sources.insert(ours, Source { theirs, is_transposed, minus: None });
    }

    /// A tensor that is the same on both sides.
    fn tensor(&mut self, ours: &str, theirs: &str) {
        self.insert(ours.to_owned(), theirs.to_owned(), false);
    }

    /// A convolution, a normalization and the slopes of an activation, or the first two.
    fn conv_norm(&mut self, ours: &str, [conv, norm]: [&str; 2], slopes: Option<&str>) {
        self.tensor(&format!("{ours}.conv.weight"), &format!("{conv}.weight"));
        self.norm(&format!("{ours}.norm"), norm);
        if let Some(slopes) = slopes {
            self.tensor(&format!("{ours}.slopes"), &format!("{slopes}.weight"));
        }
    }

    /// A batch normalization.
    fn norm(&mut self, ours: &str, theirs: &str) {
        self.layer_norm(ours, theirs);
        self.tensor(&format!("{ours}.mean"), &format!("{theirs}.running_mean"));
        self.tensor(&format!("{ours}.variance"), &format!("{theirs}.running_var"));
    }

    /// A normalization that remembers nothing.
    fn layer_norm(&mut self, ours: &str, theirs: &str) {
        self.tensor(&format!("{ours}.gamma"), &format!("{theirs}.weight"));
        self.tensor(&format!("{ours}.beta"), &format!("{theirs}.bias"));
    }

    /// A linear layer with a bias.
    fn linear(&mut self, ours: &str, theirs: &str) {
        self.weight(ours, theirs);
        self.tensor(&format!("{ours}.bias"), &format!("{theirs}.bias"));
    }

    /// The weight of a linear layer.
    fn weight(&mut self, ours: &str, theirs: &str) {
        self.insert(format!("{ours}.weight"), format!("{theirs}.weight"), true);
    }

    /// A linear layer and the normalization of its output.
    fn linear_norm(&mut self, ours: &str, [linear, norm]: [&str; 2]) {
        self.weight(ours, linear);
        self.norm(&format!("{ours}.norm"), norm);
    }

    /// The bias of a layer that is normalized at once.
    fn bias_into(&mut self, norm: &str, bias: &str) {
        if let Some(mean) = self.sources.get_mut(&format!("{norm}.mean")) {
            mean.minus = Some(bias.to_owned());
        }
    }
}
