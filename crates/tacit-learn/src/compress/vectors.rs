//! Known answers of `bench/compress_vectors.py`, which computes them in another way.

use super::{lloyd_max, quantise, top_k};
use tacit_core::rng::Seed;

const RULES: &str = include_str!("../../../../vectors/compress/rules.json");

#[derive(serde::Deserialize)]
struct Cases {
    top_k: Vec<TopK>,
    uniform: Vec<Levels>,
    normal: Vec<Levels>,
    hadamard: Vec<Hadamard>,
}

#[derive(serde::Deserialize)]
struct TopK {
    values: Vec<f32>,
    k: usize,
    positions: Vec<u16>,
}

#[derive(serde::Deserialize)]
struct Levels {
    values: Vec<f32>,
    bits: u32,
    #[serde(default)]
    unbiased: bool,
    scale: f64,
    levels: Vec<u16>,
    decoded: Vec<f64>,
}

#[derive(serde::Deserialize)]
struct Hadamard {
    values: Vec<f32>,
    transformed: Vec<f64>,
}

fn cases() -> Cases {
    serde_json::from_str(RULES).unwrap()
}

fn near(found: f32, expected: f64) -> bool {
    (f64::from(found) - expected).abs() <= 1e-6 * expected.abs() + 1e-7
}

#[test]
fn top_k_keeps_the_largest() {
    for case in cases().top_k {
        let mut found = Vec::new();
        top_k::select(&case.values, case.k, &mut found);
        assert_eq!(found, case.positions);
    }
}

#[test]
fn uniform_levels_are_the_nearest() {
    for case in cases().uniform {
        let (scale, top) =
            (quantise::scale(&case.values, case.bits, false), quantise::top(case.bits));
        let mut levels = Vec::new();
        quantise::nearest(&case.values, scale, top, &mut levels);
        assert!(near(scale, case.scale), "{scale}, expected {}", case.scale);
        assert_eq!(levels, case.levels, "{} bits", case.bits);
        let text = format!("[{{ rule = 'quantise', bits = {}, unbiased = false }}]", case.bits);
        let found = super::laws::through_first(&text, &case.values);
        assert!(found.iter().zip(&case.decoded).all(|(x, y)| near(*x, *y)), "{found:?}");
        // Rounding up or down at random: one of the two levels around.
        let (mut rng, mut random) = (Seed::root(1).rng(), Vec::new());
        quantise::stochastic(&case.values, scale, top, &mut rng, &mut random);
        if case.bits > 1 {
            assert!(random.iter().zip(&levels).all(|(a, b)| a.abs_diff(*b) <= 1));
        }
    }
}

#[test]
fn normal_levels_have_the_scales_of_drive_and_eden() {
    for case in cases().normal {
        let book = lloyd_max::Codebook::new(case.bits);
        let mut levels = Vec::new();
        let scale = quantise::normal(&book, case.unbiased, &case.values, &mut levels);
        assert!(near(scale, case.scale), "{scale}, expected {}", case.scale);
        assert_eq!(levels, case.levels, "{} bits", case.bits);
        let found = levels.iter().map(|&level| book.value(level) * scale);
        assert!(found.zip(&case.decoded).all(|(x, y)| near(x, *y)));
    }
}

#[test]
fn the_transform_is_the_matrix() {
    for case in cases().hadamard {
        let mut found = case.values.clone();
        tacit_core::hadamard::transform(&mut found);
        assert!(found.iter().zip(&case.transformed).all(|(x, y)| near(*x, *y)), "{found:?}");
    }
}
