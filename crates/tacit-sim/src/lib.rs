//! Virtual participants and seeded worlds: the same rounds in one process.
//!
//! [`simulate`](simulate::simulate) trains a real federation without a network;
//! [`attack`] makes some of its participants hostile, [`world`] breaks everything around a run and
//! checks what must hold all the same.
#![forbid(unsafe_code)]

pub mod attack;
pub mod audit;
pub mod memory;
pub mod notary;
pub mod ports;
pub mod simulate;
pub mod world;

/// Every rule of this build.
pub fn registry() -> Result<tacit_core::registry::Registry, tacit_core::error::Error> {
    let own = [
        &[tacit_core::plain::ENTRIES][..],
        &tacit_learn::ROOMS,
        &tacit_privacy::ROOMS,
        &tacit_secagg::ROOMS,
        &tacit_zk::ROOMS,
    ];
    tacit_core::registry::Registry::new(&own.concat())
}
