//! A participant whose aggregators are elsewhere.

use super::Params;
use super::deal::Dealer;
use super::local::OUT_OF_TURN;
use super::orders::{Dealt, Manifest};
use std::sync::Arc;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::exchange::SignedMessage;
use tacit_core::traits::{Context, Entropy, Member};
use zeroize::Zeroizing;

/// Brings shares to aggregators.
pub trait Courier: Send + Sync {
    /// Delivers one share; gives the aggregator's receipt, whose signature it has verified.
    fn deliver(
        &self,
        context: &Context,
        aggregator: usize,
        share: &[u8],
    ) -> Result<SignedMessage, Error>;
}

/// Deals its vector in the payload's stead, and tells the coordinator who holds what.
pub struct RemoteMember {
    params: Params,
    context: Context,
    courier: Arc<dyn Courier>,
    dealer: Option<Dealer>,
    /// One for each aggregator after the first `privacy`.
    vectors: Zeroizing<Vec<Vec<u8>>>,
}

impl RemoteMember {
    /// Begins a round.
    pub fn new(params: Params, context: &Context, courier: Arc<dyn Courier>) -> Self {
        let vectors = Zeroizing::new(vec![Vec::new(); params.aggregators - params.privacy]);
        Self { params, context: context.clone(), courier, dealer: None, vectors }
    }

    /// Delivers every share that can be; too few receipts are an error.
    fn deliver(&mut self) -> Result<Manifest, Error> {
        let mut dealer = self.dealer.take().ok_or(OUT_OF_TURN)?;
        dealer.checks(&mut self.vectors)?;
        let mut last = OUT_OF_TURN;
        let (mut shares, mut held) = (Vec::new(), 0);
        for aggregator in 0..self.params.aggregators {
            let share: &[u8] = match dealer.seed(aggregator) {
                Some(seed) => seed,
                None => &self.vectors[aggregator - self.params.privacy],
            };
            let receipt = match self.courier.deliver(&self.context, aggregator, share) {
                Ok(receipt) => Some(receipt),
                Err(error) => {
                    last = error;
                    None
                }
            };
            held += usize::from(receipt.is_some());
            shares.push(Dealt { digest: Digest::of_bytes(share), receipt });
        }
        if held < self.params.threshold { Err(last) } else { Ok(Manifest { shares }) }
    }
}

impl Member for RemoteMember {
    fn say(&mut self, stage: u8, _: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, Error> {
        match stage {
            0 => {
                self.dealer = Some(Dealer::new(self.params, entropy)?);
                Ok(Vec::new())
            }
            _ => Ok(codec::encode(&self.deliver()?)),
        }
    }

    fn seal(&mut self, frame: u32, integers: &mut [u64], _: &mut Vec<u8>) -> Result<(), Error> {
        let dealer = self.dealer.as_mut().ok_or(OUT_OF_TURN)?;
        dealer.frame(frame, integers, &mut self.vectors)?;
        integers.fill(0);
        Ok(())
    }
}
