//! Who shares a mask with whom: a sparse random graph instead of all pairs.
//!
//! Bell, Bonawitz, Gascón, Lepoint, Raykova: Secure Single-Server Aggregation with
//! (Poly)Logarithmic Overhead (CCS 2020). Their algorithm 1 joins every member of a cohort to the
//! `degree` nearest of a random circle (a Harary graph). [`design`] says how many are enough.
//!
//! What members of the protocol do, whoever the coordinator is: they mask with at least
//! `threshold` neighbours; they reveal shares for one roster only, in which they are themselves,
//! once `quorum` members have signed it together with the set of members that they masked for. So
//! what must not happen, but with probability 2^−bits over the order on the circle, is:
//!
//! * *Views.* Some honest member has `2·threshold − degree` or more colluding neighbours. While
//!   none has, no colluders hold `threshold` shares of anybody's; and no member that was told to
//!   mask for another set can be opened: `threshold` of its neighbours hold its shares and reveal
//!   them, and `threshold` others are what it masked with, of whom only colluders count twice.
//! * *Isolation.* The sum of only a part of the honest members can be opened. Masks between the
//!   part and the rest hide it, unless nobody of the part is joined to the rest: on the circle the
//!   part must end, on both sides, in `degree/2` places of colluding or missing members. The
//!   member at such an end has at most `degree/2` others on its other side, so to open its own
//!   mask at least `threshold − degree/2` of the places beyond the end must be held by colluders.
//!   That must hold at both ends, which are disjoint; the two events are negatively associated
//!   (Joag-Dev, Proschan 1983), so their probability is at most the product. Besides, of the
//!   `degree` places of both ends no more can be missing than a roster may leave out: of a roster
//!   of at least `fewest`, all others must collude. The probability of both at once is at most the
//!   smaller of the two.
//! * *Liveness.* Some member has fewer than `threshold` neighbours left.
//!
//! Where all are joined to all nobody is isolated, and of the `quorum` that sign at least
//! `quorum` less the colluders are honest holders of anybody's shares: a member that masked for
//! another set has no `threshold` others left if that and `threshold` exceed the degree.
//!
//! # Discussion
//!
//! The paper bounds isolation (its property of connectedness) for members that drop out without
//! regard to the graph. A coordinator that decides who is late can do better: it knows the graph
//! before the contributions. The bounds above hold whoever is missing, which costs some
//! neighbours where few drop out, and a coordinator cannot profit from its choice. The condition
//! on views is that of the authors' own program for a coordinator that is malicious after keys
//! are exchanged (2·threshold > degree + colluding neighbours).

mod tail;

use tacit_core::error::Error;
use tacit_core::limits;
use tacit_core::rng::Seed;
use tail::{Draw, log2_sum};

/// What a cohort must withstand.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adversary {
    /// Fraction of the cohort that may collude with the coordinator.
    pub colluding: f64,
    /// Fraction of the cohort that may vanish.
    pub dropping: f64,
    /// Privacy fails with probability 2^−this at most.
    pub security_bits: f64,
    /// A round fails with probability 2^−this at most, while no more vanish than that.
    pub liveness_bits: f64,
}

/// How a cohort is joined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Topology {
    /// Neighbours of every member.
    pub degree: usize,
    /// Neighbours that together recover a secret.
    pub threshold: usize,
    /// Members that must have confirmed a roster before anything is revealed: two rosters never
    /// both reach it, since no honest member confirms two.
    pub quorum: usize,
    /// Achieved: privacy fails with probability 2^−this.
    pub security_bits: f64,
    /// Achieved: a round fails with probability 2^−this.
    pub liveness_bits: f64,
}

/// Members, and how many of them at most are bad in which way.
struct Cohort {
    members: usize,
    colluding: usize,
    dropping: usize,
    /// Members of the smallest roster that is opened.
    fewest: usize,
    /// Whether the coordinator may leave the protocol.
    malicious: bool,
}

impl Cohort {
    fn is_complete(&self, degree: usize) -> bool {
        degree + 1 >= self.members
    }

