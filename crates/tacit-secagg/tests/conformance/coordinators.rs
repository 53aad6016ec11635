//! Coordinators that do not follow the protocol. Whatever they do, honest members say no more.
//!
//! All cohorts here are of six, of whom one may collude and one leave.

use crate::adapter::{Letter, System};
use crate::tacit::Tacit;
use crate::world::{Drawn, Meddler, Nobody, Round, World, setting};

const LEN: usize = 40;
const MEMBERS: usize = 6;
const ALL: [usize; MEMBERS] = [0, 1, 2, 3, 4, 5];

fn world(system: &dyn System) -> World<'_> {
    World::new(system, setting(MEMBERS, 1, 1), LEN)
}

/// A round in which everybody has contributed.
fn contributed<'a>(world: &'a World<'a>) -> Round<'a> {
    let mut round = Round::new(world, true);
    let (before, _) = world.system.stages();
    for stage in 0..before {
        round.stage(stage, stage, &mut Nobody).unwrap();
    }
    round.contribute(before, &mut Nobody).unwrap();
    round
}

/// The same member again, as one that colludes can be: it has said what it said, and can answer
/// the rest twice.
fn twin(round: &mut Round<'_>, member: usize) {
    let world = round.world;
    let mut party = world.system.member(&world.setting, member);
    for (stage, to, mail) in &round.report.view.mail {
        if *to == member && *stage < world.system.stages().0 {
            let mut drawn = Drawn::new(world.seed, member, *stage);
            party.say(*stage, mail, &mut drawn).unwrap();
        }
    }
    round.parties[member] = party;
}

/// Confirmations of a roster by these members.
fn confirmations(round: &mut Round<'_>, roster: &[usize], by: &[usize]) -> Vec<Letter> {
    let stage = round.world.system.roster_stage();
    let mail = round.world.system.roster(&round.world.setting, roster);
    by.iter().filter_map(|member| round.ask(stage, *member, &mail)).collect()
}

/// How many honest members reveal anything of either roster, when the halves are told of two.
fn forked(colluding: &[usize], first: &[usize], rosters: [&[usize]; 2]) -> [usize; 2] {
    let system = Tacit::new();
    let world = world(&system);
    let mut round = contributed(&world);
    let last = system.roster_stage() + 1;
    let honest = ALL.into_iter().filter(|member| !colluding.contains(member));
    let (one, other): (Vec<usize>, Vec<usize>) = honest.partition(|member| first.contains(member));
    let mut answers = [0; 2];
    let mut proofs = Vec::new();
    for (roster, honest) in rosters.into_iter().zip([&one, &other]) {
        let by: Vec<usize> = honest.iter().chain(colluding).copied().collect();
        let by: Vec<usize> = by.into_iter().filter(|member| roster.contains(member)).collect();
        let mut confirmed = confirmations(&mut round, roster, &by);
        colluding.iter().for_each(|member| twin(&mut round, *member));
        confirmed.sort_by_key(|letter| letter.sender);
        proofs.push(system.proof(&world.setting, roster, &confirmed));
    }
    for ((answers, proof), honest) in answers.iter_mut().zip(&proofs).zip([&one, &other]) {
        let reveals = |member: &&usize| round.ask(last, **member, proof).is_some();
        *answers = honest.iter().filter(reveals).count();
    }
    answers
}

/// Two rosters, told to any two parts of the members while one colludes: at most one is opened.
#[test]
fn two_rosters_are_never_both_opened() {
    for set in 0..32usize {
        let first: Vec<usize> = (0..5).filter(|member| set >> member & 1 == 1).collect();
        for rosters in [[&ALL[..], &ALL[1..]], [&ALL[1..], &ALL[..]]] {
            let [one, other] = forked(&[5], &first, rosters);
            assert!(one == 0 || other == 0, "{first:?}: {one} and {other} members revealed");
        }
    }
}

/// The same attack succeeds with more that collude than were allowed for: so the test above tests.
#[test]
fn two_rosters_are_opened_where_too_many_collude() {
    let [one, other] = forked(&[2, 3, 4, 5], &[0], [&ALL[..], &ALL[1..]]);
    assert!(one == 1 && other == 1, "{one} and {other} members revealed");
}

