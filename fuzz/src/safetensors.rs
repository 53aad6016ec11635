//! The reader of model files.

use std::sync::Arc;
use tacit_learn::train::safetensors::{read, read_as, write};

/// What is read can be written and read again.
pub fn run(data: &[u8]) {
    let Ok((params, metadata)) = read(data) else { return };
    let pairs: Vec<_> = metadata.clone().into_iter().collect();
    let bytes = write(&params, &pairs).expect("what was read can be written");
    assert_eq!(read_as(&bytes, params.layout()).expect("what was written reads"), params);
    let (again, about) = read(&bytes).expect("what was written reads");
    assert_eq!(about, metadata);
    assert_eq!(again.layout().len(), params.layout().len());
    assert!(read_as(data, &Arc::clone(params.layout())).is_ok());
}
