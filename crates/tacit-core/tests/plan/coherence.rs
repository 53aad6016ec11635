//! The coherence law: each refusal names both lines and what would be sound.

use crate::{plan, refused};

/// What every plan with noise must say besides.
const NOISY: &str =
    "accountant = \"count\"\n[training]\nclip_norm = 1\n[cohort]\nweights = \"equal\"";

/// What every plan of sums must say besides.
const CLIPPED: &str = "[training]\nclip_norm = 1.0";

/// The refusal of a plan that breaks exactly one law.
fn broken(text: &str) -> String {
    let refusal = refused(text);
    assert_eq!(refusal.lines().count(), 1, "{refusal}");
    refusal
}

#[test]
fn a_rule_that_must_see_updates_under_a_protection_that_hides_them() {
    assert_eq!(
        broken(&format!("protection = \"secagg\"\naggregator = \"krum\"\n{CLIPPED}")),
        "plan.toml:2: aggregator: expected a rule that needs only the sum of the updates because \
         of protection = \"secagg\" (line 1), found \"krum\", which needs each update inside a \
         sealed environment; would work: aggregator = \"mean\", protection = \"enclave\", \
         protection = \"plain\""
    );
    plan("protection = \"enclave\"\naggregator = \"krum\"");
    plan(&format!("protection = \"secagg\"\n{CLIPPED}"));
}

#[test]
fn sums_of_updates_without_a_range() {
    let refusal = broken("protection = \"secagg\"");
    assert!(refusal.contains("training.clip_norm: expected updates whose sums fit"), "{refusal}");
    assert!(refusal.contains("would work: clip_norm = 1.0"), "{refusal}");
}

#[test]
fn sums_of_cohorts_drawn_by_coins() {
    let coins = "[cohort]\nsampling = \"poisson\"\nsize = 3";
    let refusal = broken(&format!("protection = \"secagg\"\n{CLIPPED}\n{coins}"));
    assert!(refusal.contains("cohort.sampling: expected \"fixed\""), "{refusal}");
}

#[test]
fn more_leave_than_the_protection_withstands() {
    let drops = "[adversary]\ndropping = 0.5\n[cohort]\nminimum = 2";
    let refusal = refused(&format!("protection = \"secagg\"\n{CLIPPED}\n{drops}"));
    assert!(refusal.contains("withstands the plan's adversary"), "{refusal}");
}

#[test]
fn noise_of_a_coordinator_that_sees_the_sum_first() {
    let plain = format!("mechanism = \"gaussian\"\nprotection = \"secagg\"\n{NOISY}");
    let refusal = broken(&plain);
    assert!(refusal.contains("trusted_with_sums = true in [privacy]"), "{refusal}");
    plan(&format!("{plain}\n[privacy]\ntrusted_with_sums = true"));
}

#[test]
fn an_encoding_that_does_not_add_up_under_masks() {
    let refusal = broken(&format!("compression = [\"top-k\"]\nprotection = \"secagg\"\n{CLIPPED}"));
    assert!(refusal.starts_with("plan.toml:1: compression: expected an encoding that adds up"));
    assert!(refusal.contains("because of protection = \"secagg\" (line 2)"), "{refusal}");
    assert!(refusal.ends_with(
        "would work: compression = [], compression = [\"quantise\"], protection = \"enclave\", \
         protection = \"plain\""
    ));
    plan("compression = [\"top-k\"]");
    plan(&format!("compression = [\"quantise\"]\nprotection = \"secagg\"\n{CLIPPED}"));
}

#[test]
fn continuous_noise_under_masks() {
    let refusal = broken(&format!("mechanism = \"gaussian\"\nprotection = \"secagg\"\n{NOISY}"));
    assert!(refusal.contains("expected integer-valued noise in shares of each"), "{refusal}");
    assert!(refusal.contains("would work: mechanism = \"discrete-gaussian\""), "{refusal}");
    assert!(!refusal.contains("mechanism = \"none\""), "no noise is no alternative: {refusal}");
    plan(&format!("mechanism = \"gaussian\"\n{NOISY}"));
    plan(&format!("mechanism = \"discrete-gaussian\"\nprotection = \"secagg\"\n{NOISY}"));
}

