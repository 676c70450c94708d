//! How the original latent diffusion code spells the parameters of our networks.
//!
//! Its UNet numbers blocks through, whatever stage they belong to, so the table of blocks follows
//! from the sizes of the model. Names are those below the model's own prefix
//! (`model.diffusion_model`, `control_model`, `first_stage_model`, …).

use super::diffusers_names::{current_vae_names, unet_names};
use super::key_map::KeyMap;
use crate::control::ControlNetConfig;
use crate::unet::{EncoderConfig, UNetConfig};
use crate::vae::VaeConfig;

/// Names of a UNet of these sizes.
pub fn ldm_unet_names(config: &UNetConfig) -> KeyMap {
    let mut map = unet_names()
        .then(encoder_names(&config.encoder))
        .prefix("conv_norm_out", "out.0")
        .prefix("conv_out", "out.2");
    let mut block = 0;
    for (index, stage) in config.up_stages.iter().enumerate() {
        let stage_name = format!("up_blocks.{index}");
        for layer in 0..stage.layers {
            map = numbered_block(map, &stage_name, layer, &format!("output_blocks.{block}"));
            block += 1;
        }
        // The enlargement is the last part of the stage's last block.
        let part = 1 + usize::from(stage.transformer.is_some());
        let last = format!("output_blocks.{}.{part}", block - 1);
        map = map.prefix(&format!("{stage_name}.upsamplers.0"), &last);
    }
    map
}

/// Names of a ControlNet of these sizes.
pub fn ldm_controlnet_names(config: &ControlNetConfig) -> KeyMap {
    let mut map = unet_names()
        .then(encoder_names(&config.encoder))
        .rename("controlnet_down_blocks.*", "zero_convs.*.0")
        .prefix("controlnet_mid_block", "middle_block_out.0")
        .prefix("controlnet_cond_embedding.conv_in", "input_hint_block.0");
    // Convolutions alternate with activations.
    let blocks = 2 * (config.condition_widths.len() - 1);
    for block in 0..blocks {
        let ours = format!("controlnet_cond_embedding.blocks.{block}");
        map = map.prefix(&ours, &format!("input_hint_block.{}", 2 * (block + 1)));
    }
    let last = format!("input_hint_block.{}", 2 * (blocks + 1));
    map.prefix("controlnet_cond_embedding.conv_out", &last)
}

fn encoder_names(config: &EncoderConfig) -> KeyMap {
    let mut map = KeyMap::new()
        .prefix("conv_in", "input_blocks.0.0")
        .prefix("time_embedding.linear_1", "time_embed.0")
        .prefix("time_embedding.linear_2", "time_embed.2")
        .prefix("add_embedding.linear_1", "label_emb.0.0")
        .prefix("add_embedding.linear_2", "label_emb.0.2")
        .rename("resnets.*.norm1", "resnets.*.in_layers.0")
        .rename("resnets.*.conv1", "resnets.*.in_layers.2")
        .rename("resnets.*.time_emb_proj", "resnets.*.emb_layers.1")
        .rename("resnets.*.norm2", "resnets.*.out_layers.0")
        .rename("resnets.*.conv2", "resnets.*.out_layers.3")
        .rename("resnets.*.conv_shortcut", "resnets.*.skip_connection")
        .prefix("mid_block.resnets.0", "middle_block.0")
        .prefix("mid_block.attentions.0", "middle_block.1")
        .prefix("mid_block.resnets.1", "middle_block.2");
    let mut block = 1;
    for (index, stage) in config.stages.iter().enumerate() {
        let stage_name = format!("down_blocks.{index}");
        for layer in 0..stage.layers {
            map = numbered_block(map, &stage_name, layer, &format!("input_blocks.{block}"));
            block += 1;
        }
        let ours = format!("{stage_name}.downsamplers.0.conv");
        map = map.prefix(&ours, &format!("input_blocks.{block}.0.op"));
        block += 1;
    }
    map
}

fn numbered_block(map: KeyMap, stage: &str, layer: usize, block: &str) -> KeyMap {
    map.prefix(&format!("{stage}.resnets.{layer}"), &format!("{block}.0"))
        .prefix(
            &format!("{stage}.attentions.{layer}"),
            &format!("{block}.1"),
        )
}

