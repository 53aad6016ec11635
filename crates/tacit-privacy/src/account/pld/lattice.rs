//! Measures on a grid of losses, above and below the privacy loss distribution of one release.
//!
//! A measure μ of losses has the curve δ_μ(ε) = ∫(1 − e^{ε−l})₊ dμ(l) and a mass at infinity. If
//! one curve lies above another at every real ε, it still does after both measures are convolved
//! with a third positive measure, since δ_{μ*ν}(ε) = ∫δ_μ(ε − l) dν(l). So whatever lies above
//! (below) the curve of each release composes to something above (below) the truth.
//!
//! In t = e^ε a curve is convex, and that of a measure on a grid is linear in between.
//!
//! - *Above*: the curve through the true values at the grid points ("connect the dots",
//!   Doroshenko et al. 2022): losses in a cell are split between its ends so that the mass under
//!   both distributions stays.
//! - *Below*: a convex curve whose chords touch the true one from below. The chord over a cell
//!   exceeds the true curve by some amount; the dots are lowered by as much.
//!
//! Both are off by the square of the grid's step, the upper one by about twice as much.

use super::pair::{Direction, Pair, Range};

/// Relative error of a mass, of all there is: quadrature and rounding.
pub const MASS_SLACK: f64 = 1e-11;

/// Gauss–Legendre nodes and weights on [−1, 1], positive halves (with the middle).
const RULE_3: [(f64, f64); 2] = [(0.0, 8.0 / 9.0), (0.774_596_669_241_483_4, 5.0 / 9.0)];
const RULE_5: [(f64, f64); 3] = [
    (0.0, 0.568_888_888_888_888_9),
    (0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
    (0.906_179_845_938_664, 0.236_926_885_056_189_08),
];

/// A positive measure on anchor + h·i, with its mass at infinity.
#[derive(Clone, Debug)]
pub struct Measure {
    pub anchor: f64,
    /// Index of the first mass.
    pub first: i64,
    pub masses: Vec<f64>,
    pub infinity: f64,
}

/// Both bounds of one release.
#[derive(Clone, Debug)]
pub struct Bracket {
    pub upper: Measure,
    pub lower: Measure,
    /// Losses are known to within this.
    pub loss_slack: f64,
}

/// Mass, and mass times 1 − e^{left end − L}.
#[derive(Clone, Copy, Debug, Default)]
struct Content {
    mass: f64,
    excess: f64,
}

/// What is in a cell, parted in two so that the curve's bend inside is known.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    low: Content,
    high: Content,
}

impl Cell {
    fn mass(&self) -> f64 {
        self.low.mass + self.high.mass
    }

    fn excess(&self) -> f64 {
        self.low.excess + self.high.excess
    }

    /// By how much the chord over the cell exceeds the curve, at the (at most two) points where
    /// that is largest: there, and the share of the cell that is to the right, measured in t.
    /// Each half counts as if it were at one loss, which only lowers the curve.
    fn bends(&self, width: f64) -> [(f64, f64); 2] {
        let ratio = |c: &Content| {
            if c.mass > 0.0 { (c.excess / c.mass).clamp(0.0, width) } else { 0.0 }
        };
        let (mut near, mut far) = (self.low, self.high);
        if ratio(&near) > ratio(&far) {
            std::mem::swap(&mut near, &mut far);
        }
        let (r1, r2) = (ratio(&near), ratio(&far));
        let right = |r: f64| (width - r) / (1.0 - r) / width;
        let total = self.excess();
        let first = total * right(r1) - far.mass * (r2 - r1) / (1.0 - r1);
        [(first.max(0.0), right(r1)), (total * right(r2), right(r2))]
    }
}

