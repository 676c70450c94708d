//! The loop: batches in, steps made, everything written down. It knows neither the model nor what is
//! to be learned; both come with the [`Objective`].

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use image::RgbImage;

use super::average::{Average, tracked_like};
use super::checkpoint::{Snapshot, State};
use super::config::LearnerConfig;
use super::curve::draw_curve;
use super::draw::Draw;
use super::gradients::GradientSet;
use super::objective::Objective;
use super::optimizer::{Adam, AdamMemory};
use super::report::{Journal, StepReport};
use super::source::BatchSource;
use super::watch::Watch;
use super::workers::{Found, Replicas, backward};
use crate::error::{Context, Error, Result};
use crate::nn::{ModulePath, ParameterSet, map_parameters};

/// A training.
pub struct Learner<O: Objective, S> {
    objective: O,
    source: S,
    config: LearnerConfig,
    /// Always there between two steps.
    model: Option<O::Model>,
    adam: Adam,
    average: Option<Average>,
    step: u64,
    smooth_loss: Option<f64>,
    output: Option<Output>,
    /// Where the batches of a step run side by side.
    replicas: Option<Replicas<O::Model>>,
}

struct Output {
    folder: PathBuf,
    journal: Journal,
}

/// Share of a new loss in the smooth one.
const SMOOTHING: f64 = 0.02;

impl<O, S> Learner<O, S>
where
    O: Objective + Sync,
    O::Batch: Send,
    S: BatchSource<Batch = O::Batch>,
{
    /// A training at its beginning. Parameters that do not learn must not require gradients.
    ///
    /// # Errors
    /// As [`LearnerConfig::check`]; or nothing in `model` learns.
    pub fn new(objective: O, model: O::Model, source: S, config: LearnerConfig) -> Result<Self> {
        config.check()?;
        let learning = learning(&model);
        if learning.is_empty() {
            let why = "no parameter requires a gradient: is it on a device that tracks them?";
            return Err(Error::invalid("model", why));
        }
        let average = config.average.map(|decay| Average::new(decay, learning));
        Ok(Self {
            objective,
            source,
            adam: Adam::new(config.adam),
            config,
            model: Some(model),
            average,
            step: 0,
            smooth_loss: None,
            output: None,
            replicas: None,
        })
    }

    /// Writes checkpoints, log, curve and samples into `folder`; goes on from the newest checkpoint
    /// that is there.
    ///
    /// # Errors
    /// A checkpoint that is unsound, of another model, or of a training with another seed.
    pub fn in_folder(mut self, folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let device = device(self.model());
        if let Some(snapshot) = Snapshot::read_newest(folder, &device)? {
            let clause = || format!("going on in {}", folder.display());
            self.restore(snapshot).context(clause)?;
        }
        self.output = Some(Output {
            journal: Journal::open(folder, self.step)?,
            folder: folder.to_owned(),
        });
        Ok(self)
    }

    /// Runs the batches of each step ([`LearnerConfig::accumulate`]) side by side on these devices, which
    /// track gradients. The result is that of one device, up to rounding.
    #[must_use]
    pub fn on_devices(mut self, devices: &[Device]) -> Self {
        let replicas = Replicas::new(self.model(), devices);
        self.replicas = (!devices.is_empty()).then_some(replicas);
        self
    }

    /// As it is now.
    pub fn model(&self) -> &O::Model {
        self.model.as_ref().expect("only a step takes it away")
    }

    /// As it is now, out of the training.
    pub fn into_model(self) -> O::Model {
        self.model.expect("only a step takes it away")
    }

    /// With the slow average in place of what was learned last; without one, as it is now.
    ///
    /// # Errors
    /// None with an average of the same model.
    pub fn averaged(&self) -> Result<O::Model> {
        match &self.average {
            Some(average) => average.put_into(self.model().clone()),
            None => Ok(self.model().clone()),
        }
    }

    /// Steps that are done.
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// Makes all steps that are left.
    ///
    /// # Errors
    /// A batch that cannot be read or does not fit, a loss that is not finite, a file that cannot be
    /// written, or what the watcher says.
    pub fn run(&mut self, watch: &mut impl Watch<O::Model>) -> Result<()> {
        let (start, first) = (Instant::now(), self.step);
        while self.step < self.config.steps {
            let mut report = self.make_step()?;
            let pace = start.elapsed().as_secs_f64() / (self.step - first) as f64;
            report.seconds_left = pace * (self.config.steps - self.step) as f64;
            self.write_down(&report, watch)?;
            watch.on_step(&report)?;
        }
        Ok(())
    }

    /// Makes one step; writes nothing.
    ///
    /// # Errors
    /// A batch that cannot be read or does not fit, or a loss that is not finite.
    pub fn make_step(&mut self) -> Result<StepReport> {
        let start = Instant::now();
        let clause = |step| move || format!("step {}", step + 1);
        let Found {
            gradients,
            loss,
            parts,
        } = self.gradients().context(clause(self.step))?;

        let rate = self.config.rate.at(self.step, self.config.steps);
        let clipped = self.adam.clip(gradients).context(clause(self.step));
        let (gradients, gradient_norm) = clipped?;
        let model = self.model.take().expect("only a step takes it away");
        let model = self.adam.step(model, gradients, rate);
        if self.average.is_some() || self.replicas.is_some() {
            let learned = learning(&model);
            if let Some(average) = &mut self.average {
                average.follow(&learned);
            }
            if let Some(replicas) = &mut self.replicas {
                replicas.follow(&learned);
            }
        }
        self.model = Some(model);
        self.step += 1;

        let smooth = self.smooth_loss.map_or(loss, |smooth| {
            let share = SMOOTHING.max(1.0 / self.step as f64);
            smooth + (loss - smooth) * share
        });
        self.smooth_loss = Some(smooth);
        Ok(StepReport {
            step: self.step,
            steps: self.config.steps,
            loss,
            smooth_loss: smooth,
            rate,
            gradient_norm,
            seconds: start.elapsed().as_secs_f64(),
            seconds_left: 0.0,
            parts,
        })
    }

    /// Mean gradient, loss and parts of the step's batches.
    fn gradients(&mut self) -> Result<Found> {
        let mut jobs = Vec::new();
        for part in 0..self.config.accumulate {
            let draw = Draw::new(self.config.seed, self.step, part);
            jobs.push((self.source.next_batch()?, draw));
        }
        let model = self.model.as_ref().expect("only a step takes it away");
        let found = match &mut self.replicas {
            Some(replicas) => replicas.run(&self.objective, jobs, &device(model))?,
            None => {
                let one = |(batch, mut draw): (O::Batch, Draw)| {
                    backward(model, self.objective.loss(model, &batch, &mut draw)?)
                };
                jobs.into_iter().map(one).collect::<Result<Vec<_>>>()?
            }
        };
        Ok(mean(found))
    }

    fn write_down(&mut self, report: &StepReport, watch: &mut impl Watch<O::Model>) -> Result<()> {
        let Some(output) = &self.output else {
            return Ok(());
        };
        output.journal.add(report)?;
        let due = |every: u64| self.step.is_multiple_of(every) || self.step == self.config.steps;
        if self.config.sample_every.is_some_and(due) {
            let samples = watch.sample(&self.averaged()?.valid(), self.step)?;
            write_samples(&output.folder, self.step, &samples)?;
        }
        if due(self.config.checkpoint_every) {
            self.snapshot().write(&output.folder, self.config.keep)?;
            draw_curve(&output.journal.losses()?, &output.folder.join("loss.png"))?;
        }
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        let AdamMemory { moments, times } = self.adam.memory();
        Snapshot {
            state: State {
                step: self.step,
                position: self.source.position(),
                seed: self.config.seed,
                average_updates: self.average.as_ref().map_or(0, |average| average.updates),
                times,
                smooth_loss_bits: self.smooth_loss.map(f64::to_bits),
            },
            weights: learning(self.model()),
            moments,
            average: self.average.as_ref().map(|average| average.values.clone()),
        }
    }

    fn restore(&mut self, snapshot: Snapshot) -> Result<()> {
        let Snapshot {
            state,
            weights,
            moments,
            average,
        } = snapshot;
        if state.seed != self.config.seed {
            let why = format!("was {}, and now is {}", state.seed, self.config.seed);
            return Err(Error::invalid("seed", why));
        }
        let model = self.model.take().expect("only a step takes it away");
        let learns = learning(&model);
        if let Some((path, _)) = learns.iter().find(|(path, _)| weights.get(path).is_none()) {
            self.model = Some(model);
            return Err(Error::invalid(path, "learns, and is not in the checkpoint"));
        }
        weights.fits(&model)?;
        self.model = Some(map_parameters(model, |path, stored| {
            let values = weights.get(path)?.values.clone();
            Some(tracked_like(&stored(), values))
        }));
        self.adam.remember(AdamMemory {
            moments,
            times: state.times,
        })?;
        match (&mut self.average, average) {
            (Some(known), Some(values)) => {
                known.values = values;
                known.updates = state.average_updates;
            }
            (None, _) => {}
            (Some(_), None) => {
                let why = "is wanted, and the checkpoint has none";
                return Err(Error::invalid("average", why));
            }
        }
        if let Some(replicas) = &mut self.replicas {
            replicas.follow(&weights);
        }
        self.source.seek(state.position)?;
        self.step = state.step;
        self.smooth_loss = state.smooth_loss_bits.map(f64::from_bits);
        Ok(())
    }
}

