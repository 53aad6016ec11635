//! What participants, aggregators and a coordinator read of each other.

use tacit_core::codec;
use tacit_core::error::Refusal;
use tacit_secagg::committee::check::{ANSWER_BYTES, Answer};
use tacit_secagg::committee::decode::decode_vartime;
use tacit_secagg::committee::orders::{CheckOrder, Manifest, SumOrder, SumReply};
use tacit_secagg::committee::sum::Shares;
use tacit_secagg::field::Fp;

/// A message is no larger here: the wire bounds it.
const MESSAGE_BYTES: usize = 1 << 16;

/// Orders, receipts and shares; and answers of aggregators, of whom some lie.
pub fn run(data: &[u8]) {
    let _: Result<Manifest, Refusal> = codec::decode("manifest", data, MESSAGE_BYTES);
    let _: Result<SumOrder, Refusal> = codec::decode("order", data, MESSAGE_BYTES);
    let _: Result<SumReply, Refusal> = codec::decode("reply", data, MESSAGE_BYTES);
    if let Ok(order) = codec::decode::<CheckOrder>("order", data, MESSAGE_BYTES)
        && order.shape.check().is_ok()
    {
        assert!(order.shape.frames().all(|(number, _)| number < u32::MAX));
    }
    let mut shares = Shares::default();
    if shares.read(data, data.len() / 8).is_ok() {
        let mut written = Vec::new();
        shares.write(&mut written);
        assert_eq!(written, data);
    }
    if let Some(Ok(answer)) = data.first_chunk::<ANSWER_BYTES>().map(Answer::from_bytes) {
        assert_eq!(answer.to_bytes()[..], data[..ANSWER_BYTES]);
    }
    decode(data);
}

/// Small values: so that some words are those of a polynomial.
fn decode(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let values: Vec<Fp> = rest.iter().take(64).map(|byte| Fp::reduced(u64::from(*byte))).collect();
    let points: Vec<Fp> = (1..=values.len() as u64).map(Fp::reduced).collect();
    let threshold = usize::from(*first);
    if let Some((polynomial, wrong)) = decode_vartime(&points, &values, threshold) {
        assert!(polynomial.len() <= threshold && 2 * wrong.len() <= values.len() - threshold);
    }
}
