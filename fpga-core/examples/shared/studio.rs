//! The networks, loaded.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use fpga_core::Error;
use fpga_core::control::RepControlNet;
use fpga_core::diffusion::Guidance;
use fpga_core::face::{ArcFaceEmbedder, CropSettings};
use fpga_core::pipeline::{
    AdapterOptions, DeviceChoice, IdentityAdapter, IdentityTokens, LoadOptions, StableDiffusion,
};
use fpga_core::weights::{Lora, Storage, arcface_from_file, load_rep_controlnet};

/// The model that comes with the library.
pub(crate) const IN_THE_BOX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model");

/// How much more than other people those pull whose face takes the place of another.
const EXCHANGE: f64 = 1.2;

/// How much less than elsewhere the pull is where a face is restored.
const RESTORING: f64 = 0.72;

/// How much of a face that lost its detail, or of a generated one, is forgotten.
pub(crate) const DEPTH: f64 = 0.8;
/// Share of fresh noise in what a restored face is made of: what lost its detail leads back to noise that has little.
pub(crate) const FRESH: f64 = 0.8;
/// The same for generated faces.
pub(crate) const FRESH_IN_GENERATED: f64 = 0.5;

/// How much less than elsewhere the pull is where people are generated of whom every face is made anew afterwards, and
/// where that happens: faces that were pulled twice become less like the people.
const STAGES: [f64; 2] = [0.8, 0.6];

/// Side of a cut-out in sides of the face, as the small model learned it.
const NEAR: f64 = 1.35;

/// Which networks, and how they are used.
#[derive(Args)]
pub(crate) struct StudioArguments {
    /// Diffusers folder or single-file checkpoint; without it the model that comes with the library.
    #[arg(long, requires_all = ["adapter", "face"])]
    model: Option<PathBuf>,
    /// IP-Adapter-FaceID for that model.
    #[arg(long)]
    adapter: Option<PathBuf>,
    /// LoRA for that model, with which it makes faces that are cut out.
    #[arg(long, requires = "model")]
    faces_lora: Option<PathBuf>,
    /// ArcFace weights that the adapter was trained with.
    #[arg(long, requires = "model")]
    face: Option<PathBuf>,
    /// RepControlNet for skeletons and that model.
    #[arg(long, requires = "model")]
    control: Option<PathBuf>,
    /// Side of the pictures: what the model was trained on (512; 128 for the small model).
    #[arg(long)]
    size: Option<u32>,
    /// Steps of every picture.
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// How strongly words and people pull.
    #[arg(long, default_value_t = 2.5)]
    guidance: f64,
    /// Of all noise, and of who is shown.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// `cpu`, `cuda:0`, `wgpu:0`.
    #[arg(long, default_value_t)]
    device: DeviceChoice,
}

/// Everything that makes and judges pictures.
pub(crate) struct Studio {
    pub(crate) model: StableDiffusion,
    /// The same for faces that are cut out to be made anew.
    pub(crate) faces: StableDiffusion,
    /// How those are cut out.
    pub(crate) crop: CropSettings,
    pub(crate) adapter: IdentityAdapter,
    pub(crate) embedder: ArcFaceEmbedder,
    /// Turns the model's UNet into one that follows skeletons.
    pub(crate) control: Option<RepControlNet>,
    /// Whether it is the model that comes with the library.
    own: bool,
    /// Side of the pictures in pixels.
    pub(crate) size: u32,
    pub(crate) steps: usize,
    pub(crate) guidance: Guidance,
    pub(crate) seed: u64,
}

impl Studio {
    pub(crate) fn open(arguments: &StudioArguments) -> Result<Self> {
        let device = arguments.device.open()?;
        let own = Path::new(IN_THE_BOX);
        let or_own = |given: &Option<PathBuf>, name: &str| match given {
            Some(path) => path.clone(),
            None => own.join(name),
        };
        let folder = arguments.model.clone().unwrap_or_else(|| own.to_owned());
        let options = LoadOptions {
            storage: Storage::F32,
            ..LoadOptions::default()
        };
        let model = StableDiffusion::load(&folder, &options, &device)?;
        let file = or_own(&arguments.adapter, "adapter.safetensors");
        let adapter = IdentityAdapter::load(&file, &model, &AdapterOptions::default())?;
        let face = or_own(&arguments.face, "face/backbone.safetensors");
        let (face, _) = arcface_from_file(&face, Storage::F32, &device)?;
        let is_own = arguments.model.is_none();
        let own_control = own.join("repcontrolnet/rep_controlnet.safetensors");
        let control = { arguments.control.as_deref() }.or(is_own.then_some(&own_control));
        let control = control.map(|file| {
            let (net, _) = load_rep_controlnet(file, &model.unet, Storage::F32, &device)?;
            Ok::<_, Error>(net)
        });
        let own_lora = own.join("faces/pytorch_lora_weights.safetensors");
        let lora = { arguments.faces_lora.as_deref() }.or(is_own.then_some(&own_lora));
        let usual = if is_own { 128 } else { 512 };
        let model = adapter.applied_to(&model)?;
        let faces = match lora {
            Some(file) => model.with_loras(&[(&Lora::open(file)?, 1.0)])?,
            None => model.clone(),
        };
        let crop = CropSettings {
            size: arguments.size.unwrap_or(usual),
            reach: if is_own {
                NEAR
            } else {
                CropSettings::default().reach
            },
            ..CropSettings::default()
        };
        Ok(Self {
            model,
            faces,
            crop,
            adapter,
            control: control.transpose()?,
            own: is_own,
            embedder: ArcFaceEmbedder::new(face, &device)?,
            size: crop.size,
            steps: arguments.steps,
            guidance: Guidance::new(arguments.guidance),
            seed: arguments.seed,
        })
    }

    /// A person's tokens for pictures out of nothing.
    ///
    /// The small model is guided away from pictures that nobody was given for, not from pictures of nobody in
    /// particular: faces become clearer, and are as much like the people. Faces of given pictures that are made anew are
    /// more like the people without this.
    pub(crate) fn for_new_pictures(&self, tokens: IdentityTokens) -> IdentityTokens {
        match self.own {
            true => IdentityTokens {
                unconditional: tokens.unconditional.zeros_like(),
                ..tokens
            },
            false => tokens,
        }
    }

    /// Faces that become another person's are pulled more.
    pub(crate) fn for_exchange(&self) -> Guidance {
        self.scaled(EXCHANGE)
    }

    /// Faces that lost their detail.
    pub(crate) fn for_restoring(&self) -> Guidance {
        self.scaled(RESTORING)
    }

    /// People of whom every face is made anew afterwards.
    pub(crate) fn for_first_stage(&self) -> Guidance {
        self.scaled(STAGES[0])
    }

    /// Generated faces that are made anew.
    pub(crate) fn for_second_stage(&self) -> Guidance {
        self.scaled(STAGES[1])
    }

    /// The factors were chosen for the small model; others pull as they were asked to.
    fn scaled(&self, factor: f64) -> Guidance {
        let factor = if self.own { factor } else { 1.0 };
        Guidance {
            scale: factor * self.guidance.scale,
            ..self.guidance
        }
    }
}
