//! Data sets: read, held out, dealt to participants, described.

pub mod dataset;
pub mod embedded;
pub mod partition;
pub mod read;

pub use dataset::{Dataset, Groups};
pub use partition::{Partition, partition};
pub use read::{Format, Source, open};
