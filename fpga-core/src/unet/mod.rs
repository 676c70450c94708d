//! The noise predictor of Stable Diffusion (Rombach et al. 2022; SDXL: Podell et al. 2023).
//!
//! One block type per direction, driven by the sizes in [`UNetConfig`]. Field names are the
//! checkpoint's. Letters: `b` batch, `h`/`w` latent size, `n` text tokens.

mod conditioning;
mod config;
mod cross_attention;
mod diffusers;
mod encoder;
mod prepared;
mod stage;
mod to_diffusers;
mod transformer;
mod watch;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};

pub use conditioning::{AddedConditioning, Conditioning, ControlResiduals};
pub use config::{AddedConfig, EncoderConfig, StageConfig, TransformerConfig, UNetConfig};
pub use cross_attention::{CrossAttention, Way};
pub use encoder::{Encoded, UNetEncoder};
pub use prepared::PreparedConditioning;
pub use stage::{DownStage, MidStage, UpStage};
pub use transformer::{SpatialTransformer, TransformerBlock};
pub use watch::{AttentionMap, AttentionSite, AttentionWatch};

use prepared::Guide;

use crate::error::{Error, Result};
use crate::identity::{IdentityAttention, IdentitySet, LayerSite, PreparedIdentities};
use crate::nn::{Conv2d, GroupNorm, Precision, Window, add, cast_to};

/// Predicts the noise (or velocity) in latents at a timestep, given text.
#[derive(Module, Debug)]
pub struct UNet {
    encoder: UNetEncoder,
    up_blocks: Vec<UpStage>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    #[module(skip)]
    config: UNetConfig,
}

impl UNetConfig {
    /// A network whose weights are zero until they are loaded.
    ///
    /// # Errors
    /// As [`UNetConfig::check`].
    pub fn init(&self, device: &Device) -> Result<UNet> {
        self.check()?;
        let network = &self.encoder;
        let mut skips = network.skip_channels();
        let mut inputs = network.stages[network.stages.len() - 1].channels;
        let mut up_blocks = Vec::with_capacity(self.up_stages.len());
        for (index, stage) in self.up_stages.iter().enumerate() {
            let mut used = skips.split_off(skips.len() - stage.layers);
            used.reverse();
            let doubles = index + 1 != self.up_stages.len();
            up_blocks.push(UpStage::new(network, stage, inputs, &used, doubles, device));
            inputs = stage.channels;
        }
        let norm = (network.norm_groups, network.norm_epsilon);
        Ok(UNet {
            encoder: network.init(device),
            up_blocks,
            conv_norm_out: GroupNorm::new(norm.0, inputs, norm.1, device),
            conv_out: Conv2d::new(inputs, self.out_channels, Window::SAME, device),
            config: self.clone(),
        })
    }
}

