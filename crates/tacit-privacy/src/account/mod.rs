//! Accounting: what releases cost together.
//!
//! | accountant | bounds | of |
//! |---|---|---|
//! | [`Rdp`] | from above | everything |
//! | [`Zcdp`] | from above | Gaussian, Laplace, pure, concentrated; everybody |
//!
//! Each has `compose(release, times)`, `epsilon(delta)` and `delta(epsilon)`. The order of
//! releases does not matter; later ones may depend on the results of earlier ones, as long as
//! their noise and sampling were settled before.

mod convert;
mod error;
mod rdp;
mod release;
mod special;
mod zcdp;

pub use error::AccountError;
pub use rdp::{ORDERS, Rdp, RdpBound};
pub use release::{Mechanism, Neighbours, Release, Sampling};
pub use zcdp::Zcdp;
