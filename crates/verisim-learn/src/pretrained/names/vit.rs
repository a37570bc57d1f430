//! The vision transformer in `InsightFace`:
//! <https://github.com/deepinsight/insightface/blob/master/recognition/arcface_torch/backbones/vit.py>.

use super::Names;
use crate::backbone::VitConfig;

pub(super) fn names(config: &VitConfig) -> Names {
    let mut names = Names::default();
    names.tensor("positions", "pos_embed");
    names.tensor("mask_token", "mask_token");
    names.tensor("patches.weight", "patch_embed.proj.weight");
    names.tensor("bias", "patch_embed.proj.bias");
    for block in (0..config.depth).map(|block| format!("blocks.{block}")) {
        names.layer_norm(&format!("{block}.attention_norm"), &format!("{block}.norm1"));
        names.weight(&format!("{block}.attention.qkv"), &format!("{block}.attn.qkv"));
        names.linear(&format!("{block}.attention.projection"), &format!("{block}.attn.proj"));
        names.layer_norm(&format!("{block}.mlp_norm"), &format!("{block}.norm2"));
        names.linear(&format!("{block}.widen"), &format!("{block}.mlp.fc1"));
        names.linear(&format!("{block}.narrow"), &format!("{block}.mlp.fc2"));
    }
    names.layer_norm("norm", "norm");
    names.linear_norm("hidden", ["feature.0", "feature.1"]);
    names.linear_norm("head", ["feature.2", "feature.3"]);
    names
}
