//! Scratch memory that begins at a cache line, so that no vector of it crosses one.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line and of the widest vector.
const LINE: usize = 64;

/// Zeros of a fixed length, aligned.
pub(super) struct Aligned {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let data = vec![0.0f32; len + LINE / size_of::<f32>()];
        let start = data.as_ptr().align_offset(LINE).min(LINE / size_of::<f32>());
        Self { data, start, len }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.data[self.start..self.start + self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.data[self.start..self.start + self.len]
    }
}
