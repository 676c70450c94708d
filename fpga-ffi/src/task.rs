//! What a job does, and what comes of it.

use std::sync::Arc;

use fpga_core::pipeline::{FaceRestorer, Monitor, PortraitGenerator, StableDiffusion};

use crate::adapter::fpga_adapter;
use crate::context::fpga_context;
use crate::fault::Outcome;
use crate::generate::Generation;
use crate::generation::fpga_generation;
use crate::restoration::fpga_restoration;
use crate::restore::Restoration;

/// What a job does.
pub(crate) enum Task {
    Restore(Box<Restoration>),
    Generate(Box<Generation>),
}

/// What comes of a job.
#[derive(Clone)]
pub(crate) enum Product {
    Restoration(Arc<fpga_restoration>),
    Generation(Arc<fpga_generation>),
}

impl Task {
    /// Bytes that it takes beyond the model.
    pub(crate) fn memory(&self, model: &StableDiffusion) -> Outcome<u64> {
        let (memory, faces) = match self {
            Self::Restore(task) => (task.request().memory(model), task.working()),
            Self::Generate(task) => (task.request().memory(model)?, task.working()),
        };
        Ok(memory.peak().max(faces))
    }

    /// Refuses networks that live elsewhere than the model.
    pub(crate) fn check_devices(&self, context: &fpga_context) -> Outcome {
        let task = match self {
            Self::Restore(task) => return task.check_devices(context),
            Self::Generate(task) => task,
        };
        for (index, net) in task.controlnets().enumerate() {
            let checked = context.check_device("controlnet", &net.context);
            checked.map_err(|fault| fault.context(format!("control {index}")))?;
        }
        for (index, other) in task.modality_contexts().enumerate() {
            let checked = context.check_device("modality", other);
            checked.map_err(|fault| fault.context(format!("modality {index}")))?;
        }
        let adapters = task.adapter().into_iter().chain(task.words_adapter());
        let check = |adapter: &fpga_adapter| context.check_device("adapter", &adapter.context);
        adapters.into_iter().try_for_each(check)
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