/// A member reveals for the roster that it confirmed only, and once: so nobody is asked for both
/// kinds of shares.
#[test]
fn nobody_reveals_twice_or_for_another_roster() {
    let system = Tacit::new();
    let (stage, last) = (system.roster_stage(), system.roster_stage() + 1);
    let (whole, less) = (&ALL[..], &ALL[..5]);
    let world = world(&system);
    let mut round = contributed(&world);
    let confirmed = confirmations(&mut round, whole, &ALL);
    let proof = system.proof(&world.setting, whole, &confirmed);
    // Another roster with the confirmations of this one.
    let other = system.proof(&world.setting, less, &confirmed[..5]);
    assert!(round.ask(last, 0, &other).is_none());
    // Confirmed once, by everybody else.
    let mail = system.roster(&world.setting, less);
    assert!(round.ask(stage, 1, &mail).is_none());
    // Revealed once.
    assert!(round.ask(last, 2, &proof).is_some());
    assert!(round.ask(last, 2, &proof).is_none() && round.ask(last, 2, &other).is_none());
    // Confirmed one, and shown what enough others confirmed of the other.
    let mut round = contributed(&world);
    let confirmed = confirmations(&mut round, less, less);
    let proof = system.proof(&world.setting, less, &confirmed);
    twin(&mut round, 4);
    assert_eq!(confirmations(&mut round, whole, &[4]).len(), 1);
    assert!(round.ask(last, 4, &proof).is_none());
    assert!(round.ask(last, 3, &proof).is_some());
}

/// Rosters that no honest coordinator names.
#[test]
fn rosters_that_are_too_small_or_of_strangers_are_refused() {
    let system = Tacit::new();
    let stage = system.roster_stage();
    let all = world(&system);
    let one_left = world(&system).leaving([(5, system.share_stage())]);
    let fewest = system.fewest(&all.setting, MEMBERS);
    let asked = |world: &World<'_>, roster: &[usize], member: usize| {
        let mut round = contributed(world);
        let mail = system.roster(&world.setting, roster);
        round.ask(stage, member, &mail).is_some()
    };
    assert!(asked(&all, &ALL, 0) && asked(&one_left, &ALL[..5], 0));
    assert!(asked(&all, &ALL[..fewest], 0));
    assert!(!asked(&all, &ALL[..fewest - 1], 0), "fewer than may be opened");
    assert!(!asked(&all, &[0], 0) && !asked(&all, &[], 0));
    assert!(fewest < MEMBERS && !asked(&all, &ALL[1..], 0), "a roster without its reader");
    assert!(!asked(&one_left, &ALL, 0), "a roster with a member that never shared");
}

/// Proofs that do not show that enough members confirmed this roster.
#[test]
fn proofs_that_prove_nothing_are_refused() {
    let system = Tacit::new();
    let world = world(&system);
    let (last, setting) = (system.roster_stage() + 1, &world.setting);
    // Of six that left nobody out, and one more than it takes.
    let (less, quorum) = (&ALL[..5], system.fewest(setting, MEMBERS));
    let accepted = |make: &dyn Fn(&[Letter]) -> Vec<Letter>| {
        let mut round = contributed(&world);
        let mut confirmed = confirmations(&mut round, less, less);
        confirmed = make(&confirmed);
        let proof = system.proof(setting, less, &confirmed);
        round.ask(last, 0, &proof).is_some()
    };
    assert!(accepted(&|all| all[..quorum].to_vec()));
    assert!(!accepted(&|all| all[..quorum - 1].to_vec()), "too few");
    assert!(!accepted(&|_| Vec::new()), "none");
    let same = |all: &[Letter]| vec![all[1].clone(); quorum];
    assert!(!accepted(&same), "one that is counted again");
    let outsider = |all: &[Letter]| {
        let forged = system.sign(setting, 5, all[0].stage, all[0].body.clone());
        [&all[..quorum - 1], &[forged]].concat()
    };
    assert!(!accepted(&outsider), "one of a member that is not in the roster");
    let forged = |all: &[Letter]| {
        let stolen = Letter { sender: 4, ..all[2].clone() };
        [&all[..quorum - 1], &[stolen]].concat()
    };
    assert!(!accepted(&forged), "one with the signature of another");
    let broken = |all: &[Letter]| {
        let empty = system.sign(setting, 4, all[0].stage, Vec::new());
        [&all[..quorum - 1], &[empty]].concat()
    };
    assert!(!accepted(&broken), "one of another text");
    let elsewhere = |all: &[Letter]| {
        let mut other = contributed(&world);
        let whole = confirmations(&mut other, &ALL, &[4]);
        [&all[..quorum - 1], &whole].concat()
    };
    assert!(!accepted(&elsewhere), "one of another roster");
    let early = |all: &[Letter]| {
        let stage = all[0].stage - 1;
        let early = system.sign(setting, 4, stage, all[0].body.clone());
        [&all[..quorum - 1], &[early]].concat()
    };
    assert!(!accepted(&early), "one that was signed in another stage");
}

