//! A hint to the processor, which no result depends on.

/// Values in a cache line.
pub(super) const LINE: usize = 16;

/// Asks the second-level cache for the line of `values[index]`, to be read soon; anywhere outside
/// is ignored.
#[inline(always)]
pub(super) fn prefetch(values: &[f32], index: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = values.get(index) {
        // Not the first level, which remembers fewer requests than a block of rows makes.
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: the address is that of a value; SSE is part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(value).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, index);
}
