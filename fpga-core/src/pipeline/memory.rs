//! How much memory a job takes beyond its model, told before it starts.
//!
//! The networks are walked as a forward pass walks them, counting the feature maps that live at the
//! same time; everything is four bytes per value. What the walk leaves out (masks and copies of the
//! pictures, working memory of the kernels, what the allocator keeps) is added as [`WORKING`] and
//! [`MARGIN`], which were chosen so that measured peaks on the CPU stay below the estimate.

use serde::Serialize;

use super::canvas::Canvas;
use super::generate::GenerateRequest;
use super::model::StableDiffusion;
use super::people::IdentityTokens;
use super::prompt::Prompt;
use super::restore::{FaceIdentity, RestoreRequest};
use crate::control::ControlNetConfig;
use crate::error::Result;
use crate::text::LongPrompt;
use crate::unet::{EncoderConfig, StageConfig, UNetConfig};
use crate::vae::VaeConfig;

/// Bytes that a job takes beyond its model at each of its phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JobMemory {
    /// Picture to latents.
    pub encode: u64,
    /// Every denoising step, the same for the way to noise.
    pub denoise: u64,
    /// Latents to picture.
    pub decode: u64,
}

/// Bytes that every phase takes whatever its size: working memory of the kernels, text model.
const WORKING: u64 = 160 << 20;
/// Share that is added for what the allocator keeps: a sixth.
const MARGIN: u64 = 6;
/// Bytes per pixel of the caller's picture for masks, colour spaces and copies.
const PICTURE: u64 = 64;
/// Faces that a picture is taken to have where they are searched for and nothing bounds them.
const FACES: usize = 8;
/// Tokens that a prompt is taken to have at least.
const TOKENS: u64 = 2 * 77;
/// Values per token and column that a text model holds at once: a layer's input, queries, keys and values, and what
/// is inside of its four times as wide feed-forward.
const READING: u64 = 12;

impl JobMemory {
    /// The largest of the phases: what must be free when the job starts.
    pub fn peak(&self) -> u64 {
        self.encode.max(self.denoise).max(self.decode)
    }

    /// From values that live at once.
    fn of_values([encode, denoise, decode]: [u64; 3]) -> Self {
        let bytes = |values: u64| match values {
            0 => 0,
            _ => {
                let plain = values.saturating_mul(4);
                plain.saturating_add(plain / MARGIN).saturating_add(WORKING)
            }
        };
        Self {
            encode: bytes(encode),
            denoise: bytes(denoise),
            decode: bytes(decode),
        }
    }

    fn plus(self, bytes: u64) -> Self {
        let more = |phase: u64| phase.saturating_add(bytes);
        Self {
            encode: more(self.encode),
            denoise: more(self.denoise),
            decode: more(self.decode),
        }
    }
}

impl GenerateRequest<'_> {
    /// What this job takes on the CPU beyond `model`.
    ///
    /// # Errors
    /// A canvas that does not fit the model.
    pub fn memory(&self, model: &StableDiffusion) -> Result<JobMemory> {
        let size = self.canvas.padded_size(model)?.map(u64::from);
        let vae = Vae(model.vae.config());
        let count = self.count.max(1) as u64;
        let rows = if self.guidance.scale > 1.0 {
            2 * count
        } else {
            count
        };
        let latents = vae.latent_size(size);
        let controls = self.controls.iter().map(|control| control.net.config());
        let people = self.people.iter().flat_map(|people| &people.identities);
        let tokens: Vec<u64> = people.map(|one| rows_of(&one.tokens)).collect();
        let people = attending(model.unet.config(), &tokens, latents);
        let hints = self.modalities.iter().map(|modality| {
            let encoder = modality.net.encoder();
            2 * encoder.width() as u64 * area(size) + encoder.outputs() as u64 * area(latents)
        });
        let change = self.prompt_change.iter();
        let prompts = change
            .flat_map(|change| [&change.prompt, &change.negative_prompt])
            .chain([&self.prompt, &self.negative_prompt]);
        let batch = Batch {
            rows,
            size: latents,
            tokens: longest(model, prompts, self.long_prompt),
        };
        let denoise =
            denoising(model.unet.config(), controls, batch) + rows * people + hints.sum::<u64>();
        let tile = self.tiling.map_or(size, |tiling| {
            size.map(|side| side.min(tiling.tile.max(8) as u64))
        });
        let whole = 9 * count * size[0] * size[1];
        let decode = count * vae.decoding(tile) + whole;
        let (encode, pixels) = match self.canvas {
            Canvas::Blank { .. } => (0, 0),
            Canvas::Picture { .. } | Canvas::Masked { .. } => {
                (vae.encoding(size), size[0] * size[1])
            }
        };
        Ok(JobMemory::of_values([encode, denoise, decode]).plus(PICTURE * pixels))
    }
}

