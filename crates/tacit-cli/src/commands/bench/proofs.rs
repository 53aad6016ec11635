//! Proofs of gradients by themselves. `cargo bench -p tacit-zk` measures the same in more detail.

use super::{Row, meter};
use std::time::Instant;
use tacit_core::error::Error;
use tacit_zk::curve::Curve;
use tacit_zk::gradient::measure::Subject;
use tacit_zk::gradient::spec::{Kind, Spec};

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

/// Proving and verifying one step of linear and of logistic regression.
pub fn gradient() -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for (features, batch) in [(10, 64), (100, 64), (784, 16)] {
        for kind in [Kind::Linear, Kind::Logistic] {
            let mut subject = Subject::new(Spec::usual(kind, features, 1, batch), Curve::Bn254)?;
            let sizes = subject.sizes();
            let setup = || format!("{kind:?}, {features} features, batch {batch}").to_lowercase();
            let figure = |[wall, cpu]: [f64; 2]| {
                format!("{:.2} ms, {:.2} ms of CPU time", wall * 1e3, cpu * 1e3)
            };
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
