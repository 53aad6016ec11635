//! How often and how long a failed request is repeated.

use std::time::Duration;
use tacit_core::error::{Error, Refusal};
use tokio::time::Instant;

/// Exponential back-off with jitter, so that a cohort does not return in step.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// First pause.
    pub first: Duration,
    /// Longest pause.
    pub longest: Duration,
    /// How long to go on without any progress.
    pub total: Duration,
}

impl Default for Patience {
    /// A quarter of a second, doubling to ten; for as long as a coordinator may need to be
    /// restarted by hand.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(10),
            total: Duration::from_secs(900),
        }
    }
}

/// Whether the same request may succeed later: the coordinator or the network failed, or was
/// merely busy, or lost bytes on the way. Every other refusal is final.
pub fn retriable(error: &Error) -> bool {
    match error {
        Error::World(_) => true,
        Error::Peer(Refusal::TooMany { .. } | Refusal::Truncated { .. }) => true,
        Error::Peer(_) | Error::Caller(_) | Error::Bug(_) => false,
    }
}

/// The state of one series of repetitions.
pub(super) struct Pauses {
    patience: Patience,
    next: Duration,
    until: Instant,
}

impl Patience {
    pub(super) fn pauses(self) -> Pauses {
        Pauses { patience: self, next: self.first, until: Instant::now() + self.total }
    }

    /// Repeats `attempt` until it succeeds, fails for good, or patience ends.
    pub(super) async fn persist<T>(
        self,
        attempt: impl AsyncFn() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut pauses = self.pauses();
        loop {
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => pauses.after(error).await?,
            }
        }
    }
}

impl Pauses {
    /// Pauses after a failure that may pass; gives back one that will not.
    pub(super) async fn after(&mut self, error: Error) -> Result<(), Error> {
        if !retriable(&error) || Instant::now() + self.next > self.until {
            return Err(error);
        }
        tracing::debug!(%error, pause_ms = self.next.as_millis() as u64, "will try again");
        tokio::time::sleep(jittered(self.next)).await;
        self.next = (self.next * 2).min(self.patience.longest);
        Ok(())
    }

    /// There was progress: start over.
    pub(super) fn reset(&mut self) {
        *self = self.patience.pauses();
    }
}

/// Between half and all of `pause`.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 4];
    // Without randomness all pauses are whole: slower, still right.
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        return pause;
    }
    pause.mul_f64(0.5 + 0.5 * f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn impatient() -> Patience {
        let ms = Duration::from_millis;
        Patience { first: ms(1), longest: ms(4), total: ms(200) }
    }

    fn outage() -> Error {
        Error::world("ask", std::io::Error::other("down"))
    }

    #[tokio::test]
    async fn repeats_what_may_pass_and_nothing_else() {
        let count = AtomicU32::new(0);
        let third = async || match count.fetch_add(1, Ordering::Relaxed) {
            2 => Ok(7),
            _ => Err(outage()),
        };
        assert_eq!(impatient().persist(third).await.unwrap(), 7);
        count.store(0, Ordering::Relaxed);
        let never = async || {
            count.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(Refusal::TooLate { round: 1 }.into())
        };
        assert!(impatient().persist(never).await.is_err());
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn patience_ends() {
        assert!(impatient().persist(async || Err::<(), _>(outage())).await.is_err());
    }

    #[test]
    fn jitter_stays_in_its_half() {
        let pause = Duration::from_millis(100);
        for _ in 0..100 {
            let jittered = jittered(pause);
            assert!(jittered >= pause / 2 && jittered <= pause);
        }
    }
}
