//! What this process has used, as Linux tells it.

use std::path::Path;
use tacit_core::error::Error;

/// Processor time of this process in seconds.
pub fn process_cpu_seconds() -> f64 {
    seconds(rustix::time::ClockId::ProcessCPUTime)
}

/// Processor time of the calling thread in seconds.
pub fn thread_cpu_seconds() -> f64 {
    seconds(rustix::time::ClockId::ThreadCPUTime)
}

fn seconds(clock: rustix::time::ClockId) -> f64 {
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Most memory that this process ever held, in bytes.
pub fn peak_bytes() -> Result<u64, Error> {
    let path = Path::new("/proc/self/status");
    let text = std::fs::read_to_string(path).map_err(|e| Error::world("reading own status", e))?;
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(first_number);
    peak.map(|kib| kib * 1024).ok_or(Error::Bug("no VmHWM in a process' status"))
}

/// Bytes that the loopback device carried since the machine started; 0 where it does not tell.
pub fn loopback_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("lo:"));
    line.and_then(first_number).unwrap_or_default()
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The upper median; 0 of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
