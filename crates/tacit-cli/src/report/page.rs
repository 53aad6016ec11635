//! The report as one HTML page.

use super::Facts;
use super::charts::{self, Chart};
use super::figures::Figures;
use super::proofs;
use super::rounds;
use super::targets;
use super::text::{bytes, counted, duration, escape, moment, number, percent, sentence, whole};
use tacit_core::bound::Bound;
use tacit_core::plan::Plan;
use tacit_core::plan::tables::NONE;
use tacit_core::registry::Family;
use tacit_core::traits::View;

const STYLE: &str = include_str!("style.css");

/// The report as one self-contained page: no script, no other resource; also well-formed XML.
pub fn html(facts: &Facts<'_>) -> String {
    let figures = Figures::of(facts);
    let parts = [
        header(facts, &figures),
        tiles(facts, &figures),
        charts(facts, &figures),
        targets::html(facts),
        table_of_rounds(facts),
        proofs::html(facts),
        audit(facts),
        plan(facts),
        footer(facts, &figures),
    ];
    let name = escape(facts.plan.name());
    document(&format!("{name} – tacit run report"), &parts.concat())
}

/// A page of its own; `title` and `body` are HTML already.
pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn header(facts: &Facts<'_>, figures: &Figures<'_>) -> String {
    let plan = facts.plan;
    let rules = Family::ALL.map(|family| plan.names(family));
    let rules = rules.each_ref().map(|names| escape(names));
    let [trainer, compression, protection, proof, mixing, aggregator, _, _, strategy] = rules;
    let proof = match plan.choice(Family::Proof).name() {
        NONE => String::new(),
        _ => format!(" · {proof}"),
    };
    let compression = match plan.choices(Family::Compressor) {
        [] => String::new(),
        _ => format!(" · {compression}"),
    };
    let aggregator = match plan.choices(Family::PreAggregator) {
        [] => aggregator,
        _ => format!("{mixing} → {aggregator}"),
    };
    format!(
        "<header>\n<p class=\"eyebrow\">tacit · run report</p>\n<h1><bdi>{}</bdi></h1>\n\
         <p class=\"result\">{}: {}.</p>\n<dl class=\"facts\">\
         <div><dt>Plan</dt><dd><code>{}</code></dd></div>\
         <div><dt>Rules</dt><dd>{trainer} · {strategy} · {aggregator} · {protection}\
         {proof}{compression}</dd></div>\
         <div><dt>Started</dt><dd>{}</dd></div><div><dt>Ended</dt><dd>{}</dd></div>\
         <div><dt>Machine</dt><dd>{}</dd></div></dl>\n</header>\n",
        escape(plan.name()),
        escape(&sentence(facts.finish)),
        escape(&figures.result(facts)),
        plan.digest(),
        moment(facts.started_ms),
        moment(facts.finished_ms),
        escape(facts.machine),
    )
}

fn tiles(facts: &Facts<'_>, figures: &Figures<'_>) -> String {
    let accuracy = match figures.latest {
        Some(latest) => {
            let title = if latest.of_final_model { "Final accuracy" } else { "Last accuracy" };
            let best = figures.best.map(|(best, round)| {
                format!("{}, best {} after round {round}", latest.judge.name(), percent(best))
            });
            (title, percent(latest.evaluation.accuracy()), best.unwrap_or_default())
        }
        None => ("Final accuracy", "–".into(), "not measured".into()),
    };
    let planned = whole(facts.plan.num_rounds().into());
    let released = whole(figures.released as u64);
    let rounds = format!("{} aborted, {planned} planned", whole(figures.aborted as u64));
    let expected = whole(facts.plan.participants() as u64);
    let who = format!("with a counted contribution, {expected} planned");
    let per_round = |total: u64| match figures.released {
        0 => "nothing released".into(),
        n => format!("{} per released round", bytes(total / n as u64)),
    };
    let run = figures.released + figures.aborted;
    let median = figures.median_round_ms.map_or_else(|| "–".into(), duration);
    let (spend, meaning) = figures.privacy.words();
    let tiles: [(&str, String, String); 8] = [
        accuracy,
        ("Rounds released", released, rounds),
        ("Participants", whole(figures.parts.len() as u64), who),
        ("Privacy spend", spend, meaning),
        ("Bytes up", bytes(figures.bytes_up), per_round(figures.bytes_up)),
        ("Bytes down", bytes(figures.bytes_down), per_round(figures.bytes_down)),
        ("Wall time", duration(figures.wall_ms), "from start to end".into()),
        ("Median round", median, format!("of {}", counted(run, "round"))),
    ];
    let tile = |(name, value, note): &(&str, String, String)| {
        let [name, value, note] = [name, value.as_str(), note].map(escape);
        format!("<div class=\"tile\"><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>\n")
    };
    format!("<dl class=\"tiles\">\n{}</dl>\n", tiles.iter().map(tile).collect::<String>())
}

