//! A trainer of one's own in Rust, chosen by a plan and trained over twenty simulated participants:
//!
//! ```text
//! cargo run --release -p tacit-sim --example own_trainer
//! ```
//!
//! The trainer is the perceptron (Rosenblatt 1958): for each misclassified example, the right
//! class moves towards it and the wrong one away.
#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use std::sync::Arc;
use tacit_core::data::{DataShape, Shard};
use tacit_core::error::Error;
use tacit_core::history::RoundReport;
use tacit_core::messages::{Evaluation, FitOrder};
use tacit_core::params::{Layout, Params, Tensor, Update};
use tacit_core::plan::Plan;
use tacit_core::registry::{Arguments, Entry, Make, Registry};
use tacit_core::rng::Seed;
use tacit_core::traits::{Fitted, Trainer};
use tacit_learn::federation::Federation;
use tacit_learn::{aggregate, strategy};
use tacit_sim::simulate::{Options, Unrecorded, simulate};

/// What the plan's key `trainer` finds under the name `perceptron`.
const PERCEPTRON: Entry = Entry {
    name: "perceptron",
    help: "one linear unit per class, moved by its mistakes (Rosenblatt 1958)",
    parameters: &[],
    make: Make::Trainer(make),
};

fn make(_: &Arguments, shape: &DataShape) -> Result<Box<dyn Trainer>, Error> {
    let tensor = Tensor { name: "weight".into(), shape: vec![shape.classes, shape.width()] };
    Ok(Box::new(Perceptron { layout: Arc::new(Layout::new(vec![tensor])?) }))
}

struct Perceptron {
    /// One tensor `weight`: classes × features.
    layout: Arc<Layout>,
}

impl Trainer for Perceptron {
    fn initialise(&mut self, _: Seed) -> Result<Params, Error> {
        Ok(Params::new(self.layout.clone(), vec![0.0; self.layout.len()])?)
    }

    fn fit(&mut self, order: &FitOrder, model: &Params, shard: &Shard) -> Result<Fitted, Error> {
        let mut weights = model.values().to_vec();
        let width = shard.shape().width();
        let mut rows: Vec<usize> = (0..shard.len()).collect();
        let mut random = order.seed.rng();
        let mut mistakes = 0;
        for _ in 0..order.local_epochs {
            random.shuffle(&mut rows);
            mistakes = 0;
            for &row in &rows {
                let (x, label) = shard.get(row);
                let guess = best(&weights, x);
                if guess != label as usize {
                    let rate = order.learning_rate as f32;
                    shift(&mut weights[label as usize * width..][..width], x, rate);
                    shift(&mut weights[guess * width..][..width], x, -rate);
                    mistakes += 1;
                }
            }
        }
        let update = Update::between(model, weights, shard.len() as u64)?;
        let steps = u64::from(order.local_epochs) * shard.len() as u64;
        Ok(Fitted { update, loss: f64::from(mistakes) / shard.len() as f64, steps })
    }

    fn evaluate(&mut self, model: &Params, shard: &Shard) -> Result<Evaluation, Error> {
        let examples = shard.len();
        let right = |&i: &usize| best(model.values(), shard.get(i).0) == shard.get(i).1 as usize;
        let correct = (0..examples).filter(right).count();
        Ok(Evaluation {
            examples: examples as u64,
            correct: correct as u64,
            // The loss of a perceptron: the share of mistakes.
            loss: (examples - correct) as f64 / examples.max(1) as f64,
            per_class: Vec::new(),
        })
    }
}

/// The class whose weights, one row of `x.len()` each, agree most with `x`.
fn best(weights: &[f32], x: &[f32]) -> usize {
    let score = |row: &[f32]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>();
    let scores = weights.chunks(x.len()).map(score).enumerate();
    scores.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(class, _)| class)
}

fn shift(weights: &mut [f32], x: &[f32], by: f32) {
    weights.iter_mut().zip(x).for_each(|(w, x)| *w += by * x);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rooms = [tacit_core::plain::ENTRIES, aggregate::ENTRIES, strategy::ENTRIES, &[PERCEPTRON]];
    let registry = Registry::new(&rooms)?;
    let plan = "trainer = 'perceptron'\nnum_rounds = 10\n[training]\nlocal_epochs = 2\n\
                [data]\npartition = 'dirichlet'\n";
    let plan = Plan::parse(plan, &registry)?;
    let federation = Federation::assemble(&plan)?;
    let mut show = |report: &RoundReport| {
        let accuracy = report.accuracy().unwrap_or_default();
        println!("Round {} complete. Accuracy: {accuracy:.4}", report.round);
    };
    let mut nothing = Unrecorded::default();
    let outcome = simulate(&plan, &federation, Options::new(&mut nothing), &mut show)?;
    println!("model {} after {}", outcome.model.digest(), outcome.finish);
    Ok(())
}
