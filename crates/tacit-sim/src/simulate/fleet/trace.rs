//! Devices from a CSV file with a header. `examples_per_s` is required; `participant`,
//! `megabits_per_s`, `availability` and `windows_s` may be there:
//!
//! ```text
//! participant,examples_per_s,megabits_per_s,availability,windows_s
//! p00,120.5,8,0.9,0-3600 7200-10800
//! ```
//!
//! Without the column `participant` the devices are dealt to participants by the plan's seed, in
//! turn where there are fewer devices.

use super::{Device, FASTEST, TRACE_BYTES, WINDOWS};
use std::collections::BTreeMap;
use std::path::Path;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::rng::Seed;

/// One line: whose it is, where the file says so, and the device.
pub(super) type Row = (Option<String>, Device);

const COLUMNS: [&str; 5] =
    ["participant", "examples_per_s", "megabits_per_s", "availability", "windows_s"];

fn refuse(expected: impl Into<String>, found: impl Into<String>) -> Error {
    Error::caller("trace of devices", expected, found)
}

/// Reads a file.
pub(super) fn read(path: &str, period_ms: u64) -> Result<Vec<Row>, Error> {
    let file = Path::new(path);
    let doing = |e: std::io::Error| Error::world(format!("reading {path}"), e);
    let size = std::fs::metadata(file).map_err(doing)?.len();
    if size > TRACE_BYTES {
        return Err(refuse(format!("at most {TRACE_BYTES} bytes"), size.to_string()));
    }
    parse(&std::fs::read_to_string(file).map_err(doing)?, period_ms)
}

/// Parses the text of a file.
pub(super) fn parse(text: &str, period_ms: u64) -> Result<Vec<Row>, Error> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let head: Vec<&str> = match lines.next() {
        Some((_, head)) => head.split(',').map(str::trim).collect(),
        None => return Err(refuse("a header", "an empty file")),
    };
    for (place, column) in head.iter().enumerate() {
        if !COLUMNS.contains(column) || head[..place].contains(column) {
            return Err(refuse(
                format!("each once of the columns {}", COLUMNS.join(", ")),
                *column,
            ));
        }
    }
    if !head.contains(&"examples_per_s") {
        return Err(refuse("a column examples_per_s", head.join(", ")));
    }
    let rows = lines.map(|(number, line)| {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let at = |expected: String, found: &str| {
            refuse(expected, format!("{found:?} in line {}", number + 1))
        };
        if cells.len() != head.len() {
            return Err(at(format!("{} cells", head.len()), line));
        }
        row(&head.iter().copied().zip(cells).collect(), period_ms).map_err(|(e, f)| at(e, &f))
    });
    let rows = rows.collect::<Result<Vec<Row>, Error>>()?;
    if rows.is_empty() {
        return Err(refuse("at least one device", "none"));
    }
    Ok(rows)
}

/// What was expected, and what was found.
type Wrong = (String, String);

fn row(cells: &BTreeMap<&str, &str>, period_ms: u64) -> Result<Row, Wrong> {
    let number = |column: &str, default: f64, (low, high): (f64, f64)| match cells.get(column) {
        None | Some(&"") => Ok(default),
        Some(text) => match text.parse::<f64>() {
            Ok(x) if x.is_finite() && low <= x && x <= high => Ok(x),
            _ => Err((format!("{column} from {low} to {high}"), (*text).to_owned())),
        },
    };
    let rate = (1e-6, FASTEST);
    let speed = number("examples_per_s", 0.0, rate)?;
    if speed == 0.0 {
        return Err(("a speed in examples_per_s".into(), String::new()));
    }
    let device = Device {
        examples_per_s: speed,
        megabits_per_s: number("megabits_per_s", FASTEST, rate)?,
        availability: number("availability", 1.0, (0.0, 1.0))?,
        windows: windows(cells.get("windows_s").copied().unwrap_or_default(), period_ms)?,
        period_ms,
    };
    Ok((cells.get("participant").map(|name| (*name).to_owned()), device))
}

/// `0-3600 7200-10800`: seconds, ascending and apart, within the period if there is one.
fn windows(text: &str, period_ms: u64) -> Result<Vec<(u64, u64)>, Wrong> {
    let wrong = |found: &str| {
        let within = match period_ms {
            0 => String::new(),
            ms => format!(" up to {}", ms as f64 / 1000.0),
        };
        (format!("windows like 0-3600 7200-10800, ascending{within}"), found.to_owned())
    };
    let mut windows: Vec<(u64, u64)> = Vec::new();
    for window in text.split_whitespace() {
        let (from, until) = window.split_once('-').ok_or_else(|| wrong(window))?;
        let ms = |text: &str| match text.parse::<f64>() {
            Ok(seconds) if (0.0..=1e12).contains(&seconds) => Ok((seconds * 1000.0).round() as u64),
            _ => Err(wrong(window)),
        };
        let (from, until) = (ms(from)?, ms(until)?);
        let after = windows.last().is_none_or(|last| last.1 < from);
        let within = period_ms == 0 || until <= period_ms;
        if from >= until || !after || !within || windows.len() >= WINDOWS {
            return Err(wrong(window));
        }
        windows.push((from, until));
    }
    // All of the period is always.
    if period_ms > 0 && windows == [(0, period_ms)] {
        windows.clear();
    }
    Ok(windows)
}

/// Gives every participant a device.
pub(super) fn deal<'a>(
    mut rows: Vec<Row>,
    participants: impl Iterator<Item = &'a ParticipantId>,
    seed: &Seed,
) -> Result<BTreeMap<ParticipantId, Device>, Error> {
    if rows.iter().all(|(name, _)| name.is_none()) {
        seed.derive("tacit/v1/devices", &[]).rng().shuffle(&mut rows);
        let devices = rows.iter().map(|(_, device)| device).cycle();
        return Ok(participants.cloned().zip(devices.cloned()).collect());
    }
    let mut named = BTreeMap::new();
    for (name, device) in rows {
        let name = name.unwrap_or_default();
        if named.insert(name.clone(), device).is_some() {
            return Err(refuse("one line for each participant", format!("{name:?} twice")));
        }
    }
    let own = |id: &ParticipantId| match named.remove(id.as_str()) {
        Some(device) => Ok((id.clone(), device)),
        None => Err(refuse(format!("a line for the participant {id}"), "none")),
    };
    participants.map(own).collect()
}
