//! Every registered compressor: hostile encodings, and honest round trips.

use crate::rules::registry;
use arbitrary::Unstructured;
use tacit_core::params::values_of;
use tacit_core::registry::{Arguments, Family, Make};
use tacit_core::traits::Compressor;

/// A chunk's number of values, then bytes that are read as an encoding and as values.
pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let len: u16 = bytes.arbitrary().unwrap_or_default();
    let (len, data) = (usize::from(len % 2048) + 1, bytes.take_rest());
    let mut values: Vec<f32> = values_of(&data[..data.len() / 4 * 4]).collect();
    values.truncate(len);
    values.retain(|x| x.is_finite());
    for entry in registry().family(Family::Compressor) {
        let Make::Compressor(make) = entry.make else { continue };
        let Ok(arguments) = Arguments::defaults(entry.parameters) else { continue };
        let mut compressor = make(&arguments).expect("defaults are sound");
        let mut out = vec![0.0; len];
        let _ = compressor.decompress(data, &mut out);
        if !values.is_empty() {
            round_trip(entry.name, &mut *compressor, &values);
        }
    }
}

fn round_trip(name: &str, compressor: &mut dyn Compressor, values: &[f32]) {
    let mut encoded = Vec::new();
    // Values that cannot be encoded may be refused, not mangled.
    if compressor.compress(values, &mut encoded).is_err() {
        return;
    }
    assert!(encoded.len() <= compressor.max_bytes(values.len()), "{name}: {}", encoded.len());
    let mut decoded = vec![f32::NAN; values.len()];
    compressor.decompress(&encoded, &mut decoded).expect(name);
    assert!(decoded.iter().all(|x| !x.is_nan()), "{name}: every value is written");
}
