//! What a system must offer to be tested. Nothing in the other files but `tacit.rs` knows more.

/// What everybody knows of a round before it begins.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Members, numbered from 0.
    pub members: usize,
    /// Fewest contributions that may be opened together, before the system asks for more.
    pub minimum: usize,
    /// Members that may collude with the coordinator.
    pub colluding: usize,
    /// Members that may leave.
    pub leaving: usize,
    /// Integers are modulo 2 to this power.
    pub bits: u32,
    /// Number of the round.
    pub round: u32,
    /// Which model the round starts from.
    pub model: u8,
    /// Real signatures, or for large cohorts quick ones that only a test may trust.
    pub signatures: bool,
}

impl Setting {
    pub fn mask(&self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }
}

/// A source of random bytes whose draws a test can see and change.
pub trait Draw: Send {
    fn draw(&mut self, bytes: &mut [u8]);
}

/// A signed message of a member, as it travels.
#[derive(Clone, PartialEq)]
pub struct Letter {
    /// Who it says it is from.
    pub sender: usize,
    /// Of which stage, from 0.
    pub stage: u8,
    /// What it says.
    pub body: Vec<u8>,
    /// Everything else, with the signature.
    pub seal: Vec<u8>,
}

/// What an owner does that signs and seals as it should, but deals something else.
#[derive(Clone, Copy, PartialEq)]
pub enum Fraud {
    /// To its first neighbour another share than it commits to: to have it accused of a lie.
    OtherShare,
    /// Shares of another key than it showed.
    OtherKey,
}

/// A member of a round, as the test sees it.
pub struct Seen<'a> {
    pub member: usize,
    /// What it drew in stage 0.
    pub drawn: &'a [u8],
    /// All letters of the round.
    pub letters: &'a [Letter],
    /// Integers that it contributes.
    pub len: usize,
}

/// Why somebody goes on no more.
#[derive(Clone, Debug)]
pub struct Refused {
    /// In words.
    pub why: String,
    /// Members that are named as guilty.
    pub named: Vec<usize>,
}

/// A system under test: the same in every call for the same arguments.
pub trait System: Sync {
    /// Stages in which members send a message, before they contribute and after.
    fn stages(&self) -> (u8, u8);
    /// The stage after contributions in which members learn who contributed: before the last.
    fn roster_stage(&self) -> u8;
    /// Fewest contributions whose sum is opened, and confirmations that it takes, where so many
    /// members showed their keys.
    fn fewest(&self, setting: &Setting, present: usize) -> usize;
    /// A member.
    fn member(&self, setting: &Setting, number: usize) -> Box<dyn Party>;
    /// A coordinator: one that checks what it is sent, or one that takes everything.
    fn coordinator(&self, setting: &Setting, checks: bool) -> Box<dyn Desk>;

    // ---------------------------------------------- the pen of those who do not follow the rules

    /// A letter that this member signed.
    fn sign(&self, setting: &Setting, sender: usize, stage: u8, body: Vec<u8>) -> Letter;
    /// The letter as if it were of this sender, round and model, with the signature it had.
    fn relabel(&self, setting: &Setting, sender: usize, letter: &Letter) -> Letter;
    /// Mail that names those who contributed.
    fn roster(&self, setting: &Setting, roster: &[usize]) -> Vec<u8>;
    /// Mail that shows who confirmed that roster.
    fn proof(&self, setting: &Setting, roster: &[usize], confirmed: &[Letter]) -> Vec<u8>;
    /// A message of shares, every other one of which is from one and the rest from another message
    /// of the same member; `None` where shares travel otherwise.
    fn splice(&self, setting: &Setting, one: &[u8], other: &[u8]) -> Option<Vec<u8>>;
    /// The message of shares of this member, with this fraud; `None` where shares travel otherwise.
    fn misdeal(
        &self,
        setting: &Setting,
        seen: &Seen<'_>,
        dealt: &[u8],
        fraud: Fraud,
    ) -> Option<Vec<u8>>;
    /// The second message of shares, with the commitment to what is shared of the first.
    fn recommit(&self, one: &[u8], other: &[u8]) -> Option<Vec<u8>>;
    /// A message of stage 0 with a key that is of no use; `None` where there are no keys.
    fn useless_key(&self, setting: &Setting, message: &[u8]) -> Option<Vec<u8>>;
    /// What the coordinator comes to know of the mask of a member that stays: of so many integers.
    fn revealed_mask(&self, setting: &Setting, seen: &Seen<'_>) -> Vec<u64>;
    /// A message of shares that none of their holders can read.
    fn spoil(&self, setting: &Setting, message: &[u8]) -> Option<Vec<u8>>;
    /// The stage of these messages.
    fn share_stage(&self) -> u8;
    /// The neighbours of a member, ascending, and how many of them give its secrets back, in the
    /// cohort whose letters of stage 0 these are.
    fn neighbours(&self, setting: &Setting, keys: &[Letter], member: usize) -> (Vec<usize>, usize);
    /// The mail of the stage after that of shares, as if only these members had shared, to a member
    /// with these neighbours. `None` where shares travel otherwise.
    fn fewer_shares(
        &self,
        setting: &Setting,
        neighbours: &[usize],
        mail: &[u8],
        shared: &[usize],
    ) -> Option<Vec<u8>>;
    /// That mail, with what the owner handed to the neighbour at `place` of its own in the place
    /// of the `of`th that the reader is handed.
    fn hand_over(&self, mail: &[u8], of: usize, dealt: &[u8], place: usize) -> Option<Vec<u8>>;
    /// The first message of stage 0 with the second's key that shares are sealed with.
    fn borrow_key(&self, mine: &[u8], theirs: &[u8]) -> Option<Vec<u8>>;
    /// The answer to that mail that complains of these members; `None` where there is none.
    fn complain(&self, setting: &Setting, of: &[usize]) -> Option<Vec<u8>>;
}

/// One member in one round.
pub trait Party {
    /// Reads its mail of a stage and answers.
    fn say(&mut self, stage: u8, mail: &[u8], draw: &mut dyn Draw) -> Result<Vec<u8>, Refused>;
    /// Hides its integers.
    fn contribute(&mut self, integers: &[u64], draw: &mut dyn Draw) -> Result<Vec<u8>, Refused>;
}

/// The coordinator in one round.
pub trait Desk {
    /// Takes a letter.
    fn hear(&mut self, letter: &Letter) -> Result<(), Refused>;
    /// No more letters of a stage.
    fn close(&mut self, stage: u8) -> Result<(), Refused>;
    /// No more contributions than those of these members, ascending.
    fn contributed(&mut self, roster: &[usize]) -> Result<(), Refused>;
    /// What a member is handed in a stage.
    fn mail(&self, stage: u8, to: usize) -> Result<Vec<u8>, Refused>;
    /// The sum of the contributions of the roster.
    fn open(&self, contributions: &[(usize, Vec<u8>)], len: usize) -> Result<Vec<u64>, Refused>;
}
