//! SCAFFOLD against the algorithm in NumPy (`bench/scaffold_vectors.py`): trainer, both variates
//! and the server's step, with some of the participants in each round.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;
use tacit_core::data::{DataShape, Examples, Shard};
use tacit_core::ids::ParticipantId;
use tacit_core::messages::FitOrder;
use tacit_core::params::Params;
use tacit_core::plan::Plan;

#[derive(serde::Deserialize)]
struct Vectors {
    features: usize,
    classes: usize,
    local_epochs: u32,
    learning_rate: f64,
    weight_decay: f64,
    server_learning_rate: f64,
    cohorts: Vec<Vec<usize>>,
    data: Vec<Part>,
    initial: Vec<f32>,
    models: Vec<Vec<f64>>,
    variates: Vec<Vec<f64>>,
}

#[derive(serde::Deserialize)]
struct Part {
    x: Vec<f32>,
    y: Vec<u32>,
}

fn close(found: &[f32], expected: &[f64]) -> bool {
    found.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 2e-5)
}

#[test]
fn numpy_makes_the_same_models_and_variates() {
    let file =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/strategy/scaffold.json");
    let vectors: Vectors = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let text = format!(
        "strategy = {{ rule = \"scaffold\", learning_rate = {} }}\n[training]\nlocal_epochs = {}\n\
         batch_size = 0\nlearning_rate = {}\nweight_decay = {}\n",
        vectors.server_learning_rate,
        vectors.local_epochs,
        vectors.learning_rate,
        vectors.weight_decay
    );
    let plan = Plan::parse(&text, &tacit_learn::registry().unwrap()).unwrap();
    let shape = DataShape { features: vec![vectors.features], classes: vectors.classes };
    let mut trainer = plan.trainer(&shape).unwrap();
    let (strategy, len) = (plan.strategy().unwrap(), vectors.initial.len());
    let control = strategy.control().unwrap();
    let layout = trainer.initialise(plan.seed()).unwrap().layout().clone();
    let mut model = vectors.initial.clone();
    let mut server = vec![0.0f32; len];
    let mut own = vec![vec![0.0f32; len]; vectors.data.len()];
    for (round, cohort) in vectors.cohorts.iter().enumerate() {
        let global = Params::new(layout.clone(), model.clone()).unwrap();
        let total: usize = cohort.iter().map(|&i| vectors.data[i].y.len()).sum();
        let (mut step, mut change) = (vec![0.0f64; len], vec![0.0f64; len]);
        for &i in cohort {
            let Part { x, y } = &vectors.data[i];
            let examples = Examples::new(shape.clone(), x.clone(), y.clone()).unwrap();
            let correction = control.correction(&server, &own[i]);
            let id = ParticipantId::numbered(i, vectors.data.len());
            let order = FitOrder {
                correction: Some(correction.clone().into()),
                ..plan.fit_order(round as u32 + 1, &id)
            };
            let fitted = trainer.fit(&order, &global, &Shard::all(Arc::new(examples))).unwrap();
            let before = own[i].clone();
            control.renew(&order, &fitted, &correction, &mut own[i]).unwrap();
            let share = y.len() as f64 / total as f64;
            for j in 0..len {
                step[j] += share * f64::from(fitted.update.values()[j]);
                change[j] += share * f64::from(own[i][j] - before[j]);
            }
        }
        let narrow = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        strategy.apply(round as u32 + 1, &narrow(&step), &mut model, &mut []);
        let participation = cohort.len() as f64 / vectors.data.len() as f64;
        control.absorb(participation, &narrow(&change), &mut server);
        assert!(close(&model, &vectors.models[round]), "model of round {}", round + 1);
        assert!(close(&server, &vectors.variates[round]), "variate of round {}", round + 1);
    }
}
