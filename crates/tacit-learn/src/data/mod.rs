//! Data sets: read, held out, dealt to participants, described.

pub mod dataset;
pub mod describe;
pub mod embedded;
pub mod partition;
pub mod picture;
pub mod read;

pub use dataset::{Dataset, Groups};
pub use describe::{PartSummary, describe};
pub use partition::{Partition, partition};
pub use picture::picture_svg;
pub use read::{Format, Source, open};
