//! Laws of every built-in trainer.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use tacit_core::data::{DataShape, Examples, Shard};
use tacit_core::messages::FitOrder;
use tacit_core::params::{Layout, Params, Tensor};
use tacit_core::registry::{Arguments, Entry, Make, Value};
use tacit_core::rng::Seed;
use tacit_core::traits::Trainer;
use tacit_learn::train;

fn make(entry: &Entry, arguments: &Arguments, shape: &DataShape) -> Box<dyn Trainer> {
    let Make::Trainer(make) = entry.make else { panic!("{} is no trainer", entry.name) };
    make(arguments, shape).unwrap()
}

/// Every trainer that needs no program of its own, on small pictures.
fn built_in() -> Vec<(&'static str, Box<dyn Trainer>)> {
    let entries = train::TRAINERS.iter().filter(|entry| entry.name != "command");
    let trainers = entries.map(|entry| {
        let mut arguments = Arguments::defaults(entry.parameters).unwrap();
        if entry.name == "2nn" {
            arguments = arguments.with("hidden", Value::Integer(20));
        }
        (entry.name, make(entry, &arguments, &shape()))
    });
    trainers.collect()
}

fn shape() -> DataShape {
    DataShape { features: vec![1, 8, 8], classes: 3 }
}

/// Pictures whose class is a bright third, with noise.
fn shard(count: usize, seed: u64) -> Shard {
    let mut rng = Seed::root(seed).rng();
    let labels: Vec<u32> = (0..count).map(|_| rng.below(3) as u32).collect();
    let mut features = Vec::new();
    for &label in &labels {
        features.extend((0..64).map(|i| {
            let bright = f64::from(u8::from(i / 22 == label));
            (bright + 0.3 * rng.normal()) as f32
        }));
    }
    Shard::all(Arc::new(Examples::new(shape(), features, labels).unwrap()))
}

fn order() -> FitOrder {
    FitOrder {
        round: 1,
        local_epochs: 2,
        batch_size: 10,
        learning_rate: 0.05,
        momentum: 0.0,
        weight_decay: 0.0,
        proximal_mu: 0.0,
        correction: None,
        seed: Seed::root(7),
    }
}

#[test]
fn learns_and_repeats() {
    let (train, test) = (shard(203, 1), shard(100, 2));
    for (name, mut trainer) in built_in() {
        let model = trainer.initialise(Seed::root(3)).unwrap();
        assert_eq!(model, trainer.initialise(Seed::root(3)).unwrap());
        assert_ne!(model, trainer.initialise(Seed::root(4)).unwrap());
        let before = trainer.evaluate(&model, &test).unwrap();
        let order = FitOrder { local_epochs: 10, ..order() };
        let fitted = trainer.fit(&order, &model, &train).unwrap();
        let values: Vec<f32> =
            model.values().iter().zip(fitted.update.values()).map(|(w, d)| w + d).collect();
        let after = Params::new(model.layout().clone(), values).unwrap();
        let after = trainer.evaluate(&after, &test).unwrap();
        assert!(after.accuracy() > 0.9, "{name}: {} to {}", before.accuracy(), after.accuracy());
        assert!(after.loss < before.loss && fitted.loss < before.loss, "{name}");
        assert_eq!(after.per_class.iter().map(|c| c.0).sum::<u64>(), 100);
        assert_eq!(after.per_class.iter().map(|c| c.1).sum::<u64>(), after.correct);
        let again = trainer.fit(&order, &model, &train).unwrap();
        assert_eq!((again.update, again.loss), (fitted.update, fitted.loss), "{name}");
    }
}

#[test]
fn a_step_on_everything_is_the_mean_of_its_parts() {
    let all = shard(300, 5);
    for (name, mut trainer) in built_in() {
        let model = trainer.initialise(Seed::root(3)).unwrap();
        let one = FitOrder { local_epochs: 1, batch_size: 0, ..order() };
        let whole = trainer.fit(&one, &model, &all).unwrap().update;
        let mut mean = vec![0f64; model.values().len()];
        for part in 0..3u32 {
            let rows = (0..300).filter(|row| row % 3 == part).collect();
            let examples = Arc::new(
                Examples::new(
                    shape(),
                    (0..300).flat_map(|i| all.get(i).0.to_vec()).collect(),
                    (0..300).map(|i| all.get(i).1).collect(),
                )
                .unwrap(),
            );
            let third = Shard::new(examples, rows).unwrap();
            let update = trainer.fit(&one, &model, &third).unwrap().update;
            mean.iter_mut().zip(update.values()).for_each(|(m, u)| *m += f64::from(*u) / 3.0);
        }
        let difference = mean.iter().zip(whole.values()).map(|(m, u)| (m - f64::from(*u)).abs());
        assert!(difference.fold(0.0, f64::max) < 1e-6, "{name}");
    }
}

