use super::*;
use crate::evidence::Cost;
use crate::exchange::Stages;
use crate::ids::ParticipantId;
use crate::messages::{Contribution, SignedContribution};
use crate::plan::Sampling;
use crate::round::Outcome;
use std::collections::BTreeMap;

fn id(n: usize) -> ParticipantId {
    ParticipantId::numbered(n, 10)
}

fn course(num_rounds: u32) -> Course {
    Course {
        nonces: None,
        plan: Digest::of_bytes(b"plan"),
        seed: Seed::root(1),
        num_rounds,
        target_accuracy: None,
        cohort: Cohort {
            participants: 2,
            size: 2,
            sampling: Sampling::Fixed,
            over_selection: 0.0,
            minimum: 1,
            equal_weights: false,
            max_examples: 1_000,
            stages: Stages::default(),
            collect_timeout_ms: 1000,
            distribute_timeout_ms: 1000,
            enrol_timeout_ms: 1000,
            max_failed_rounds: 2,
        },
        model: Digest::of_bytes(b"model 0"),
        model_bytes: 7,
        control: false,
        account: None,
        clip_norm: None,
    }
}

struct Drive {
    run: Run,
    journal: Vec<Entry>,
}

impl Drive {
    fn on(&mut self, kind: Kind) -> Vec<Action> {
        let (run, actions) = self.run.clone().step(Event { at_ms: 1_000_000, kind });
        self.run = run;
        self.journal.extend(actions.iter().filter_map(|action| match action {
            Action::Persist(entry) => Some(entry.clone()),
            _ => None,
        }));
        let replayed = Run::replay(self.run.course().clone(), &self.journal).unwrap();
        assert_eq!(replayed.outbox(), self.run.outbox());
        assert_eq!(replayed.finish(), self.run.finish());
        actions
    }

    fn release(&mut self) -> Vec<Action> {
        let setup = self.run.round().setup().clone();
        for participant in [id(0), id(1)] {
            let contribution = Contribution {
                proof: None,
                participant,
                round: setup.round,
                plan: setup.plan,
                model: setup.model,
                payload: setup.plan,
                payload_bytes: 1,
                examples: 1,
                loss: 0.0,
                fit_ms: 0,
                evaluation: None,
                within: None,
            };
            let (key, signature) = (String::new(), String::new());
            self.on(Kind::Contributed(SignedContribution { contribution, key, signature }));
        }
        let round = setup.round;
        self.on(Kind::Aggregated(Outcome {
            verify_ms: None,
            sum: None,
            round,
            model: Digest::of_bytes(&round.to_le_bytes()),
            slots: vec![],
            delta: None,
            cost: Cost::Unbounded,
            clip_norm: None,
            tally: None,
            evaluation: None,
            selected: None,
            turned_away: BTreeMap::new(),
            bytes_up: 0,
            bytes_down: 0,
            aggregate_ms: 0,
        }));
        self.on(Kind::Logged { round, index: 0 });
        self.on(Kind::Published { round })
    }
}

fn enrolled(num_rounds: u32) -> Drive {
    let mut drive = Drive { run: Run::new(course(num_rounds)), journal: vec![] };
    (0..2).for_each(|n| drop(drive.on(Kind::Enrolled { participant: id(n), dataset: None })));
    drive
}

#[test]
fn rounds_chain_and_finish() {
    let mut drive = enrolled(2);
    drive.release();
    assert_eq!(drive.run.round().setup().model, Digest::of_bytes(&1u32.to_le_bytes()));
    assert_eq!(drive.run.round().state(), "distributing", "a full roster is drawn at once");
    drive.release();
    assert_eq!(drive.run.finish(), Some(&Finish::Completed));
    assert_eq!(
        (drive.run.released(), drive.run.model()),
        (2, Digest::of_bytes(&2u32.to_le_bytes()))
    );
}

#[test]
fn nothing_is_added_to_a_finished_journal() {
    let mut drive = enrolled(1);
    drive.release();
    assert!(drive.on(Kind::Enrolled { participant: id(5), dataset: None }).is_empty());
}

#[test]
fn the_round_before_is_forgotten_again() {
    let mut drive = enrolled(2);
    assert!(drive.release().contains(&Action::Forget { round: 1 }));
    // A crash may have come before that action.
    let replayed = Run::replay(course(2), &drive.journal).unwrap();
    assert_eq!(replayed.outbox().first(), Some(&Action::Forget { round: 1 }));
}

#[test]
fn failed_rounds_in_a_row_end_a_run() {
    let mut drive = enrolled(9);
    for round in 1..=2 {
        for n in 0..2 {
            drive.on(Kind::Declined { participant: id(n), round, why: "no".into() });
        }
        assert_eq!(drive.run.round().state(), "aborted");
        drive.on(Kind::Logged { round, index: 0 });
    }
    assert!(matches!(drive.run.finish(), Some(Finish::Failed(_))));
    assert_eq!(drive.run.model(), Digest::of_bytes(b"model 0"));
}
