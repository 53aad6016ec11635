//! How many at a time, in all and per holder.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// A bounded number of slots, of which each key holds a bounded part.
pub struct Slots<K: Eq + Hash = IpAddr> {
    held: Arc<Mutex<HashMap<K, usize>>>,
    total: Arc<tokio::sync::Semaphore>,
    per_key: usize,
}

/// One slot; free again when dropped.
pub struct Slot<K: Eq + Hash = IpAddr> {
    key: K,
    held: Arc<Mutex<HashMap<K, usize>>>,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl<K: Eq + Hash + Clone> Slots<K> {
    /// `total` slots, `per_key` of them for one key.
    pub fn new(total: usize, per_key: usize) -> Self {
        let total = total.min(tokio::sync::Semaphore::MAX_PERMITS);
        Self { held: Arc::default(), total: Arc::new(tokio::sync::Semaphore::new(total)), per_key }
    }

    /// A slot for an exact key; `None` when there is none left.
    pub fn take_for(&self, key: K) -> Option<Slot<K>> {
        let permit = self.total.clone().try_acquire_owned().ok()?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(key.clone()).or_insert(0);
        if *count >= self.per_key {
            return None;
        }
        *count += 1;
        Some(Slot { key, held: self.held.clone(), _permit: permit })
    }
}

impl Slots<IpAddr> {
    /// A slot for an address. One IPv6 subscriber commands a whole /64: it counts as one.
    pub fn take(&self, address: IpAddr) -> Option<Slot> {
        self.take_for(match address.to_canonical() {
            IpAddr::V6(v6) => {
                let network = u128::from(v6) & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from(network))
            }
            v4 => v4,
        })
    }
}

impl<K: Eq + Hash> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_bounded_and_come_back() {
        let slots = Slots::new(3, 2);
        let a: IpAddr = "10.0.0.1".parse().unwrap();
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        let first = slots.take(a).unwrap();
        let second = slots.take(mapped).unwrap();
        assert!(slots.take(a).is_none());
        let third = slots.take("10.0.0.2".parse().unwrap()).unwrap();
        assert!(slots.take("10.0.0.3".parse().unwrap()).is_none());
        drop((first, second, third));
        assert!(slots.take(a).is_some());
        assert!(slots.held.lock().unwrap().is_empty());
    }

    #[test]
    fn one_ipv6_network_is_one_address() {
        let slots = Slots::new(9, 1);
        let _one = slots.take("2001:db8::1".parse().unwrap()).unwrap();
        assert!(slots.take("2001:db8::ffff:2".parse().unwrap()).is_none());
        assert!(slots.take("2001:db8:0:1::1".parse().unwrap()).is_some());
    }
}
