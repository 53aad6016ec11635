//! Text for people: escaping, and numbers with their units.

/// What stands for a figure that does not exist.
pub(super) const NOTHING: &str = "–";

/// A space at which no line breaks: between a number and its unit.
const SPACE: char = '\u{a0}';

/// Characters that neither a document nor a terminal should get from somebody else: controls, what
/// XML forbids, and the marks that change the direction of text.
fn is_unsafe(c: char) -> bool {
    let direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}');
    let isolate = matches!(c, '\u{2066}'..='\u{2069}');
    c.is_control() || direction || isolate || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Text for HTML and XML, inside elements and inside quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\n' | '\t' => out.push(c),
            c if is_unsafe(c) => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

/// Text for one line of a terminal: without escape sequences or line breaks.
pub(super) fn one_line(text: &str) -> String {
    let replace = |c: char| match c {
        '\n' | '\t' | '\r' => ' ',
        c if is_unsafe(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(replace).collect()
}

/// At most `limit` characters, the last an ellipsis if something is missing.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// The first letter in upper case.
pub(super) fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// `1 round`, `2 rounds`, `3 classes`.
pub(super) fn counted(number: usize, noun: &str) -> String {
    let plural = match (number, noun.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{}{SPACE}{noun}{plural}", whole(number as u64))
}

/// A whole number with thousands separated.
pub(super) fn whole(number: u64) -> String {
    group(&number.to_string())
}

fn group(digits: &str) -> String {
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with that many decimals and thousands separated; [`NOTHING`] if it is not finite.
pub(super) fn number(x: f64, decimals: usize) -> String {
    if !x.is_finite() {
        return NOTHING.into();
    }
    if x.abs() >= 1e9 {
        return format!("{x:.2e}");
    }
    let text = format!("{:.decimals$}", x.abs());
    let (integer, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let minus = if x < 0.0 && text.bytes().any(|b| matches!(b, b'1'..=b'9')) { "−" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{minus}{}{point}{fraction}", group(integer))
}

/// A share as a percentage with two decimals.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{}{SPACE}%", number(share * 100.0, 2)) } else { NOTHING.into() }
}

/// A loss with four decimals.
pub(super) fn loss(x: f64) -> String {
    number(x, 4)
}

/// Units of sizes, each 1024 of the one before.
pub(super) const BYTE_UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// The power of 1024 in which a size is best told.
pub(super) fn byte_power(bytes: f64) -> usize {
    let fits = |power: &usize| bytes >= 1024f64.powi(*power as i32);
    (1..BYTE_UNITS.len()).take_while(fits).last().unwrap_or(0)
}

/// A size.
pub(super) fn bytes(size: u64) -> String {
    let power = byte_power(size as f64);
    let value = size as f64 / 1024f64.powi(power as i32);
    let decimals = if power == 0 || value >= 100.0 { 0 } else { 1 };
    format!("{}{SPACE}{}", number(value, decimals), BYTE_UNITS[power])
}

/// A duration: `850 ms`, `12.3 s`, `4 min 05 s`, `3 h 20 min`.
pub(super) fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds.saturating_add(500) / 1000;
    match (milliseconds, seconds) {
        (..1_000, _) => format!("{milliseconds}{SPACE}ms"),
        (_, ..60) => format!("{:.1}{SPACE}s", milliseconds as f64 / 1000.0),
        (_, ..3_600) => format!("{}{SPACE}min {:02}{SPACE}s", seconds / 60, seconds % 60),
        _ => format!("{}{SPACE}h {:02}{SPACE}min", whole(seconds / 3600), seconds / 60 % 60),
    }
}

/// A moment as `2026-11-22 09:37:06 UTC`.
pub(super) fn moment(milliseconds: u64) -> String {
    let seconds = i64::try_from(milliseconds / 1000).ok();
    let time = seconds.and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok());
    time.map_or_else(
        || NOTHING.into(),
        |t| {
            let (year, month, day) = t.to_calendar_date();
            let (hour, minute, second) = t.to_hms();
            let month = u8::from(month);
            format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        assert_eq!(whole(1_234_567), "1,234,567");
        assert_eq!(number(-1234.5, 1), "−1,234.5");
        assert_eq!(number(-0.001, 1), "0.0");
        assert_eq!(number(f64::NAN, 1), NOTHING);
        assert_eq!(percent(0.97222), "97.22\u{a0}%");
        assert_eq!(bytes(1023), "1,023\u{a0}B");
        assert_eq!(bytes(1536), "1.5\u{a0}KiB");
        assert_eq!(bytes(u64::MAX), "16.0\u{a0}EiB");
        assert_eq!(duration(999), "999\u{a0}ms");
        assert_eq!(duration(12_345), "12.3\u{a0}s");
        assert_eq!(duration(59_999), "1\u{a0}min 00\u{a0}s");
        assert_eq!(duration(245_000), "4\u{a0}min 05\u{a0}s");
        assert_eq!(duration(12_000_000), "3\u{a0}h 20\u{a0}min");
        assert_eq!(moment(1_795_340_226_000), "2026-11-22 09:37:06 UTC");
        assert_eq!(moment(u64::MAX), NOTHING);
        assert_eq!(counted(1, "round"), "1\u{a0}round");
        assert_eq!(counted(2_000, "class"), "2,000\u{a0}classes");
    }

    #[test]
    fn hostile_text_is_harmless() {
        assert_eq!(escape("<a href='x'>&\"\0\u{202e}"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;��");
        assert_eq!(one_line("\x1b[31mred\nline"), "�[31mred line");
        assert_eq!(shorten("abcdef", 4), "abc…");
        assert_eq!(sentence("every round was run"), "Every round was run");
        assert_eq!(sentence(""), "");
    }
}
