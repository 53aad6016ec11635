//! Laws that every stage obeys, in every chain that makes sense.

use proptest::prelude::*;
use std::collections::BTreeSet;
use tacit_core::compress::{Chain, Form, Seeds, Signal};
use tacit_core::downlink::Downlink;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::params::{Layout, Tensor};
use tacit_core::plan::Plan;
use tacit_core::rng::Seed;

/// Every rule, with its options and behind whatever it can follow.
pub(super) const CHAINS: &[&str] = &[
    "[]",
    "['top-k']",
    "[{ rule = 'top-k', fraction = 0.7 }]",
    "[{ rule = 'random-k', fraction = 0.25 }]",
    "[{ rule = 'random-k', fraction = 0.25, unbiased = false, error_feedback = true }]",
    "['quantise']",
    "[{ rule = 'quantise', bits = 1 }]",
    "[{ rule = 'quantise', bits = 1, unbiased = false }]",
    "[{ rule = 'quantise', bits = 3, unbiased = false }]",
    "[{ rule = 'quantise', bits = 16 }]",
    "[{ rule = 'quantise', bits = 4, block = 256 }]",
    "[{ rule = 'quantise', bits = 6, scale = 'tensor' }]",
    "['top-k', { rule = 'quantise', bits = 6, scale = 'tensor', unbiased = false }]",
    "['top-k', { rule = 'quantise', bits = 6, block = 100, unbiased = false }, 'entropy']",
    "[{ rule = 'quantise', bits = 12, range = 4.0, unbiased = false }]",
    "['rotate']",
    "[{ rule = 'rotate', shared = true }, { rule = 'quantise', bits = 4, range = 8.0 }]",
    "['rotate', { rule = 'quantise', bits = 1, levels = 'normal' }]",
    "['rotate', { rule = 'quantise', bits = 4, levels = 'normal', unbiased = false }]",
    "['random-k', { rule = 'quantise', bits = 10, range = 500.0 }]",
    "['top-k', 'entropy']",
    "[{ rule = 'quantise', bits = 4 }, 'entropy']",
    "['top-k', { rule = 'quantise', bits = 4 }, 'entropy']",
    "[{ rule = 'top-k', fraction = 0.2 }, { rule = 'quantise', bits = 12 }, 'entropy']",
];

/// Lengths of a chunk: powers of two and others.
const LENGTHS: [usize; 8] = [1, 2, 3, 16, 100, 1_000, 5_000, limits::CHUNK_VALUES];

fn parse(chain: &str) -> Result<Plan, String> {
    let text = format!("compression = {chain}");
    Plan::parse(&text, &crate::registry().unwrap()).map_err(|errors| errors.to_string())
}

pub(super) fn chain(text: &str) -> Chain {
    over(text, 1)
}

/// A chain that knows the tensors of updates of so many values.
fn over(text: &str, len: usize) -> Chain {
    parse(text).unwrap().chain().unwrap().over(&layout(len), 1)
}

/// Three tensors, the second short.
fn layout(len: usize) -> Layout {
    let tensor = |name: &str, values| Tensor { name: name.into(), shape: vec![values] };
    let short = len.min(9) / 3;
    let tensors =
        vec![tensor("a", len / 2), tensor("b", short), tensor("c", len - len / 2 - short)];
    Layout::new(tensors).unwrap()
}

fn seeds(round: u32, sender: usize) -> Seeds {
    Seeds::of(Seed::root(1), round, &ParticipantId::numbered(sender, 10))
}

fn vector(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = Seed::root(seed).rng();
    (0..len).map(|_| rng.normal() as f32).collect()
}

fn encode(chain: &Chain, seeds: Seeds, values: &[f32]) -> Vec<u8> {
    let mut out = Vec::new();
    let form = Form::new(values.len(), 0);
    chain.encode(form, seeds, values, &mut Signal::default(), &mut out).unwrap();
    out
}