    /// −log₂ of the probability that views or isolation break privacy.
    fn security_bits(&self, degree: usize, threshold: usize) -> f64 {
        let (others, colluding, side) = (self.members - 1, self.colluding, degree / 2);
        if self.is_complete(degree) {
            let signed = self.majority() - colluding;
            let views = !self.malicious || threshold + signed > degree;
            let secure = threshold > colluding && views;
            return if secure { f64::INFINITY } else { 0.0 };
        }
        let honest = (self.members - colluding) as f64;
        let draw = Draw { population: others, marked: colluding, drawn: degree };
        let both = if self.malicious { (2 * threshold).saturating_sub(degree) } else { threshold };
        let views = libm::log2(honest) + draw.log2_at_least(both);
        let beyond = |marked, drawn| Draw { population: others - 1, marked, drawn };
        let ends = match self.malicious {
            true => {
                let held = threshold.saturating_sub(side);
                let missing = self.members - self.fewest;
                let cut =
                    beyond(colluding, 2 * side).log2_at_least((2 * side).saturating_sub(missing));
                (2.0 * beyond(colluding, side).log2_at_least(held)).min(cut)
            }
            false => 2.0 * beyond(colluding + self.dropping, side).log2_at_least(side),
        };
        let isolation = libm::log2(honest * (honest - 1.0)) + ends;
        -log2_sum(views, isolation).min(0.0)
    }

    /// So many that two such sets have an honest member in common.
    fn majority(&self) -> usize {
        (self.members + self.colluding) / 2 + 1
    }

    /// −log₂ of the probability that some member has too few neighbours left.
    fn liveness_bits(&self, degree: usize, threshold: usize) -> f64 {
        let draw = Draw { population: self.members - 1, marked: self.dropping, drawn: degree };
        let log2 = libm::log2(self.members as f64) + draw.log2_at_least(degree + 1 - threshold);
        -log2.min(0.0)
    }

    /// The smallest graph, and the largest threshold with which it is live.
    fn search(&self, wanted: &Adversary) -> Option<(usize, usize)> {
        // How many missing neighbours are survived: never fewer in a larger graph.
        let mut survived = 0;
        let even = (2..self.members - 1).step_by(2);
        for degree in even.chain([self.members - 1]) {
            let live =
                |survived| self.liveness_bits(degree, degree - survived) >= wanted.liveness_bits;
            while survived < degree && !live(survived) {
                survived += 1;
            }
            let threshold = degree - survived;
            if threshold > 0 && self.security_bits(degree, threshold) >= wanted.security_bits {
                return Some((degree, threshold));
            }
        }
        None
    }

    /// The threshold of choice, at most `largest`.
    fn threshold(&self, degree: usize, largest: usize, wanted: &Adversary) -> usize {
        let secure =
            |threshold: &usize| self.security_bits(degree, *threshold) >= wanted.security_bits;
        let usual = 2 * degree / 3 + 1;
        if usual <= largest && secure(&usual) {
            return usual;
        }
        (1..largest).find(secure).unwrap_or(largest)
    }

    /// More than half of the honest and all that collude, or two thirds where so many may be
    /// relied on.
    fn quorum(&self) -> Result<usize, Error> {
        let (least, left) = (self.majority(), self.members - self.dropping);
        if !self.malicious {
            return Ok(left);
        }
        if least > left {
            let expected = format!("at most {} of {}", self.members - least, self.members);
            return Err(Error::caller("members that may vanish", expected, refused(self.dropping)));
        }
        Ok(least.max(left.min(2 * self.members / 3 + 1)))
    }
}

fn refused(count: usize) -> String {
    count.to_string()
}

/// The smallest even degree with which a cohort is private and live enough, or all pairs where
/// none is. The threshold is two thirds of the neighbours and one, where that is secure and
/// drop-outs allow it; else the smallest that is secure.
///
/// Everybody who needs the result computes it, so it is the same on every machine.
pub fn design(cohort: usize, adversary: &Adversary) -> Result<Topology, Error> {
    design_of_fewest(cohort, 0, adversary)
}

/// The same where no roster of fewer members than this is opened, nor of fewer than have an honest
/// one in common with every other.
pub fn design_of_fewest(
    cohort: usize,
    fewest: usize,
    adversary: &Adversary,
) -> Result<Topology, Error> {
    let cohort = checked(cohort, adversary)?;
    let fewest = fewest.clamp(cohort.fewest, cohort.members);
    designed(Cohort { fewest, ..cohort }, adversary)
}

/// The same for a coordinator that follows the protocol, and for members that leave without regard
/// to the graph: there is one set and one roster, and whoever is isolated has only missing and
/// colluding members on both sides.
pub fn design_semi_honest(cohort: usize, adversary: &Adversary) -> Result<Topology, Error> {
    designed(Cohort { malicious: false, ..checked(cohort, adversary)? }, adversary)
}