/// The bounds on a grid of step `h`, each tail cut where it has `tail`.
pub fn bracket(pair: &Pair, h: f64, tail: f64) -> Bracket {
    let whole = Support { anchor: pair.anchor(), range: pair.range(tail), atoms: pair.atoms() };
    let width = -(-h).exp_m1();
    // Rounding of what is split, of its mass.
    let doubt = (1e-15 / width).min(1.0);
    let (first, content, on_grid) = cells(pair, h, &whole);
    let masses = above(&content, &on_grid, width, doubt, tail);
    let upper = Measure { anchor: whole.anchor, first, masses, infinity: tail };
    let count = first.unsigned_abs() as f64 + content.len() as f64 + 2.0;
    let loss_slack = 1e-15 * (count * h + whole.anchor.abs()) + SNAP * h;
    let support = gathered(pair, h, whole.range).unwrap_or(whole);
    let (first, content, on_grid) = cells(pair, h, &support);
    let keep_low = pair.direction == Direction::Remove || support.atoms.is_empty();
    let masses = below(&content, &on_grid, h, doubt, keep_low);
    let lower = Measure { anchor: support.anchor, first, masses, infinity: 0.0 };
    Bracket { upper, lower, loss_slack }
}

/// What is to be put on the grid anchor + h·i: what has a density within `range`, and atoms, by
/// loss and mass.
struct Support {
    anchor: f64,
    range: Range,
    atoms: Vec<(f64, f64)>,
}

/// For the lower bound, what is within a step of the end of L's range as one atom, on which the
/// grid then stands: a function of the release, so certainly below, and off by the square of the
/// step. Without it, what gathers there could only be moved far down.
fn gathered(pair: &Pair, h: f64, range: Range) -> Option<Support> {
    let end = pair.end()?;
    // Where little is near the end, from farther away: what little there is may be moved farther.
    let gather = |steps: i32| {
        let reach = f64::from(steps) * h;
        let (low, cut) = match pair.direction {
            Direction::Remove => (end, end + reach),
            Direction::Add => (end - reach, end - reach),
        };
        let cut = pair.invert(cut).clamp(range.low, range.high);
        let mut content = Content::default();
        add(pair, (range.low, cut), low, &mut content);
        (low, cut, content)
    };
    let found = [1, 2, 4, 8, 16, 32].into_iter().map(gather);
    let (low, cut, content) = found.into_iter().find(|(_, _, content)| content.mass >= 1e-4)?;
    let anchor = low - (-content.excess / content.mass).ln_1p();
    let atoms = vec![(anchor, content.mass)];
    Some(Support { anchor, range: Range { low: cut, ..range }, atoms })
}

/// Atoms this close to the grid, in steps, stand on it.
const SNAP: f64 = 1e-10;

/// Index of the first grid point, what is in each cell, and what stands on each grid point.
fn cells(pair: &Pair, h: f64, support: &Support) -> (i64, Vec<Cell>, Vec<f64>) {
    let Support { anchor, range, ref atoms } = *support;
    let steps = |loss: f64| (loss - anchor) / h;
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let ends = [range.low, range.high].map(|l| pair.loss(l));
    let ends = if range.high > range.low { &ends[..] } else { &[] };
    for &loss in ends.iter().chain(atoms.iter().map(|(loss, _)| loss)) {
        (low, high) = (low.min(steps(loss) + SNAP), high.max(steps(loss) - SNAP));
    }
    let first = low.floor() as i64;
    let count = (high.ceil() as i64 - first).max(1) as usize;
    let (mut cells, mut on_grid) = (vec![Cell::default(); count], vec![0.0; count + 1]);
    for &(loss, mass) in atoms {
        let at = steps(loss) - first as f64;
        let near = at.round();
        if (at - near).abs() <= SNAP {
            on_grid[(near.max(0.0) as usize).min(count)] += mass;
        } else {
            let cell = &mut cells[at as usize];
            let excess = -(-h * at.fract()).exp_m1() * mass;
            let half = if at.fract() < 0.5 { &mut cell.low } else { &mut cell.high };
            *half = Content { mass: half.mass + mass, excess: half.excess + excess };
        }
    }
    if range.high > range.low {
        let edge = |i: usize| {
            let l = pair.invert(anchor + h * (first + i as i64) as f64);
            l.clamp(range.low, range.high)
        };
        let mut left = edge(0);
        for (i, cell) in cells.iter_mut().enumerate() {
            let right = edge(i + 1);
            let loss = anchor + h * (first + i as i64) as f64;
            let middle = 0.5 * (left + right);
            let halves = match pair.direction {
                Direction::Remove => [(left, middle), (middle, right)],
                Direction::Add => [(middle, left), (right, middle)],
            };
            add(pair, halves[0], loss, &mut cell.low);
            add(pair, halves[1], loss, &mut cell.high);
            left = right;
        }
    }
    (first, cells, on_grid)
}