fn decode(chain: &Chain, seeds: Seeds, bytes: &[u8], len: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; len];
    let form = Form::new(len, 0);
    chain.decode(form, seeds, bytes, &mut Signal::default(), &mut out).unwrap();
    out
}

/// There and back again.
fn through(chain: &Chain, seeds: Seeds, values: &[f32]) -> Vec<f32> {
    decode(chain, seeds, &encode(chain, seeds, values), values.len())
}

/// As participant 0 of round 1.
pub(super) fn through_first(text: &str, values: &[f32]) -> Vec<f32> {
    through(&chain(text), seeds(1, 0), values)
}

fn squares(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(|x| x * x).sum()
}

fn error(x: &[f32], y: &[f32]) -> f64 {
    squares(x.iter().zip(y).map(|(x, y)| f64::from(*x) - f64::from(*y)))
}

#[test]
fn every_rule_is_in_a_chain() {
    let mut named = BTreeSet::new();
    for text in CHAINS {
        let plan = parse(text).unwrap();
        let choices = plan.choices(tacit_core::registry::Family::Compressor);
        named.extend(choices.iter().map(|choice| choice.name()));
        assert_eq!(Plan::parse(&plan.to_toml(), &crate::registry().unwrap()).unwrap(), plan);
    }
    assert_eq!(named.len(), super::ENTRIES.len());
}

#[test]
fn the_form_tells_the_bytes() {
    for text in CHAINS {
        let chain = chain(text);
        for len in LENGTHS {
            let bytes = encode(&chain, seeds(1, 0), &vector(len, 3)).len();
            let most = chain.max_bytes(Form::new(len, 0));
            match text.contains("entropy") {
                true => assert!(bytes <= most, "{text}, {len}: {bytes} of {most}"),
                false => assert_eq!(bytes, most, "{text}, {len}"),
            }
        }
    }
    let bits = |text: &str| {
        let chain = chain(text);
        chain.max_bytes(Form::new(limits::CHUNK_VALUES, 0)) as f64 * 8.0 / 16_384.0
    };
    assert_eq!(bits("[{ rule = 'quantise', bits = 4 }]"), 4.0 + 32.0 / 16_384.0);
    // Positions of 14 bits, or a bitmap of one bit each, whichever is shorter.
    assert_eq!(bits("[{ rule = 'top-k', k = 1024 }]") * 16_384.0, 1024.0 * (32.0 + 14.0));
    assert_eq!(bits("[{ rule = 'top-k', fraction = 0.5 }]"), 16.0 + 1.0);
}

#[test]
fn zeros_come_back_as_zeros() {
    for text in CHAINS {
        for len in LENGTHS {
            let found = through(&chain(text), seeds(1, 0), &vec![0.0; len]);
            assert!(found.iter().all(|x| *x == 0.0), "{text}, {len}");
        }
    }
}

#[test]
fn uniform_levels_keep_constants_and_zeros_exactly() {
    for bits in 1..=16 {
        for unbiased in [false, true] {
            let chain =
                chain(&format!("[{{ rule = 'quantise', bits = {bits}, unbiased = {unbiased} }}]"));
            for value in [1.0f32, -0.1, 1e-38, 1e-45, 16_000.3] {
                let values = vec![value; 999];
                assert_eq!(through(&chain, seeds(1, 0), &values), values, "{bits} bits");
            }
            let values = [3.7f32, 0.0, -3.7, 0.0, 3.7];
            if bits > 1 {
                assert_eq!(through(&chain, seeds(2, 0), &values), values, "{bits} bits");
            }
        }
    }
}

