//! Privacy loss distributions, composed by Fourier transform, with bounds from both sides that
//! hold whatever the grid, the window and the rounding.

mod cumulants;
mod curve;
mod gaussian;
mod lattice;
mod pair;
mod settings;
mod track;

use super::error::{AccountError, check_delta, check_epsilon};
use super::release::{Composed, Mechanism, Release, Sampling};
use cumulants::Cumulants;
use curve::Curve;
use pair::{Base, Direction, Pair};
use settings::Question;
use std::cell::RefCell;
use track::{Part, Side, Track};

/// A value between two certified bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The true value is not less.
    pub lower: f64,
    /// Where it probably is.
    pub estimate: f64,
    /// The true value is not more: what to promise.
    pub upper: f64,
}

/// Relative width of bounds of ε at which a grid is chosen, and up to which it is kept.
const WIDTH: [f64; 2] = [2.5e-3, 5e-3];

/// How often a grid is made finer before its bounds are taken as they are.
const ATTEMPTS: usize = 4;

/// Accounts by privacy loss distributions. Knows Gaussian, Laplace and pure mechanisms, with
/// everybody or with Poisson sampling. What was convolved is kept: another round is one product.
///
/// ```
/// use tacit_privacy::account::{Mechanism, Pld, Release, Sampling};
/// let noise = Mechanism::Gaussian { noise_multiplier: 1.0 };
/// let mut spent = Pld::new();
/// spent.compose(Release::new(noise, Sampling::Poisson { rate: 0.01 }), 1000)?;
/// let epsilon = spent.epsilon(1e-5)?;
/// assert!(epsilon.lower <= 1.82824 && 1.82824 <= epsilon.upper);
/// assert!((epsilon.estimate - 1.82824).abs() < 1e-3);
/// # Ok::<(), tacit_privacy::account::AccountError>(())
/// ```
#[derive(Clone)]
pub struct Pld {
    composed: Composed,
    groups: Vec<Group>,
    /// Σ 1/σ² of Gaussian releases without sampling: together they are one.
    full: f64,
    totals: [Cumulants; 2],
    tracks: RefCell<[Option<Track>; 2]>,
}

/// Equal releases.
#[derive(Clone)]
struct Group {
    base: Base,
    rate: f64,
    times: u64,
    cumulants: [Cumulants; 2],
}

const DIRECTIONS: [Direction; 2] = [Direction::Remove, Direction::Add];

impl Default for Pld {
    fn default() -> Self {
        Self::new()
    }
}

impl Pld {
    /// Nothing released yet.
    pub fn new() -> Self {
        Self {
            composed: Composed::default(),
            groups: Vec::new(),
            full: 0.0,
            totals: [Cumulants::zero(), Cumulants::zero()],
            tracks: RefCell::default(),
        }
    }

    /// Adds `times` such releases.
    pub fn compose(&mut self, release: Release, times: u64) -> Result<(), AccountError> {
        release.check()?;
        let (base, rate) = supported(&release)?;
        self.composed.add(&release, times)?;
        if let (Base::Gaussian { s }, true) = (base, rate >= 1.0) {
            self.full += s * s * times as f64;
            return Ok(());
        }
        let known = self.groups.iter().position(|g| g.base == base && g.rate == rate);
        let at = known.unwrap_or_else(|| {
            let cumulants =
                DIRECTIONS.map(|direction| Cumulants::of(&Pair { base, rate, direction }));
            self.groups.push(Group { base, rate, times: 0, cumulants });
            self.groups.len() - 1
        });
        let group = &mut self.groups[at];
        group.times += times;
        for (total, one) in self.totals.iter_mut().zip(&group.cumulants) {
            total.add(one, times as f64);
        }
        Ok(())
    }

    /// ε at `delta`.
    pub fn epsilon(&self, delta: f64) -> Result<Interval, AccountError> {
        check_delta(delta)?;
        let mut exact = self.answer(Question::Delta(delta));
        if self.composed.slack(0.0) > 0.0 {
            let upper =
                self.composed.fold(delta, |delta| self.answer(Question::Delta(delta)).upper);
            // A sampler that is off may also be more private than what it stands for.
            let less = delta + self.composed.slack(upper.min(700.0));
            exact.lower = if less < 1.0 { self.answer(Question::Delta(less)).lower } else { 0.0 };
            exact = Interval { upper, estimate: exact.estimate.max(exact.lower), ..exact };
        }
        Ok(exact)
    }

    /// δ at `epsilon`.
    pub fn delta(&self, epsilon: f64) -> Result<Interval, AccountError> {
        check_epsilon(epsilon)?;
        let exact = self.answer(Question::Epsilon(epsilon));
        let slack = self.composed.slack(epsilon);
        Ok(Interval {
            lower: (exact.lower - slack).max(0.0),
            estimate: exact.estimate,
            upper: (exact.upper + slack).min(1.0),
        })
    }

    fn answer(&self, question: Question) -> Interval {
        if self.groups.is_empty() {
            return closed_form(self.full, question);
        }
        // Without sampling both directions are alike.
        let alike = self.groups.iter().all(|group| group.rate >= 1.0);
        let removed = self.one_way(0, question, 0.0);
        if alike {
            return removed;
        }
        // What is certainly less need not be known well.
        let added = self.one_way(1, question, removed.lower);
        Interval {
            lower: removed.lower.max(added.lower),
            estimate: removed.estimate.max(added.estimate),
            upper: removed.upper.max(added.upper),
        }
    }

