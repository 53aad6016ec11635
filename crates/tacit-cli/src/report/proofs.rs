//! What participants proved, round by round.

use super::Facts;
use super::figures::median;
use super::sample::even;
use super::table::Table;
use super::text::{NOTHING, bytes, counted, duration, escape, one_line, shorten, whole};
use serde_json::{Value, json};
use tacit_core::error::BAD_PROOF;
use tacit_core::history::RoundReport;
use tacit_core::messages::ProofHeader;
use tacit_core::plan::tables::NONE;
use tacit_core::registry::Family;

/// Rounds listed at most; all of them are in the run's history.
const LISTED: usize = 120;

/// Names that a cell quotes.
const QUOTED: usize = 3;

/// The proofs of a round.
pub(super) struct Proved<'a> {
    round: &'a RoundReport,
    headers: Vec<&'a ProofHeader>,
}

impl<'a> Proved<'a> {
    pub(super) fn of(round: &'a RoundReport) -> Self {
        let headers = round.contributions.iter().filter_map(|c| c.proof.as_ref()).collect();
        Self { round, headers }
    }

    fn bytes(&self) -> u64 {
        self.headers.iter().map(|proof| proof.bytes).fold(0, u64::saturating_add)
    }

    /// Time that proving took, by the participants' clocks: the median and the longest.
    pub(super) fn prove_ms(&self) -> Option<(u64, u64)> {
        let all: Vec<u64> = self.headers.iter().map(|proof| proof.prove_ms).collect();
        let longest = all.iter().copied().max()?;
        Some((median(all)?, longest))
    }

    pub(super) fn verify_ms(&self) -> Option<u64> {
        self.round.verify_ms
    }

    /// Proofs that were refused.
    fn refused(&self) -> u64 {
        self.round.refusals.get(BAD_PROOF).copied().unwrap_or(0)
    }

    fn row(&self) -> Vec<String> {
        let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.into());
        let each = self.headers.iter().map(|proof| proof.bytes).max();
        let prove = self.prove_ms();
        vec![
            whole(self.round.round.into()),
            whole(self.headers.len() as u64),
            or_nothing(each.map(bytes)),
            bytes(self.bytes()),
            or_nothing(prove.map(|(median, _)| duration(median))),
            or_nothing(prove.map(|(_, longest)| duration(longest))),
            or_nothing(self.verify_ms().map(duration)),
            self.culprits(),
        ]
    }

    fn culprits(&self) -> String {
        let names = &self.round.unproved;
        let quoted: Vec<String> =
            names.iter().take(QUOTED).map(|name| shorten(&one_line(name.as_str()), 40)).collect();
        let rest = names.len().saturating_sub(QUOTED);
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        match self.refused() {
            0 => NOTHING.into(),
            number => format!("{} ({}{more})", whole(number), quoted.join(", ")),
        }
    }

    /// For the report as JSON; `null` where nothing is proved.
    pub(super) fn json(&self) -> Value {
        if self.headers.is_empty() && self.refused() == 0 {
            return Value::Null;
        }
        let prove = self.prove_ms();
        json!({
            "verified": self.headers.len(),
            "bytes": self.bytes(),
            "prove_ms_median": prove.map(|(median, _)| median),
            "prove_ms_longest": prove.map(|(_, longest)| longest),
            "verify_ms": self.verify_ms(),
            "refused": self.refused(),
            "unproved": self.round.unproved,
        })
    }
}

/// The rule of a plan's proofs, where it has one.
pub(super) fn rule(facts: &Facts<'_>) -> Option<String> {
    let rule = facts.plan.choice(Family::Proof).name();
    (rule != NONE).then(|| rule.to_owned())
}

/// In one line: how many, how large, how long they took to verify, how many were refused.
pub(super) fn line(facts: &Facts<'_>) -> Option<String> {
    let rule = rule(facts)?;
    let sum = |of: fn(&Proved<'_>) -> u64| {
        facts.history.iter().map(Proved::of).map(|round| of(&round)).fold(0, u64::saturating_add)
    };
    let (verified, refused) = (sum(|of| of.headers.len() as u64), sum(|of| of.refused()));
    let (size, spent) =
        (bytes(sum(|of| of.bytes())), duration(sum(|of| of.round.verify_ms.unwrap_or(0))));
    let (verified, refused) = (whole(verified), whole(refused));
    Some(format!("{verified} of {rule}, {size}, verified in {spent}; {refused} refused"))
}

/// The section of the page; empty where nothing is proved.
pub(super) fn html(facts: &Facts<'_>) -> String {
    let (Some(rule), Some(line)) = (rule(facts), line(facts)) else { return String::new() };
    let all: Vec<&RoundReport> = facts.history.iter().collect();
    let listed = even(&all, LISTED);
    let shown = match listed.len() < all.len() {
        true => format!("{LISTED} of {}, at even distances", counted(all.len(), "round")),
        false => counted(all.len(), "round"),
    };
    let table = Table {
        caption: shown,
        head: vec![
            "Round",
            "Verified",
            "Each",
            "Together",
            "Proving, median",
            "Proving, longest",
            "Verifying all",
            "Refused",
        ],
        rows: listed.iter().map(|round| Proved::of(round).row()).collect(),
    };
    format!(
        "<section>\n<h2>Proofs</h2>\n<p>{}. Each contribution that counts had a proof of the rule \
         <code>{}</code>, verified before it was accepted. Times of proving are by the \
         participants’ clocks. To verify all of them again: <code>tacit audit verify DIR</code>, \
         with <code>--keys</code> where the rule has keys.</p>\n\
         <div class=\"scroll\" role=\"region\" aria-label=\"Proofs\" tabindex=\"0\">{}</div>\n\
         </section>\n",
        escape(&line),
        escape(&rule),
        table.html()
    )
}
