//! The table of rounds.

use super::charts::time_of;
use super::figures::{Judge, evaluation, is_released, judge};
use super::sample::even;
use super::text::{self, NOTHING, escape, one_line, percent, shorten, whole};
use tacit_core::history::RoundReport;

/// Rounds listed at most; all of them are in the run's history.
const LISTED: usize = 300;

/// Of those, aborted rounds that are listed whatever their number.
const ABORTED: usize = 100;

/// Reasons of participants that a cell quotes.
const QUOTED: usize = 3;

/// Longest quotation of a participant or of an error, in characters.
const QUOTE: usize = 120;

const HEAD: [&str; 11] = [
    "Round",
    "Accuracy",
    "Test loss",
    "Train loss",
    "Counted",
    "Declined",
    "Refused",
    "Up",
    "Down",
    "Time",
    "Outcome",
];

/// The table, and what is to know about it.
pub(super) fn table(history: &[RoundReport]) -> (String, String) {
    let rounds = listed(history);
    let judge = judge(history).unwrap_or(Judge::Coordinator);
    let mut out = String::from("<table class=\"rounds\"><thead><tr>");
    HEAD.iter().for_each(|head| out += &format!("<th scope=\"col\">{head}</th>"));
    out += "</tr></thead><tbody>";
    rounds.iter().for_each(|round| out += &row(round, judge));
    out += "</tbody></table>";
    let mut note = match judge {
        Judge::Coordinator => {
            "Accuracy and test loss of the model that the round made, on the \
                               coordinator’s test set."
        }
        Judge::Participants => {
            "Accuracy and test loss of the model that the round started from, \
                                on the participants’ held-out sets."
        }
    }
    .to_owned();
    note +=
        " Counted: contributions, of the drawn cohort, and whose of them a selecting rule chose.";
    if rounds.len() < history.len() {
        let (shown, all) = (whole(rounds.len() as u64), whole(history.len() as u64));
        note += &format!(" Shown: {shown} of {all} rounds, aborted ones before others.");
    }
    (out, note)
}

fn listed(history: &[RoundReport]) -> Vec<&RoundReport> {
    let all: Vec<&RoundReport> = history.iter().collect();
    if all.len() <= LISTED {
        return all;
    }
    let (released, aborted): (Vec<_>, Vec<_>) = all.into_iter().partition(|r| is_released(r));
    let mut chosen = even(&aborted, ABORTED);
    chosen.extend(even(&released, LISTED - chosen.len()));
    chosen.sort_by_key(|round| round.round);
    chosen
}

fn row(round: &RoundReport, judge: Judge) -> String {
    let judged = evaluation(round, judge);
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.into());
    let figures = [
        or_nothing(judged.map(|e| percent(e.accuracy()))),
        or_nothing(judged.map(|e| text::loss(e.loss))),
        or_nothing(round.train_loss().map(text::loss)),
        counted(round),
        declined(round),
        refused(round),
        size(round, round.bytes_up),
        size(round, round.bytes_down),
        time_of(round),
    ];
    let class = if is_released(round) { "" } else { " class=\"aborted\"" };
    let mut out = format!("<tr{class}><th scope=\"row\">{}</th>", whole(round.round.into()));
    figures.iter().for_each(|cell| out += &format!("<td>{}</td>", escape(cell)));
    out += &match &round.aborted {
        None => "<td class=\"outcome\">released</td>".into(),
        Some(why) => {
            let why = escape(&shorten(&one_line(why), QUOTE));
            format!("<td class=\"outcome\"><strong>✕ aborted:</strong> {why}</td>")
        }
    };
    out + "</tr>"
}

/// Contributions, and of which of them the model was made where the rule tells.
fn counted(round: &RoundReport) -> String {
    let (counted, cohort) = (round.contributions.len() as u64, round.cohort as u64);
    let all = format!("{} of {}", whole(counted), whole(cohort));
    let Some(selected) = &round.selected else { return all };
    let names: Vec<&str> = selected.iter().take(QUOTED).map(|name| name.as_str()).collect();
    let rest = selected.len().saturating_sub(QUOTED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{all}; selected {}{more}", names.join(", "))
}

/// Bytes of an aborted round are not counted.
fn size(round: &RoundReport, bytes: u64) -> String {
    if is_released(round) { text::bytes(bytes) } else { NOTHING.into() }
}

fn declined(round: &RoundReport) -> String {
    if round.declined.is_empty() {
        return NOTHING.into();
    }
    let quote = |(name, why): (&_, &String)| format!("{name}: {}", shorten(&one_line(why), QUOTE));
    let quoted: Vec<String> = round.declined.iter().take(QUOTED).map(quote).collect();
    let number = round.declined.len();
    let rest = number.saturating_sub(QUOTED);
    let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
    format!("{number} ({}{more})", quoted.join("; "))
}

fn refused(round: &RoundReport) -> String {
    if round.refusals.is_empty() {
        return NOTHING.into();
    }
    let reason = |(reason, number): (&String, &u64)| {
        format!("{} {}", whole(*number), shorten(&one_line(reason), QUOTE))
    };
    let reasons: Vec<String> = round.refusals.iter().map(reason).collect();
    reasons.join(", ")
}