impl RestoreRequest<'_> {
    /// What this job takes on the CPU beyond `model`: faces come one after another.
    pub fn memory(&self, model: &StableDiffusion) -> JobMemory {
        let size = [u64::from(self.crop.size); 2];
        let vae = Vae(model.vae.config());
        let rows = if self.guidance.scale > 1.0 { 2 } else { 1 };
        let latents = vae.latent_size(size);
        let way = self.steps as u64 * area(latents) * vae.0.latent_channels as u64;
        let unet = model.unet.config();
        let control = self.landmark_control.iter();
        let control = control.map(|control| control.net.config());
        let own = self.faces.iter().filter_map(|face| face.prompt.as_ref());
        let prompts = own.chain([&self.prompt, &self.negative_prompt]);
        let batch = Batch {
            rows,
            size: latents,
            tokens: longest(model, prompts, self.long_prompt),
        };
        let denoise = denoising(unet, control, batch) + way;
        let denoise = denoise + rows * attending(unet, &self.longest_identity(), latents);
        let values = [vae.encoding(size), denoise, vae.decoding(size)];
        let (width, height) = self.picture.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        // Every face has a mask as large as the picture.
        let count = match &self.search {
            Some(search) if self.faces.is_empty() => search.filter.most.unwrap_or(FACES),
            _ => self.faces.len(),
        };
        let faces = pixels.saturating_mul(8).saturating_mul(count as u64);
        JobMemory::of_values(values).plus(faces.saturating_add(PICTURE * pixels))
    }

    /// Tokens of the face that has the most; none if no face is to show anybody.
    fn longest_identity(&self) -> Vec<u64> {
        let given = self.faces.iter().map(|face| &face.identity);
        let sought = self.search.iter().flat_map(|search| &search.people);
        let all = given.chain(sought.map(|person| &person.identity)).flatten();
        let tokens = all.map(|one: &FaceIdentity| rows_of(&one.tokens));
        tokens.max().into_iter().collect()
    }
}

fn rows_of(tokens: &IdentityTokens) -> u64 {
    tokens.conditional.dims()[0] as u64
}

/// Tokens of the longest prompt, to which all are brought; one that cannot be read is refused by the job itself.
fn longest<'a>(
    model: &StableDiffusion,
    prompts: impl Iterator<Item = &'a Prompt>,
    long: LongPrompt,
) -> u64 {
    let tokens = prompts.filter_map(|prompt| prompt.tokens(model.text.as_ref(), long).ok());
    tokens.max().map_or(TOKENS, |most| TOKENS.max(most as u64))
}

/// What goes through a UNet at once.
#[derive(Clone, Copy)]
struct Batch {
    rows: u64,
    /// Width and height of the latents.
    size: [u64; 2],
    /// Of the text.
    tokens: u64,
}

