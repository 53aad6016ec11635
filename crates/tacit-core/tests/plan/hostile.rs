//! Bad bytes: errors, never panics.

use crate::{plan, refused, rules::registry};
use proptest::prelude::*;
use tacit_core::error::{Error, Fault};
use tacit_core::limits;
use tacit_core::plan::{Plan, example};

#[test]
fn bad_values() {
    for (text, start) in [
        (
            "num_rounds = 99999999999999999999999",
            "plan.toml:1: num_rounds: expected a whole number",
        ),
        (
            "num_rounds = 2000000",
            "plan.toml:1: num_rounds: expected a whole number from 1 to 1000000",
        ),
        ("num_rounds = 3.0", "plan.toml:1: num_rounds: expected a whole number"),
        ("num_rounds = \"3\"", "plan.toml:1: num_rounds: expected a whole number"),
        ("participants = 100001", "plan.toml:1: participants: expected a whole number"),
        (
            "[training]\nlearning_rate = nan",
            "plan.toml:2: training.learning_rate: expected a number",
        ),
        ("[training]\nlearning_rate = -inf", "plan.toml:2: training.learning_rate: expected"),
        ("[training]\nlearning_rate = 1e999", "plan.toml:2: training.learning_rate: expected"),
        ("[training]\nlearning_rate = 1979-05-27", "plan.toml:2: training.learning_rate: expected"),
        ("seed = 1\nseed = 2", "plan.toml:2: expected valid TOML"),
        ("[data]\n[data]", "plan.toml:2: expected valid TOML"),
        ("training = 3", "plan.toml:1: training: expected a table, found 3"),
        ("[[training]]", "plan.toml:1: training: expected a table, found a list of 1"),
        ("trainer = 3", "plan.toml:1: trainer: expected the name of a rule"),
        ("trainer = {}", "plan.toml:1: trainer: expected a table with the key `rule`"),
        ("trainer = { rule = 3 }", "plan.toml:1: trainer.rule: expected the name of a rule"),
        ("trainer = { rule = \"2nn\", hiden = 3 }", "plan.toml:1: trainer.hiden: expected one of"),
        ("trainer = \"command\"", "plan.toml:1: trainer.command: expected a list of texts, which"),
        ("trainer = { command = [1] }", "plan.toml:1: trainer.command: expected a list of texts"),
        ("compression = [\"none\"]", "plan.toml:1: compression[1]: expected one of quantise"),
        ("compression = 3", "plan.toml:1: compression: expected the name of a rule"),
        ("compression = [\"top-k\",\n3]", "plan.toml:2: compression[2]: expected the name of a"),
        (
            "compression = [\"top-k\", { rule = \"quantise\",\nscale = \"shared\" }]",
            "plan.toml:2: compression[2].scale: expected one of common, own, found \"shared\"",
        ),
        (
            "compression = [\"quantise\",\n\"quantise\"]",
            "plan.toml:2: compression[2]: rule: expected values to encode, found values that are",
        ),
        (
            "compression = [1, 2, 3, 4, 5, 6, 7, 8, 9]",
            "plan.toml:1: compression: expected at most 8 rules, found 9",
        ),
        ("[evaluation]\non = [\"coordinator\", \"coordinator\"]", "plan.toml:2: evaluation.on"),
        ("[evaluation]\non = [\"nobody\"]", "plan.toml:2: evaluation.on: expected a list"),
        ("aggregator.rule.x = 1", "plan.toml:1: aggregator.rule: expected the name"),
        ("\"\" = 1", "plan.toml:1: expected one of the keys name"),
        ("[cohort]\n\"\" = 1", "plan.toml:2: cohort.: expected one of the keys size"),
        ("name = \"a", "plan.toml:1: expected valid TOML"),
    ] {
        let refusal = refused(text);
        assert!(refusal.starts_with(start), "{text}\n{refusal}");
    }
}