/// A coordinator that starts members from two models gets no sum of either, if it leaves fewer in
/// each than it must open together; and members of one refuse what those of the other signed.
#[test]
fn two_models_are_not_summed() {
    let system = Tacit::new();
    let world = world(&system);
    let mut other = world.setting.clone();
    other.model += 1;
    for checks in [true, false] {
        let mut round = Round::new(&world, checks);
        for member in 0..3 {
            round.parties[member] = system.member(&other, member);
        }
        // The first three sign for their own model; a coordinator that lies shows it as the same.
        let mut relabelled = Models { system: &system, other: other.clone(), checks, seen: 0 };
        let first = round.stage(0, 0, &mut relabelled);
        assert_eq!(relabelled.seen, 3);
        if checks {
            assert!(first.is_err() && ALL[..3].iter().all(|m| round.report.caught.contains_key(m)));
            continue;
        }
        first.unwrap();
        let second = round.stage(1, 1, &mut relabelled);
        assert!(second.is_err(), "somebody went on with members of another model");
        assert_eq!(round.report.refused.len(), MEMBERS);
    }
}

struct Models<'a> {
    system: &'a Tacit,
    other: crate::adapter::Setting,
    checks: bool,
    seen: usize,
}

impl Meddler for Models<'_> {
    fn letter(&mut self, letter: Letter) -> Vec<Letter> {
        if letter.sender >= 3 {
            return vec![letter];
        }
        self.seen += usize::from(letter.stage == 0);
        let Letter { sender, stage, body, .. } = letter;
        let signed = self.system.sign(&self.other, sender, stage, body);
        if self.checks {
            return vec![signed];
        }
        let mut shown = self.other.clone();
        shown.model -= 1;
        vec![self.system.relabel(&shown, sender, &signed)]
    }
}

/// One member alone is shown another model: it takes no part, and the sum of the rest is right.
#[test]
fn a_member_of_another_model_is_left_out() {
    let system = Tacit::new();
    let world = world(&system);
    let mut other = world.setting.clone();
    other.model += 1;
    let mut round = Round::new(&world, true);
    round.parties[0] = system.member(&other, 0);
    struct One<'a>(&'a Tacit, crate::adapter::Setting);
    impl Meddler for One<'_> {
        fn letter(&mut self, letter: Letter) -> Vec<Letter> {
            match letter.sender {
                0 => vec![self.0.sign(&self.1, 0, letter.stage, letter.body)],
                _ => vec![letter],
            }
        }
    }
    let mut one = One(&system, other);
    let opened = round.run(&mut one);
    round.report.opened = opened;
    assert_eq!(world.assert_right(&round.report), MEMBERS - 1);
    assert!(round.report.caught.contains_key(&0));
}

