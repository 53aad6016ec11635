//! What a single update shows of the example behind it, and what noise and sums change:
//!
//! ```text
//! cargo run --release -p tacit-sim --example gradient_inversion [PICTURE.svg]
//! ```
//!
//! The gradient of logistic regression for one example x is (p − y) xᵀ for the weights and p − y
//! for the biases, so that a row of the one over a value of the other is x (Phong et al. 2018,
//! section 3). Clipping scales both alike and hides nothing. The coordinator that sees a single
//! update therefore sees the example; of a sum it sees a mixture.
#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use std::fmt::Write as _;
use tacit_core::data::Shard;
use tacit_core::error::Error;
use tacit_core::evidence::Clipped;
use tacit_core::ids::ParticipantId;
use tacit_core::params::Params;
use tacit_core::plan::Plan;
use tacit_core::rng::{Random, Seed};
use tacit_core::traits::Entropy;
use tacit_learn::federation::Federation;

/// Pixels of a side.
const SIDE: usize = 8;

/// Digits in the picture.
const ROWS: usize = 4;

/// Participants in a sum.
const COHORT: usize = 20;

/// What an adversary sees, and the noise of each participant's update.
const VIEWS: [(&str, Option<&str>); 5] = [
    ("the digit", None),
    ("a single update", Some("0")),
    ("noise 0.02", Some("0.02")),
    ("noise 0.5", Some("0.5")),
    ("a sum of 20", None),
];

/// Noise that repeats, for the picture to be the same every time: elsewhere it never does.
struct Repeated(Random);

impl Entropy for Repeated {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill_with(|| self.0.next_u64() as u8);
        Ok(())
    }
}

fn plan(noise: &str) -> Result<Plan, Box<dyn std::error::Error>> {
    let mechanism = match noise {
        "0" => "\"none\"".to_owned(),
        noise => format!("{{ rule = \"local-gaussian\", noise_multiplier = {noise} }}"),
    };
    let text = format!(
        "trainer = \"logistic-regression\"\nmechanism = {mechanism}\naccountant = \"rdp\"\n\
         [training]\nclip_norm = 0.1\n[cohort]\nweights = \"equal\"\n"
    );
    Ok(Plan::parse(&text, &tacit_sim::registry()?)?)
}

/// What a participant that holds one example sends.
fn update(
    plan: &Plan,
    shard: &Shard,
    model: &Params,
    entropy: &mut dyn Entropy,
) -> Result<Vec<f32>, Error> {
    let mut trainer = plan.trainer(shard.shape())?;
    let fitted = trainer.fit(&plan.fit_order(1, &ParticipantId::numbered(0, 1)), model, shard)?;
    let of = plan.calibration(1, fitted.update.values().len(), None);
    let (clipped, within) = Clipped::clip(fitted.update, &plan.clip(None));
    let noised = clipped.noise(&*plan.mechanism()?, &of, within, entropy)?;
    Ok(noised.get().values().to_vec())
}

/// The example behind an update: the row of the class whose bias rose most, over that rise.
fn invert(update: &[f32], classes: usize) -> Vec<f32> {
    let (weights, biases) = update.split_at(update.len() - classes);
    let width = weights.len() / classes;
    let rise = |class: &usize| biases[*class];
    let label = (0..classes).max_by(|a, b| rise(a).total_cmp(&rise(b))).unwrap_or(0);
    weights[label * width..][..width].iter().map(|x| x / biases[label]).collect()
}

/// Root of the mean squared difference of two pictures, pixels from 0 to 1.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a.clamp(0.0, 1.0) - b).powi(2));
    (squares.sum::<f64>() / a.len() as f64).sqrt()
}

