//! Arithmetic by itself, on one thread and per second of its processor time. `cargo bench -p
//! tacit-learn` measures the same in more detail.

use super::{Row, meter};
use std::hint::black_box;
use std::sync::Arc;
use tacit_core::data::{DataShape, Examples, Shard};
use tacit_core::error::Error;
use tacit_core::limits;
use tacit_core::messages::FitOrder;
use tacit_core::registry::{Arguments, Make};
use tacit_core::rng::Seed;
use tacit_core::traits::{Aggregator, Rows};
use tacit_learn::aggregate::Mean;
use tacit_learn::train::TRAINERS;

const RUNS: usize = 7;
const ROWS: usize = 50;
const VALUES: usize = 1_000_000;

fn timed(work: impl FnOnce() -> Result<(), Error>) -> Result<f64, Error> {
    let start = meter::thread_cpu_seconds();
    work()?;
    Ok(meter::thread_cpu_seconds() - start)
}

/// The weighted mean, in turns with copying as many bytes.
pub fn aggregate() -> Result<Vec<Row>, Error> {
    let rows: Vec<Vec<f32>> = (0..ROWS).map(|i| vec![0.01 * i as f32; VALUES]).collect();
    let mut out = vec![0.0; VALUES];
    let from = vec![1u8; ROWS * VALUES * 4];
    let mut to = vec![2u8; from.len()];
    let (mut copied, mut folded) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        copied.push(timed(|| {
            black_box(&mut to).copy_from_slice(black_box(&from));
            Ok(())
        })?);
        folded.push(timed(|| mean(black_box(&rows), black_box(&mut out)))?);
    }
    let (copied, folded) = (meter::median(copied), meter::median(folded));
    let rate = |seconds: f64| format!("{:.1} GB/s", from.len() as f64 * 1e-9 / seconds);
    let setup = || format!("{ROWS} x {} M values", VALUES / 1_000_000);
    Ok(vec![
        ["memory copied".into(), "200 MB".into(), rate(copied)],
        ["weighted mean".into(), setup(), format!("{:.1} ms, {}", folded * 1e3, rate(folded))],
        ["weighted mean / copied".into(), setup(), format!("{:.2}", copied / folded)],
    ])
}

fn mean(rows: &[Vec<f32>], out: &mut [f32]) -> Result<(), Error> {
    let (mut rule, weights) = (Mean::new(), [600; ROWS]);
    for (number, out) in out.chunks_mut(limits::CHUNK_VALUES).enumerate() {
        let start = number * limits::CHUNK_VALUES;
        let rows: Vec<&[f32]> = rows.iter().map(|row| &row[start..start + out.len()]).collect();
        let total_weight = weights.iter().sum();
        rule.fold(&Rows { rows: &rows, weights: &weights, total_weight, before: &[] })?;
        rule.finish(out)?;
    }
    Ok(())
}

/// Local training on noise of the shape of MNIST.
pub fn train() -> Result<Vec<Row>, Error> {
    let shape = DataShape { features: vec![1, 28, 28], classes: 10 };
    let mut rows = Vec::new();
    for (name, count) in [("logistic-regression", 60_000), ("2nn", 6_000), ("cnn", 600)] {
        let Some(entry) = TRAINERS.iter().find(|entry| entry.name == name) else { continue };
        let Make::Trainer(make) = entry.make else { continue };
        let mut trainer = make(&Arguments::defaults(entry.parameters)?, &shape)?;
        let (model, shard) = (trainer.initialise(Seed::root(2))?, noise(count, &shape)?);
        for batch_size in [10, 64] {
            let order = order(batch_size);
            let fit = || timed(|| trainer.fit(&order, &model, &shard).map(drop));
            let seconds = std::iter::repeat_with(fit).take(RUNS).collect::<Result<Vec<_>, _>>()?;
            let rate = count as f64 / meter::median(seconds);
            let setup = format!("{name}, batch {batch_size}, one thread");
            rows.push(["training".into(), setup, format!("{rate:.0} pictures/s")]);
        }
    }
    Ok(rows)
}

fn noise(count: usize, shape: &DataShape) -> Result<Shard, Error> {
    let mut rng = Seed::root(1).rng();
    let features = (0..count * shape.width()).map(|_| rng.unit() as f32).collect();
    let labels = (0..count).map(|_| rng.below(shape.classes as u64) as u32).collect();
    Ok(Shard::all(Arc::new(Examples::new(shape.clone(), features, labels)?)))
}

fn order(batch_size: usize) -> FitOrder {
    FitOrder {
        round: 1,
        local_epochs: 1,
        batch_size,
        learning_rate: 0.01,
        momentum: 0.0,
        weight_decay: 0.0,
        proximal_mu: 0.0,
        correction: None,
        seed: Seed::root(3),
    }
}
