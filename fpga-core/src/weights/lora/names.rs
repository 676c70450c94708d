//! The spellings of LoRA files.
//!
//! | made by | a pair of the first query projection |
//! |---|---|
//! | kohya | `lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight`, `….alpha` |
//! | kohya, SDXL | `lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_down.weight` |
//! | PEFT | `unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight` |
//! | diffusers 0.19 | `unet.….attn1.to_q.lora.down.weight` |
//! | older diffusers | `unet.….attn1.processor.to_q_lora.down.weight` |
//! | IP-Adapter-FaceID, ConsistentID | `0.to_q_lora.down.weight`, numbered like attention processors |
//!
//! All become a [`Target`]: which network, and the weight's name with underscores for dots, the one
//! spelling that every other one can be turned into.

/// The network that a LoRA changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoraPart {
    /// The noise predictor.
    Unet,
    /// The only text model, or the first of SDXL.
    Text,
    /// SDXL's second text model.
    SecondText,
}

/// One weight of one network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) part: LoraPart,
    pub(super) weight: WeightName,
}

/// How a file names a weight.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WeightName {
    /// With underscores for dots, without `weight`.
    Flat(String),
    /// A projection of the attention layer that stands here among diffusers' attention processors.
    Processor(usize, &'static str),
}

/// What a tensor is in its pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Down,
    Up,
    Alpha,
}

/// Ends of names, longest first where one ends in the other.
const ENDINGS: [(&str, Role); 15] = [
    (".lora_linear_layer.down.weight", Role::Down),
    (".lora_linear_layer.up.weight", Role::Up),
    (".lora_A.default.weight", Role::Down),
    (".lora_B.default.weight", Role::Up),
    (".lora_down.weight", Role::Down),
    (".lora_up.weight", Role::Up),
    (".lora.down.weight", Role::Down),
    (".lora.up.weight", Role::Up),
    ("_lora.down.weight", Role::Down),
    ("_lora.up.weight", Role::Up),
    (".lora_A.weight", Role::Down),
    (".lora_B.weight", Role::Up),
    (".lora.alpha", Role::Alpha),
    ("_lora.alpha", Role::Alpha),
    (".alpha", Role::Alpha),
];
/// Starts of names, longest first where one starts with the other.
const STARTS: [(&str, LoraPart); 9] = [
    ("base_model.model.", LoraPart::Unet),
    ("diffusion_model.", LoraPart::Unet),
    ("lora_unet_", LoraPart::Unet),
    ("unet.", LoraPart::Unet),
    ("lora_te1_", LoraPart::Text),
    ("lora_te2_", LoraPart::SecondText),
    ("lora_te_", LoraPart::Text),
    ("text_encoder_2.", LoraPart::SecondText),
    ("text_encoder.", LoraPart::Text),
];
/// Starts of names that have no prefix.
const BARE: [&str; 4] = ["down_blocks.", "mid_block.", "up_blocks.", "conv_"];
/// Projections of an attention processor, and of the layer that it belongs to.
const PROJECTIONS: [(&str, &str, &str); 4] = [
    ("to_q", "to_q", "q_proj"),
    ("to_k", "to_k", "k_proj"),
    ("to_v", "to_v", "v_proj"),
    ("to_out", "to_out.0", "out_proj"),
];

/// What a tensor's name says; `None` if it is not that of a LoRA.
pub(super) fn split(name: &str) -> Option<(Target, Role)> {
    let (stem, role) = ENDINGS
        .iter()
        .find_map(|(end, role)| Some((name.strip_suffix(end)?, *role)))?;
    Some((target(stem)?, role))
}

fn target(stem: &str) -> Option<Target> {
    if let Some(weight) = processor(stem) {
        let part = LoraPart::Unet;
        return Some(Target { part, weight });
    }
    let bare = || {
        let known = BARE.iter().any(|start| stem.starts_with(start));
        known.then_some((stem, LoraPart::Unet))
    };
    let (rest, part) = STARTS
        .iter()
        .find_map(|(start, part)| Some((stem.strip_prefix(start)?, *part)))
        .or_else(bare)?;
    let weight = WeightName::Flat(flat(&modern(rest, part)));
    Some(Target { part, weight })
}

