//! Events per second through the pure run, for cohorts of growing size: the rate must not fall
//! with the cohort. `cargo bench -p tacit-sim --bench round`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;
use tacit_core::digest::Digest;
use tacit_core::exchange::Stages;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Contribution, SignedContribution};
use tacit_core::plan::{Cohort, Sampling};
use tacit_core::rng::Seed;
use tacit_core::round::{Event, Kind};
use tacit_core::run::{Course, Run};

fn course(participants: usize) -> Course {
    Course {
        nonces: None,
        plan: Digest::of_bytes(b"plan"),
        seed: Seed::root(1),
        num_rounds: 1,
        target_accuracy: None,
        cohort: Cohort {
            max_examples: 1_000,
            stages: Stages::default(),
            participants,
            size: participants,
            sampling: Sampling::Fixed,
            over_selection: 0.0,
            minimum: 1,
            equal_weights: false,
            collect_timeout_ms: 1000,
            distribute_timeout_ms: 1000,
            enrol_timeout_ms: 1000,
            max_failed_rounds: 1,
        },
        model: Digest::of_bytes(b"model"),
        model_bytes: 4,
        control: false,
        account: None,
        clip_norm: None,
    }
}

fn contribution(course: &Course, participant: ParticipantId) -> SignedContribution {
    let contribution = Contribution {
        proof: None,
        participant,
        round: 1,
        plan: course.plan,
        model: course.model,
        payload: course.plan,
        payload_bytes: 4,
        examples: 10,
        loss: 0.5,
        fit_ms: 10,
        evaluation: None,
        within: None,
    };
    SignedContribution { contribution, key: "00".repeat(32), signature: "00".repeat(64) }
}

/// Steps the run through events of one kind; returns events per second, the median of batches, so
/// that steps which move the whole cohort at once (the draw, the close) do not count.
fn feed(run: Run, kinds: Vec<Kind>) -> (Run, f64) {
    let batch = kinds.len().div_ceil(20);
    let (mut run, mut rates) = (run, Vec::new());
    let mut kinds = kinds.into_iter().peekable();
    while kinds.peek().is_some() {
        let start = Instant::now();
        let mut taken = 0;
        for kind in kinds.by_ref().take(batch) {
            let (next, actions) = run.step(Event { at_ms: 5, kind });
            std::hint::black_box(&actions);
            run = next;
            taken += 1;
        }
        rates.push(f64::from(taken) / start.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    (run, rates[rates.len() / 2])
}

fn main() {
    println!("participants, events per second: enrol, received, contribute, repeat, refuse");
    for count in [100, 1000, 10_000, 100_000] {
        let course = course(count);
        let names: Vec<_> = (0..count).map(|n| ParticipantId::numbered(n, count)).collect();
        let each = |kind: &dyn Fn(ParticipantId) -> Kind| -> Vec<Kind> {
            names.iter().cloned().map(kind).collect()
        };
        let contribute = |id| Kind::Contributed(contribution(&course, id));
        let stale = |id| {
            let mut signed = contribution(&course, id);
            signed.contribution.round = 9;
            Kind::Contributed(signed)
        };
        let run = Run::new(course.clone());
        let (run, enrol) =
            feed(run, each(&|participant| Kind::Enrolled { participant, dataset: None }));
        let (run, received) =
            feed(run, each(&|participant| Kind::Received { participant, round: 1 }));
        let mut first = each(&contribute);
        // The last one would close the round.
        first.pop();
        let again = first.clone();
        let (run, contribute) = feed(run, first);
        let (run, repeat) = feed(run, again);
        let (run, refuse) = feed(run, each(&stale));
        assert_eq!((run.round().state(), run.round().progress().1), ("collecting", count - 1));
        println!("{count:7} {enrol:9.0} {received:9.0} {contribute:9.0} {repeat:9.0} {refuse:9.0}");
    }
}
