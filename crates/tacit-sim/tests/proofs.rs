//! Plans whose participants prove what they contribute, simulated: only what is proved counts.
#![allow(clippy::unwrap_used)]

#[path = "../src/world/oath.rs"]
mod toy;

use tacit_core::plan::Plan;
use tacit_core::registry::Registry;
use tacit_core::run::Finish;
use tacit_learn::federation::Federation;
use tacit_sim::attack::{Adversary, Chosen};
use tacit_sim::simulate::{Options, SimOutcome, Unrecorded, simulate};

fn registry() -> Registry {
    let own = [tacit_core::plain::ENTRIES, &[toy::ENTRY]];
    let rooms = [&own[..], &tacit_learn::ROOMS, &tacit_privacy::ROOMS, &tacit_secagg::ROOMS];
    Registry::new(&rooms.concat()).unwrap()
}

fn plan(top: &str) -> Plan {
    let text = format!(
        "num_rounds = 2\nparticipants = 6\n{top}\n[training]\nclip_norm = 1.0\n[cohort]\n\
         weights = \"equal\"\nminimum = 2\nmax_failed_rounds = 1\n"
    );
    Plan::parse(&text, &registry()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn run(plan: &Plan, attack: Option<(&str, usize)>) -> SimOutcome {
    let federation = Federation::assemble(plan).unwrap();
    let mut adversary = attack.map(|(name, byzantine)| {
        let attack = Chosen::parse(name).unwrap().make().unwrap();
        Adversary::draw(attack, byzantine, &federation, plan.seed()).unwrap()
    });
    let mut recorder = Unrecorded::default();
    let mut options = Options::new(&mut recorder);
    options.adversary = adversary.as_mut();
    simulate(plan, &federation, options, &mut |_| {}).unwrap()
}

#[test]
fn honest_rounds_carry_proofs() {
    for (protection, bytes) in [("plain", 32), ("secagg", 32 + 8 * 650)] {
        let outcome = run(&plan(&format!("proof = \"toy\"\nprotection = \"{protection}\"")), None);
        assert_eq!(outcome.finish, Finish::Completed, "{protection}");
        for report in &outcome.history {
            assert_eq!(report.contributions.len(), 6);
            assert!(report.verify_ms.is_some() && report.unproved.is_empty());
            let proofs = report.contributions.iter().map(|c| c.proof.unwrap().bytes);
            assert!(proofs.into_iter().all(|found| found == bytes), "{protection}: {report:?}");
        }
    }
}

/// What is proved is put on a grid first, and the model with it.
#[test]
fn what_is_proved_is_what_is_sent() {
    let proved = run(&plan("proof = \"toy\""), None);
    let free = run(&plan(""), None);
    assert!(free.history.iter().all(|report| report.verify_ms.is_none()));
    let pairs = proved.model.values().iter().zip(free.model.values());
    let off = pairs.map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    assert!(off > 0.0 && off < 5e-3, "{off}");
}

#[test]
fn a_forged_update_is_refused_by_name_and_the_rest_counts() {
    let plan = plan("proof = \"toy\"");
    let outcome = run(&plan, Some(("sign-flip", 2)));
    assert_eq!(outcome.finish, Finish::Completed);
    for report in &outcome.history {
        assert_eq!(report.contributions.len(), 4);
        assert_eq!(report.unproved.len(), 2);
        assert_eq!(report.refusals.get("bad-proof"), Some(&2));
        let accepted = |id| report.contributions.iter().any(|c| &c.participant == id);
        assert!(!report.unproved.iter().any(accepted));
        assert!(report.declined.keys().eq(&report.unproved));
    }
}

#[test]
fn a_round_that_nobody_proves_ends_without_a_release() {
    let plan = plan("proof = \"toy\"");
    let federation = Federation::assemble(&plan).unwrap();
    let outcome = run(&plan, Some(("sign-flip", 5)));
    assert_eq!(outcome.model, federation.initial_model().unwrap());
    let Finish::Failed(abort) = outcome.finish else { panic!("{:?}", outcome.finish) };
    let words = "0 contributions with a proof, expected at least 2; 5 refused";
    assert_eq!(abort.to_string(), words);
    assert_eq!(outcome.history[0].aborted.as_deref(), Some(words));
}

#[test]
fn a_sum_of_something_else_than_was_proved_is_not_applied() {
    let proof = "proof = { rule = \"toy\", liar = \"p3\" }";
    let plan = plan(&format!("{proof}\nprotection = \"secagg\""));
    let federation = Federation::assemble(&plan).unwrap();
    let outcome = run(&plan, None);
    assert_eq!(outcome.model, federation.initial_model().unwrap());
    let Finish::Failed(abort) = outcome.finish else { panic!("{:?}", outcome.finish) };
    let words = "aggregation failed: sum: expected the sum of what was proved, found another";
    assert_eq!(abort.to_string(), words);
}

#[test]
fn sums_of_groups_are_held_against_their_own_members() {
    let groups = "protection = { rule = \"secagg\", groups = 2 }\naggregator = \"median\"";
    let honest = run(&plan(&format!("proof = \"toy\"\n{groups}")), None);
    assert_eq!(honest.finish, Finish::Completed);
    let liar = plan(&format!("proof = {{ rule = \"toy\", liar = \"p3\" }}\n{groups}"));
    assert!(matches!(run(&liar, None).finish, Finish::Failed(_)));
}
