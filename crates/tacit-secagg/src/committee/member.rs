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
        let privacy = self.params.privacy;
        let share = |aggregator: usize| match dealer.seed(aggregator) {
            Some(seed) => &seed[..],
            None => &self.vectors[aggregator - privacy],
        };
        let shares: Vec<&[u8]> = (0..self.params.aggregators).map(share).collect();
        let (courier, context) = (&*self.courier, &self.context);
        let receipts: Vec<Result<SignedMessage, Error>> = std::thread::scope(|scope| {
            let sent: Vec<_> = shares
                .iter()
                .enumerate()
                .map(|(to, share)| scope.spawn(move || courier.deliver(context, to, share)))
                .collect();
            let died = |_| Err(Error::Bug("a thread died delivering a share"));
            sent.into_iter().map(|thread| thread.join().unwrap_or_else(died)).collect()
        });
        let (mut last, mut dealt) = (OUT_OF_TURN, Vec::new());
        for (share, receipt) in shares.iter().zip(receipts) {
            let receipt = receipt.map_err(|error| last = error).ok();
            dealt.push(Dealt { digest: Digest::of_bytes(share), receipt });
        }
        let held = dealt.iter().filter(|dealt| dealt.receipt.is_some()).count();
        match held < self.params.threshold {
            true => Err(last),
            false => Ok(Manifest { shares: dealt }),
        }
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
