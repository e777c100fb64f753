//! Budgets, and what a trace says of them.

use analyzer::check::{Budget, Check, check};
use analyzer::{Pattern, Selection, Trace};

pub fn peak_budget(allowed_bytes: u64) -> Budget<'static> {
    Budget::Peak { allowed_bytes }
}

pub fn leaks_budget(allowed_bytes: u64) -> Budget<'static> {
    Budget::Leaks { allowed_bytes }
}

pub fn site_budget(pattern: &str, allowed_bytes: u64) -> Budget<'static> {
    Budget::Site { pattern: Pattern::new(pattern).unwrap(), allowed_bytes }
}

pub fn checked(trace: &Trace, budgets: &[Budget<'_>]) -> Check {
    check(trace, budgets, &Selection::default()).unwrap()
}
