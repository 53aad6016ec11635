//! Where things lie in a log's folder: C2SP tlog-tiles paths and entry bundles.

use crate::error::AuditError;
use crate::tree::TILE_WIDTH;
use std::cmp::Ordering;

/// The signed checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The log's public key.
pub(crate) const VERIFIER_KEY: &str = "log.vkey";
/// Held by the one process that writes.
pub(crate) const LOCK: &str = "lock";
/// Folder of tiles and entry bundles.
pub(crate) const TILES: &str = "tile";

/// One entry in bytes: its length is written in 16 bits, one less than
/// [`tacit_core::limits::LOG_ENTRY_BYTES`] would need.
pub const ENTRY_BYTES: usize = u16::MAX as usize;
const _: () = assert!(ENTRY_BYTES < tacit_core::limits::LOG_ENTRY_BYTES);

/// A full bundle of the largest entries, in bytes.
pub(crate) const BUNDLE_BYTES: u64 = TILE_WIDTH * (ENTRY_BYTES as u64 + 2);
/// A full tile in bytes.
pub(crate) const TILE_BYTES: u64 = TILE_WIDTH * 32;

/// One file of the tree: a tile of hashes (`Some(level)`) or a bundle of entries (`None`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Level of a tile.
    pub level: Option<u8>,
    /// Position within its level.
    pub number: u64,
    /// Hashes or entries in it, 1 to 256.
    pub width: u64,
}

impl Place {
    /// `tile/<level>/<number>` or `tile/entries/<number>`, with `.p/<width>` when partial.
    pub fn path(&self) -> String {
        let mut number = format!("{:03}", self.number % 1000);
        let mut rest = self.number / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        let level = self.level.map_or("entries".into(), |level| level.to_string());
        match self.width {
            TILE_WIDTH => format!("{TILES}/{level}/{number}"),
            width => format!("{TILES}/{level}/{number}.p/{width}"),
        }
    }

    /// The place of a path that [`Place::path`] would give; `None` for any other.
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix(TILES)?.strip_prefix('/')?;
        let (level, rest) = rest.split_once('/')?;
        let level = if level == "entries" { None } else { Some(level.parse().ok()?) };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok()?),
            None => (rest, TILE_WIDTH),
        };
        let digits = number.replace("/", "").replace('x', "");
        let place = Self { level, number: digits.parse().ok()?, width };
        (place.path() == path).then_some(place)
    }

    /// Every file that a log of `size` entries needs, bundles first. `from`: only those that a log
    /// of `from` entries does not already have. Lazy: a size is believed only as files turn up.
    pub fn needed(from: u64, size: u64) -> impl Iterator<Item = Place> {
        rows().flat_map(move |(level, shift)| row(level, from >> (8 * shift), size >> (8 * shift)))
    }

    /// Whether a log of `size` entries needs this file.
    pub fn is_needed(&self, size: u64) -> bool {
        let level = self.level.unwrap_or(0);
        let count = if level < LEVELS { size >> (8 * level) } else { 0 };
        match self.number.cmp(&(count / TILE_WIDTH)) {
            Ordering::Less => self.width == TILE_WIDTH,
            Ordering::Equal => self.width == count % TILE_WIDTH && self.width > 0,
            Ordering::Greater => false,
        }
    }

    /// The partial files of a log of `size` entries.
    pub fn partial(size: u64) -> impl Iterator<Item = Place> {
        rows().flat_map(move |(level, shift)| {
            let count = size >> (8 * shift);
            row(level, count - count % TILE_WIDTH, count)
        })
    }
}

/// Levels of tiles: five hold 2⁴⁰ entries.
const LEVELS: u8 = 5;
const _: () = assert!(crate::tree::LOG_ENTRIES == 1 << (8 * LEVELS));

/// Entry bundles, then tiles level by level; with the level that counts them.
fn rows() -> impl Iterator<Item = (Option<u8>, u8)> {
    std::iter::once((None, 0)).chain((0..LEVELS).map(|level| (Some(level), level)))
}

fn row(level: Option<u8>, from: u64, size: u64) -> impl Iterator<Item = Place> {
    let changed = from != size;
    let full = (from / TILE_WIDTH..size / TILE_WIDTH).map(|number| (number, TILE_WIDTH));
    full.chain([(size / TILE_WIDTH, size % TILE_WIDTH)])
        .filter(move |(_, width)| changed && *width > 0)
        .map(move |(number, width)| Place { level, number, width })
}