#[test]
fn the_same_again_in_any_order() {
    for text in CHAINS {
        let (chain, len) = (chain(text), 2 * limits::CHUNK_VALUES + 77);
        let values = vector(len, 5);
        let mut signal = Signal::default();
        let mut chunk = |start: usize, round: u32| {
            let form = Form::new(len, start);
            let (mut bytes, values) = (Vec::new(), &values[start..start + form.chunk]);
            chain.encode(form, seeds(round, 0), values, &mut signal, &mut bytes).unwrap();
            bytes
        };
        let starts = [0, limits::CHUNK_VALUES, 2 * limits::CHUNK_VALUES];
        let first = starts.map(|start| chunk(start, 1));
        let mut again: Vec<_> = starts.iter().rev().map(|&start| chunk(start, 1)).collect();
        again.reverse();
        assert_eq!(first.to_vec(), again, "{text}");
        let drawn = ["random-k", "rotate"].iter().any(|rule| text.contains(rule));
        assert_eq!(starts.map(|start| chunk(start, 2)) != first, drawn || random(text), "{text}");
    }
}

/// Whether a chain rounds at random.
fn random(text: &str) -> bool {
    let normal = text.contains("'normal'");
    text.contains("quantise") && !text.contains("unbiased = false") && !normal
}

/// The largest deviation of the mean of many encodings from the values, in standard errors.
fn deviation(text: &str, values: &[f32], draws: u32) -> f64 {
    let chain = chain(text);
    let (mut sums, mut of_squares) = (vec![0.0; values.len()], vec![0.0; values.len()]);
    for round in 1..=draws {
        let found = through(&chain, seeds(round, round as usize % 10), values);
        for (place, (x, y)) in values.iter().zip(&found).enumerate() {
            let off = f64::from(*y) - f64::from(*x);
            sums[place] += off;
            of_squares[place] += off * off;
        }
    }
    let n = f64::from(draws);
    let score = |(sum, squares): (&f64, &f64)| {
        let variance = (squares / n - (sum / n).powi(2)).max(1e-14);
        (sum / n).abs() / (variance / n).sqrt()
    };
    sums.iter().zip(&of_squares).map(score).fold(0.0, f64::max)
}

#[test]
fn unbiased_encodings_are_right_in_the_mean() {
    let values: Vec<f32> = vector(64, 8).iter().enumerate().map(|(i, x)| x * i as f32).collect();
    for text in [
        "[{ rule = 'random-k', fraction = 0.25 }]",
        "[{ rule = 'quantise', bits = 1 }]",
        "[{ rule = 'quantise', bits = 2 }]",
        "[{ rule = 'quantise', bits = 4 }]",
        "[{ rule = 'quantise', bits = 3, range = 200.0 }]",
        "['rotate', { rule = 'quantise', bits = 2 }]",
        "['random-k', { rule = 'quantise', bits = 4 }]",
        "[{ rule = 'quantise', bits = 4 }, 'entropy']",
    ] {
        // 64 normal scores stay below 5 but for one time in 27,000.
        let found = deviation(text, &values, 3_000);
        assert!(found < 5.0, "{text}: {found}");
    }
    // The scale of EDEN makes the mean right for a uniformly random rotation; the Hadamard
    // transform's is right up to what is far below the error of one encoding.
    for (bits, most) in [(1, 8.0), (3, 8.0)] {
        let text = format!("['rotate', {{ rule = 'quantise', bits = {bits}, levels = 'normal' }}]");
        let found = deviation(&text, &vector(256, 9), 2_000);
        assert!(found < most, "{text}: {found}");
    }
    for text in [
        "[{ rule = 'quantise', bits = 4, unbiased = false }]",
        "[{ rule = 'random-k', fraction = 0.25, unbiased = false }]",
        "['rotate', { rule = 'quantise', bits = 1, levels = 'normal', unbiased = false }]",
        "['top-k']",
    ] {
        let found = deviation(text, &values, 3_000);
        assert!(found > 9.0, "{text} should be seen to be biased: {found}");
    }
}

