//! The inspector of payloads, fed in pieces as the network feeds it.

use crate::compress::{CHAINS, layout};
use crate::rules::registry;
use arbitrary::Unstructured;
use std::sync::OnceLock;
use tacit_core::bound::Clip;
use tacit_core::digest::Digest;
use tacit_core::evidence::Clipped;
use tacit_core::ids::ParticipantId;
use tacit_core::params::Update;
use tacit_core::pipeline::{Channel, Inspector};
use tacit_core::plan::Plan;
use tacit_core::traits::Context;

/// Lengths of a model: one frame, a full frame, several.
const LENGTHS: [usize; 6] = [1, 7, 1_000, 16_384, 16_385, 40_000];

/// A plan for each chain of compression.
fn plans() -> &'static [Plan] {
    static PLANS: OnceLock<Vec<Plan>> = OnceLock::new();
    PLANS.get_or_init(|| {
        let plan = |chain| {
            let text = format!("compression = {chain}\n[training]\nclip_norm = 5.0\n");
            Plan::parse(&text, registry()).expect("a sound plan")
        };
        CHAINS.iter().map(plan).collect()
    })
}

/// The first byte chooses the length, and hostile bytes in pieces or an honest payload with bytes
/// changed; the second how values travel.
pub fn run(data: &[u8]) {
    let [choice, chain, data @ ..] = data else { return };
    let len = LENGTHS[usize::from(choice >> 1) % LENGTHS.len()];
    let plan = &plans()[usize::from(*chain) % CHAINS.len()];
    let channel = &plan.channel(&layout(len)).expect("a channel");
    match choice & 1 {
        0 => compare(channel, len, data),
        _ => changed(channel, len, data),
    }
}

/// Bytes in pieces of any size are judged as in one.
fn compare(channel: &Channel, len: usize, data: &[u8]) {
    let Some((&size, data)) = data.split_first() else { return };
    let whole = judge(channel, len, data, data.len().max(1));
    let pieces = judge(channel, len, data, usize::from(size).max(1));
    assert_eq!(whole, pieces);
    assert!(!whole || data.len() as u64 <= channel.max_payload(len));
}

fn sender() -> ParticipantId {
    ParticipantId::numbered(0, 1)
}

fn judge(channel: &Channel, len: usize, data: &[u8], size: usize) -> bool {
    let mut inspector = Inspector::new(channel, len, 1, &sender());
    data.chunks(size).all(|piece| inspector.push(piece).is_ok()) && inspector.finish().is_ok()
}

/// What a participant seals is accepted; with some bytes changed, there is no panic.
fn changed(channel: &Channel, len: usize, data: &[u8]) {
    let values = (0..len).map(|i| i as f32 / len as f32).collect();
    let update = Update::new(layout(len).into(), values, 1).expect("a sound update");
    let (clipped, _) = Clipped::clip(update, &Clip::to(channel.bound));
    let nothing = Digest::of_bytes(b"");
    let context = Context { plan: nothing, round: 1, model: nothing };
    let mut payload = channel.seal(&context, &sender(), &clipped).expect("sealed").payload;
    assert!(judge(channel, len, &payload, 4096));
    let mut bytes = Unstructured::new(data);
    while !bytes.is_empty() {
        let place = bytes.choose_index(payload.len()).unwrap_or_default();
        payload[place] ^= bytes.arbitrary::<u8>().unwrap_or_default();
    }
    assert_eq!(judge(channel, len, &payload, 1 << 20), judge(channel, len, &payload, 333));
}