#[test]
fn noise_without_clipping() {
    assert_eq!(
        broken("\nmechanism = \"gaussian\"\naccountant = \"count\"\n[cohort]\nweights = \"equal\""),
        "plan.toml:2: training.clip_norm: expected a norm above 0.0 because of mechanism = \
         { rule = \"gaussian\", noise_multiplier = 1.0 } (line 2), found 0.0 (the default); \
         would work: clip_norm = 1.0 in [training]"
    );
}

#[test]
fn noise_that_is_not_calibrated_to_the_rule() {
    let refusal = broken(&format!("aggregator = \"krum\"\nmechanism = \"gaussian\"\n{NOISY}"));
    assert!(refusal.starts_with("plan.toml:1: aggregator: expected a sum, to which"), "{refusal}");
    assert!(refusal.ends_with("would work: aggregator = \"mean\", mechanism = \"none\""));
}

#[test]
fn noise_needs_an_account_equal_weights_and_a_draw_that_it_can_account_for() {
    let clipped = "[training]\nclip_norm = 1\n[cohort]\n";
    let refusal = broken(&format!("mechanism = \"gaussian\"\n{clipped}weights = \"equal\""));
    assert!(refusal.contains("accountant: expected an accountant that bounds"), "{refusal}");
    assert!(refusal.ends_with("would work: accountant = \"count\""), "{refusal}");
    let counted = "mechanism = \"gaussian\"\naccountant = \"count\"\n";
    let refusal = broken(&format!("{counted}{clipped}"));
    assert!(refusal.contains("cohort.weights: expected \"equal\", as numbers"), "{refusal}");
    let coins = "weights = \"equal\"\nsize = 5\nsampling = \"poisson\"";
    let refusal = broken(&format!("{counted}{clipped}{coins}"));
    assert!(refusal.contains("bounds this noise under this sampling"), "{refusal}");
    assert!(refusal.contains("expected fixed cohorts, found coins"), "{refusal}");
    plan(&format!("{counted}{clipped}weights = \"equal\"\nsize = 5"));
}

#[test]
fn shares_of_noise_want_a_cohort_of_a_known_size() {
    let shares = format!("mechanism = \"discrete-gaussian\"\n{NOISY}\nsize = 5\n");
    let refusal = refused(&format!("{shares}sampling = \"poisson\""));
    assert!(
        refusal.contains("cohort.sampling: expected \"fixed\", as noise in shares"),
        "{refusal}"
    );
    plan(&shares);
}

#[test]
fn colluding_participants_add_no_noise() {
    let shares = format!("mechanism = \"discrete-gaussian\"\n{NOISY}\nsize = 10\nminimum = 8\n");
    let honest = |more: &str| plan(&format!("{shares}{more}")).calibration(1, 1, None).honest;
    assert_eq!(honest(""), 8);
    assert_eq!(honest("[adversary]\ncolluding = 0.2"), 6);
    // A fifth of those that are invited may be among the first eight.
    assert_eq!(honest("over_selection = 0.5\n[adversary]\ncolluding = 0.2"), 5);
}

#[test]
fn a_budget_that_nothing_spends() {
    let refusal = broken("[privacy]\nepsilon = 1");
    assert!(refusal.contains("privacy.epsilon: expected 0.0, as nothing without noise"));
}

