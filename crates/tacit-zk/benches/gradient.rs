//! Proofs of gradients: `cargo bench -p tacit-zk --bench gradient`. Sizes to measure can be named:
//! `-- 10x64 784x16 linear bls12-381`; without a curve it is BN254, without a kind both.
//!
//! For each size: constraints and wires; seconds of wall-clock time and of processor time of all
//! threads for a witness and for a proof, best and median; beside it what the multi-scalar
//! multiplication over the H query alone takes, which no prover of this size is spared; then
//! verification of one proof and of a hundred, with commitments recomputed from the update.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;
use tacit_zk::curve::Curve;
use tacit_zk::gradient::measure::{Measured, Subject};
use tacit_zk::gradient::spec::{Kind, Spec};

/// Processor time of all threads of this process in seconds.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Best and median wall-clock seconds, and median processor seconds.
fn timed(runs: usize, mut work: impl FnMut()) -> [f64; 3] {
    let mut times: Vec<[f64; 2]> = (0..runs)
        .map(|_| {
            let (start, cpu) = (Instant::now(), cpu_seconds());
            work();
            [start.elapsed().as_secs_f64(), cpu_seconds() - cpu]
        })
        .collect();
    times.sort_by(|x, y| x[0].total_cmp(&y[0]));
    let best = times[0][0];
    let median = times[runs / 2][0];
    times.sort_by(|x, y| x[1].total_cmp(&y[1]));
    [best, median, times[runs / 2][1]]
}

fn show(what: &str, [best, median, cpu]: [f64; 3]) {
    println!("  {what:<44} {:>9.2} {:>9.2} {:>9.2}", best * 1e3, median * 1e3, cpu * 1e3);
}

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let has = |name: &str| named.iter().any(|named| named == name);
    let curve = Curve::ALL.into_iter().find(|curve| has(curve.name())).unwrap_or(Curve::Bn254);
    let kinds = [("linear", Kind::Linear), ("logistic", Kind::Logistic)];
    let any_kind = !kinds.iter().any(|(name, _)| has(name));
    let sizes = [(10, 64), (100, 64), (784, 16)];
    let any_size = !sizes.iter().any(|(features, batch)| has(&format!("{features}x{batch}")));
    println!("{:<46} {:>9} {:>9} {:>9}", "ms", "best", "median", "CPU");
    for (features, batch) in sizes {
        for (name, kind) in kinds {
            let size = any_size || has(&format!("{features}x{batch}"));
            if size && (any_kind || has(name)) {
                measure(Spec::usual(kind, features, 1, batch), curve);
            }
        }
    }
}

fn measure(spec: Spec, curve: Curve) {
    let start = Instant::now();
    let mut subject = Subject::new(spec.clone(), curve).unwrap();
    let Measured { constraints, wires, log_domain, proof_bytes, terms } = subject.sizes();
    println!(
        "{:?}, {} features, batch {}, {curve}: {constraints} constraints, {wires} wires, domain \
         2^{log_domain}, {terms} terms, proof {proof_bytes} bytes, set-up {:.1} s",
        spec.kind,
        spec.features,
        spec.batch,
        start.elapsed().as_secs_f64()
    );
    let runs = if constraints > 60_000 { 5 } else { 9 };
    show("commit to data", timed(1, || subject.commit().unwrap()));
    show("witness", timed(runs, || subject.witness().unwrap()));
    show("prove, witness included", timed(runs, || subject.prove().unwrap()));
    show("of it the H query's multiplication", timed(runs, || subject.floor().unwrap()));
    show("verify one", timed(9, || subject.verify(1).unwrap()));
    show("verify a hundred", timed(9, || subject.verify(100).unwrap()));
    show("verify a hundred, update not shown", timed(9, || subject.verify_public(100).unwrap()));
}