/// Integrates over [a, b], in pieces on which the densities hardly bend.
fn add(pair: &Pair, (a, b): (f64, f64), loss: f64, content: &mut Content) {
    let mut from = a;
    while from < b {
        let steep = pair.steepness(from).max(pair.steepness(b.min(from + 0.5)));
        let to = if (b - from) * steep > 0.4 { from + 0.4 / steep } else { b };
        let half = 0.5 * (to - from);
        if half <= 0.0 {
            return;
        }
        let rule: &[(f64, f64)] = if half * steep < 0.01 { &RULE_3 } else { &RULE_5 };
        let mut point = |x: f64, weight: f64| {
            let (density, excess) = pair.density(from + half + x * half, loss);
            content.mass += weight * half * density;
            content.excess += weight * half * excess;
        };
        for &(x, weight) in rule {
            point(x, weight);
            if x > 0.0 {
                point(-x, weight);
            }
        }
        from = to;
    }
}

/// Masses at the two ends of a cell; `lean` of its mass is moved to the right.
fn split(cell: &Cell, width: f64, lean: f64) -> (f64, f64) {
    let mass = cell.mass();
    let right = (cell.excess() / width + lean * mass).clamp(0.0, mass);
    (mass - right, right)
}

fn above(cells: &[Cell], on_grid: &[f64], width: f64, doubt: f64, tail: f64) -> Vec<f64> {
    let mut masses = on_grid.to_vec();
    for (i, cell) in cells.iter().enumerate() {
        let (left, right) = split(cell, width, doubt);
        masses[i] += left;
        masses[i + 1] += right;
    }
    // What was cut off below stands at the first grid point above it.
    masses[1] += tail;
    masses.iter().map(|m| m * (1.0 + MASS_SLACK)).collect()
}

fn below(cells: &[Cell], on_grid: &[f64], h: f64, doubt: f64, keep_low: bool) -> Vec<f64> {
    let (width, gap) = (-(-h).exp_m1(), h.exp_m1());
    let n = cells.len();
    let mut masses = on_grid.to_vec();
    for (i, cell) in cells.iter().enumerate() {
        let (left, right) = split(cell, width, -doubt);
        masses[i] += left;
        masses[i + 1] += right;
    }
    let lowered = lowered(cells, &masses, h, doubt, keep_low);
    let bent: Vec<f64> = (0..=n)
        .map(|i| {
            let right = if i == n { 0.0 } else { (lowered[i + 1] - lowered[i]) / gap };
            // From the first point on, the curve is a chord to 1 at t = 0.
            let left = if i == 0 { lowered[0] } else { (lowered[i] - lowered[i - 1]) / width };
            masses[i] - right + left
        })
        .collect();
    let mut masses = convex(bent, h).unwrap_or_else(|| floor(cells, on_grid));
    masses.iter_mut().for_each(|m| *m *= 1.0 - MASS_SLACK);
    masses
}