#[test]
fn cohorts_that_cannot_be_drawn() {
    let refusal = broken("[cohort]\nsize = 50");
    assert!(refusal.contains("because of participants = 20 (the default)"), "{refusal}");
    assert!(refusal.ends_with("size = 20 in [cohort], participants = 50"), "{refusal}");
    let refusal = broken("[cohort]\nsampling = \"poisson\"");
    assert!(refusal.contains("2: cohort.size: expected the mean number"), "{refusal}");
    let poisson = "[cohort]\nsize = 5\nsampling = \"poisson\"";
    plan(poisson);
    let refusal = broken(&format!("{poisson}\nover_selection = 0.2"));
    assert!(refusal.contains("found 0.2; would work: over_selection = 0.0"), "{refusal}");
    let refusal = broken("[cohort]\nover_selection = 0.2");
    assert!(refusal.contains("because of size = 0 in [cohort] (the default)"), "{refusal}");
    assert!(refusal.contains("found 0.2, which invites 24"), "{refusal}");
    assert!(refusal.ends_with("size = 16 in [cohort]"), "{refusal}");
    let over = plan("[cohort]\nover_selection = 0.2\nsize = 16");
    assert_eq!(over.cohort().invited(), 20);
}

#[test]
fn minima_that_cannot_be_met() {
    let refusal = broken("[cohort]\nsize = 5\nminimum = 6");
    assert!(refusal.contains("3: cohort.minimum: expected at most 5 because of size = 5"));
    let krum = "aggregator = { rule = \"krum\", num_byzantine = 5 }";
    let refusal = broken(krum);
    assert!(refusal.contains("found 11 (the default); would work: minimum = 13"), "{refusal}");
    plan(&format!("{krum}\n[cohort]\nminimum = 13"));
    let refusal = broken(&format!("{krum}\n[cohort]\nsize = 8"));
    assert!(refusal.contains("would work: size = 13 and minimum = 13"), "{refusal}");
    let refusal = broken("[cohort]\nminimum = 15\n[adversary]\ndropping = 0.3");
    assert!(refusal.contains("expected at most the 14 of 20 that remain"), "{refusal}");
    plan("[cohort]\nminimum = 14\n[adversary]\ndropping = 0.3");
}

#[test]
fn evaluation_without_examples() {
    let refusal = broken("[data]\nheld_out = 0\n[evaluation]\non = [\"participants\"]");
    assert!(refusal.contains("2: data.held_out: expected a fraction above 0.0 because of on ="));
    let refusal = broken("[data]\nheld_out = 0.0");
    assert!(refusal.contains("or a test_source because of on = [\"coordinator\"]"), "{refusal}");
    plan("[data]\nheld_out = 0.0\ntest_source = \"test.csv\"");
    let refusal = broken("[evaluation]\non = []\ntarget_accuracy = 0.9");
    assert!(refusal.contains("because of on = [] in [evaluation] (line 2)"), "{refusal}");
    let refusal = broken("[data]\npartition = \"by-column\"");
    assert!(refusal.contains("data.column: expected the name of a column"), "{refusal}");
}

#[test]
fn every_broken_law_is_told() {
    let text = "aggregator = \"krum\"\nprotection = \"secagg\"\ncompression = [\"top-k\"]\n\
                mechanism = \"gaussian\"\n[cohort]\nsize = 30";
    assert_eq!(refused(text).lines().count(), 9);
}

#[test]
fn a_rule_that_refuses_its_arguments() {
    assert_eq!(
        broken("\nmechanism = { rule = \"gaussian\", noise_multiplier = 0 }"),
        "plan.toml:2: mechanism: noise_multiplier: expected a positive number, found 0.0"
    );
}

#[test]
fn stragglers_of_one_epoch() {
    let refusal = broken("[training]\nstragglers = 0.5");
    assert!(refusal.contains("because of local_epochs = 1 in [training]"), "{refusal}");
    plan("[training]\nstragglers = 0.5\nlocal_epochs = 2");
}

#[test]
fn devices_without_their_kind() {
    let refusal = broken("[devices]\nexamples_per_s = 5");
    assert!(
        refusal.starts_with("plan.toml:2: devices.kind: expected \"generated\" because of"),
        "{refusal}"
    );
    assert!(refusal.ends_with("would work: kind = \"generated\" in [devices]"), "{refusal}");
    let refusal = broken("[devices]\nkind = \"generated\"\ntrace = \"a.csv\"");
    assert!(refusal.contains("would work: kind = \"trace\" in [devices]"), "{refusal}");
    let refusal = broken("[devices]\nkind = \"trace\"");
    assert!(refusal.contains("devices.trace: expected the path of a CSV file"), "{refusal}");
    plan("[devices]\nkind = \"generated\"\navailability = 0.5");
    plan("[devices]\nkind = \"trace\"\ntrace = \"a.csv\"\nperiod_s = 86400");
}