/// A coordinator that does not check shows everybody keys that one member did not sign for this
/// round: its keys of an old round, or keys that the coordinator made up. Whoever is shown them
/// refuses.
#[test]
fn keys_that_a_member_did_not_sign_are_refused() {
    let system = Tacit::new();
    let world = world(&system);
    let mut old = self::world(&system);
    old.setting.round -= 1;
    let old_letter = old.run().view.letters[2].clone();
    assert_eq!((old_letter.sender, old_letter.stage), (2, 0));
    let made_up = World { seed: 9, ..self::world(&system) }.run().view.letters[2].clone();
    struct Show(Letter);
    impl Meddler for Show {
        fn letter(&mut self, letter: Letter) -> Vec<Letter> {
            let replaced = (letter.sender, letter.stage) == (2, 0);
            vec![if replaced { self.0.clone() } else { letter }]
        }
    }
    let letters = world.run().view.letters;
    // Others see no more of the keys than that they were signed, and use none.
    let (mut shown_to, _) = system.neighbours(&world.setting, &letters[..MEMBERS], 2);
    shown_to.push(2);
    let genuine = letters[2].clone();
    let forged = Letter { body: made_up.body.clone(), ..genuine };
    for shown in [system.relabel(&world.setting, 2, &old_letter), forged] {
        let mut round = Round::new(&world, false);
        round.stage(0, 0, &mut Show(shown)).unwrap();
        assert!(round.stage(1, 1, &mut Nobody).is_err());
        let refused = &round.report.refused;
        assert!(shown_to.iter().all(|member| refused.contains_key(member)), "{refused:?}");
    }
    // Keys that the member signed, but that are not those it has: it refuses itself.
    let signed = system.sign(&world.setting, 2, 0, made_up.body);
    let mut round = Round::new(&world, true);
    round.stage(0, 0, &mut Show(signed)).unwrap();
    let _ = round.stage(1, 1, &mut Nobody);
    assert!(round.report.refused.contains_key(&2));
}

/// A coordinator that names fewer members than may be opened together: they do not begin.
#[test]
fn cohorts_that_are_too_small_are_refused() {
    let system = Tacit::new();
    let world = world(&system);
    let fewest = (2..=MEMBERS).find(|n| system.fewest(&world.setting, *n) <= *n).unwrap();
    // What the coordinator itself takes for granted: fewer members, all of whom share with all.
    for (members, colluding, leaving) in [(5, 1, 1), (4, 1, 1), (3, 1, 0), (2, 0, 0)] {
        let small = setting(members, colluding, leaving);
        let goes_on = members >= fewest;
        let mut round = Round::new(&world, false);
        round.desk = system.coordinator(&small, false);
        (members..MEMBERS).for_each(|member| round.alive[member] = false);
        round.stage(0, 0, &mut Nobody).unwrap();
        let mail = round.desk.mail(1, 0).unwrap();
        assert_eq!(round.ask(1, 0, &mail).is_some(), goes_on, "{members} members");
    }
}

/// Tells the first member that only these shared.
struct Fewer<'a> {
    world: &'a World<'a>,
    shared: Vec<usize>,
    seen: Vec<Letter>,
}

impl Meddler for Fewer<'_> {
    fn letter(&mut self, letter: Letter) -> Vec<Letter> {
        self.seen.push(letter.clone());
        vec![letter]
    }

    fn mail(&mut self, stage: u8, to: usize, mail: &mut Vec<u8>) {
        let World { system, setting, .. } = self.world;
        if (stage, to) == (system.share_stage() + 1, 0) {
            let (neighbours, _) = system.neighbours(setting, &self.seen, 0);
            *mail = system.fewer_shares(setting, &neighbours, mail, &self.shared).unwrap();
        }
    }
}

/// A member masks with as many neighbours as give its secrets back, or not at all: with fewer, all
/// of them could be on the side of the coordinator.
#[test]
fn fewer_neighbours_than_hide_a_member_are_refused() {
    let system = Tacit::new();
    let world = World::new(&system, setting(60, 1, 2), LEN);
    let letters = world.run().view.letters;
    let (neighbours, enough) = system.neighbours(&world.setting, &letters, 0);
    assert!(neighbours.len() < 59, "all share with all: nothing is tested");
    for (left, refuses) in [(enough, None), (enough - 1, Some(system.share_stage() + 1))] {
        let gone = &neighbours[left..];
        let shared: Vec<usize> = (0..60).filter(|member| !gone.contains(member)).collect();
        assert!(shared.len() >= system.fewest(&world.setting, 60), "refused for another reason");
        let report = world.meddled(&mut Fewer { world: &world, shared, seen: Vec::new() });
        let stages = report.refused.get(&0).map(|(stage, _)| *stage);
        assert_eq!(stages.filter(|stage| *stage <= system.share_stage() + 1), refuses);
    }
}