/// How far each dot of the curve through `masses` is lowered. Each cell asks that its chord be low
/// enough at its bends, convexity that no dot be much lower than its neighbours; where both leave
/// a choice, a dot is lowered by what the cell ahead would ask of both its ends alike.
///
/// At either end the curve is known (a chord to 1 at t = 0, and zero), so that dots are chosen
/// from both ends towards a place where nothing much is: at the high end, or at the low one where
/// losses gather at the high end (not `keep_low`).
fn lowered(cells: &[Cell], masses: &[f64], h: f64, doubt: f64, keep_low: bool) -> Vec<f64> {
    let (width, gap) = (-(-h).exp_m1(), h.exp_m1());
    let n = cells.len();
    let bends: Vec<_> = cells.iter().map(|cell| cell.bends(width)).collect();
    let alike = |i: usize| bends.get(i).map_or(0.0, |b| largest(b, |(bend, _)| bend));
    let sure = |need: f64, i: usize| need * (1.0 + 1e-9) + doubt * cells[i].mass() * width;
    let little = 1e-13 * cells.iter().map(Cell::mass).sum::<f64>();
    let is_little = |sum: &mut f64, cell: &Cell| {
        *sum += cell.mass();
        *sum < little
    };
    let meeting = if keep_low {
        n - cells
            .iter()
            .rev()
            .scan(0.0, |sum, c| Some(is_little(sum, c)))
            .take_while(|l| *l)
            .count()
    } else {
        cells.iter().scan(0.0, |sum, c| Some(is_little(sum, c))).take_while(|l| *l).count()
    };
    let meeting = meeting.clamp(1, n.max(2) - 1);
    let mut lowered = vec![0.0; n + 2];
    for i in 0..meeting.min(n) - 1 {
        let here = lowered[i];
        let need = largest(&bends[i], |(bend, right)| {
            if right > 1.0 - 1e-14 { 0.0 } else { (bend - here * right) / (1.0 - right) }
        });
        let before = if i == 0 { here } else { (here - lowered[i - 1]) / width };
        let may = here + gap * (masses[i] + before);
        lowered[i + 1] = sure(need, i).max(alike(i + 1).min(may));
    }
    for i in (meeting - 1..n).rev() {
        let next = lowered[i + 1];
        let need = largest(&bends[i], |(bend, right)| {
            if right < 1e-14 { 0.0 } else { (bend - next * (1.0 - right)) / right }
        });
        let need = sure(need, i).max(lowered[i]);
        let may = next + width * (masses[i + 1] - (lowered[i + 2] - next) / gap);
        lowered[i] = if i + 1 == n {
            // The curve itself is no higher.
            need.min(cells[i].excess())
        } else if i + 1 == meeting {
            need
        } else {
            need.max(alike(i.wrapping_sub(1)).min(may))
        };
    }
    lowered
}

fn largest(bends: &[(f64, f64); 2], value: impl Fn((f64, f64)) -> f64) -> f64 {
    value(bends[0]).max(value(bends[1])).max(0.0)
}

/// Everything at the left end of its cell: below for certain, if only to first order.
fn floor(cells: &[Cell], on_grid: &[f64]) -> Vec<f64> {
    let mut masses = on_grid.to_vec();
    for (i, cell) in cells.iter().enumerate() {
        masses[i] += cell.mass();
    }
    masses
}

/// The convex curve below a curve that bends the wrong way where a mass is negative: such a kink
/// is replaced by the chord between its neighbours. `None` where the last mass ends up negative.
fn convex(mut masses: Vec<f64>, h: f64) -> Option<Vec<f64>> {
    let mut kept: Vec<usize> = Vec::with_capacity(masses.len());
    let last = masses.len() - 1;
    // Rounding of an empty last point.
    if masses[last] < 0.0 && masses[last] > -1e-13 * masses.iter().sum::<f64>() {
        masses[last] = 0.0;
    }
    for i in 0..last {
        kept.push(i);
        while let Some(&top) = kept.last() {
            let mass = masses[top];
            if mass >= 0.0 {
                break;
            }
            kept.pop();
            masses[top] = 0.0;
            let next = i + 1;
            match kept.last() {
                Some(&before) => {
                    let part = -(-h * (top - before) as f64).exp_m1();
                    let whole = -(-h * (next - before) as f64).exp_m1();
                    masses[next] += mass * part / whole;
                    masses[before] += mass * (1.0 - part / whole);
                }
                // The chord to t = 0.
                None => masses[next] += mass * (h * (next - top) as f64).exp(),
            }
        }
    }
    (masses[last] >= 0.0).then_some(masses)
}

