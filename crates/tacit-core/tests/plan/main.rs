//! Plans: reading, canonical text, errors.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod coherence;
mod files;
mod hostile;
mod rules;

use rules::registry;
use tacit_core::bound::Bound;
use tacit_core::ids::ParticipantId;
use tacit_core::plan::{Partition, Plan, Sampling};
use tacit_core::registry::Family;
use tacit_core::rng::Seed;

fn plan(text: &str) -> Plan {
    Plan::parse(text, &registry()).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn refused(text: &str) -> String {
    match Plan::parse(text, &registry()) {
        Ok(plan) => panic!("accepted {plan:?}"),
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn a_plan_with_other_values() {
    let first = plan("name = \"a = b\"\n[cohort]\nsize = 5\n[training]\nclip_norm = 2.0");
    let changes = [("seed", "7"), ("cohort.size", "9"), ("training.momentum", "0.5")];
    let other = first.with(&changes, &registry()).unwrap();
    assert_eq!((other.seed_number(), other.cohort().size), (7, 9));
    assert_eq!((other.training().momentum, other.training().clip_norm), (0.5, 2.0));
    assert_eq!((other.name(), other.cohort().minimum), ("a = b", 5));
    assert_eq!(first.with(&[], &registry()).unwrap(), first);
    for bad in [("sed", "7"), ("size", "7"), ("cohort.sise", "7"), ("seed", "["), ("seed", "x")] {
        assert!(first.with(&[bad], &registry()).is_err(), "{bad:?}");
    }
}

#[test]
fn the_empty_plan_is_the_embedded_job() {
    let plan = plan("");
    assert_eq!((plan.name(), plan.num_rounds(), plan.participants()), ("digits", 30, 20));
    assert_eq!(plan.seed(), Seed::root(1));
    assert_eq!((plan.cohort().size, plan.cohort().minimum), (20, 11));
    assert_eq!((plan.cohort().invited(), plan.cohort().sampling_rate()), (20, 1.0));
    assert_eq!(plan.cohort().sampling, Sampling::Fixed);
    assert_eq!(plan.cohort().collect_timeout_ms, 600_000);
    assert_eq!(plan.data().partition, Partition::Iid);
    assert_eq!(plan.data().test_source, None);
    assert!(plan.evaluation().on_coordinator && !plan.evaluation().on_participants);
    assert_eq!(plan.evaluation().target_accuracy, None);
    assert_eq!(plan.clip(None).bound, Bound::None);
    assert!(plan.choices(Family::Compressor).is_empty() && plan.chain().unwrap().is_empty());
    assert_eq!(plan.names(Family::Compressor), "none");
    assert_eq!(plan.choice(Family::Trainer).name(), "logistic-regression");
}

#[test]
fn rules_are_names_or_tables() {
    let short = plan("strategy = \"fedprox\"\ncompression = [\"top-k\"]");
    let long = plan("[strategy]\nrule = \"fedprox\"\n[[compression]]\nrule = \"top-k\"");
    assert_eq!(short, long);
    assert_ne!(short, plan("strategy = { rule = \"fedprox\", mu = 1 }"));
    assert_eq!(plan("compression = \"none\""), plan("compression = []"));
    assert_eq!(plan("compression = \"top-k\""), plan("compression = [\"top-k\"]"));
    let chain = plan("compression = [\"top-k\", { rule = \"quantise\", unbiased = false }]");
    assert_eq!(chain.names(Family::Compressor), "top-k → quantise");
    assert_eq!(plan(&chain.to_toml()), chain);
    let command = plan("trainer = { command = [\"python\", \"train.py\"] }");
    let choice = command.choice(Family::Trainer);
    assert_eq!(choice.name(), "command");
    assert_eq!(choice.arguments().list("command").unwrap(), ["python", "train.py"]);
}

#[test]
fn orders_follow_from_plan_round_and_participant() {
    let plan = plan("strategy = { rule = \"fedprox\", mu = 0.5 }\n[training]\nclip_norm = 2");
    let id = ParticipantId::numbered(3, 20);
    let order = plan.fit_order(2, &id);
    assert_eq!((order.round, order.local_epochs, order.proximal_mu), (2, 1, 0.5));
    let parts: [&[u8]; 2] = [&[2, 0, 0, 0], b"p03"];
    assert_eq!(order.seed, Seed::root(1).derive("tacit/v1/fit", &parts));
    assert_ne!(order.seed, plan.fit_order(3, &id).seed);
    assert_eq!(plan.clip(None).bound, Bound::L2 { limit: 2.0 });
}

#[test]
fn the_canonical_text_is_the_plan() {
    for text in [
        "",
        "name = \"a\\\"b\\\\ \\u0001\\n é\"\nseed = 0x10\nnum_rounds = 1_000",
        "compression = [{ rule = \"quantise\", unbiased = false }]\n[training]\nmomentum = -0.0",
        "[evaluation]\non = [\"participants\", \"coordinator\"]\n[training]\nclip_norm = 1e-7",
        "[cohort]\nsize = 8\nsampling = \"poisson\"\ncollect_timeout_s = 0.25",
    ] {
        let once = plan(text);
        let again = plan(&once.to_toml());
        assert_eq!(once, again);
        assert_eq!(once.to_toml(), again.to_toml());
        assert_eq!(once.digest(), again.digest());
    }
    let zero = plan("[training]\nmomentum = -0.0");
    assert_eq!(zero.digest(), plan("").digest());
    assert_ne!(plan("seed = 2").digest(), plan("").digest());
}

#[test]
fn every_error_is_reported_with_its_line() {
    let text = "num_round = 3\n[cohort]\nsize = -1\nsampling = \"poison\"\n[dat]\nlocal_epochs = 1";
    let errors = refused(text);
    let starts: Vec<&str> = errors.lines().map(|l| l.split(": expected").next().unwrap()).collect();
    assert_eq!(
        starts,
        [
            "plan.toml:1: num_round",
            "plan.toml:3: cohort.size",
            "plan.toml:4: cohort.sampling",
            "plan.toml:5: dat"
        ]
    );
    assert!(errors.contains("would work: num_rounds\n"), "{errors}");
    assert!(errors.contains("would work: \"poisson\""), "{errors}");
    assert!(errors.ends_with("would work: data"), "{errors}");
}