fn charts(facts: &Facts<'_>, figures: &Figures<'_>) -> String {
    let all = charts::all(facts, figures);
    let drawn: String = all.iter().map(figure).collect();
    format!("<section class=\"charts\" aria-label=\"Charts\">\n{drawn}</section>\n")
}

/// A chart with its words and its table.
pub(super) fn figure(chart: &Chart) -> String {
    let mut out = format!(
        "<figure>\n<figcaption><h2>{}</h2><p>{}</p></figcaption>\n",
        escape(chart.heading),
        escape(&chart.caption)
    );
    match &chart.svg {
        Some(svg) => {
            let table = chart.table.html();
            let name = escape(chart.heading);
            let picture = match chart.tall {
                true => {
                    format!("picture tall\" role=\"region\" aria-label=\"{name}\" tabindex=\"0")
                }
                false => "picture".into(),
            };
            out += &format!(
                "<div class=\"{picture}\">{svg}</div>\n<details><summary>The data as a table\
                 </summary><div class=\"scroll\">{table}</div></details>\n"
            );
        }
        None => out += "<p class=\"empty\">Nothing was measured.</p>\n",
    }
    out + "</figure>\n"
}

fn table_of_rounds(facts: &Facts<'_>) -> String {
    if facts.history.is_empty() {
        return "<section>\n<h2>Rounds</h2>\n<p class=\"empty\">No round was run.</p>\n\
                </section>\n"
            .into();
    }
    let (table, note) = rounds::table(facts.history);
    format!(
        "<section>\n<h2>Rounds</h2>\n<p>{}</p>\n\
         <div class=\"scroll tall\" role=\"region\" aria-label=\"Rounds\" tabindex=\"0\">{table}\
         </div>\n</section>\n",
        escape(&note)
    )
}

fn audit(facts: &Facts<'_>) -> String {
    let audit = facts.audit;
    format!(
        "<section>\n<h2>Audit</h2>\n<p>Every step of the run left an entry in an append-only \
         log. Its root stands for all of them: change one, and the root changes.</p>\n\
         <dl class=\"facts\"><div><dt>Log</dt><dd><bdi>{}</bdi></dd></div>\
         <div><dt>Entries</dt><dd>{}</dd></div>\
         <div><dt>Root</dt><dd><code>{}</code></dd></div>\
         <div><dt>Final model</dt><dd><code>{}</code></dd></div></dl>\n\
         <p>To verify: <code>tacit audit verify DIR</code>, where DIR is the folder of the run. \
         Then compare the root with the one that a participant or a witness kept: only theirs \
         shows that you were given the same log as they were.</p>\n\
         <details><summary>The signed checkpoint</summary><pre>{}</pre></details>\n</section>\n",
        escape(&audit.origin),
        whole(audit.size),
        audit.root,
        facts.model_digest,
        escape(&audit.checkpoint),
    )
}

fn plan(facts: &Facts<'_>) -> String {
    format!(
        "<section>\n<h2>Plan</h2>\n<p>As it was parsed, every default explicit. Its SHA-256 is \
         the plan’s name on the wire and in the log.</p>\n<details><summary>The plan</summary>\
         <pre>{}</pre></details>\n</section>\n",
        escape(&facts.plan.to_toml())
    )
}

/// What the coordinator could see, by the plan's protection.
fn visible(facts: &Facts<'_>) -> String {
    let rule = escape(facts.plan.choice(Family::Protection).name());
    let view = facts.plan.protection().map(|protection| protection.reveals());
    let seen = match view {
        Ok(View::Sum) => "only sums of updates",
        Ok(View::Groups) => "only sums of groups of updates",
        Ok(View::EachSealed) => "no update outside a sealed environment",
        Ok(View::Each) | Err(_) => {
            "every participant’s update, from which something about its data may be learned"
        }
    };
    format!("Under the protection <code>{rule}</code> the coordinator saw {seen}.")
}

