//! Training by a foreign program: here shell scripts that copy files about.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tacit_core::data::{DataShape, Examples, Shard};
use tacit_core::error::{Error, Fault};
use tacit_core::messages::FitOrder;
use tacit_core::params::{Params, Update};
use tacit_core::registry::{Arguments, Default, Make, Value};
use tacit_core::rng::Seed;
use tacit_core::traits::Trainer;
use tacit_learn::train::command::{CommandError, ENTRY};
use tacit_learn::train::safetensors;

fn vector(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/train");
    folder.join(name).to_str().unwrap().into()
}

/// Shell functions that take fields out of the job file, `$1` of the script.
const READ: &str = r#"field() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/" "$job"; }
has() { grep -q "$1" "$job" || { echo "no $1 in the job" >&2; exit 9; }; }
job="$1"
"#;

fn trainer(script: &str, timeout_s: i64, data: &[&str]) -> Box<dyn Trainer> {
    let script = format!("{READ}{script}");
    let command = ["sh", "-c", &script, "script"].map(String::from).to_vec();
    let values = ENTRY.parameters.iter().filter(|p| !matches!(p.default, Default::Required));
    let arguments = Arguments::defaults(&values.copied().collect::<Vec<_>>())
        .unwrap()
        .with("command", Value::List(command))
        .with("timeout_s", Value::Integer(timeout_s))
        .with("data", Value::List(data.iter().map(|path| (*path).into()).collect()));
    let Make::Trainer(make) = ENTRY.make else { panic!("no trainer") };
    make(&arguments, &shape()).unwrap()
}

fn shape() -> DataShape {
    DataShape { features: vec![2], classes: 3 }
}

fn shard() -> Shard {
    let features = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let examples = Arc::new(Examples::new(shape(), features, vec![0, 1, 2]).unwrap());
    Shard::new(examples, vec![2, 0]).unwrap()
}

fn order() -> FitOrder {
    FitOrder {
        round: 4,
        local_epochs: 2,
        batch_size: 10,
        learning_rate: 0.5,
        momentum: 0.25,
        weight_decay: 0.125,
        proximal_mu: 0.0,
        correction: None,
        seed: Seed::root(7),
    }
}

fn model() -> Params {
    let bytes = std::fs::read(vector("pytorch-f32.safetensors")).unwrap();
    safetensors::read(&bytes).unwrap().0
}

fn fit(script: &str, timeout_s: i64) -> Result<(Update, f64), Error> {
    let fitted = trainer(script, timeout_s, &[]).fit(&order(), &model(), &shard())?;
    Ok((fitted.update, fitted.loss))
}

fn failure(error: Error) -> CommandError {
    assert_eq!(error.fault(), Fault::World);
    let Error::World(error) = error else { panic!("{error}") };
    *error.source.downcast::<CommandError>().unwrap()
}

#[test]
fn initialises() {
    let script = format!(
        "has '\"seed\":' && cp '{}' \"$(field model_out)\"",
        vector("pytorch-f32.safetensors")
    );
    assert_eq!(trainer(&script, 60, &[]).initialise(Seed::root(1)).unwrap(), model());
}

#[test]
fn fits_and_evaluates() {
    let script = r#"
        for f in '"action":"fit"' '"round":4' '"local_epochs":2' '"batch_size":10' \
            '"learning_rate":0.5' '"momentum":0.25' '"weight_decay":0.125' '"proximal_mu":0.0' \
            '"seed":' '"data":\["/.*/examples.safetensors"\]'; do has "$f"; done
        examples=$(dirname "$job")/examples.safetensors
        grep -q '"features":{"dtype":"F32","shape":\[2, 2\]' "$examples" || exit 3
        [ "$(tail -c 16 "$examples" | od -An -tf4 | tr -s ' ')" = ' 5 6 1 2' ] || exit 4
        cp "$(field model_in)" "$(field model_out)"
        echo '{"examples": 12, "loss": 0.5}' > "$(field metrics_out)""#;
    let (update, loss) = fit(script, 60).unwrap();
    assert_eq!((update.examples(), loss), (12, 0.5));
    assert!(update.values().iter().all(|x| *x == 0.0));

    let script = r#"has '"action":"evaluate"'; has '"data":\["here","there"\]'; echo chatter
        echo '{"examples": 8, "loss": 0.25, "correct": 6}' > "$(field metrics_out)""#;
    let found = trainer(script, 60, &["here", "there"]).evaluate(&model(), &shard()).unwrap();
    assert_eq!((found.examples, found.correct, found.loss), (8, 6, 0.25));
}

