//! Training: of control, identity and whole networks.
//!
//! A [`Learner`] makes steps: it takes batches from a [`BatchSource`], lets an [`Objective`] find the
//! loss, follows the gradient, and writes checkpoints from which it goes on as if it had never stopped.
//! [`diffusion`] has the objectives of diffusion models, and says what may learn; [`Reconstruction`] is what
//! autoencoders learn, [`AngularMargin`] what face recognition does, [`Contrast`] what the two halves of CLIP
//! do, [`Parsing`] what face parsers do.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fpga_core::nn::{Linear, randomize};
//! use fpga_core::train::{Draw, Learner, LearnerConfig, Loss, Objective, Shuffled};
//!
//! /// Two numbers from three.
//! struct Fit;
//!
//! impl Objective for Fit {
//!     type Model = Linear;
//!     type Batch = [Tensor<2>; 2];
//!
//!     fn loss(&self, model: &Linear, [x, y]: &Self::Batch, _: &mut Draw) -> fpga_core::Result<Loss> {
//!         Ok(Loss::new((model.forward(x.clone()) - y.clone()).square().mean()))
//!     }
//! }
//!
//! let device = Device::flex().autodiff();
//! let batch = [
//!     Tensor::from_floats([[1.0, 2.0, 3.0], [0.5, -1.0, 0.0]], &device),
//!     Tensor::from_floats([[1.0, 0.0], [0.0, 1.0]], &device),
//! ];
//! let model = randomize(Linear::new(3, 2, &device), 1);
//! let source = Shuffled::new(vec![batch], 0)?;
//! let mut learner = Learner::new(Fit, model, source, LearnerConfig::new(200, 0.05))?;
//! let first = learner.make_step()?.loss;
//! learner.run(&mut ())?;
//! assert_eq!(learner.steps_done(), 200);
//! assert!(learner.make_step()?.loss < 0.01 * first);
//! # Ok::<(), fpga_core::Error>(())
//! ```

pub mod diffusion;

mod average;
mod checkpoint;
mod config;
mod contrast;
mod curve;
mod draw;
mod gradients;
mod graph;
mod learner;
mod objective;
mod optimizer;
mod parsing;
mod progress;
mod rate;
mod recognition;
mod reconstruction;
mod reduce;
mod report;
mod source;
mod streamed;
#[cfg(test)]
mod tests;
mod watch;
mod workers;

pub use config::LearnerConfig;
pub use contrast::{Captioned, ClipPair, Contrast};
pub use draw::Draw;
pub use gradients::GradientSet;
pub use learner::Learner;
pub use objective::{Loss, Objective};
pub use optimizer::AdamSettings;
pub use parsing::{LabelledPictures, Parsing};
pub use progress::TerminalBar;
pub use rate::{Course, LearningRate};
pub use recognition::{AngularMargin, KnownFaces, Recogniser};
pub use reconstruction::Reconstruction;
pub use report::StepReport;
pub use source::{Alternating, BatchSource, Computed, Shuffled};
pub use streamed::Streamed;
pub use watch::Watch;