/// `0.to_q`, as attention processors are numbered.
fn processor(stem: &str) -> Option<WeightName> {
    let (index, projection) = stem.split_once('.')?;
    let index = index.parse().ok()?;
    let (_, projection, _) = PROJECTIONS.iter().find(|(old, ..)| *old == projection)?;
    Some(WeightName::Processor(index, projection))
}

/// The attention layer and the processor's projection that a weight's name stands for: the way back.
pub(super) fn projection(name: &str) -> Option<(&str, &'static str)> {
    PROJECTIONS.iter().find_map(|&(processor, layer, _)| {
        let owner = name.strip_suffix(layer)?.strip_suffix('.')?;
        Some((owner, processor))
    })
}

/// The name of the layer for that of its processor.
fn modern(name: &str, part: LoraPart) -> String {
    let (before, last) = name.rsplit_once('.').unwrap_or(("", name));
    let found = PROJECTIONS.iter().find(|(old, ..)| *old == last);
    match (found, before.strip_suffix(".processor"), part) {
        (Some((_, layer, _)), Some(before), LoraPart::Unet) => format!("{before}.{layer}"),
        (Some((.., layer)), _, LoraPart::Text | LoraPart::SecondText) => {
            format!("{before}.{layer}")
        }
        _ => name.to_owned(),
    }
}

/// With underscores for dots.
pub(super) fn flat(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat_unet(name: &str) -> WeightName {
        WeightName::Flat(name.to_owned())
    }

    #[test]
    fn every_spelling_names_the_same_weight() {
        let query = "down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_q";
        let dotted = "down_blocks.0.attentions.1.transformer_blocks.0.attn1";
        for name in [
            format!("lora_unet_{query}.lora_down.weight"),
            format!("unet.{dotted}.to_q.lora_A.weight"),
            format!("unet.{dotted}.to_q.lora_A.default.weight"),
            format!("base_model.model.{dotted}.to_q.lora_A.weight"),
            format!("unet.{dotted}.to_q.lora.down.weight"),
            format!("unet.{dotted}.processor.to_q_lora.down.weight"),
            format!("{dotted}.processor.to_q_lora.down.weight"),
        ] {
            let (target, role) = split(&name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(target.weight, flat_unet(query), "{name}");
            assert_eq!((target.part, role), (LoraPart::Unet, Role::Down), "{name}");
        }
        let (out, role) = split(&format!("{dotted}.processor.to_out_lora.up.weight")).unwrap();
        assert_eq!(role, Role::Up);
        let expected = "down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_out_0";
        assert_eq!(out.weight, flat_unet(expected));
        let (target, role) = split(&format!("lora_unet_{query}.alpha")).unwrap();
        assert_eq!((target.weight, role), (flat_unet(query), Role::Alpha));
    }

    #[test]
    fn text_models_are_told_apart() {
        let layer = "text_model.encoder.layers.3.self_attn";
        let expected = flat_unet("text_model_encoder_layers_3_self_attn_q_proj");
        for (name, part) in [
            (
                "lora_te_text_model_encoder_layers_3_self_attn_q_proj.lora_up.weight".to_owned(),
                LoraPart::Text,
            ),
            (
                "lora_te2_text_model_encoder_layers_3_self_attn_q_proj.lora_up.weight".to_owned(),
                LoraPart::SecondText,
            ),
            (
                format!("text_encoder.{layer}.q_proj.lora_linear_layer.up.weight"),
                LoraPart::Text,
            ),
            (
                format!("text_encoder.{layer}.to_q_lora.up.weight"),
                LoraPart::Text,
            ),
            (
                format!("text_encoder_2.{layer}.q_proj.lora_B.weight"),
                LoraPart::SecondText,
            ),
        ] {
            let (target, role) = split(&name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((target.part, role), (part, Role::Up), "{name}");
            assert_eq!(target.weight, expected, "{name}");
        }
    }

    #[test]
    fn processors_are_numbered_and_other_tensors_are_none() {
        let (target, _) = split("31.to_out_lora.up.weight").unwrap();
        assert_eq!(target.weight, WeightName::Processor(31, "to_out.0"));
        for name in [
            "31.to_k_ip.weight",
            "x.lora_down.weight",
            "unet.conv_in.weight",
        ] {
            assert_eq!(split(name), None, "{name}");
        }
    }
}
