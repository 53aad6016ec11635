//! Training by a program of the participant's own, in any language. The program is run with one
//! argument more, the path of a JSON file that says what to do ([`Job`]), reads and writes models
//! as safetensors files, and reports a few numbers as JSON ([`Metrics`]).
//!
//! A plan that names this trainer names a program that every participant runs: only take part in
//! such a plan when you would run that program anyway.

mod child;

use super::safetensors;
use child::Child;
pub use child::CommandError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tacit_core::data::{DataShape, Shard};
use tacit_core::error::Error;
use tacit_core::messages::{Evaluation, FitOrder};
use tacit_core::params::{Layout, Params, Update, bytes_of, check_weight};
use tacit_core::registry::{Arguments, Default, Entry, Kind, Make, Parameter};
use tacit_core::rng::Seed;
use tacit_core::traits::{Fitted, Trainer};

/// Where the participant's data lies, when the plan does not say: paths joined as in `PATH`.
pub const DATA_VARIABLE: &str = "TACIT_DATA";

/// Largest metrics file in bytes: it holds three numbers.
const METRICS_BYTES: u64 = 64 * 1024;

/// A program that initialises, fits and evaluates models.
pub const ENTRY: Entry = Entry {
    name: "command",
    help: "a program of your own, in any language: models as safetensors, orders as JSON",
    parameters: &[
        Parameter {
            name: "command",
            help: "program and its first arguments; the path of the job's JSON file comes last",
            kind: Kind::List,
            default: Default::Required,
        },
        Parameter {
            name: "timeout_s",
            help: "seconds after which one run of the program is killed",
            kind: Kind::Integer { min: 1, max: 604_800 },
            default: Default::Integer(3600),
        },
        Parameter {
            name: "data",
            help: "paths handed to the program; none: those in TACIT_DATA, or else the \
                   participant's examples in a safetensors file",
            kind: Kind::List,
            default: Default::Empty,
        },
    ],
    make: Make::Trainer(make),
};

fn make(arguments: &Arguments, _shape: &DataShape) -> Result<Box<dyn Trainer>, Error> {
    let command = arguments.list("command")?.to_vec();
    if command.first().is_none_or(String::is_empty) {
        return Err(Error::caller("command", "the name of a program", "nothing"));
    }
    let timeout = Duration::from_secs(arguments.integer("timeout_s")?.unsigned_abs());
    let mut data: Vec<PathBuf> = arguments.list("data")?.iter().map(PathBuf::from).collect();
    if let (true, Some(paths)) = (data.is_empty(), std::env::var_os(DATA_VARIABLE)) {
        data = std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()).collect();
    }
    Ok(Box::new(Command { command, timeout, data }))
}

/// The trainer.
struct Command {
    command: Vec<String>,
    timeout: Duration,
    data: Vec<PathBuf>,
}

/// What the program is told, as a JSON object. Fields that an action does not need are absent.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Job {
    /// `initialise` (write a first model), `fit` (train one) or `evaluate` (measure one).
    pub action: &'static str,
    /// Round, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// Passes over the examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_epochs: Option<u32>,
    /// Examples per step; 0 means all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    /// Step size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Heavy-ball momentum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
    /// L2 penalty added to the gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Pull towards the model in `model_in`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proximal_mu: Option<f64>,
    /// Below 2⁵³, so that every JSON reader holds it exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Safetensors with the tensors of `model_in`: add them to every gradient. Given only under
    /// strategies with control variates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction_in: Option<PathBuf>,
    /// The model to start from or to measure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_in: Option<PathBuf>,
    /// Where to write the model: the tensors of `model_in`, all f32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_out: Option<PathBuf>,
    /// Where to write [`Metrics`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_out: Option<PathBuf>,
    /// The participant's data, in whatever form the program reads. Where none is configured: one
    /// safetensors file with `features` (f32) and `labels` (i64).
    pub data: Vec<PathBuf>,
}

/// What the program reports.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
pub struct Metrics {
    /// Examples trained or measured on.
    pub examples: u64,
    /// Their mean loss: over the last epoch, or of the model as it came.
    pub loss: f64,
    /// Correctly classified examples, where that means something.
    #[serde(default)]
    pub correct: u64,
    /// Optimiser steps taken by `fit`; strategies with control variates need them.
    #[serde(default)]
    pub steps: u64,
}

/// One run of the program: a folder of its own, deleted afterwards.
struct Run<'a> {
    trainer: &'a Command,
    folder: tempfile::TempDir,
    job: Job,
}