/// Of all batches of a step.
fn mean(found: Vec<Found>) -> Found {
    let share = 1.0 / found.len() as f64;
    let start = Found {
        gradients: GradientSet::default(),
        loss: 0.0,
        parts: Vec::new(),
    };
    found.into_iter().fold(start, |mut sum, found| {
        sum.gradients = sum.gradients.plus(found.gradients.scaled(share));
        sum.loss += found.loss * share;
        for (name, value) in found.parts {
            match sum.parts.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += value * share,
                None => sum.parts.push((name, value * share)),
            }
        }
        sum
    })
}

/// Stored values of all parameters that learn.
fn learning<M: Module>(model: &M) -> ParameterSet {
    let mut visitor = Learning {
        path: ModulePath::default(),
        found: ParameterSet::default(),
    };
    model.visit(&mut visitor);
    visitor.found
}

struct Learning {
    path: ModulePath,
    found: ParameterSet,
}

impl ModuleVisitor for Learning {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            let (value, shape) = (param.base().detach(), param.lazy_shape().to_vec());
            let count = shape.iter().product::<usize>();
            let values = value.without_autodiff().reshape([count]);
            self.found.insert(self.path.joined(), values, shape);
        }
    }
}

/// Where the model lies, without tracking.
fn device<M: Module>(model: &M) -> Device {
    let found = model.devices().into_iter().next();
    found
        .expect("a model that learns has parameters")
        .without_autodiff()
}

fn write_samples(folder: &Path, step: u64, samples: &[RgbImage]) -> Result<()> {
    let folder = folder.join("samples");
    fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
    for (index, sample) in samples.iter().enumerate() {
        let path = folder.join(format!("step-{step:08}-{index}.png"));
        let beside = path.with_extension("partial.png");
        let written = sample.save(&beside).map_err(std::io::Error::other);
        let written = written.and_then(|()| fs::rename(&beside, &path));
        written.map_err(|error| Error::io(&path, error))?;
    }
    Ok(())
}
