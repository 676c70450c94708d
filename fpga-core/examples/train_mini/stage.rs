//! One training of the recipe: from where it stands to its end.

use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::Device;
use fpga_core::Error;
use fpga_core::face::ArcFace;
use fpga_core::identity::projector::Shortcut;
use fpga_core::train::diffusion::Networks;
use fpga_core::train::{
    BatchSource, Learner, LearnerConfig, Objective, StepReport, TerminalBar, Watch,
};
use fpga_core::vae::AutoencoderKl;
use fpga_core::weights::{AdapterFile, ModelFolder, Storage, arcface_from_file};
use image::RgbImage;

/// Where a stage works.
pub(crate) struct Place {
    /// Of checkpoints and logs.
    pub(crate) run: PathBuf,
    /// Of the finished network.
    pub(crate) into: PathBuf,
    /// The step after which it stops, if that is not the last.
    pub(crate) until: Option<u64>,
}

impl Place {
    /// The autoencoder that was trained before.
    pub(crate) fn vae(&self, device: &Device) -> Result<AutoencoderKl, Error> {
        let folder = ModelFolder::open(self.into.join("vae"), None)?;
        Ok(folder.vae(Storage::F32, device)?.0)
    }

    /// The recogniser that was trained before.
    pub(crate) fn face(&self, device: &Device) -> Result<ArcFace, Error> {
        let file = self.into.join("face/backbone.safetensors");
        Ok(arcface_from_file(file, Storage::F32, device)?.0)
    }

    /// The UNet with its identity adapter.
    pub(crate) fn people(&self, device: &Device) -> Result<Networks, Error> {
        let folder = ModelFolder::open(self.into.join("unet"), None)?;
        let (unet, _) = folder.unet(Storage::F32, device)?;
        let adapter = AdapterFile::open(self.into.join("adapter.safetensors"))?;
        Ok(Networks {
            identity: Some(adapter.attention(unet.config(), Storage::F32, device)?),
            projector: Some(adapter.projector(Shortcut::Off, Storage::F32, device)?),
            ..Networks::new(unet)
        })
    }

    /// The slow average after the last step; `None` where it had to stop before. `draw` shows what a model
    /// can do.
    pub(crate) fn train<O, S>(
        &self,
        (objective, model, source): (O, O::Model, S),
        config: LearnerConfig,
        draw: impl Fn(&O::Model) -> Result<Vec<RgbImage>, Error>,
    ) -> Result<Option<O::Model>, Error>
    where
        O: Objective + Sync,
        O::Model: Module,
        O::Batch: Send,
        S: BatchSource<Batch = O::Batch>,
    {
        let learner = Learner::new(objective, model, source, config)?;
        let mut learner = learner.in_folder(&self.run)?;
        if learner.steps_done() > 0 {
            println!("going on after step {}", learner.steps_done());
        }
        let mut watch = Onlooker {
            bar: TerminalBar::new(),
            until: self.until,
            draw,
        };
        match learner.run(&mut watch) {
            Err(error) if error.is_cancelled() => Ok(None),
            Err(error) => Err(error),
            Ok(()) => learner.averaged().map(Some),
        }
    }
}

/// Shows progress and samples; stops where that was asked for.
struct Onlooker<F> {
    bar: TerminalBar,
    until: Option<u64>,
    draw: F,
}

impl<M, F: Fn(&M) -> Result<Vec<RgbImage>, Error>> Watch<M> for Onlooker<F> {
    fn on_step(&mut self, report: &StepReport) -> Result<(), Error> {
        Watch::<M>::on_step(&mut self.bar, report)?;
        match self.until {
            Some(last) if report.step >= last => Err(Error::cancelled()),
            _ => Ok(()),
        }
    }

    fn sample(&mut self, model: &M, _step: u64) -> Result<Vec<RgbImage>, Error> {
        (self.draw)(model)
    }
}