#[test]
fn encodings_that_need_memory_contract() {
    for len in LENGTHS {
        let values: Vec<f32> = vector(len, 2).iter().map(|x| x * x * x).collect();
        let length = squares(values.iter().map(|x| f64::from(*x)));
        for fraction in [0.01, 0.3, 1.0] {
            let text = format!("[{{ rule = 'top-k', fraction = {fraction} }}]");
            let found = error(&values, &through(&chain(&text), seeds(1, 0), &values));
            assert!(found <= (1.0 - fraction) * length * (1.0 + 1e-9) + 1e-12, "{text}: {found}");
        }
        for text in [
            "[{ rule = 'quantise', bits = 1, unbiased = false, error_feedback = true }]",
            "[{ rule = 'random-k', unbiased = false, error_feedback = true }]",
        ] {
            assert!(chain(text).feedback());
            let found = error(&values, &through(&chain(text), seeds(1, 0), &values));
            assert!(found <= length * (1.0 + 1e-6), "{text}: {found} of {length}");
        }
    }
}

#[test]
fn errors_stay_within_a_step() {
    let values = vector(5_000, 4);
    let most = values.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    for bits in 2..=16u32 {
        for (unbiased, steps) in [(false, 0.5), (true, 1.0)] {
            let text = format!("[{{ rule = 'quantise', bits = {bits}, unbiased = {unbiased} }}]");
            let found = through(&chain(&text), seeds(1, 0), &values);
            let step = most / ((1u32 << (bits - 1)) - 1) as f32;
            let off = values.iter().zip(&found).map(|(x, y)| (x - y).abs());
            let off = off.fold(0.0, f32::max);
            assert!(off <= step * steps + most * 1e-6, "{text}: {off} over {step}");
        }
    }
}

#[test]
fn normal_levels_have_the_error_that_theory_gives() {
    // Mean squared error of the Lloyd–Max quantiser of a normal value (Max 1960, table I).
    let theory = [0.3634, 0.1175, 0.03454, 0.009497, 0.002499];
    let values = vector(limits::CHUNK_VALUES, 11);
    let length = squares(values.iter().map(|x| f64::from(*x)));
    for (bits, theory) in (1u32..).zip(theory) {
        let options = format!("bits = {bits}, levels = 'normal', unbiased = false");
        let text = format!("['rotate', {{ rule = 'quantise', {options} }}]");
        let found = error(&values, &through(&chain(&text), seeds(1, 0), &values)) / length;
        assert!((found / theory - 1.0).abs() < 0.05, "{bits} bits: {found}, expected {theory}");
        let bound = 2f64.powi(-2 * bits as i32);
        assert!(found > bound, "{bits} bits: below the bound {bound}");
    }
}

#[test]
fn what_adds_up_is_linear() {
    for text in CHAINS.iter().filter(|text| chain(text).additive() && !random(text)) {
        let chain = chain(text);
        for len in LENGTHS {
            let whole = |seed| vector(len, seed).iter().map(|x| x.round()).collect::<Vec<f32>>();
            let (a, b) = (whole(1), whole(2));
            let sum: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
            if sum.iter().chain(&a).chain(&b).any(|x| x.abs() > 4.0) && text.contains("range") {
                continue;
            }
            // Two senders of one round.
            let (one, other) = (through(&chain, seeds(3, 1), &a), through(&chain, seeds(3, 2), &b));
            let both = through(&chain, seeds(3, 5), &sum);
            let off = one.iter().zip(&other).zip(&both).map(|((a, b), sum)| (a + b - sum).abs());
            // Levels that the plan's range allows are whole multiples of one unit.
            let unit = if text.contains("bits = 12") { 1.5 * 4.0 / 2_047.0 } else { 1e-4 };
            assert!(off.fold(0.0, f32::max) <= unit, "{text}, {len}");
        }
    }
}

#[test]
fn masks_get_only_what_adds_up() {
    let additive: Vec<&str> =
        CHAINS.iter().copied().filter(|text| chain(text).additive()).collect();
    for text in &additive {
        assert!(!text.contains("top-k") && !text.contains("entropy"), "{text}");
    }
    assert_eq!(additive.len(), 6, "{additive:?}");
}