/// A member that colludes shows the key of an honest one as its own, and the coordinator hands the
/// shares that were sealed for it to that honest one: which takes them for nobody's.
#[test]
fn shares_that_were_sealed_for_another_name_are_not_taken() {
    struct Borrow<'a> {
        system: &'a Tacit,
        theirs: Vec<u8>,
        dealt: Vec<u8>,
        complaints: Vec<Vec<u8>>,
    }
    impl Meddler for Borrow<'_> {
        fn body(&mut self, stage: u8, from: usize, body: &mut Vec<u8>) {
            match (stage, from) {
                (0, 2) => self.theirs.clone_from(body),
                (0, 4) => *body = self.system.borrow_key(body, &self.theirs).unwrap(),
                (1, 1) => self.dealt.clone_from(body),
                (2, 2) => self.complaints.push(body.clone()),
                _ => (),
            }
        }

        fn mail(&mut self, stage: u8, to: usize, mail: &mut Vec<u8>) {
            // The fourth neighbour of member 1 is member 4; of those who shared, member 1 is the
            // second that member 2 is handed shares of.
            if (stage, to) == (2, 2) {
                *mail = self.system.hand_over(mail, 1, &self.dealt, 3).unwrap();
            }
        }
    }
    let system = Tacit::new();
    assert_eq!(system.share_stage(), 1);
    let world = World::new(&system, setting(8, 1, 2), LEN);
    let (theirs, dealt, complaints) = (Vec::new(), Vec::new(), Vec::new());
    let mut borrow = Borrow { system: &system, theirs, dealt, complaints };
    let report = world.meddled(&mut borrow);
    assert_eq!(world.assert_right(&report), 7);
    let complaint = system.complain(&world.setting, &[1]).unwrap();
    assert_eq!(borrow.complaints, [complaint]);
}

/// Members that are told of different sharers mask for different sets: who was told of too few to
/// be hidden refuses at once, and who was told of another set than those who confirmed reveals
/// nothing.
#[test]
fn different_sharers_are_not_opened_together() {
    let system = Tacit::new();
    let world = world(&system);
    let next = system.share_stage() + 1;
    for (shared, refuses) in [(ALL.to_vec(), None), (vec![0, 1, 2], Some(next))] {
        let report = world.meddled(&mut Fewer { world: &world, shared, seen: Vec::new() });
        assert_eq!(report.refused.get(&0).map(|(stage, _)| *stage), refuses);
        world.assert_right(&report);
    }
    // Without one of seven: it goes on, but what it signs is of another set. The others open a
    // sum, which its masks spoil, and it says no more.
    let world = World::new(&system, setting(7, 1, 1), LEN);
    let (roster, last) = ([0, 1, 2, 3, 4, 5], system.roster_stage() + 1);
    let mut fewer = Fewer { world: &world, shared: roster.to_vec(), seen: Vec::new() };
    let mut round = Round::new(&world, true);
    for stage in 0..=next {
        round.stage(stage, stage, &mut fewer).unwrap();
    }
    round.contribute(next + 1, &mut Nobody).unwrap();
    let confirmed = confirmations(&mut round, &roster, &roster);
    assert_eq!(confirmed.len(), roster.len());
    let others = system.proof(&world.setting, &roster, &confirmed[1..]);
    assert!(round.ask(last, 0, &others).is_none(), "it reveals what others masked for");
    assert!(round.ask(last, 1, &others).is_some());
    let all = system.proof(&world.setting, &roster, &confirmed);
    assert!(round.ask(last, 2, &all).is_none(), "its signature counts for another set");
}
