//! Proofs of gradients by themselves. `cargo bench -p tacit-zk` measures the same in more detail.

use super::{Row, meter};
use std::time::Instant;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::traits::Context;
use tacit_sim::ports::SystemEntropy;
use tacit_zk::curve::Curve;
use tacit_zk::gradient::measure::Subject;
use tacit_zk::gradient::spec::{Kind, Spec};
use tacit_zk::pedersen::Blindings;
use tacit_zk::range::interval::Interval;
use tacit_zk::range::terms::Terms;
use tacit_zk::range::update;
use tacit_zk::transcript::Occasion;

const RUNS: usize = 5;

/// Median seconds of wall-clock time, and of processor time of all threads.
fn timed(mut work: impl FnMut() -> Result<(), Error>) -> Result<[f64; 2], Error> {
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (start, before) = (Instant::now(), meter::process_cpu_seconds());
        work()?;
        wall.push(start.elapsed().as_secs_f64());
        cpu.push(meter::process_cpu_seconds() - before);
    }
    Ok([meter::median(wall), meter::median(cpu)])
}

fn figure([wall, cpu]: [f64; 2]) -> String {
    format!("{:.2} ms, {:.2} ms of CPU time", wall * 1e3, cpu * 1e3)
}

/// All proofs.
pub fn all() -> Result<Vec<Row>, Error> {
    let mut rows = gradient()?;
    rows.extend(range()?);
    Ok(rows)
}

/// Proving and verifying one step of linear and of logistic regression.
fn gradient() -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for (features, batch) in [(10, 64), (100, 64), (784, 16)] {
        for kind in [Kind::Linear, Kind::Logistic] {
            let mut subject = Subject::new(Spec::usual(kind, features, 1, batch), Curve::Bn254)?;
            let sizes = subject.sizes();
            let setup = || format!("{kind:?}, {features} features, batch {batch}").to_lowercase();
            let constraints = format!("{}, {} bytes", sizes.constraints, sizes.proof_bytes);
            rows.push(["gradient proof: constraints, size".into(), setup(), constraints]);
            let prove = timed(|| subject.prove())?;
            rows.push(["gradient proof: prove".into(), setup(), figure(prove)]);
            let verify = timed(|| subject.verify(1))?;
            rows.push(["gradient proof: verify".into(), setup(), figure(verify)]);
            let hundred = timed(|| subject.verify(100))?;
            rows.push(["gradient proof: verify 100".into(), setup(), figure(hundred)]);
        }
    }
    Ok(rows)
}

/// Coordinates of an update whose ranges are proved: a chunk.
const COORDINATES: usize = 1_024;

/// Proving and verifying that every coordinate has 16 bits, and that the norm is bounded too.
fn range() -> Result<Vec<Row>, Error> {
    let interval = Interval::new(-32_768, 32_767)?;
    let values: Vec<i64> =
        (0..COORDINATES as i64).map(|i| ((i * 40_503) & 0xffff) - 32_768).collect();
    let blindings = Blindings::derive(&[1; 32], COORDINATES);
    let participant = crate::commands::pki::participant("p0")?;
    let digest = Digest::default();
    let context = Context { plan: digest, round: 1, model: digest };
    let (statement, signer, parameters, dataset, committed) = ("", b"", b"", b"", b"");
    let occasion = Occasion {
        statement,
        key: digest,
        context,
        participant: &participant,
        signer,
        nonce: digest,
        parameters,
        dataset,
        update: committed,
    };
    let mut rows = Vec::new();
    for (name, squares) in [("16 bits", None), ("16 bits and the norm", Some(1 << 50))] {
        let terms = Terms::new(interval, COORDINATES, squares)?;
        let setup = || format!("{COORDINATES} coordinates, {name}");
        let mut proof = Vec::new();
        let prove = timed(|| {
            let witness = (&values[..], &blindings);
            proof = update::prove(&terms, witness, &occasion, &mut SystemEntropy)?;
            Ok(())
        })?;
        let size = format!(
            "{} bytes and {} of commitments",
            proof.len() - 32 * COORDINATES,
            32 * COORDINATES
        );
        rows.push(["range proof: size".into(), setup(), size]);
        rows.push(["range proof: prove".into(), setup(), figure(prove)]);
        let shown = update::Shown { occasion: occasion.clone(), proof: &proof, opening: None };
        for many in [1, 100] {
            let shown = vec![shown.clone(); many];
            let spent = timed(|| {
                update::verify(&terms, &shown).into_iter().try_for_each(|verdict| Ok(verdict?))
            })?;
            rows.push([format!("range proof: verify {many}"), setup(), figure(spent)]);
        }
    }
    Ok(rows)
}
