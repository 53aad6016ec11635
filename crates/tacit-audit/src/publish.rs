//! What may leave the machine as a URL. Off by default: nothing is sent unless an operator
//! configures a publisher, and a publisher to somebody else's base refuses what is about one
//! participant.

use crate::aepiot::{BacklinkRequest, backlink_url, check_base};
use crate::error::AuditError;
use crate::record::scheme;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tacit_core::ids::ParticipantId;
use tacit_core::limits;

/// Why a URL is not published. Shows no more than the field, so that it can itself be logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishRefusal {
    /// No publisher is configured: the default.
    #[error("publishing is off")]
    Off,
    /// The URL is not the one that belongs to the request and the configured base.
    #[error("the URL is not the backlink URL of this request at {base}")]
    WrongUrl {
        /// The configured base.
        base: String,
    },
    /// Longer than [`limits::URL_BYTES`].
    #[error("the URL is {found} bytes, the limit is {limit}")]
    TooLong {
        /// Limit in bytes.
        limit: usize,
        /// Length in bytes.
        found: usize,
    },
    /// A name of the roster, or words that single one participant out.
    #[error("the {field} names a participant")]
    Participant {
        /// `title`, `description` or `link`.
        field: &'static str,
    },
    /// An IP address.
    #[error("the {field} holds a network address")]
    Address {
        /// `title`, `description` or `link`.
        field: &'static str,
    },
    /// The link's scheme is of records about one participant, or unknown.
    #[error("records of this link's scheme are about one participant or unknown")]
    Scheme,
}

/// Where backlink URLs may be sent.
#[derive(Clone, Debug, Default)]
pub struct PublishPolicy(Option<Target>);

#[derive(Clone, Debug)]
struct Target {
    base: String,
    /// Names that must not appear; `None` at a base of our own.
    roster: Option<Vec<ParticipantId>>,
}

impl PublishPolicy {
    /// Nothing is sent: the default.
    pub fn off() -> Self {
        Self(None)
    }

    /// URLs may be sent to a base that the operator runs.
    pub fn ours(base: &str) -> Result<Self, AuditError> {
        Ok(Self(Some(Target { base: check_base(base)?, roster: None })))
    }

    /// URLs may be sent to somebody else's base if they are about nobody in `roster`.
    pub fn foreign(base: &str, roster: Vec<ParticipantId>) -> Result<Self, AuditError> {
        Ok(Self(Some(Target { base: check_base(base)?, roster: Some(roster) })))
    }

    /// Whether `url`, which must be the URL of `request`, may be sent.
    ///
    /// # Discussion
    /// No filter recognises every personal figure in free text. This one refuses what it can name
    /// (roster names, addresses, a participant word followed by an identifier, schemes of records
    /// about one participant) and errs on the side of refusing; titles made by `tacit` itself say
    /// only what holds for a whole cohort.
    pub fn check(&self, url: &str, request: &BacklinkRequest) -> Result<(), PublishRefusal> {
        let Some(target) = &self.0 else { return Err(PublishRefusal::Off) };
        if url != backlink_url(&target.base, request) {
            return Err(PublishRefusal::WrongUrl { base: target.base.clone() });
        }
        let Some(roster) = &target.roster else { return Ok(()) };
        if url.len() > limits::URL_BYTES {
            let (limit, found) = (limits::URL_BYTES, url.len());
            return Err(PublishRefusal::TooLong { limit, found });
        }
        let link = request.link.to_lowercase();
        let known = scheme::ALL.iter().any(|scheme| link.starts_with(scheme));
        if !known || scheme::PER_PARTICIPANT.iter().any(|scheme| link.starts_with(scheme)) {
            return Err(PublishRefusal::Scheme);
        }
        let BacklinkRequest { title, description, link } = request;
        for (field, text) in [("title", title), ("description", description), ("link", link)] {
            check_text(field, text, roster)?;
        }
        Ok(())
    }
}