#[test]
fn terms_of_the_step() {
    let data = shard(30, 6);
    for (name, mut trainer) in built_in() {
        let model = trainer.initialise(Seed::root(3)).unwrap();
        let one = FitOrder { local_epochs: 1, batch_size: 0, ..order() };
        let mut fit = |order: &FitOrder| {
            let fitted = trainer.fit(order, &model, &data).unwrap();
            fitted.update.values().to_vec()
        };
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-6);
        let plain = fit(&one);
        // In the first step neither momentum nor the proximal term has anything to act on.
        assert!(close(&plain, &fit(&FitOrder { momentum: 0.9, ..one.clone() })), "{name}");
        assert!(close(&plain, &fit(&FitOrder { proximal_mu: 0.5, ..one.clone() })), "{name}");
        // Weight decay adds −η · decay · w, with velocity and without.
        for momentum in [0.0, 0.9] {
            let decayed = fit(&FitOrder { weight_decay: 0.1, momentum, ..one.clone() });
            let pairs = plain.iter().zip(model.values());
            let expected: Vec<f32> = pairs.map(|(d, w)| d - 0.05 * 0.1 * w).collect();
            assert!(close(&expected, &decayed), "{name}");
        }
        // A strong pull keeps several steps nearer to where they began; both paths agree.
        let many = FitOrder { local_epochs: 20, ..one };
        let norm = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>();
        let near = fit(&FitOrder { proximal_mu: 5.0, ..many.clone() });
        assert!(norm(&near) < 0.5 * norm(&fit(&many)), "{name}");
        let velocity = fit(&FitOrder { proximal_mu: 5.0, momentum: 1e-30, ..many });
        assert!(near.iter().zip(&velocity).all(|(a, b)| (a - b).abs() < 1e-4), "{name}");
    }
}

#[test]
fn refuses_what_it_cannot_do() {
    let data = shard(30, 6);
    for (name, mut trainer) in built_in() {
        let model = trainer.initialise(Seed::root(3)).unwrap();
        let mut refusal = |order: &FitOrder, model: &Params, shard: &Shard| {
            trainer.fit(order, model, shard).unwrap_err().to_string()
        };
        let nothing = Shard::new(
            Arc::new(Examples::new(shape(), vec![0.0; 64], vec![0]).unwrap()),
            Vec::new(),
        )
        .unwrap();
        let text = refusal(&order(), &model, &nothing);
        assert_eq!(text, "shard: expected at least one example, found none", "{name}");
        let bad = FitOrder { learning_rate: f64::NAN, ..order() };
        assert!(refusal(&bad, &model, &data).starts_with("learning_rate"), "{name}");
        let bad = FitOrder { local_epochs: 0, ..order() };
        assert!(refusal(&bad, &model, &data).starts_with("local_epochs"), "{name}");
        let wild = FitOrder { learning_rate: 1e30, local_epochs: 9, ..order() };
        let text = refusal(&wild, &model, &data);
        assert!(text.starts_with("training") || text.contains("of the update"), "{name}: {text}");
        let layout = Layout::new(vec![Tensor { name: "w".into(), shape: vec![1] }]).unwrap();
        let other = Params::new(Arc::new(layout), vec![0.0]).unwrap();
        assert!(refusal(&order(), &other, &data).starts_with("tensors of the model"), "{name}");
        let wide = DataShape { features: vec![65], classes: 3 };
        let wide = Examples::new(wide, vec![0.0; 65], vec![0]).unwrap();
        let wide = Shard::all(Arc::new(wide));
        assert!(refusal(&order(), &model, &wide).starts_with("shape of the data"), "{name}");
        assert!(trainer.evaluate(&model, &nothing).is_err(), "{name}");
        let huge = model.values().iter().map(|w| 3e38 * w.signum()).collect();
        let huge = Params::new(model.layout().clone(), huge).unwrap();
        let text = trainer.evaluate(&huge, &data).unwrap_err().to_string();
        assert!(text.starts_with("model: expected weights whose outputs are finite"), "{text}");
    }
}

#[test]
fn parameter_counts_of_the_papers() {
    let shape = DataShape { features: vec![1, 28, 28], classes: 10 };
    let counts: Vec<(&str, usize)> = train::TRAINERS
        .iter()
        .filter(|entry| entry.name != "command")
        .map(|entry| {
            let arguments = Arguments::defaults(entry.parameters).unwrap();
            let mut trainer = make(entry, &arguments, &shape);
            (entry.name, trainer.initialise(Seed::root(1)).unwrap().values().len())
        })
        .collect();
    assert_eq!(counts, [("logistic-regression", 7_850), ("2nn", 199_210), ("cnn", 1_663_370)]);
}

#[test]
fn a_convolution_wants_pictures() {
    let arguments = Arguments::defaults(train::cnn::ENTRY.parameters).unwrap();
    let Make::Trainer(make) = train::cnn::ENTRY.make else { panic!("no trainer") };
    for features in [vec![64], vec![8, 8], vec![1, 3, 8], vec![1, 8, 257], vec![65, 8, 8]] {
        let shape = DataShape { features, classes: 3 };
        let text = make(&arguments, &shape).err().unwrap().to_string();
        assert!(text.starts_with("trainer cnn: expected pictures"), "{text}");
    }
}