#[test]
fn a_program_that_hangs_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("alive");
    let script = format!("(sleep 2; touch '{}') & echo thinking >&2; sleep 600", mark.display());
    let start = Instant::now();
    let error = failure(fit(&script, 1).unwrap_err());
    assert!(start.elapsed() < Duration::from_secs(60));
    match error {
        CommandError::TimedOut { seconds, stderr } => {
            assert_eq!((seconds, stderr.as_str()), (1, "thinking"));
        }
        other => panic!("{other}"),
    }
    std::thread::sleep(Duration::from_secs(2));
    assert!(!mark.exists(), "a child outlived its program");
}

#[test]
fn failures_say_what_happened() {
    let error =
        fit("i=0; while [ $i -lt 2000 ]; do echo line $i >&2; i=$((i+1)); done; exit 3", 60);
    match failure(error.unwrap_err()) {
        CommandError::Failed { status, stderr } => {
            assert_eq!(status.code(), Some(3));
            assert!(stderr.ends_with("line 1999") && stderr.len() <= 4096, "{}", stderr.len());
        }
        other => panic!("{other}"),
    }
    let mut nobody = Arguments::defaults(&ENTRY.parameters[1..]).unwrap();
    nobody = nobody.with("command", Value::List(vec!["/no/such/program".into()]));
    let Make::Trainer(make) = ENTRY.make else { panic!("no trainer") };
    let error = make(&nobody, &shape()).unwrap().initialise(Seed::root(1)).unwrap_err();
    assert!(matches!(failure(error), CommandError::Start(_)));
    assert!(make(&nobody.with("command", Value::List(Vec::new())), &shape()).is_err());
}

#[test]
fn what_it_writes_is_checked() {
    let metrics = r#"echo '{"examples": 12, "loss": 0.5}' > "$(field metrics_out)""#;
    let copy = r#"cp "$(field model_in)" "$(field model_out)""#;
    let with = |file: &str| format!("{metrics}; cp '{}' \"$(field model_out)\"", vector(file));
    let said = |json: &str| format!("{copy}; echo '{json}' > \"$(field metrics_out)\"");
    for (script, why) in [
        (metrics.to_owned(), "did not write model_out.safetensors"),
        (copy.to_owned(), "did not write metrics.json"),
        (with("pytorch-nan.safetensors"), "finite values"),
        (with("pytorch-f16.safetensors"), "tensors of type F32"),
        (with("pytorch.json"), "safetensors file"),
        (format!("{metrics}; mkdir \"$(field model_out)\""), "did not write model_out"),
        (format!("{metrics}; truncate -s 99G \"$(field model_out)\""), "the limit is"),
        (said(r#"{"examples": 0, "loss": 1.0}"#), "weight of 0 examples"),
        (said(r#"{"examples": 5, "loss": 1.0, "correct": 6}"#), "6 correct of 5"),
        (said(r#"{"examples": 5, "loss": NaN}"#), "metrics"),
        (said(r#"{"examples": 5, "loss": null}"#), "metrics"),
        (said(r#"{"loss": 1.0}"#), "missing field `examples`"),
    ] {
        let text = fit(&script, 60).unwrap_err().to_string();
        assert!(text.starts_with("fit by sh: ") && text.contains(why), "{why}: {text}");
    }
}
