//! A network that loses, repeats, delays and thereby reorders messages, and falls apart.

use super::World;
use super::events::{Down, Up, What};

impl World {
    pub(super) fn send_up(&mut self, from: usize, message: Up) {
        for at in self.arrivals(from) {
            self.queue.push(at, What::Up { from, message: message.clone() });
        }
    }

    pub(super) fn send_down(&mut self, to: usize, message: Down) {
        for at in self.arrivals(to) {
            self.queue.push(at, What::Down { to, message: message.clone() });
        }
    }

    /// When a message between the coordinator and this participant arrives: never, once or twice.
    fn arrivals(&mut self, number: usize) -> impl Iterator<Item = u64> + use<> {
        if self.partitions.iter().any(|p| p.cuts_off(number, self.now)) {
            self.count("partitioned");
            return [None, None].into_iter().flatten();
        }
        let lost = self.strikes(self.faults.drop, "dropped");
        let first = (!lost).then(|| self.arrival());
        let again = !lost && self.strikes(self.faults.duplicate, "duplicated");
        let second = again.then(|| self.arrival());
        [first, second].into_iter().flatten()
    }

    fn arrival(&mut self) -> u64 {
        let late = self.strikes(self.faults.delay, "delayed");
        let most = if late { 800 } else { 5 };
        self.now + 1 + self.rng.below(most)
    }
}