impl Command {
    fn begin(&self, action: &'static str) -> Result<Run<'_>, Error> {
        let folder = tempfile::Builder::new()
            .prefix("tacit-")
            .tempdir()
            .map_err(|e| Error::world("making a folder for the training program", e))?;
        let job = Job { action, data: self.data.clone(), ..Job::default() };
        Ok(Run { trainer: self, folder, job })
    }
}

impl Run<'_> {
    fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.path().join(name))
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<Option<PathBuf>, Error> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes)
            .map_err(|e| Error::world("writing a file for the training program", e))?;
        Ok(Some(path))
    }

    /// Hands over the model, and the examples unless the program finds data by itself.
    fn give(&mut self, model: &Params, shard: &Shard) -> Result<(), Error> {
        let bytes = safetensors::write(model, &[])?;
        self.job.model_in = self.put("model_in.safetensors", &bytes)?;
        self.job.metrics_out = self.path("metrics.json");
        if self.trainer.data.is_empty() {
            self.job.data.extend(self.put("examples.safetensors", &examples(shard))?);
        }
        Ok(())
    }

    /// Runs the program; it must end well within its time.
    fn execute(&self) -> Result<(), Error> {
        let bytes = serde_json::to_vec(&self.job)
            .map_err(|_| Error::caller("data", "paths in UTF-8", "other bytes"))?;
        let job = self.put("job.json", &bytes)?.unwrap_or_default();
        Child::start(&self.trainer.command, &job)
            .and_then(|child| child.finish(self.trainer.timeout))
            .map_err(|error| self.failure(error))
    }

    fn failure(&self, error: CommandError) -> Error {
        let program = self.trainer.command.first().map_or("", String::as_str);
        Error::world(format!("{} by {program}", self.job.action), error)
    }

    /// A file the program should have written.
    fn take(&self, path: Option<&Path>, limit: u64) -> Result<Vec<u8>, Error> {
        let path = path.ok_or(Error::Bug("a file is expected that was never asked for"))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let file = name.unwrap_or_default();
        let found = match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            _ => return Err(self.failure(CommandError::Missing { file })),
        };
        if found > limit {
            return Err(self.failure(CommandError::TooLarge { file, limit, found }));
        }
        std::fs::read(path).map_err(|e| Error::world(format!("reading {file}"), e))
    }

    /// The model the program wrote, in the layout it had where there was one before.
    fn model(&self, layout: Option<&Arc<Layout>>) -> Result<Params, Error> {
        let values = layout.map_or(tacit_core::limits::MODEL_VALUES, |l| l.len() as u64);
        let limit = values * 4 + safetensors::HEADER_BYTES;
        let bytes = self.take(self.job.model_out.as_deref(), limit)?;
        let params = match layout {
            Some(layout) => safetensors::read_as(&bytes, layout),
            None => safetensors::read(&bytes).map(|(params, _)| params),
        };
        params.map_err(|e| self.failure(CommandError::Model(Box::new(e))))
    }

    fn metrics(&self) -> Result<Metrics, Error> {
        let bytes = self.take(self.job.metrics_out.as_deref(), METRICS_BYTES)?;
        let refuse = |why: String| self.failure(CommandError::Metrics { why });
        let metrics: Metrics =
            serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        check_weight(metrics.examples).map_err(|error| refuse(error.to_string()))?;
        if metrics.correct > metrics.examples {
            return Err(refuse(format!("{} correct of {}", metrics.correct, metrics.examples)));
        }
        Ok(metrics)
    }
}

/// The examples of a shard as a safetensors file.
fn examples(shard: &Shard) -> Vec<u8> {
    let shape = shard.shape();
    let (count, bytes) = (shard.len(), shard.len() * shape.width() * 4);
    let dimensions: Vec<usize> = [&[count], &shape.features[..]].concat();
    // Labels first: both parts then begin at a multiple of their size.
    let mut header = format!(
        r#"{{"labels":{{"dtype":"I64","shape":[{count}],"data_offsets":[0,{labels}]}},"#,
        labels = count * 8
    );
    header += &format!(
        r#""features":{{"dtype":"F32","shape":{dimensions:?},"data_offsets":[{},{}]}}}}"#,
        count * 8,
        count * 8 + bytes
    );
    header += &" ".repeat(header.len().next_multiple_of(8) - header.len());
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend((0..count).flat_map(|i| i64::from(shard.get(i).1).to_le_bytes()));
    (0..count).for_each(|i| file.extend(bytes_of(shard.get(i).0)));
    file
}

fn number(seed: Seed) -> Option<u64> {
    Some(seed.as_u64() >> 11)
}

impl Trainer for Command {
    fn initialise(&mut self, seed: Seed) -> Result<Params, Error> {
        let mut run = self.begin("initialise")?;
        run.job.seed = number(seed);
        run.job.model_out = run.path("model_out.safetensors");
        run.execute()?;
        run.model(None)
    }

    fn fit(&mut self, order: &FitOrder, model: &Params, shard: &Shard) -> Result<Fitted, Error> {
        self.check(shard)?;
        let mut run = self.begin("fit")?;
        run.give(model, shard)?;
        run.job = Job {
            round: Some(order.round),
            local_epochs: Some(order.local_epochs),
            batch_size: Some(order.batch_size),
            learning_rate: Some(order.learning_rate),
            momentum: Some(order.momentum),
            weight_decay: Some(order.weight_decay),
            proximal_mu: Some(order.proximal_mu),
            seed: number(order.seed),
            model_out: run.path("model_out.safetensors"),
            ..run.job
        };
        if let Some(correction) = &order.correction {
            let correction = Params::new(model.layout().clone(), correction.to_vec())?;
            let bytes = safetensors::write(&correction, &[])?;
            run.job.correction_in = run.put("correction_in.safetensors", &bytes)?;
        }
        run.execute()?;
        let metrics = run.metrics()?;
        let local = run.model(Some(model.layout()))?.into_values();
        let update = Update::between(model, local, metrics.examples)
            .map_err(|e| run.failure(CommandError::Model(Box::new(e.into()))))?;
        Ok(Fitted { update, loss: metrics.loss, steps: metrics.steps })
    }

    fn evaluate(&mut self, model: &Params, shard: &Shard) -> Result<Evaluation, Error> {
        self.check(shard)?;
        let mut run = self.begin("evaluate")?;
        run.give(model, shard)?;
        run.execute()?;
        let Metrics { examples, loss, correct, .. } = run.metrics()?;
        Ok(Evaluation { examples, correct, loss, per_class: Vec::new() })
    }
}

impl Command {
    fn check(&self, shard: &Shard) -> Result<(), Error> {
        if self.data.is_empty() && shard.is_empty() {
            return Err(Error::caller("shard", "at least one example", "none"));
        }
        Ok(())
    }
}