/// What was done to updates so that they are bounded, by whichever rule does it.
fn clipped(plan: &Plan) -> String {
    let training = plan.training();
    let norm = match training.clip.bound {
        Bound::L1 { .. } => "L1",
        Bound::Linf { .. } => "largest magnitude",
        Bound::L2 { .. } | Bound::None => "L2",
    };
    let of = |family, name| plan.choice(family).arguments().number(name).ok();
    let interval = of(Family::Proof, "min").zip(of(Family::Proof, "max"));
    match (training.clip_norm, of(Family::Trainer, "clip_norm"), interval) {
        (c, ..) if c > 0.0 && training.quantile.is_some() => {
            format!("Updates were clipped to an {norm} norm that follows a quantile.")
        }
        (c, ..) if c > 0.0 => {
            format!("Updates were clipped to an {norm} norm of {}.", number(c, 3))
        }
        (_, Some(norm), _) => {
            format!("The trainer clips its updates to an L2 norm of {}.", number(norm, 3))
        }
        (.., Some((min, max))) => {
            let (min, max) = (number(min, 3), number(max, 3));
            format!("Updates were brought within {min} to {max}, and proved to be.")
        }
        _ => "Updates were not clipped.".into(),
    }
}

fn footer(facts: &Facts<'_>, figures: &Figures<'_>) -> String {
    let clip = clipped(facts.plan);
    let guarantee = escape(&facts.plan.guarantee(figures.privacy.epsilon()));
    let clock = match facts.plan.devices() {
        Some(_) => "virtual: those of the devices that the plan describes",
        None => "by the coordinator’s clock",
    };
    let commit = match facts.commit {
        "" => String::new(),
        commit => format!(" ({})", escape(commit)),
    };
    format!(
        "<footer>\n<div>\n<h2>What the figures mean</h2>\n<ul>\n\
         <li>Accuracy is the share of held-out examples answered correctly. The coordinator \
         measures the model that a round made; participants measure the model that they are \
         sent, so their figure for it arrives one round later.</li>\n\
         <li>A round is released when a new model was made from its contributions, and aborted \
         when the model stayed as it was.</li>\n\
         <li>Bytes are counted by the coordinator, for released rounds: up from participants, \
         down to them.</li>\n\
         <li>Times of rounds are {clock}. A round lasts from the drawn cohort to the evaluated \
         model.</li>\n\
         <li>Privacy spend is what all releases together cost one participant. {clip} What that \
         promises: {guarantee}.</li>\n\
         </ul>\n</div>\n<div>\n<h2>What this report does not prove</h2>\n<ul>\n\
         <li>It proves nothing by itself: whoever holds the file can change it. Check it \
         against the log.</li>\n\
         <li>The log shows that nothing was changed afterwards, not that what was written into \
         it was true.</li>\n\
         <li>Examples, training losses and participants’ accuracies are their own words. \
         Nothing here shows on which data somebody trained, or that two names are two \
         parties.</li>\n\
         <li>{}</li>\n\
         <li>Without a privacy spend in numbers, a model may give away examples that it was \
         trained on.</li>\n\
         <li>Accuracy on these examples says nothing about other data, nor about every group \
         of people in it.</li>\n\
         </ul>\n</div>\n<p class=\"made\">Made by tacit {}{commit}.</p>\n</footer>\n",
        visible(facts),
        escape(facts.version),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_bounds_updates_is_named() {
        let range = "proof = { rule = \"range\", min = -0.5, max = 0.25 }\n";
        for (rules, expected) in [
            ("", "Updates were not clipped."),
            ("[training]\nclip_norm = 2.0\n", "Updates were clipped to an L2 norm of 2.000."),
            ("trainer = \"exact-logistic\"\n", "The trainer clips its updates to an L2 norm of"),
            (range, "Updates were brought within −0.500 to 0.250, and proved to be."),
        ] {
            let text = format!("name = \"bounds\"\nnum_rounds = 1\nparticipants = 4\n{rules}");
            let plan = Plan::parse(&text, &tacit_sim::registry().unwrap()).unwrap();
            assert!(clipped(&plan).starts_with(expected), "{rules}: {}", clipped(&plan));
        }
    }
}
