//! One function per kind of case: read the inputs, check them, call the public API, name the outputs.
//!
//! `[i]` stands for counted names, `?` for what may be absent. Every output may be left out of
//! `expected.safetensors`.
//!
//! | kind | `case.json` | inputs | outputs |
//! |---|---|---|---|
//! | `unet` | `model` | `sample`, `timestep` `[b]`, `encoder_hidden_states`, `text_embeds`?, `time_ids`?, `down_block_residual.[i]`?, `mid_block_residual`? | `sample` |
//! | `controlnet` | `model`, `conditioning_scale`? | `unet`'s without residuals, `controlnet_cond` | `down.[i]`, `mid` |
//! | `repcontrolnet` | `model`, `rep`: a file, `alpha`?, `beta`? | `unet`'s without residuals, `controlnet_cond` | `sample` |
//! | `vae_encode` | `model` | `image` | `mean`, `logvar` |
//! | `vae_decode` | `model` | `latents` | `image` |
//! | `clip_text` | `model` | `input_ids` | `last_hidden_state`, `hidden_states.-2`, `pooler_output`, `text_embeds`? |
//! | `clip_vision` | `model` | `pixel_values` | `image_embeds`?, `hidden_states.-2` |
//! | `scheduler` | `scheduler`, `config`, `num_inference_steps`, `eta`?, `strength`? | `sample`, or `clean` and `initial_noise` with a strength; `model_output.[i]`, `noise.[i]`? | `timesteps`, `sample`, `model_input.[i]`, `prev_sample.[i]` |
//! | `torch_randn` | `draws`: a list of `seed` and `shape` | – | `randn.[i]` |
//! | `txt2img` | `model`, `height`, `width`, `num_inference_steps`, `guidance_scale`, `seed`, `controlnets`?: a list of `model`, `scale`, `start`, `end`; `guess_mode`? | `prompt_embeds`, `negative_prompt_embeds`?, `controlnet_cond.[i]`? | `latents`, `image` |
//! | `mgmica` | `model`, `adapter` (a file in IP-Adapter's layout), `scales`? | `unet`'s without residuals, `identity_tokens` `[k, n, d]`, `identity_masks` `[k, H, W]` | `sample` |
//! | `consistentid` | `model`, `checkpoint` (a file in upstream's layout), `shortcut`? | `unet`'s without residuals, `id_embedding` `[b, e]`, `clip_hidden_states` `[b, t, w]`, `part_hidden_states` `[b, 5, t, w]`, `facial_token_mask` `[b, n]` | `id_tokens`, `fused_text`, `sample` |
//! | `txt2img` | `model`, `height`, `width`, `num_inference_steps`, `guidance_scale`, `seed` | `prompt_embeds`, `negative_prompt_embeds`? | `latents`, `image` |

mod clip;
mod consistent_id;
mod mgmica;
mod noise;
mod scheduler;
mod txt2img;
mod unet;
mod vae;

use burn::tensor::Device;
use fpga_core::{Error, Result};

use super::case::Case;
use super::tensors::Tensors;

type Kind = fn(&Case, &Device) -> Result<Tensors>;

/// Every kind that can be run.
const KINDS: &[(&str, Kind)] = &[
    ("unet", unet::unet),
    ("controlnet", unet::controlnet),
    ("repcontrolnet", unet::repcontrolnet),
    ("vae_encode", vae::encode),
    ("vae_decode", vae::decode),
    ("clip_text", clip::text),
    ("clip_vision", clip::vision),
    ("scheduler", scheduler::scheduler),
    ("torch_randn", noise::torch_randn),
    ("mgmica", mgmica::mgmica),
    ("consistentid", consistent_id::consistent_id),
    ("txt2img", txt2img::txt2img),
];

/// Runs a case; the outputs are named as in the table above.
///
/// # Errors
/// The kind is unknown, an input is missing or does not fit the model, or the model cannot be loaded.
pub fn run(case: &Case, device: &Device) -> Result<Tensors> {
    let Some((_, kind)) = KINDS.iter().find(|(name, _)| *name == case.kind) else {
        let names: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
        let why = format!("found {:?}, and there are {}", case.kind, names.join(", "));
        return Err(Error::unsupported("case.json, kind", why));
    };
    kind(case, device)
}