fn check_text(
    field: &'static str,
    text: &str,
    roster: &[ParticipantId],
) -> Result<(), PublishRefusal> {
    // A reader decodes what was encoded twice, so it is looked at in every layer.
    let mut layer = text.to_owned();
    loop {
        // An invisible character may split a name or keep it apart from its neighbours.
        for gap in ["", " "] {
            let plain = fold(&layer, gap);
            if holds_address(&plain) {
                return Err(PublishRefusal::Address { field });
            }
            if names_participant(&plain, roster) {
                return Err(PublishRefusal::Participant { field });
            }
        }
        match percent_decode(&layer) {
            decoded if decoded == layer => return Ok(()),
            decoded => layer = decoded,
        }
    }
}

/// Lower case, full-width forms as ASCII, `gap` for every invisible character.
fn fold(text: &str, gap: &str) -> String {
    let narrow = |c: char| match u32::from(c) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(c),
        0x3002 | 0xff61 => '.',
        _ => c,
    };
    let invisible = |c: char| {
        matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
            || c.is_control()
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if invisible(c) {
            out.push_str(gap);
        } else {
            out.extend(narrow(c).to_lowercase());
        }
    }
    out
}

fn holds_address(text: &str) -> bool {
    let part = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
    let words = text.split(|c| !part(c)).map(|word| word.trim_matches(['.']));
    words.filter(|word| word.len() >= 2).any(|word| {
        // `10.0.0.1`, `10.0.0.1:443`, `::1`; a colon may also end a sentence's word.
        let trimmed = word.trim_end_matches(':');
        let host = trimmed.rsplit_once(':').map_or(trimmed, |(host, _)| host);
        let v4 = |word: &str| word.trim_start_matches(':').parse::<Ipv4Addr>().is_ok();
        word.parse::<IpAddr>().is_ok()
            || trimmed.parse::<Ipv6Addr>().is_ok()
            || v4(trimmed)
            || v4(host)
            || four_numbers(word)
    })
}

/// Four numbers joined by dots anywhere in a word, also where more follow: 10.0.0.1.5.
fn four_numbers(word: &str) -> bool {
    let parts: Vec<&str> = word.split(['.', ':']).collect();
    parts.windows(4).any(|four| {
        four.iter().all(|part| part.parse::<u8>().is_ok()) && word.contains(&four.join("."))
    })
}

fn names_participant(text: &str, roster: &[ParticipantId]) -> bool {
    let within_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let named = |name: &str| {
        text.match_indices(name).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + name.len()..].chars().next();
            // A name that ends a sentence is followed by a full stop.
            let after = after.filter(|c| *c != '.' && *c != '-' && *c != '_');
            let before = before.filter(|c| *c != '.' && *c != '-' && *c != '_');
            !before.is_some_and(within_name) && !after.is_some_and(within_name)
        })
    };
    roster.iter().any(|id| named(id.as_str())) || singles_out(text)
}

/// `client 7`, `participant: p07`, `client_id=x`: a participant word in the singular followed by
/// something with a digit, or by the word id or name.
fn singles_out(text: &str) -> bool {
    const WORDS: [&str; 9] = [
        "client",
        "participant",
        "party",
        "worker",
        "peer",
        "device",
        "user",
        "hospital",
        "patient",
    ];
    let mut words = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).peekable();
    while let Some(word) = words.next() {
        let (stem, digits) = word.split_at(word.trim_end_matches(char::is_numeric).len());
        if !WORDS.contains(&stem) {
            continue;
        }
        let next = words.peek().copied().unwrap_or("");
        let id = ["id", "name", "number", "no"].contains(&next);
        if !digits.is_empty() || id || next.chars().any(char::is_numeric) {
            return true;
        }
    }
    false
}

/// One layer of %XX; what is not an escape, or not UTF-8 afterwards, stays or becomes U+FFFD.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
