//! Canonical decoding of every record and message.

use serde::{Serialize, de::DeserializeOwned};
use tacit_core::codec::{decode, encode};
use tacit_core::error::Refusal;
use tacit_core::history::RoundReport;
use tacit_core::limits::MESSAGE_BYTES;
use tacit_core::messages::{Checkpoint, Contribution, Evaluation, SignedContribution, Task};
use tacit_core::params::Layout;
use tacit_core::round::{Abort, Entry, Outcome, Record};
use tacit_core::run::Finish;

/// Every type reads the same bytes: at most a few of them accept.
pub fn run(data: &[u8]) {
    check::<Abort>(data);
    check::<Checkpoint>(data);
    check::<Contribution>(data);
    check::<Entry>(data);
    check::<Evaluation>(data);
    check::<Finish>(data);
    check::<Outcome>(data);
    check::<Record>(data);
    check::<Refusal>(data);
    check::<RoundReport>(data);
    check::<SignedContribution>(data);
    check::<Task>(data);
    check::<Layout>(data);
    if let Ok(layout) = decode::<Layout>("layout", data, MESSAGE_BYTES) {
        let again = Layout::new(layout.tensors().to_vec()).expect("a layout is sound");
        assert_eq!((again.len(), again.digest()), (layout.len(), layout.digest()));
    }
}

/// One value has one spelling.
fn check<T: Serialize + DeserializeOwned>(data: &[u8]) {
    if let Ok(value) = decode::<T>("fuzzed", data, MESSAGE_BYTES) {
        assert_eq!(encode(&value), data);
    }
}