/// One row of pictures per digit, one column per view.
fn tiles() -> Result<Vec<Vec<Vec<f32>>>, Box<dyn std::error::Error>> {
    let federation = Federation::assemble(&plan("0")?)?;
    let (data, model) = (federation.dataset(), federation.initial_model()?);
    let classes = data.shape().classes;
    let entropy = &mut Repeated(Seed::root(3).rng());
    let single = |row: u32| data.shard(vec![row]);
    let mut tiles = Vec::new();
    for (number, &row) in data.train().iter().take(ROWS).enumerate() {
        let shard = single(row)?;
        let mut pictures = Vec::new();
        for (_, noise) in VIEWS {
            pictures.push(match noise {
                Some(noise) => invert(&update(&plan(noise)?, &shard, &model, entropy)?, classes),
                None if pictures.is_empty() => shard.get(0).0.to_vec(),
                None => {
                    let mut sum = update(&plan("0")?, &shard, &model, entropy)?;
                    let others = data.train()[ROWS + number * COHORT..].iter().take(COHORT - 1);
                    for &other in others {
                        let other = update(&plan("0")?, &single(other)?, &model, entropy)?;
                        sum.iter_mut().zip(other).for_each(|(sum, x)| *sum += x);
                    }
                    invert(&sum, classes)
                }
            });
        }
        tiles.push(pictures);
    }
    Ok(tiles)
}

/// Mean distance of each column from the first.
fn distances(tiles: &[Vec<Vec<f32>>]) -> Vec<f64> {
    let mean = |column: usize| {
        let all = tiles.iter().map(|row| distance(&row[column], &row[0]));
        all.sum::<f64>() / tiles.len() as f64
    };
    (0..VIEWS.len()).map(mean).collect()
}

/// The picture: dark ink on white, a grey for each of sixteen levels.
fn svg(tiles: &[Vec<Vec<f32>>]) -> String {
    const CELL: usize = 12;
    const STEP: usize = 140;
    let (width, height) = (STEP * VIEWS.len() + 20, tiles.len() * 112 + 76);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"14\" \
         text-anchor=\"middle\">\n<title>Digits recovered from updates</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    let mut levels = vec![String::new(); 17];
    for (column, (name, _)) in VIEWS.iter().enumerate() {
        let x = 20 + column * STEP;
        let _ = writeln!(out, "<text x=\"{}\" y=\"24\" fill=\"#1f2328\">{name}</text>", x + 48);
        for (row, pictures) in tiles.iter().enumerate() {
            let y = 38 + row * 112;
            for (pixel, value) in pictures[column].iter().enumerate() {
                let level = (value.clamp(0.0, 1.0) * 16.0).round() as usize;
                let (x, y) = (x + pixel % SIDE * CELL, y + pixel / SIDE * CELL);
                let _ = write!(levels[level], "M{x} {y}h{CELL}v{CELL}h-{CELL}z");
            }
        }
    }
    for (level, path) in levels.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
        let grey = 246 - level * 14;
        let _ = writeln!(out, "<path fill=\"rgb({grey},{grey},{grey})\" d=\"{path}\"/>");
    }
    let y = height - 20;
    for (column, distance) in distances(tiles).iter().enumerate().skip(1) {
        let x = 20 + column * STEP + 48;
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{y}\" fill=\"#59636e\" font-size=\"13\">error {distance:.3}</text>"
        );
    }
    out + "</svg>\n"
}

/// Writes the picture, if it is told where.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tiles = tiles()?;
    println!("error of the recovered digits, pixels from 0 to 1, mean over {ROWS}:");
    for ((name, _), distance) in VIEWS.iter().zip(distances(&tiles)).skip(1) {
        println!("{name:>16}  {distance:.4}");
    }
    if let Some(path) = std::env::args().nth(1).filter(|path| path.ends_with(".svg")) {
        std::fs::write(&path, svg(&tiles))?;
        println!("wrote {path}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_updates_show_their_example_and_noise_and_sums_hide_it() {
        let found = distances(&tiles().unwrap());
        assert!(found[1] < 1e-4, "{found:?}");
        assert!(found[3] > 0.25 && found[4] > 0.15, "{found:?}");
        assert!(svg(&tiles().unwrap()).matches("<text").count() == 2 * VIEWS.len() - 1);
        main().unwrap();
    }
}
