//! What a participant proves with: its data's commitment, which it enrols with, and the keys.

use crate::client::BlockingTransport;
use crate::coordinator::draws;
use std::path::Path;
use tacit_audit::OsEntropy;
use tacit_core::error::Error;
use tacit_core::local::{Holding, Local, Proofs, Witness};
use tacit_core::params::Layout;
use tacit_core::proof::{Secret, Statement};
use tacit_core::traits::Keys;

/// A participant's part in a plan that asks for proofs.
pub struct Testimony {
    proofs: Proofs,
    holding: Holding,
}

impl Testimony {
    /// Makes ready for what the plan asks for, if anything. What hides the participant's data in
    /// the commitment to them is kept in `folder` before anybody hears of that commitment: drawn
    /// anew it would be another one, which the coordinator refuses.
    pub fn prepare(
        local: &Local<'_>,
        layout: &Layout,
        keys: &dyn Keys,
        folder: &Path,
        signer: &[u8],
    ) -> Result<Option<Self>, Error> {
        let plan = local.plan;
        let Some(proofs) = Proofs::new(&Statement { plan, layout }, keys)? else { return Ok(None) };
        crate::files::make_dir(folder)?;
        let name: String = plan.digest().to_string().chars().take(16).collect();
        let secret = draws::secret(&folder.join(format!("data-{name}.secret")), &mut OsEntropy)?;
        let secret = Secret::from_bytes(secret.to_bytes());
        let holding = Holding::new(plan, &local.data.train, secret, signer)?;
        Ok(Some(Self { proofs, holding }))
    }

    /// Enrols with the commitment to the participant's data, where there is one.
    pub fn enrol(&self, transport: &mut BlockingTransport) -> Result<(), Error> {
        self.holding.dataset().map_or(Ok(()), |dataset| transport.commit(dataset))
    }

    /// For one contribution.
    pub fn witness(&mut self) -> Witness<'_> {
        Witness { proofs: &mut self.proofs, holding: &self.holding }
    }
}