/// Appends an entry to a bundle: its length in two bytes, big-endian, and itself.
pub(crate) fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), AuditError> {
    let too_large = |_| AuditError::TooLarge {
        what: "log entry",
        limit: ENTRY_BYTES as u64,
        found: entry.len() as u64,
    };
    bundle.extend(u16::try_from(entry.len()).map_err(too_large)?.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle of `width`; refuses anything before, between or after them.
pub(crate) fn entries<'a>(
    path: &str,
    bundle: &'a [u8],
    width: u64,
) -> Result<Vec<&'a [u8]>, AuditError> {
    let mut rest = bundle;
    let mut found = Vec::new();
    while found.len() as u64 != width {
        let split = rest
            .split_first_chunk::<2>()
            .and_then(|(length, rest)| rest.split_at_checked(u16::from_be_bytes(*length).into()));
        let Some((entry, after)) = split else {
            let what = format!("bundle: ends within entry {} of {width}", found.len());
            return Err(AuditError::malformed(path, what));
        };
        found.push(entry);
        rest = after;
    }
    if !rest.is_empty() {
        let what = format!("bundle: {} bytes after its {width} entries", rest.len());
        return Err(AuditError::malformed(path, what));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_as_c2sp_tlog_tiles_writes_them() {
        let path = |level, number, width| Place { level, number, width }.path();
        assert_eq!(path(Some(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(None, 0, 3), "tile/entries/000.p/3");
        assert_eq!(path(Some(2), 1000, 1), "tile/2/x001/000.p/1");
        for (level, number, width) in [(None, 999, 256), (Some(3), 70_000, 12), (Some(0), 5, 1)] {
            let place = Place { level, number, width };
            assert_eq!(Place::parse(&place.path()), Some(place));
        }
        for bad in [
            "tile/0/00",
            "tile/0/x000/001",
            "tile/0/000.p/0256",
            "tile/00/000",
            "tile/0/",
            "tile/-1/000",
            "tile/0/000.p/256",
            "tile/entries/../000",
            "tile/0/18446744073709551616",
        ] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_files_of_a_size_are_those_of_its_growth() {
        // 256² + 256 + 1 entries: two levels full, a third begun.
        let paths: Vec<_> = Place::needed(65_535, 65_793).map(|p| p.path()).collect();
        let expected = [
            "tile/entries/255",
            "tile/entries/256",
            "tile/entries/257.p/1",
            "tile/0/255",
            "tile/0/256",
            "tile/0/257.p/1",
            "tile/1/000",
            "tile/1/001.p/1",
            "tile/2/000.p/1",
        ];
        assert_eq!(paths, expected);
        assert_eq!(Place::needed(5, 5).count(), 0);
        for size in [0, 1, 255, 256, 257, 65_536, 65_793, 70_000] {
            assert!(Place::needed(0, size).all(|place| place.is_needed(size)));
            let mut partial: Vec<_> = Place::partial(size).collect();
            let mut expected: Vec<_> = Place::needed(0, size).filter(|p| p.width < 256).collect();
            partial.sort();
            expected.sort();
            assert_eq!(partial, expected, "{size}");
            assert!(
                partial.iter().all(|place| !place.is_needed(size + 1) || place.level > Some(0))
            );
        }
    }

    #[test]
    fn torn_bundles_are_refused() {
        let mut bundle = Vec::new();
        for entry in [b"one".as_slice(), b"", b"three"] {
            push_entry(&mut bundle, entry).unwrap();
        }
        assert_eq!(entries("b", &bundle, 3).unwrap(), [b"one".as_slice(), b"", b"three"]);
        for length in 0..bundle.len() {
            assert!(entries("b", &bundle[..length], 3).is_err(), "{length}");
        }
        assert!(entries("b", &bundle, 2).is_err());
        assert!(entries("b", &[bundle.as_slice(), b"x"].concat(), 3).is_err());
        assert!(push_entry(&mut bundle, &vec![0; ENTRY_BYTES]).is_ok());
        assert!(push_entry(&mut bundle, &vec![0; ENTRY_BYTES + 1]).is_err());
    }
}
