//! Laws that every strategy obeys, checked for each entry, with its defaults and with every
//! parameter at either end of its range.

use tacit_core::limits;
use tacit_core::plan::Plan;
use tacit_core::registry::{Arguments, Kind, Make, Value};
use tacit_core::rng::Seed;
use tacit_core::traits::Strategy;

const WIDTH: usize = 50;
const ROUNDS: u32 = 6;

/// Every rule with each of its variants, named for messages.
fn rules() -> Vec<(String, Box<dyn Strategy>)> {
    let mut rules = Vec::new();
    for entry in super::ENTRIES {
        let Make::Strategy(make) = entry.make else { panic!("{} is no strategy", entry.name) };
        let defaults = Arguments::defaults(entry.parameters).unwrap();
        rules.push((entry.name.to_owned(), make(&defaults).unwrap()));
        for parameter in entry.parameters {
            let Kind::Number { min, max } = parameter.kind else { continue };
            for end in [min, max] {
                let arguments = defaults.clone().with(parameter.name, Value::Number(end));
                let name = format!("{}, {} = {end}", entry.name, parameter.name);
                rules.push((name, make(&arguments).unwrap()));
            }
        }
    }
    rules
}

/// A model and what persists beside it.
#[derive(Clone, Debug, PartialEq)]
struct State {
    model: Vec<f32>,
    slots: Vec<Vec<f32>>,
}

impl State {
    fn new(rule: &dyn Strategy, model: Vec<f32>) -> Self {
        let slots = vec![vec![0.0; model.len()]; rule.slots()];
        Self { model, slots }
    }

    /// Applies as the pipeline does, in chunks of `chunk`.
    fn apply(&mut self, rule: &dyn Strategy, round: u32, aggregate: &[f32], chunk: usize) {
        for start in (0..aggregate.len()).step_by(chunk) {
            let range = start..(start + chunk).min(aggregate.len());
            let mut slots: Vec<&mut [f32]> =
                self.slots.iter_mut().map(|slot| &mut slot[range.clone()]).collect();
            let model = &mut self.model[range.clone()];
            rule.apply(round, &aggregate[range], model, &mut slots);
        }
    }

    fn is_finite(&self) -> bool {
        self.model.iter().chain(self.slots.iter().flatten()).all(|x| x.is_finite())
    }
}

fn vector(seed: u64) -> Vec<f32> {
    let mut rng = Seed::root(seed).rng();
    (0..WIDTH).map(|_| rng.normal() as f32).collect()
}

fn run(rule: &dyn Strategy, chunk: usize, sign: f32) -> State {
    let signed = |seed| vector(seed).iter().map(|x| x * sign).collect::<Vec<f32>>();
    let mut state = State::new(rule, signed(0));
    for round in 1..=ROUNDS {
        state.apply(rule, round, &signed(u64::from(round)), chunk);
    }
    state
}

#[test]
fn nothing_from_nothing() {
    for (name, rule) in rules() {
        let mut state = State::new(&*rule, vector(0));
        for round in 1..=ROUNDS {
            state.apply(&*rule, round, &[0.0; WIDTH], WIDTH);
            assert_eq!(state.model, vector(0), "{name}");
        }
        assert!(state.is_finite(), "{name}");
    }
}

#[test]
fn chunks_change_no_bit() {
    for (name, rule) in rules() {
        let whole = run(&*rule, WIDTH, 1.0);
        for chunk in [1, 7, 32] {
            assert_eq!(run(&*rule, chunk, 1.0), whole, "{name}");
        }
    }
}

#[test]
fn the_same_again() {
    for ((name, one), (_, other)) in rules().iter().zip(&rules()) {
        assert_eq!(run(&**one, WIDTH, 1.0), run(&**other, WIDTH, 1.0), "{name}");
    }
}

#[test]
fn opposite_updates_move_the_opposite_way() {
    for (name, rule) in rules() {
        let (there, back) = (run(&*rule, WIDTH, 1.0), run(&*rule, WIDTH, -1.0));
        let mirrored: Vec<f32> = back.model.iter().map(|x| -x).collect();
        assert_eq!(there.model, mirrored, "{name}");
    }
}

#[test]
fn every_slot_is_used() {
    // A decay or step size of 0 forgets what the slots hold.
    for (name, rule) in rules().iter().filter(|(name, _)| !name.ends_with("= 0")) {
        let carried = run(&**rule, WIDTH, 1.0);
        for slot in 0..rule.slots() {
            assert!(carried.slots[slot].iter().all(|x| *x != 0.0), "{name}");
            let (mut kept, mut lost) = (carried.clone(), carried.clone());
            lost.slots[slot].fill(0.0);
            kept.apply(&**rule, ROUNDS + 1, &vector(99), WIDTH);
            lost.apply(&**rule, ROUNDS + 1, &vector(99), WIDTH);
            assert_ne!(kept, lost, "{name}");
        }
    }
}

#[test]
fn finite_for_any_update_in_range() {
    let edge = limits::UPDATE_MAGNITUDE as f32;
    let least = f32::from_bits(1);
    for (name, rule) in rules() {
        let mut state = State::new(&*rule, vec![edge, -edge, 1.0, 0.0]);
        for round in 1..=200 {
            let sign = if round % 3 == 0 { -1.0 } else { 1.0 };
            let aggregate = [edge * sign, -edge, least, least * sign];
            state.apply(&*rule, round, &aggregate, 3);
        }
        assert!(state.is_finite(), "{name}: {state:?}");
    }
}

#[test]
fn the_direction_is_that_of_the_update() {
    for entry in super::ENTRIES {
        let Make::Strategy(make) = entry.make else { panic!("{} is no strategy", entry.name) };
        let rule = make(&Arguments::defaults(entry.parameters).unwrap()).unwrap();
        let mut state = State::new(&*rule, vec![0.0; WIDTH]);
        state.apply(&*rule, 1, &vector(1), WIDTH);
        let agree = state.model.iter().zip(vector(1)).all(|(x, delta)| x * delta > 0.0);
        assert!(agree, "{}", entry.name);
    }
}

#[test]
fn plans_name_every_rule() {
    let registry = crate::registry().unwrap();
    for entry in super::ENTRIES {
        let plan = Plan::parse(&format!("strategy = \"{}\"", entry.name), &registry).unwrap();
        assert_eq!(Plan::parse(&plan.to_toml(), &registry).unwrap(), plan);
        let default = Arguments::defaults(entry.parameters).unwrap();
        let Make::Strategy(make) = entry.make else { panic!("{} is no strategy", entry.name) };
        assert_eq!(plan.strategy().unwrap().slots(), make(&default).unwrap().slots());
    }
}