    /// Bounds in one direction: on the grid at hand if it is good enough, else on better ones.
    fn one_way(&self, which: usize, question: Question, least: f64) -> Interval {
        let direction = DIRECTIONS[which];
        let part = |g: &Group| Part {
            pair: Pair { base: g.base, rate: g.rate, direction },
            times: g.times,
        };
        let parts: Vec<Part> = self.groups.iter().map(part).collect();
        let s = self.full.sqrt();
        let last = (s > 0.0).then_some(Pair { base: Base::Gaussian { s }, rate: 1.0, direction });
        let mut tracks = self.tracks.borrow_mut();
        let kept = &mut tracks[which];
        let mut best: Option<Interval> = None;
        if let Some(track) = kept.as_mut() {
            track.follow(&parts);
            let found = read(track, last, question);
            if found.upper <= least || width(&found, track, question) <= WIDTH[1] {
                return found;
            }
            best = Some(found);
        }
        let mut total = self.totals[which].clone();
        if last.is_some() {
            total.add(&Cumulants::gaussian(s), 1.0);
        }
        let times = parts.iter().map(|part| part.times as f64).sum::<f64>() + 1.0;
        let mut tolerance = WIDTH[0];
        for _ in 0..ATTEMPTS {
            let settings = settings::choose(&total, times, question, tolerance, least);
            if !settings.is_finite() {
                break; // So little noise that losses overflow: nothing is bounded.
            }
            let track = Track::new(settings, &parts);
            let found = read(&track, last, question);
            let wide = width(&found, &track, question);
            *kept = Some(track);
            best = Some(best.map_or(found, |best| tighter(best, found)));
            if wide <= WIDTH[1] || found.upper <= least {
                break;
            }
            let off = WIDTH[0] / wide;
            tolerance *= if off.is_finite() { (0.8 * off).clamp(0.02, 0.5) } else { 0.1 };
        }
        best.unwrap_or(Interval { lower: 0.0, estimate: f64::INFINITY, upper: f64::INFINITY })
    }
}

/// Both are certified, so both hold; the estimate is the newer one's.
fn tighter(old: Interval, new: Interval) -> Interval {
    let (lower, upper) = (old.lower.max(new.lower), old.upper.min(new.upper));
    Interval { lower, estimate: new.estimate.clamp(lower, upper.max(lower)), upper }
}

/// The upper bound is off by twice as much as the lower one: see [`lattice`].
fn read(track: &Track, last: Option<Pair>, question: Question) -> Interval {
    let bound = |side| {
        let curve: Curve = track.curve(side, last);
        match question {
            Question::Delta(delta) => curve.epsilon(delta),
            Question::Epsilon(epsilon) => curve.delta(epsilon),
        }
    };
    let (lower, upper) = (bound(Side::Lower), bound(Side::Upper));
    let estimate = if upper.is_finite() { lower + (upper - lower) / 3.0 } else { upper };
    Interval { lower, estimate, upper }
}

/// Width of the bounds, relative to ε; of δ, what it is worth in ε.
fn width(found: &Interval, track: &Track, question: Question) -> f64 {
    match question {
        Question::Delta(_) if found.upper <= 0.0 => 0.0,
        Question::Delta(_) => (found.upper - found.lower) / found.upper,
        Question::Epsilon(epsilon) => {
            let ratio = (found.upper / found.lower).ln();
            let width = ratio / (track.settings.tilt * epsilon).max(1.0);
            if found.upper < 1e-250 { 0.0 } else { width }
        }
    }
}

fn closed_form(full: f64, question: Question) -> Interval {
    let mu = full.sqrt();
    if mu == 0.0 {
        return Interval { lower: 0.0, estimate: 0.0, upper: 0.0 };
    }
    match question {
        Question::Delta(delta) => {
            let estimate = gaussian::epsilon(mu, delta);
            let slack = gaussian::slack(mu, estimate);
            let above = (delta * (1.0 + slack)).min(1.0 - f64::EPSILON);
            let lower = gaussian::epsilon(mu, above) * (1.0 - 1e-12);
            let upper = gaussian::epsilon(mu, delta * (1.0 - slack)) * (1.0 + 1e-12);
            Interval { lower, estimate, upper }
        }
        Question::Epsilon(epsilon) => {
            let (estimate, slack) = (gaussian::delta(mu, epsilon), gaussian::slack(mu, epsilon));
            let (lower, upper) = (estimate * (1.0 - slack), estimate * (1.0 + slack));
            Interval { lower: lower.max(0.0), estimate, upper: upper.min(1.0) }
        }
    }
}

/// The dominating pair of a release, and the rate at which it is sampled.
fn supported(release: &Release) -> Result<(Base, f64), AccountError> {
    let refuse =
        |release, instead| Err(AccountError::Unsupported { accountant: "pld", release, instead });
    let rate = release.sampling.rate();
    if matches!(release.sampling, Sampling::Fixed { .. }) && rate < 1.0 {
        return refuse("a cohort of fixed size", &["rdp"]);
    }
    match (Base::of(release), release.mechanism) {
        (Some(base), _) => Ok((base, rate)),
        (None, Mechanism::Concentrated { .. }) if release.is_full() => {
            refuse("a concentrated mechanism", &["zcdp", "rdp"])
        }
        (None, _) => refuse("a mechanism known by Rényi divergences alone", &["rdp"]),
    }
}