#[test]
fn sizes_and_depths_are_bounded() {
    let large = format!("#{}", "x".repeat(limits::PLAN_BYTES));
    assert!(refused(&large).starts_with("plan.toml:1: expected at most 262144 bytes"));
    let half = limits::PLAN_BYTES / 2;
    for deep in [
        "[".repeat(half),
        format!("a={}", "[".repeat(half)),
        format!("a={}", "{a=".repeat(half / 3)),
        "a.".repeat(half / 2) + "a=1",
    ] {
        refused(&deep);
    }
    let many: String = (0..30_000).map(|i| format!("k{i}=1\n")).collect();
    let errors = Plan::parse(&many, &registry()).unwrap_err();
    assert_eq!(errors.errors().len(), limits::PLAN_ERRORS);
    let long = format!("name = 1\n{} = 1", "k".repeat(100_000));
    assert!(refused(&long).len() < 1000);
}

#[test]
fn errors_are_the_callers_and_name_the_file() {
    let errors = Plan::parse("sed = 1", &registry()).unwrap_err().in_file("my/plan.toml");
    assert!(errors.to_string().starts_with("my/plan.toml:1: sed: expected one of the keys name"));
    let error = &errors.errors()[0];
    assert_eq!((error.line, error.column, error.key.as_str()), (1, 1, "sed"));
    assert_eq!(error.alternatives, ["seed"]);
    assert_eq!(Error::from(errors).fault(), Fault::Caller);
    let misplaced = refused("local_epochs = 2");
    assert!(misplaced.ends_with("would work: local_epochs in [training]"), "{misplaced}");
}

const TOKENS: &str = r#"([a-z_]{1,6}|\[|\]|\{|\}|=|\.|"|'|,|\n| |[0-9]{1,3}|-|e|#){0,80}"#;

/// A place in the text, a byte, and what is done there.
fn edit() -> impl Strategy<Value = (prop::sample::Index, u8, usize)> {
    (any::<prop::sample::Index>(), any::<u8>(), 0..4usize)
}

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = Plan::parse(&text, &registry()).map_err(|errors| errors.to_string());
    }

    #[test]
    fn random_tokens(text in TOKENS) {
        let _ = Plan::parse(&text, &registry()).map_err(|errors| errors.to_string());
    }

    #[test]
    fn mutations_of_a_plan(edits in prop::collection::vec(edit(), 1..6)) {
        let mut bytes = plan("").to_toml().into_bytes();
        for (index, byte, what) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => bytes.truncate(at),
                _ => bytes.rotate_left(at),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        match Plan::parse(&text, &registry()) {
            Ok(accepted) => prop_assert_eq!(&plan(&accepted.to_toml()), &accepted),
            Err(errors) => prop_assert!(!errors.to_string().is_empty()),
        }
    }

    #[test]
    fn values_survive(
        seed in 0..=i64::MAX,
        rate in 0.0..1e16f64,
        mu in 0.0..1000f64,
        name in any::<String>(),
    ) {
        let quoted = toml::Value::String(name.clone()).to_string();
        let first = plan(&format!(
            "seed = {seed}\nname = {quoted}\nstrategy = {{ rule = \"fedprox\", mu = {mu:?} }}\n\
             [training]\nlearning_rate = {rate:?}"
        ));
        prop_assert_eq!(first.name(), name.as_str());
        prop_assert_eq!(first.seed_number(), seed as u64);
        prop_assert_eq!(first.training().learning_rate.to_bits(), rate.to_bits());
        prop_assert_eq!(&plan(&first.to_toml()), &first);
    }
}

#[test]
fn the_example_is_the_default_plan() {
    let text = example(&registry());
    assert_eq!(plan(&text), plan(""));
    assert!(text.contains("#   { rule = \"krum\", num_byzantine = 1 }: Blanchard et al. 2017.\n"));
    assert!(text.contains("Takes a whole number from 1 to 1000000.\nnum_rounds = 30\n"), "{text}");
}
