//! Training in integers against the same training in floating point: same batches, same rounds.

use crate::gradient::spec::Kind;
use crate::gradient::terms::draw;
use crate::gradient::{LINEAR, LOGISTIC};
use flate2::read::GzDecoder;
use std::io::Read;
use std::sync::Arc;
use tacit_core::data::{DataShape, Examples, Shard};
use tacit_core::messages::FitOrder;
use tacit_core::params::Params;
use tacit_core::registry::{Arguments, Make};
use tacit_core::rng::Seed;
use tacit_core::traits::Trainer;

/// Measurements of tumours, standardised, and handwritten digits: what `tacit-learn` brings along.
fn tumours() -> Examples {
    let bytes = include_bytes!("../../../../tacit-learn/assets/breast-cancer.csv.gz");
    let (mut values, labels) = table(bytes, 1);
    let width = values.len() / labels.len();
    for column in 0..width {
        let cells = || values.iter().skip(column).step_by(width).map(|x| f64::from(*x));
        let count = labels.len() as f64;
        let mean = cells().sum::<f64>() / count;
        let deviation = (cells().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
        for x in values.iter_mut().skip(column).step_by(width) {
            *x = ((f64::from(*x) - mean) / deviation) as f32;
        }
    }
    Examples::new(DataShape { features: vec![width], classes: 2 }, values, labels).unwrap()
}

fn digits() -> Examples {
    let bytes = include_bytes!("../../../../tacit-learn/assets/digits.csv.gz");
    let (mut values, labels) = table(bytes, 0);
    values.iter_mut().for_each(|x| *x /= 16.0);
    Examples::new(DataShape { features: vec![64], classes: 10 }, values, labels).unwrap()
}

fn table(bytes: &[u8], header: usize) -> (Vec<f32>, Vec<u32>) {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines().skip(header).filter(|line| !line.is_empty()) {
        let mut cells: Vec<f32> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        labels.push(cells.pop().unwrap() as u32);
        values.append(&mut cells);
    }
    (values, labels)
}

/// One step in floating point.
fn step(kind: Kind, model: &[f64], rows: &[(&[f32], u32)], rate: f64, clip: f64) -> Vec<f64> {
    let width = rows[0].0.len();
    let outputs = model.len() / (width + 1);
    let mut gradient = vec![0.0; model.len()];
    for (features, label) in rows {
        for k in 0..outputs {
            let weights = &model[k * width..(k + 1) * width];
            let dot: f64 = weights.iter().zip(*features).map(|(w, x)| w * f64::from(*x)).sum();
            let score = dot + model[outputs * width + k];
            let yes = if outputs == 1 { *label == 1 } else { *label as usize == k };
            let error = match kind {
                Kind::Linear => score - if yes { 1.0 } else { -1.0 },
                Kind::Logistic => 1.0 / (1.0 + (-score).exp()) - f64::from(u8::from(yes)),
            };
            for (j, x) in features.iter().enumerate() {
                gradient[k * width + j] += error * f64::from(*x);
            }
            gradient[outputs * width + k] += error;
        }
    }
    gradient.iter_mut().for_each(|g| *g *= -rate / rows.len() as f64);
    let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    gradient.iter_mut().for_each(|g| *g *= (clip / norm).min(1.0));
    gradient
}

/// Accuracies on every row after so many rounds of four participants: integers, floating point.
fn accuracies(kind: Kind, examples: Examples, rounds: u32, rate: f64) -> [f64; 2] {
    let entry = if kind == Kind::Linear { LINEAR } else { LOGISTIC };
    let Make::Trainer(make) = entry.make else { panic!("a trainer") };
    let arguments = Arguments::defaults(entry.parameters).unwrap();
    let mut trainer: Box<dyn Trainer> = make(&arguments, examples.shape()).unwrap();
    let examples = Arc::new(examples);
    let mut rows: Vec<u32> = (0..examples.len() as u32).collect();
    Seed::root(3).rng().shuffle(&mut rows);
    let shards: Vec<Shard> = rows
        .chunks(rows.len().div_ceil(4))
        .map(|rows| Shard::new(examples.clone(), rows.to_vec()).unwrap())
        .collect();
    let mut exact = trainer.initialise(Seed::root(1)).unwrap();
    let mut float = vec![0.0; exact.values().len()];
    for round in 1..=rounds {
        let (mut sums, mut floats) = (vec![0.0; float.len()], vec![0.0; float.len()]);
        for (number, shard) in shards.iter().enumerate() {
            let batch_size = 32;
            let order = FitOrder {
                round,
                local_epochs: 1,
                batch_size,
                learning_rate: rate,
                momentum: 0.0,
                weight_decay: 0.0,
                proximal_mu: 0.0,
                correction: None,
                seed: Seed::root(u64::from(round) * 4 + number as u64),
            };
            let fitted = trainer.fit(&order, &exact, shard).unwrap();
            let block = draw(&order, exact.digest(), (shard.len() / batch_size) as u32) as usize;
            let rows = block * batch_size..(block + 1) * batch_size;
            let rows: Vec<_> = rows.map(|row| shard.get(row)).collect();
            let update = step(kind, &float, &rows, rate, 8.0);
            let values = fitted.update.values().iter();
            sums.iter_mut().zip(values).for_each(|(sum, u)| *sum += f64::from(*u) / 4.0);
            floats.iter_mut().zip(update).for_each(|(sum, u)| *sum += u / 4.0);
        }
        let values = exact.values().iter().zip(&sums).map(|(w, u)| (f64::from(*w) + u) as f32);
        exact = Params::new(exact.layout().clone(), values.collect()).unwrap();
        float.iter_mut().zip(&floats).for_each(|(w, u)| *w += u);
    }
    let all = Shard::all(examples);
    let float = float.into_iter().map(|w| w as f32).collect();
    let float = Params::new(exact.layout().clone(), float).unwrap();
    [&exact, &float].map(|model| trainer.evaluate(model, &all).unwrap().accuracy())
}

#[test]
fn integers_learn_as_floating_point_does() {
    for (kind, rate) in [(Kind::Linear, 0.02), (Kind::Logistic, 0.2)] {
        for (examples, least) in [(tumours(), 0.93), (digits(), 0.80)] {
            let classes = examples.shape().classes;
            let [exact, float] = accuracies(kind, examples, 200, rate);
            println!("{kind:?}, {classes} classes: {exact:.4} exact, {float:.4} floating point");
            assert!(exact > least && (exact - float).abs() <= 0.005, "{kind:?} {exact} {float}");
        }
    }
}