#[test]
fn stages_that_cannot_follow_are_refused_with_their_place() {
    for (chain, expected) in [
        ("['quantise', 'quantise']", "compression[2]: rule: expected values to quantise"),
        ("['quantise', 'top-k']", "compression[2]: rule: expected raw values to choose from"),
        ("['top-k', 'random-k']", "compression[2]: rule: expected raw values to choose from"),
        ("['top-k', 'rotate']", "compression[2]: rule: expected raw values to rotate"),
        ("['rotate', 'top-k']", "compression[2]: rule: expected raw values to choose from"),
        ("['rotate', 'rotate']", "compression[2]: rule: expected raw values to rotate"),
        ("['entropy']", "compression[1]: rule: expected levels or positions to code"),
        ("['random-k', 'entropy']", "compression[2]: rule: expected levels or positions"),
        ("['top-k', 'entropy', 'quantise']", "compression[3]: rule: expected no rule after a"),
        ("['top-k', 'entropy', 'entropy']", "compression[3]: rule: expected no rule after a"),
        ("[{ rule = 'quantise', bits = 0 }]", "compression[1].bits: expected a whole number"),
        ("[{ rule = 'quantise', bits = 17 }]", "compression[1].bits: expected a whole number"),
        ("[{ rule = 'top-k', k = 0 }]", "compression[1].k: expected a whole number from 1"),
        ("[{ rule = 'top-k', fraction = 0 }]", "compression[1]: fraction: expected a number above"),
        ("[{ rule = 'top-k', fraction = 1.5 }]", "compression[1].fraction: expected a number"),
        ("[{ rule = 'top-k', fraction = 0.5, k = 3 }]", "compression[1]: k: expected either"),
        ("[{ rule = 'random-k', error_feedback = true }]", "compression[1]: error_feedback: "),
        ("[{ rule = 'quantise', levels = 'normal' }]", "compression[1]: levels: expected rotated"),
        ("['rotate', { rule = 'quantise', levels = 'normal', bits = 9 }]", "compression[2]: bits"),
        (
            "['rotate', { rule = 'quantise', levels = 'normal', block = 9 }]",
            "compression[2]: block",
        ),
        ("[{ rule = 'quantise', range = 0.0 }]", "compression[1]: range: expected a number above"),
    ] {
        let refusal = parse(chain).unwrap_err();
        assert!(refusal.starts_with(&format!("plan.toml:1: {expected}")), "{chain}\n{refusal}");
    }
    let most = chain("[{ rule = 'top-k', k = 100 }]");
    let error = most.check(99).unwrap_err().to_string();
    assert_eq!(error, "k: expected at most the 99 values of an update, found 100");
    most.check(100).unwrap();
}

proptest! {
    #[test]
    fn hostile_bytes(
        which in 0..CHAINS.len(),
        len in 1..600usize,
        bytes in prop::collection::vec(any::<u8>(), 0..900),
    ) {
        let (chain, form, mut out) = (chain(CHAINS[which]), Form::new(len, 0), vec![0.0; len]);
        let _ = chain.decode(form, seeds(1, 0), &bytes, &mut Signal::default(), &mut out);
    }

    #[test]
    fn changed_encodings(
        which in 0..CHAINS.len(),
        len in 1..600usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in 0..4usize,
    ) {
        let chain = chain(CHAINS[which]);
        let mut bytes = encode(&chain, seeds(1, 0), &vector(len, 1));
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        let mut out = vec![0.0; len];
        let form = Form::new(len, 0);
        let _ = chain.decode(form, seeds(1, 0), &bytes, &mut Signal::default(), &mut out);
    }

    #[test]
    fn any_finite_values(
        which in 0..CHAINS.len(),
        values in prop::collection::vec(-16_384.0..16_384.0f32, 1..300),
        tiny in any::<bool>(),
    ) {
        let scale = if tiny { 1e-42 } else { 1.0 };
        let values: Vec<f32> = values.iter().map(|x| x * scale).collect();
        let found = through(&chain(CHAINS[which]), seeds(1, 0), &values);
        prop_assert!(found.iter().all(|x| x.is_finite()), "{}", CHAINS[which]);
    }
}

