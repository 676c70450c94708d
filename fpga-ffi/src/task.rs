//! What a job does, and what comes of it.

use std::sync::Arc;

use fpga_core::RgbImage;
use fpga_core::pipeline::{
    FaceRestorer, JobMemory, Monitor, PortraitGenerator, RestoreRequest, StableDiffusion,
};

use crate::context::fpga_context;
use crate::fault::Outcome;
use crate::generate::Generation;
use crate::generation::fpga_generation;
use crate::restoration::fpga_restoration;

/// What a job does.
pub(crate) enum Task {
    Restore(Box<Restoration>),
    Generate(Box<Generation>),
}

/// What a restoration needs, owned: its request borrows from it.
pub(crate) struct Restoration {
    pub(crate) picture: RgbImage,
    /// Without its picture.
    pub(crate) request: RestoreRequest<'static>,
}

/// What comes of a job.
#[derive(Clone)]
pub(crate) enum Product {
    Restoration(Arc<fpga_restoration>),
    Generation(Arc<fpga_generation>),
}

impl Restoration {
    fn request(&self) -> RestoreRequest<'_> {
        RestoreRequest {
            picture: &self.picture,
            ..self.request.clone()
        }
    }
}

impl Task {
    /// What it takes beyond the model.
    pub(crate) fn memory(&self, model: &StableDiffusion) -> Outcome<JobMemory> {
        match self {
            Self::Restore(task) => Ok(task.request().memory(model)),
            Self::Generate(task) => Ok(task.request().memory(model)?),
        }
    }

    /// Refuses networks that live elsewhere than the model.
    pub(crate) fn check_devices(&self, context: &fpga_context) -> Outcome {
        let Self::Generate(task) = self else {
            return Ok(());
        };
        for (index, net) in task.controlnets().enumerate() {
            let checked = context.check_device("controlnet", &net.context);
            checked.map_err(|fault| fault.context(format!("control {index}")))?;
        }
        for (index, other) in task.modality_contexts().enumerate() {
            let checked = context.check_device("modality", other);
            checked.map_err(|fault| fault.context(format!("modality {index}")))?;
        }
        task.adapter().map_or(Ok(()), |adapter| {
            context.check_device("adapter", &adapter.context)
        })
    }

    pub(crate) fn run(
        &self,
        model: &StableDiffusion,
        monitor: &mut Monitor<'_>,
    ) -> Outcome<Product> {
        Ok(match self {
            Self::Restore(task) => {
                let restored = FaceRestorer::new(model).restore(&task.request(), monitor)?;
                Product::Restoration(Arc::new(fpga_restoration { restored }))
            }
            Self::Generate(task) => {
                let generated = PortraitGenerator::new(model).generate(&task.request(), monitor)?;
                Product::Generation(Arc::new(fpga_generation { generated }))
            }
        })
    }
}

impl Product {
    /// Faces or pictures in it.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Restoration(result) => result.restored.report.faces.len(),
            Self::Generation(result) => result.generated.pictures.len(),
        }
    }
}
