//! A participant that deals shares of no vector, and owns up to every one of them.

use std::sync::{Arc, Mutex};
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::exchange::{SignedMessage, Terms};
use tacit_core::plan::Plan;
use tacit_core::traits::{Context, Entropy, Member};
use tacit_node::committee::{Committee, Dealing, named};
use tacit_secagg::committee::Params;
use tacit_secagg::committee::member::{Courier, RemoteMember};
use tacit_secagg::committee::orders::Manifest;

/// The aggregator that gets another share.
const WRONGED: usize = 4;

pub struct Crooked {
    way: Arc<Committee>,
    plan: Plan,
}

impl Crooked {
    pub fn new(way: Arc<Committee>, plan: &Plan) -> Self {
        Self { way, plan: plan.clone() }
    }
}

impl Dealing for Crooked {
    fn member(self: Arc<Self>, terms: &Terms) -> Result<Box<dyn Member>, Error> {
        let params: Params = named(&self.plan)?.expect("a committee").params(terms.bits)?;
        let bent = Arc::new(Bent { way: self.way.clone(), share: Mutex::default() });
        let member = RemoteMember::new(params, &terms.context, bent.clone());
        Ok(Box::new(Dealer { member, bent }))
    }
}

/// Brings one aggregator another share.
struct Bent {
    way: Arc<Committee>,
    share: Mutex<Option<Digest>>,
}

impl Courier for Bent {
    fn deliver(&self, of: &Context, to: usize, share: &[u8]) -> Result<SignedMessage, Error> {
        if to != WRONGED {
            return self.way.deliver(of, to, share);
        }
        let mut bent = share.to_vec();
        bent[0] ^= 1;
        *self.share.lock().unwrap() = Some(Digest::of_bytes(&bent));
        self.way.deliver(of, to, &bent)
    }
}

struct Dealer {
    member: RemoteMember,
    bent: Arc<Bent>,
}

impl Member for Dealer {
    fn say(&mut self, stage: u8, mail: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, Error> {
        let body = self.member.say(stage, mail, entropy)?;
        let Some(digest) = self.bent.share.lock().unwrap().take() else { return Ok(body) };
        let mut manifest: Manifest = codec::decode("manifest", &body, 1 << 20)?;
        manifest.shares[WRONGED].digest = digest;
        Ok(codec::encode(&manifest))
    }

    fn seal(&mut self, frame: u32, integers: &mut [u64], out: &mut Vec<u8>) -> Result<(), Error> {
        self.member.seal(frame, integers, out)
    }
}