/// Names of an autoencoder of these sizes.
pub fn ldm_vae_names(config: &VaeConfig) -> KeyMap {
    let mut map = current_vae_names()
        .rename("conv_shortcut", "nin_shortcut")
        .rename("conv_norm_out", "norm_out")
        .rename("mid_block.resnets.0", "mid.block_1")
        .rename("mid_block.resnets.1", "mid.block_2")
        .rename("mid_block.attentions.0", "mid.attn_1")
        .rename("attn_1.group_norm", "attn_1.norm")
        .rename("attn_1.to_q", "attn_1.q")
        .rename("attn_1.to_k", "attn_1.k")
        .rename("attn_1.to_v", "attn_1.v")
        .rename("attn_1.to_out.0", "attn_1.proj_out")
        .rename("down_blocks.*.resnets.*", "down.*.block.*")
        .rename("down_blocks.*.downsamplers.0", "down.*.downsample");
    let stages = config.block_out_channels.len();
    for stage in 0..stages {
        // Counted from the finest here, from the coarsest in ours.
        let (ours, theirs) = (
            format!("up_blocks.{stage}"),
            format!("up.{}", stages - 1 - stage),
        );
        map = map
            .rename(&format!("{ours}.resnets"), &format!("{theirs}.block"))
            .rename(
                &format!("{ours}.upsamplers.0"),
                &format!("{theirs}.upsample"),
            );
    }
    map
}

/// Names of a text model that was trained with OpenCLIP (SD 2; SDXL's second).
pub fn open_clip_text_names() -> KeyMap {
    KeyMap::new()
        .prefix("text_model.embeddings.token_embedding", "token_embedding")
        .prefix(
            "text_model.embeddings.position_embedding.weight",
            "positional_embedding",
        )
        .prefix("text_model.final_layer_norm", "ln_final")
        .prefix("text_model.encoder.layers", "transformer.resblocks")
        .rename("layer_norm1", "ln_1")
        .rename("layer_norm2", "ln_2")
        .rename("mlp.fc1", "mlp.c_fc")
        .rename("mlp.fc2", "mlp.c_proj")
        .rename("self_attn", "attn")
        .third("q_proj.weight", "in_proj_weight", 0)
        .third("k_proj.weight", "in_proj_weight", 1)
        .third("v_proj.weight", "in_proj_weight", 2)
        .third("q_proj.bias", "in_proj_bias", 0)
        .third("k_proj.bias", "in_proj_bias", 1)
        .third("v_proj.bias", "in_proj_bias", 2)
        .transposed("text_projection.weight", "text_projection")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_blocks_through_the_stages() {
        let config = UNetConfig::from_json(&json!({ "cross_attention_dim": 768 })).unwrap();
        let map = ldm_unet_names(&config);
        for (ours, theirs) in [
            ("encoder.conv_in.weight", "input_blocks.0.0.weight"),
            (
                "encoder.down_blocks.0.resnets.0.norm1.bias",
                "input_blocks.1.0.in_layers.0.bias",
            ),
            (
                "encoder.down_blocks.0.downsampler.conv.bias",
                "input_blocks.3.0.op.bias",
            ),
            (
                "encoder.down_blocks.1.resnets.0.conv_shortcut.weight",
                "input_blocks.4.0.skip_connection.weight",
            ),
            (
                "encoder.down_blocks.3.resnets.1.conv2.weight",
                "input_blocks.11.0.out_layers.3.weight",
            ),
            (
                "encoder.mid_block.attentions.0.proj_in.weight",
                "middle_block.1.proj_in.weight",
            ),
            (
                "up_blocks.0.upsampler.conv.weight",
                "output_blocks.2.1.conv.weight",
            ),
            (
                "up_blocks.1.upsampler.conv.weight",
                "output_blocks.5.2.conv.weight",
            ),
            (
                "up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_out.bias",
                "output_blocks.11.1.transformer_blocks.0.attn2.to_out.0.bias",
            ),
        ] {
            assert_eq!(map.key(ours).name(), theirs);
        }
    }
}