/// Values that live at once while one batch goes through the UNet and its ControlNets.
fn denoising<'a>(
    unet: &UNetConfig,
    controls: impl Iterator<Item = &'a ControlNetConfig>,
    Batch { rows, size, tokens }: Batch,
) -> u64 {
    let down = way_down(&unet.encoder, size);
    let up = way_up(unet, size);
    let text = tokens * (2 * text_widths(unet) + READING * text_width(unet));
    let mut residuals = 0;
    let mut speaking = 0;
    let mut hints = 0;
    for control in controls {
        let way = way_down(&control.encoder, size);
        // Its skips stay until they have become residuals, which are as large.
        speaking = speaking.max(way.peak + way.skips);
        residuals = way.skips;
        let full = size.map(|side| side * control.shrinkage() as u64);
        let first = control.condition_widths.first().copied().unwrap_or(0) as u64;
        hints += 2 * first * area(full);
    }
    let network = down.peak.max(up) + residuals;
    rows * (network.max(speaking + residuals) + text) + hints
}

/// Values that people with so many tokens add to each row: keys and values of their tokens in every
/// layer, their shares of every grid, and one attention more at the widest place.
fn attending(unet: &UNetConfig, tokens: &[u64], size: [u64; 2]) -> u64 {
    let count = tokens.len() as u64;
    let keys = 2 * tokens.iter().sum::<u64>() * text_widths(unet);
    let shares = 2 * count * area(size) * unet.encoder.stages.len() as u64;
    let widest = unet
        .encoder
        .stages
        .iter()
        .map(|stage| stage.channels as u64);
    let attention = if count > 0 {
        2 * widest.max().unwrap_or(0) * area(size)
    } else {
        0
    };
    keys + shares + attention
}

struct WayDown {
    /// Values at once.
    peak: u64,
    /// Values of all skip connections.
    skips: u64,
}

fn way_down(encoder: &EncoderConfig, mut size: [u64; 2]) -> WayDown {
    let mut inputs = encoder.stages[0].channels as u64;
    let mut skips = inputs * area(size);
    let mut peak = 0;
    let last = encoder.stages.len() - 1;
    for (index, stage) in encoder.stages.iter().enumerate() {
        let outputs = stage.channels as u64;
        for _ in 0..stage.layers {
            peak = peak.max(skips + layer(stage, inputs) * area(size));
            inputs = outputs;
            skips += outputs * area(size);
        }
        if index != last {
            size = size.map(|side| side.div_ceil(2));
            skips += outputs * area(size);
        }
    }
    let middle = StageConfig {
        transformer: encoder.mid,
        ..encoder.stages[last]
    };
    peak = peak.max(skips + layer(&middle, inputs) * area(size));
    WayDown { peak, skips }
}

fn way_up(unet: &UNetConfig, size: [u64; 2]) -> u64 {
    let mut sizes = vec![size];
    for _ in 1..unet.encoder.stages.len() {
        let next = sizes[sizes.len() - 1].map(|side| side.div_ceil(2));
        sizes.push(next);
    }
    let mut waiting = way_down(&unet.encoder, size).skips;
    let mut skips = unet.encoder.skip_channels();
    let mut inputs = unet.encoder.stages[unet.encoder.stages.len() - 1].channels as u64;
    let mut peak = 0;
    for (stage, &size) in unet.up_stages.iter().zip(sizes.iter().rev()) {
        for _ in 0..stage.layers {
            let skip = skips.pop().unwrap_or(0) as u64;
            let joined = inputs + skip;
            let values = (2 * joined).max(layer(stage, joined)) * area(size);
            peak = peak.max(waiting + values);
            waiting = waiting.saturating_sub(skip * area(size));
            inputs = stage.channels as u64;
        }
    }
    peak
}

/// Values per pixel that a residual block and the transformer after it hold at once.
fn layer(stage: &StageConfig, inputs: u64) -> u64 {
    let outputs = stage.channels as u64;
    // Around it: input, tokens before and after; inside: value and gate, four times as wide each, and
    // their product.
    let transformer = if stage.transformer.is_some() {
        16 * outputs
    } else {
        0
    };
    resnet(inputs, outputs).max(transformer)
}

