//! Who holds how much, and held how much at the peak.
//!
//! Since the last maximum, all changes are in a journal. When it becomes too long, what was held at that maximum is
//! reckoned from what is held now, by taking the changes back; then nothing is written down until the next maximum. So
//! a new maximum costs nothing, however many there are.

use format::Domain;

/// So many changes are taken back at once.
const JOURNAL_CHANGES: usize = 1 << 16;

/// Kinds of memory that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Heap,
    Python,
    Mapping,
}

/// How many there are.
const CATEGORIES: u32 = 3;

impl Category {
    /// That of a block.
    pub(crate) fn of(domain: Domain) -> Category {
        match domain {
            Domain::Heap => Category::Heap,
            Domain::Python => Category::Python,
        }
    }
}

/// What a call site holds of one category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account(u32);

impl Account {
    /// That of a call site by its number, see `program.rs`.
    pub(crate) fn new(call_site: u32, category: Category) -> Account {
        Account(call_site * CATEGORIES + category as u32)
    }

    pub(crate) fn category(self) -> Category {
        [Category::Heap, Category::Python, Category::Mapping][(self.0 % CATEGORIES) as usize]
    }

    pub(crate) fn call_site(self) -> u32 {
        self.0 / CATEGORIES
    }
}

/// Memory of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) bytes: i64,
    pub(crate) blocks: i64,
}

#[derive(Clone, Copy)]
struct Change {
    account: Account,
    bytes: i64,
    blocks: i64,
}

/// See the module.
pub(crate) struct Ledger {
    holdings: Vec<Holding>,
    live_bytes: i64,
    peak_bytes: i64,
    /// Nanoseconds of the monotonic clock.
    peak_ns: u64,
    /// What was held at the peak, once the journal has become too long.
    at_peak: Option<Vec<Holding>>,
    /// Changes since the peak, as long as `at_peak` is not known.
    journal: Vec<Change>,
    /// Bytes and blocks that came to life, in total.
    pub(crate) allocated: Holding,
}

impl Ledger {
    /// The ledger of a job with so many call sites, at a time when nothing is held.
    pub(crate) fn new(call_sites: u32, start_ns: u64) -> Ledger {
        Ledger {
            holdings: vec![Holding::default(); (call_sites * CATEGORIES) as usize],
            live_bytes: 0,
            peak_bytes: 0,
            peak_ns: start_ns,
            at_peak: None,
            journal: Vec::with_capacity(JOURNAL_CHANGES),
            allocated: Holding::default(),
        }
    }

    /// So many bytes came to life, as one block.
    #[inline]
    pub(crate) fn allocate(&mut self, account: Account, bytes: u64, now_ns: u64) {
        self.allocated.bytes += bytes as i64;
        self.allocated.blocks += 1;
        self.restore(account, bytes, now_ns);
    }

    /// The same for a block that lived before: it is not counted as another one.
    #[inline]
    pub(crate) fn restore(&mut self, account: Account, bytes: u64, now_ns: u64) {
        self.change(Change { account, bytes: bytes as i64, blocks: 1 });
        if self.live_bytes > self.peak_bytes {
            self.peak_bytes = self.live_bytes;
            self.peak_ns = now_ns;
            self.journal.clear();
            self.at_peak = None;
        }
    }

    /// A block of so many bytes is gone.
    #[inline]
    pub(crate) fn free(&mut self, account: Account, bytes: u64) {
        self.change(Change { account, bytes: -(bytes as i64), blocks: -1 });
    }

    /// Bytes held now.
    pub(crate) fn live_bytes(&self) -> i64 {
        self.live_bytes
    }

    /// Whether more was never held than now.
    #[inline]
    pub(crate) fn is_at_peak(&self) -> bool {
        self.live_bytes == self.peak_bytes
    }

    /// Most bytes ever held at once, and the first time when that was, in nanoseconds of the monotonic clock.
    pub(crate) fn peak(&self) -> (i64, u64) {
        (self.peak_bytes, self.peak_ns)
    }

    /// What each account held then; those that held nothing are left out.
    pub(crate) fn at_peak(&self) -> Vec<(Account, Holding)> {
        let holdings = self.at_peak.clone().unwrap_or_else(|| self.reckon_back());
        let numbered = holdings.into_iter().enumerate().map(|(at, holding)| (Account(at as u32), holding));
        numbered.filter(|(_, holding)| *holding != Holding::default()).collect()
    }

    #[inline]
    fn change(&mut self, change: Change) {
        let holding = &mut self.holdings[change.account.0 as usize];
        holding.bytes += change.bytes;
        holding.blocks += change.blocks;
        self.live_bytes += change.bytes;
        if self.at_peak.is_none() {
            self.journal.push(change);
            if self.journal.len() == JOURNAL_CHANGES {
                self.at_peak = Some(self.reckon_back());
                self.journal.clear();
            }
        }
    }

    fn reckon_back(&self) -> Vec<Holding> {
        let mut holdings = self.holdings.clone();
        for change in &self.journal {
            let holding = &mut holdings[change.account.0 as usize];
            holding.bytes -= change.bytes;
            holding.blocks -= change.blocks;
        }
        holdings
    }
}