#[test]
fn everybody_takes_the_step_that_the_coordinator_takes() {
    let len = limits::CHUNK_VALUES + 300;
    for text in CHAINS.iter().skip(1) {
        let plan = format!("downlink = {text}");
        let plan = Plan::parse(&plan, &crate::registry().unwrap()).unwrap();
        let downlink = Downlink::new(&plan, &layout(len)).unwrap().unwrap();
        let (mut model, mut held) = (vector(len, 1), vector(len, 1));
        let mut dropped = vec![0.0; if downlink.feedback() { len } else { 0 }];
        let mut wanted = model.clone();
        for round in 1..=4 {
            let step = vector(len, 10 + u64::from(round));
            let mut after: Vec<f32> = model.iter().zip(&step).map(|(x, y)| x + 0.1 * y).collect();
            wanted.iter_mut().zip(&step).for_each(|(x, y)| *x += 0.1 * y);
            let bytes = downlink.encode(round, &model, &mut after, &mut dropped).unwrap();
            assert!(bytes.len() as u64 <= downlink.max_bytes(len), "{text}");
            downlink.take(round, &mut held, &bytes).unwrap();
            assert_eq!(held, after, "{text}");
            assert!(downlink.take(round, &mut held.clone(), &bytes[1..]).is_err());
            assert!(downlink.take(round, &mut held.clone(), &[&bytes[..], &[0]].concat()).is_err());
            model = after;
        }
        // What was dropped is what the model lacks.
        for ((wanted, model), dropped) in wanted.iter().zip(&model).zip(&dropped) {
            assert!((wanted - model - dropped).abs() < 1e-4, "{text}");
        }
    }
}

#[test]
fn tensors_have_scales_of_their_own() {
    for (text, all) in [
        ("[{ rule = 'quantise', bits = 3, scale = 'tensor' }]", true),
        ("['top-k', { rule = 'quantise', bits = 3, scale = 'tensor', unbiased = false }]", false),
    ] {
        for len in [2, 9, 30, 1_000, limits::CHUNK_VALUES + 500] {
            let (chain, layout) = (over(text, len), layout(len));
            let sizes = layout.tensors().iter().map(|tensor| tensor.shape[0]);
            let constants = [1_000.0f32, 1e-5, -3.0].into_iter().zip(sizes);
            let values: Vec<f32> =
                constants.flat_map(|(value, size)| std::iter::repeat_n(value, size)).collect();
            for start in (0..len).step_by(limits::CHUNK_VALUES) {
                let (form, mut bytes) = (Form::new(len, start), Vec::new());
                let (seeds, signal) = (seeds(1, 0), &mut Signal::default());
                let chunk = &values[start..start + form.chunk];
                chain.encode(form, seeds, chunk, signal, &mut bytes).unwrap();
                assert_eq!(bytes.len(), chain.max_bytes(form), "{text}, {len}");
                let mut found = vec![0.0; form.chunk];
                chain.decode(form, seeds, &bytes, signal, &mut found).unwrap();
                let kept = |(x, y): (&f32, &f32)| x == y || (!all && *y == 0.0);
                assert!(chunk.iter().zip(&found).all(kept), "{text}, {len}: {found:?}");
            }
        }
    }
    // A chain that was not told where tensors lie refuses to work.
    let chain = parse("[{ rule = 'quantise', scale = 'tensor' }]").unwrap().chain().unwrap();
    assert!(chain.check(10).is_err());
}