#[cfg(test)]
mod tests {
    use super::super::pair::Base;
    use super::*;

    /// δ_μ(ε).
    fn delta(measure: &Measure, h: f64, epsilon: f64) -> f64 {
        let loss = |i: usize| measure.anchor + h * (measure.first + i as i64) as f64;
        let part = |(i, m): (usize, &f64)| (m * -(epsilon - loss(i)).exp_m1()).max(0.0);
        measure.masses.iter().enumerate().map(part).sum::<f64>() + measure.infinity
    }

    /// The same of one release, in closed form.
    fn exact(sigma: f64, pair: &Pair, epsilon: f64) -> f64 {
        let above = |x: f64| 0.5 * libm::erfc(x / sigma * std::f64::consts::FRAC_1_SQRT_2);
        let x = sigma * sigma * pair.invert(epsilon) + 0.5;
        let (q, t) = (pair.rate, epsilon.exp());
        match pair.direction {
            Direction::Remove => q * above(x - 1.0) + (1.0 - q - t) * above(x),
            Direction::Add => {
                let (with, without) = (1.0 - above(x - 1.0), 1.0 - above(x));
                without - t * ((1.0 - q) * without + q * with)
            }
        }
    }

    #[test]
    fn curves_enclose_the_truth_ever_closer() {
        for (sigma, rate) in [(1.0, 0.01), (0.6, 0.1), (2.0, 0.5), (0.4, 1e-3), (1.0, 1.0)] {
            for direction in [Direction::Remove, Direction::Add] {
                let pair = Pair { base: Base::Gaussian { s: 1.0 / sigma }, rate, direction };
                let gaps = [0.02, 0.01, 0.005].map(|h| {
                    let bracket = bracket(&pair, h, 1e-15);
                    let (mut gap, mut largest) = (0.0f64, 0.0f64);
                    for k in -300..900 {
                        let epsilon = f64::from(k) * 0.003_7;
                        let exact = exact(sigma, &pair, epsilon).max(0.0);
                        let low = delta(&bracket.lower, h, epsilon);
                        let high = delta(&bracket.upper, h, epsilon);
                        // The closed form cancels.
                        let doubt = 4e-15 * (1.0 + epsilon.exp());
                        assert!(low <= exact + doubt, "{pair:?} {h} {epsilon}: {low} > {exact}");
                        assert!(high >= exact - doubt, "{pair:?} {h} {epsilon}: {high} < {exact}");
                        (gap, largest) = (gap.max(high - low), largest.max(high - exact));
                    }
                    assert!(largest > 1e-12, "an upper bound that is nowhere above");
                    gap
                });
                assert!(gaps[2] < 0.55 * gaps[0], "{pair:?}: {gaps:?}");
            }
        }
    }

    #[test]
    fn rounding_the_wrong_way_would_show() {
        let base = Base::Gaussian { s: 1.0 };
        let pair = Pair { base, rate: 0.1, direction: Direction::Remove };
        let (h, epsilon) = (0.01, 0.2345);
        let bracket = bracket(&pair, h, 1e-15);
        let exact = exact(1.0, &pair, epsilon);
        let shifted = |measure: &Measure, by: i64| {
            delta(&Measure { first: measure.first + by, ..measure.clone() }, h, epsilon)
        };
        assert!(shifted(&bracket.upper, -1) < exact);
        assert!(shifted(&bracket.lower, 1) > exact);
    }
}
