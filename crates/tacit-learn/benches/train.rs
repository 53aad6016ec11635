//! Images per second of local training on one thread: `cargo bench -p tacit-learn --bench train`.
//! Rates are per second of CPU time of this thread, so that a busy machine does not distort them;
//! A trainer's name as an argument leaves out the others (`-- cnn`).
//! `bench/pytorch_train.py` prints the same for PyTorch. Both print the median of several runs.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::sync::Arc;
use tacit_core::data::{DataShape, Examples, Shard};
use tacit_core::messages::FitOrder;
use tacit_core::registry::{Arguments, Make};
use tacit_core::rng::Seed;
use tacit_core::traits::Trainer;
use tacit_learn::train;

const RUNS: usize = 7;

/// CPU time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    // User and system time in clock ticks are too coarse; schedstat counts nanoseconds on the CPU.
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

fn pictures(count: usize, shape: &DataShape) -> Shard {
    let mut rng = Seed::root(1).rng();
    let features = (0..count * shape.width()).map(|_| rng.unit() as f32).collect();
    let labels = (0..count).map(|_| rng.below(shape.classes as u64) as u32).collect();
    Shard::all(Arc::new(Examples::new(shape.clone(), features, labels).unwrap()))
}

fn rate(trainer: &mut dyn Trainer, order: &FitOrder, shard: &Shard) -> f64 {
    let model = trainer.initialise(Seed::root(2)).unwrap();
    let mut rates: Vec<f64> = (0..RUNS + 1)
        .map(|_| {
            let start = cpu_seconds();
            let fitted = trainer.fit(order, &model, shard).unwrap();
            assert!(fitted.loss.is_finite());
            (shard.len() as u32 * order.local_epochs) as f64 / (cpu_seconds() - start)
        })
        .skip(1)
        .collect();
    rates.sort_by(f64::total_cmp);
    rates[RUNS / 2]
}

fn main() {
    let shape = DataShape { features: vec![1, 28, 28], classes: 10 };
    let only: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for (name, count) in [("logistic-regression", 60_000), ("2nn", 6000), ("cnn", 600)] {
        if !only.is_empty() && !only.iter().any(|only| only == name) {
            continue;
        }
        let Some(entry) = train::TRAINERS.iter().find(|entry| entry.name == name) else { continue };
        let Make::Trainer(make) = entry.make else { continue };
        let arguments = Arguments::defaults(entry.parameters).unwrap();
        let mut trainer = make(&arguments, &shape).unwrap();
        let shard = pictures(count, &shape);
        for batch_size in [10, 64] {
            let order = FitOrder {
                round: 1,
                local_epochs: 1,
                batch_size,
                learning_rate: 0.01,
                momentum: 0.0,
                weight_decay: 0.0,
                proximal_mu: 0.0,
                correction: None,
                seed: Seed::root(3),
            };
            let rate = rate(trainer.as_mut(), &order, &shard);
            println!("tacit {name} batch {batch_size}: {rate:.0} images/s");
        }
    }
}