/// Values per pixel that a residual block holds at once: input, normalised input, output; then the
/// same with the shortcut.
fn resnet(inputs: u64, outputs: u64) -> u64 {
    (2 * inputs + outputs)
        .max(inputs + 2 * outputs)
        .max(3 * outputs)
}

/// Width of the text.
fn text_width(unet: &UNetConfig) -> u64 {
    let stages = unet.encoder.stages.iter().chain(&unet.up_stages);
    let widths = stages.filter_map(|stage| Some(stage.transformer?.context_width as u64));
    widths.max().unwrap_or(0)
}

/// Widths of all text attention layers together.
fn text_widths(unet: &UNetConfig) -> u64 {
    let width = |stage: &StageConfig| {
        let depth = stage.transformer.map_or(0, |transformer| transformer.depth);
        (stage.channels * depth * stage.layers) as u64
    };
    let stages = unet.encoder.stages.iter().chain(&unet.up_stages);
    stages.map(width).sum()
}

struct Vae<'a>(&'a VaeConfig);

impl Vae<'_> {
    fn latent_size(&self, size: [u64; 2]) -> [u64; 2] {
        let reduction = self.0.reduction() as u64;
        size.map(|side| side / reduction)
    }

    /// Values at once while a picture of `size` is encoded.
    fn encoding(&self, size: [u64; 2]) -> u64 {
        let mut inputs = self.0.block_out_channels[0] as u64;
        let stage = |(index, &width): (usize, &usize)| {
            let outputs = width as u64;
            let values = resnet(inputs, outputs) * area(size.map(|side| side >> index));
            inputs = outputs;
            values
        };
        let widths = self.0.block_out_channels.iter().enumerate();
        widths.map(stage).max().unwrap_or(0) + 3 * area(size)
    }

    /// Values at once while latents become a picture of `size`.
    fn decoding(&self, size: [u64; 2]) -> u64 {
        let widths = &self.0.block_out_channels;
        let stage = |(index, &width): (usize, &usize)| {
            let outputs = width as u64;
            let coarser = widths.get(index + 1).copied().unwrap_or(width);
            let pixels = area(size.map(|side| side >> index));
            resnet(coarser as u64, outputs) * pixels
        };
        let stages = widths.iter().enumerate().map(stage);
        let middle = 8 * widths.last().copied().unwrap_or(0) as u64;
        let coarsest = middle * area(self.latent_size(size));
        stages.max().unwrap_or(0).max(coarsest)
    }
}

fn area([width, height]: [u64; 2]) -> u64 {
    width * height
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vae::LatentScaling;

    /// The autoencoder of Stable Diffusion 1.
    fn sd_vae() -> VaeConfig {
        VaeConfig {
            in_channels: 3,
            out_channels: 3,
            latent_channels: 4,
            block_out_channels: vec![128, 256, 512, 512],
            layers_per_block: 2,
            norm_groups: 32,
            mid_attention: true,
            quant_conv: true,
            post_quant_conv: true,
            scaling: LatentScaling {
                shift: vec![0.0; 4],
                scale: vec![0.18215; 4],
            },
        }
    }

    #[test]
    fn decoding_is_widest_where_256_channels_become_128() {
        let config = sd_vae();
        let values = Vae(&config).decoding([512, 512]);
        assert_eq!(values, (2 * 256 + 128) * 512 * 512);
        assert_eq!(Vae(&config).decoding([1024, 512]), 2 * values);
    }

    #[test]
    fn encoding_is_widest_at_the_picture_s_own_size() {
        let values = Vae(&sd_vae()).encoding([512, 512]);
        assert_eq!(values, (3 * 128 + 3) * 512 * 512);
    }

    #[test]
    fn enormous_requests_do_not_wrap_round() {
        let memory = JobMemory::of_values([0, 1, u64::MAX]);
        assert_eq!(memory.encode, 0);
        assert!(memory.peak() > 1 << 60);
        assert_eq!(memory.plus(u64::MAX).peak(), u64::MAX);
    }
}