fn designed(cohort: Cohort, adversary: &Adversary) -> Result<Topology, Error> {
    let quorum = cohort.quorum()?;
    let Some((degree, largest)) = cohort.search(adversary) else {
        let expected = "a cohort that can be both private and live";
        let found = format!(
            "{} members of whom {} may collude and {} vanish",
            cohort.members, cohort.colluding, cohort.dropping
        );
        return Err(Error::caller("adversary", expected, found));
    };
    let threshold = cohort.threshold(degree, largest, adversary);
    Ok(Topology {
        degree,
        threshold,
        quorum,
        security_bits: cohort.security_bits(degree, threshold),
        liveness_bits: cohort.liveness_bits(degree, threshold),
    })
}

fn checked(members: usize, adversary: &Adversary) -> Result<Cohort, Error> {
    if !(2..=limits::COHORT).contains(&members) {
        let expected = format!("2 to {} members", limits::COHORT);
        return Err(Error::caller("cohort", expected, refused(members)));
    }
    let fractions = [adversary.colluding, adversary.dropping];
    if !fractions.iter().all(|fraction| (0.0..1.0).contains(fraction)) {
        let found = format!("{} and {}", adversary.colluding, adversary.dropping);
        return Err(Error::caller("fractions of an adversary", "0 to 1, without 1", found));
    }
    let bits = [adversary.security_bits, adversary.liveness_bits];
    if !bits.iter().all(|bits| (0.0..=256.0).contains(bits)) {
        let found = format!("{} and {}", bits[0], bits[1]);
        return Err(Error::caller("bits of security and liveness", "0 to 256", found));
    }
    // A third of three is one, though a third is less than 1/3 in binary.
    let [colluding, dropping] = fractions.map(|f| (f * members as f64 + 1e-9) as usize);
    if colluding + 2 > members {
        let expected = format!("at most {} of {members}", members - 2);
        return Err(Error::caller("members that may collude", expected, refused(colluding)));
    }
    let fewest = ((members + colluding) / 2 + 1).min(members);
    Ok(Cohort { members, colluding, dropping, fewest, malicious: true })
}

/// So many of a group drawn at random are marked at most, but with probability 2^−bits.
pub(crate) fn most_marked(population: usize, marked: usize, drawn: usize, bits: f64) -> usize {
    let draw = Draw { population, marked, drawn };
    let most = marked.min(drawn);
    (0..most).find(|count| draw.log2_at_least(count + 1) <= -bits).unwrap_or(most)
}

/// Members on a circle in random order, each joined to the nearest.
pub struct Graph {
    circle: Vec<u32>,
    places: Vec<u32>,
    degree: usize,
}

impl Graph {
    /// The graph of a seed. Where no graph has this degree (both it and the number of members
    /// odd), or more neighbours are asked for than there are, it is the next possible one.
    pub fn draw(members: usize, degree: usize, seed: &[u8; 32]) -> Self {
        let mut circle: Vec<u32> = (0..members as u32).collect();
        Seed::from_bytes(*seed).derive("tacit/v1/secagg/graph", &[]).rng().shuffle(&mut circle);
        let mut places = vec![0; members];
        for (place, member) in circle.iter().enumerate() {
            places[*member as usize] = place as u32;
        }
        let regular = degree + (degree % 2) * (members % 2);
        Self { circle, places, degree: regular.min(members.saturating_sub(1)) }
    }

    /// The neighbours of a member, ascending; of somebody else, none.
    pub fn of(&self, member: u32) -> Vec<u32> {
        let Some(place) = self.places.get(member as usize).map(|place| *place as usize) else {
            return Vec::new();
        };
        let members = self.circle.len();
        let sides = (1..=self.degree / 2).flat_map(|step| [step, members - step]);
        let across = (self.degree % 2 == 1).then_some(members / 2);
        let mut found: Vec<u32> = if self.degree + 1 == members {
            (0..members as u32).filter(|other| *other != member).collect()
        } else {
            sides.chain(across).map(|step| self.circle[(place + step) % members]).collect()
        };
        found.sort_unstable();
        found
    }
}

/// The neighbours of each of `members`, ascending: symmetric and the same for one seed.
pub fn neighbours(members: usize, degree: usize, seed: &[u8; 32]) -> Vec<Vec<u32>> {
    let graph = Graph::draw(members, degree, seed);
    (0..members as u32).map(|member| graph.of(member)).collect()
}

#[cfg(test)]
mod tests;
