//! `IResNet` in `InsightFace`:
//! <https://github.com/deepinsight/insightface/blob/master/recognition/arcface_torch/backbones/iresnet.py>.

use super::Names;
use crate::backbone::ResNetConfig;

pub(super) fn names(config: &ResNetConfig) -> Names {
    let mut names = Names::default();
    names.conv_norm("stem", ["conv1", "bn1"], Some("prelu"));
    let layers = (1..).zip(&config.depths);
    let blocks = layers.flat_map(|(layer, &depth)| (0..depth).map(move |block| (layer, block)));
    for (index, (layer, block)) in blocks.enumerate() {
        let (ours, theirs) = (format!("blocks.{index}"), format!("layer{layer}.{block}"));
        let part = |name: &str| format!("{theirs}.{name}");
        names.norm(&format!("{ours}.leading_norm"), &part("bn1"));
        let slopes = part("prelu");
        names.conv_norm(&format!("{ours}.first"), [&part("conv1"), &part("bn2")], Some(&slopes));
        names.conv_norm(&format!("{ours}.second"), [&part("conv2"), &part("bn3")], None);
        let shortcut = [&*part("downsample.0"), &part("downsample.1")];
        names.conv_norm(&format!("{ours}.shortcut"), shortcut, None);
    }
    names.norm("norm", "bn2");
    names.linear_norm("head", ["fc", "features"]);
    names.bias_into("head.norm", "fc.bias");
    names
}
