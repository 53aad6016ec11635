//! Chains of compression: hostile encodings, and honest round trips.

use crate::rules::registry;
use arbitrary::Unstructured;
use std::sync::OnceLock;
use tacit_core::compress::{Chain, Form, Seeds, Signal};
use tacit_core::downlink::Downlink;
use tacit_core::ids::ParticipantId;
use tacit_core::params::{Layout, Tensor, values_of};
use tacit_core::plan::Plan;

/// Chains that have every stage and every coder at their end.
pub const CHAINS: &[&str] = &[
    "[]",
    "[{ rule = 'top-k', fraction = 0.1 }]",
    "[{ rule = 'top-k', fraction = 0.7 }, { rule = 'quantise', bits = 3 }]",
    "[{ rule = 'random-k', fraction = 0.3 }]",
    "[{ rule = 'quantise', bits = 1, unbiased = false }]",
    "[{ rule = 'quantise', bits = 12, range = 4.0 }]",
    "[{ rule = 'quantise', bits = 5, block = 100 }]",
    "[{ rule = 'top-k', fraction = 0.1 }, { rule = 'quantise', bits = 5, scale = 'tensor' }]",
    "['rotate', { rule = 'quantise', bits = 4, levels = 'normal' }]",
    "[{ rule = 'top-k', fraction = 0.1 }, 'entropy']",
    "[{ rule = 'quantise', bits = 11 }, 'entropy']",
    "[{ rule = 'top-k', fraction = 0.1 }, { rule = 'quantise', bits = 4 }, 'entropy']",
];

type Made = (&'static str, Chain, Option<Downlink>);

fn chains() -> &'static [Made] {
    static MADE: OnceLock<Vec<Made>> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = |&text: &&'static str| {
            let plan = format!("compression = {text}\ndownlink = {text}");
            let plan = Plan::parse(&plan, registry()).expect("a sound plan");
            let downlink = Downlink::new(&plan, &layout(2048)).expect("a chain");
            (text, plan.chain().expect("a chain").over(&layout(2048), 1), downlink)
        };
        CHAINS.iter().map(made).collect()
    })
}

/// Two tensors of so many values together.
pub fn layout(len: usize) -> Layout {
    let half = len / 2;
    let tensor = |name: &str, values| Tensor { name: name.into(), shape: vec![values] };
    let tensors = vec![tensor("w", len - half), tensor("b", half)];
    Layout::new(tensors).expect("a sound layout")
}

/// A chunk's number of values, then bytes that are read as an encoding and as values.
pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let len: u16 = bytes.arbitrary().unwrap_or_default();
    let (len, data) = (usize::from(len % 2048) + 1, bytes.take_rest());
    let mut values: Vec<f32> = values_of(&data[..data.len() / 4 * 4]).collect();
    values.truncate(len);
    values.retain(|x| x.is_finite());
    let sender = ParticipantId::numbered(0, 1);
    let seeds = Seeds::of(Plan::parse("", registry()).expect("a plan").seed(), 1, &sender);
    for (name, chain, downlink) in chains() {
        let mut out = vec![0.0; len];
        if let Some(downlink) = downlink {
            let _ = downlink.take(1, &mut out, data);
        }
        let _ = chain.decode(Form::new(len, 0), seeds, data, &mut Signal::default(), &mut out);
        if !values.is_empty() {
            round_trip(name, chain, seeds, &values);
        }
    }
}

fn round_trip(name: &str, chain: &Chain, seeds: Seeds, values: &[f32]) {
    let (form, mut encoded, mut signal) =
        (Form::new(values.len(), 0), Vec::new(), Signal::default());
    // Values that cannot be encoded may be refused, not mangled.
    if chain.encode(form, seeds, values, &mut signal, &mut encoded).is_err() {
        return;
    }
    assert!(encoded.len() <= chain.max_bytes(form), "{name}: {}", encoded.len());
    let mut decoded = vec![f32::NAN; values.len()];
    chain.decode(form, seeds, &encoded, &mut signal, &mut decoded).expect(name);
    assert!(decoded.iter().all(|x| !x.is_nan()), "{name}: every value is written");
}