impl UNet {
    /// The sizes that this network was built from.
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// The same network, with activations in this type; what comes in and goes out stays f32. Weights are cast as
    /// they are used, which costs nothing where they are kept in the same type
    /// ([`Storage`](crate::weights::Storage)).
    ///
    /// [`Precision::on`] says what a device can do.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self {
            encoder: self.encoder.with_precision(precision),
            ..self
        }
    }

    /// In which type it computes.
    pub fn precision(&self) -> Precision {
        self.encoder.precision()
    }

    /// The half that a ControlNet copies.
    pub fn encoder(&self) -> &UNetEncoder {
        &self.encoder
    }

    /// What of `conditioning` stays the same at every step, computed once per job.
    ///
    /// # Shapes
    /// As [`Conditioning`] says; checked by [`check`](Self::check), at the edge.
    pub fn prepare(&self, conditioning: &Conditioning) -> PreparedConditioning {
        let mut prepared = self.encoder.prepare(conditioning);
        let context = self.encoder.entering(conditioning.context.clone());
        let up = self
            .up_blocks
            .iter()
            .flat_map(|stage| stage.read_text(&context));
        prepared.text.extend(up);
        prepared
    }

    /// What of `people` stays the same at every step, for latents of this height and width; goes into
    /// [`PreparedConditioning::with_identities`].
    ///
    /// # Errors
    /// The adapter was made for another UNet, or for tokens of another width.
    pub fn prepare_identities(
        &self,
        adapter: &IdentityAttention,
        people: &IdentitySet,
        latents: [usize; 2],
    ) -> Result<PreparedIdentities> {
        let prepared = adapter.prepare(people, &self.sites(latents))?;
        Ok(prepared.in_type(self.precision().dtype()))
    }

    /// As [`prepare_identities`](Self::prepare_identities), with people of their own for each row of the
    /// batch.
    ///
    /// # Errors
    /// Those of [`IdentityAttention::prepare_each`].
    pub fn prepare_identities_each(
        &self,
        adapter: &IdentityAttention,
        people: &[IdentitySet],
        latents: [usize; 2],
    ) -> Result<PreparedIdentities> {
        let prepared = adapter.prepare_each(people, &self.sites(latents))?;
        Ok(prepared.in_type(self.precision().dtype()))
    }

    /// Where people may be told, in latents of this height and width.
    fn sites(&self, latents: [usize; 2]) -> Vec<LayerSite> {
        let layers = self.config.cross_attention().into_iter();
        let site = layers.map(|layer| LayerSite {
            width: layer.width,
            heads: layer.heads,
            grid: layer.grid(latents),
        });
        site.collect()
    }

    /// # Shapes
    /// - `latents`: `[b, in_channels, h, w]`, any `h` and `w`
    /// - `timesteps`: `[b]`
    /// - `conditioning`: from [`prepare`](Self::prepare), for the same batch
    /// - `control`: a ControlNet's residuals for the same latents
    /// - returns `[b, out_channels, h, w]`
    ///
    /// Sizes are checked by [`check`](Self::check), at the edge.
    pub fn forward(
        &self,
        latents: Tensor<4>,
        timesteps: Tensor<1>,
        conditioning: &PreparedConditioning,
        control: Option<&ControlResiduals>,
    ) -> Tensor<4> {
        let time = self.encoder.embed_time(timesteps, conditioning);
        let guide = &mut Guide::new(time, conditioning);

        let Encoded {
            mut skips,
            mut hidden,
        } = self
            .encoder
            .forward(latents, conditioning.hint.clone(), guide);

        if let Some(control) = control {
            let added = skips.into_iter().zip(&control.down);
            skips = added
                .map(|(skip, residual)| add(skip, residual.clone()))
                .collect();
            hidden = add(hidden, control.mid.clone());
        }

        for stage in &self.up_blocks {
            hidden = stage.forward(hidden, guide, &mut skips);
            guide.next_stage();
        }

        let output = self
            .conv_out
            .forward(self.conv_norm_out.forward_silu(hidden));
        cast_to(output, DType::F32)
    }

    /// Checks that the inputs of [`forward`](Self::forward) fit this network and each other.
    ///
    /// # Errors
    /// Names the first input that does not fit, what was needed and what was found.
    pub fn check(
        &self,
        latents: [usize; 4],
        conditioning: &Conditioning,
        control: Option<&ControlResiduals>,
    ) -> Result<()> {
        self.config.encoder.check_inputs(latents, conditioning)?;
        let Some(control) = control else {
            return Ok(());
        };
        let expected = self.config.encoder.residual_shapes(latents);
        // A residual of one pixel holds for the whole picture.
        let fits = |(&found, &needed): (&[usize; 4], &[usize; 4])| {
            found == needed || found == [needed[0], needed[1], 1, 1]
        };
        let found = control.shapes();
        if found.len() == expected.len() && found.iter().zip(&expected).all(fits) {
            return Ok(());
        }
        Err(Error::shape(
            "control residuals",
            format!("{expected:?}"),
            control.shapes(),
        ))
    }
}

impl EncoderConfig {
    /// Checks latents and conditioning against this network and each other.
    ///
    /// # Errors
    /// Names the first input that does not fit, what was needed and what was found.
    pub fn check_inputs(&self, latents: [usize; 4], conditioning: &Conditioning) -> Result<()> {
        let [batch, channels, height, width] = latents;
        if channels != self.in_channels || batch * height * width == 0 {
            let expected = format!("[b, {}, h, w], none of them 0", self.in_channels);
            return Err(Error::shape("latents", expected, latents));
        }
        let context = conditioning.context.dims();
        let transformers = self
            .stages
            .iter()
            .filter_map(|stage| stage.transformer)
            .chain(self.mid);
        for context_width in transformers.map(|transformer| transformer.context_width) {
            if context[0] != batch || context[1] == 0 || context[2] != context_width {
                let expected = format!("[{batch}, n, {context_width}]");
                return Err(Error::shape("text context", expected, context));
            }
        }
        match (self.added, &conditioning.added) {
            (None, _) => Ok(()),
            (Some(_), None) => {
                let why = "this model needs pooled text (text_embeds) and sizes (time_ids)";
                Err(Error::invalid("conditioning", why))
            }
            (Some(config), Some(added)) => {
                let ([rows, text], [same, ids]) = (added.text_embeds.dims(), added.time_ids.dims());
                let input_width = text + ids * config.size_width;
                if [rows, same, input_width] == [batch, batch, config.input_width] {
                    return Ok(());
                }
                let expected = format!("{batch} rows and {} numbers together", config.input_width);
                Err(Error::shape(
                    "text_embeds and time_ids",
                    expected,
                    [rows, same, input_width],
                ))
            }
        }
    }

    /// Shapes of the skip connections for latents of this shape, the middle last.
    pub fn residual_shapes(&self, latents: [usize; 4]) -> Vec<[usize; 4]> {
        let [batch, _, mut height, mut width] = latents;
        let mut shapes = vec![[batch, self.stages[0].channels, height, width]];
        let last = self.stages.len() - 1;
        for (index, stage) in self.stages.iter().enumerate() {
            shapes.extend([[batch, stage.channels, height, width]].repeat(stage.layers));
            if index != last {
                (height, width) = (height.div_ceil(2), width.div_ceil(2));
                shapes.push([batch, stage.channels, height, width]);
            }
        }
        shapes.push([batch, self.stages[last].channels, height, width]);
        shapes
    }
}
