//! Accounting: what releases cost together.
//!
//! | accountant | bounds | of |
//! |---|---|---|
//! | [`Pld`] | from both sides, certified | Gaussian, Laplace, pure; all or Poisson sampling |
//! | [`Rdp`] | from above | everything |
//! | [`Zcdp`] | from above | Gaussian, Laplace, pure, concentrated; all |
//!
//! Each has `compose(release, times)`, `epsilon(delta)` and `delta(epsilon)`. The order of
//! releases does not matter; later ones may depend on the results of earlier ones, as long as
//! their noise and sampling were settled before.

mod calibrate;
mod convert;
mod error;
mod pld;
mod rdp;
mod release;
mod special;
mod zcdp;

pub use calibrate::{Target, noise_multiplier};
pub use error::AccountError;
pub use pld::{Interval, Pld};
pub use rdp::{ORDERS, Rdp, RdpBound};
pub use release::{Mechanism, Neighbours, Release, Sampling};
pub use zcdp::Zcdp;