#[test]
fn a_plan_without_devices_does_not_speak_of_them() {
    assert!(!plan("").to_toml().contains("devices"));
    assert_eq!(plan("[devices]\nkind = \"none\"").digest(), plan("").digest());
    let played = plan("[devices]\nkind = \"generated\"");
    assert_eq!(plan(&played.to_toml()), played);
    assert_ne!(played.digest(), plan("").digest());
}

/// What a plan whose sums are proved must say besides.
const PROVED: &str = "[training]\nclip_norm = 1.0\n[cohort]\nweights = \"equal\"";

#[test]
fn a_proof_of_updates_that_nobody_sees() {
    assert_eq!(
        broken(&format!("proof = \"groth16\"\nprotection = \"secagg\"\n{PROVED}")),
        "plan.toml:1: proof: expected a proof that is held against only the sum of the updates \
         because of protection = \"secagg\" (line 2), found \"groth16\", which is held against \
         each update; would work: proof = \"none\", proof = \"range\", protection = \"plain\""
    );
    plan("proof = \"groth16\"");
    plan(&format!("proof = \"range\"\nprotection = \"secagg\"\n{PROVED}"));
}

#[test]
fn commitments_that_no_sum_opens() {
    let refusal = broken(&format!("proof = \"range\"\nprotection = \"committee\"\n{PROVED}"));
    assert!(refusal.starts_with("plan.toml:1: proof: expected \"none\", as no commitments"));
    assert!(
        refusal.ends_with(
            "would work: proof = \"none\", protection = \"plain\", protection = \"secagg\""
        ),
        "{refusal}"
    );
}

#[test]
fn weights_that_nobody_proves() {
    let refusal = broken(&format!("proof = \"range\"\nprotection = \"secagg\"\n{CLIPPED}"));
    assert!(refusal.contains("cohort.weights: expected \"equal\", as nobody proves"), "{refusal}");
    assert!(refusal.contains("would work: weights = \"equal\" in [cohort]"), "{refusal}");
    plan(&format!("proof = \"range\"\n{CLIPPED}"));
}

#[test]
fn what_a_proof_cannot_follow() {
    for (proof, text, because) in [
        ("range", "compression = [\"top-k\"]", "compression: expected [], as the update is proved"),
        ("groth16", "compression = [\"quantise\"]", "compression: expected []"),
        ("groth16", "[training]\nmomentum = 0.9", "training.momentum: expected 0.0, as only plain"),
        ("range", "[training]\nclip_norm = 1\nclip_quantile = 0.5", "training.clip_quantile"),
    ] {
        let refusal = refused(&format!("proof = \"{proof}\"\n{text}"));
        assert!(refusal.contains(because) && refusal.contains("because of proof"), "{refusal}");
        assert!(refusal.contains("would work: "), "{refusal}");
    }
}

#[test]
fn noise_between_what_is_proved_and_what_is_sent() {
    let noisy = format!("mechanism = \"discrete-gaussian\"\n{NOISY}");
    let refusal = broken(&format!("proof = \"range\"\n{noisy}"));
    assert!(
        refusal.contains("mechanism: expected no noise before the update is sent"),
        "{refusal}"
    );
    assert!(refusal.contains("would work: mechanism = \"none\", mechanism = "), "{refusal}");
    plan(&format!("proof = \"range\"\nmechanism = \"gaussian\"\n{NOISY}"));
}

#[test]
fn plans_that_prove_nothing_keep_their_digest() {
    assert_eq!(plan("proof = \"none\"").digest(), plan("").digest());
    assert!(!plan("").to_toml().contains("proof"));
    assert!(plan("proof = \"range\"").to_toml().contains("\nproof = \"range\"\n"));
}
