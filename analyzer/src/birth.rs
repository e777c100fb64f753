//! When a block or a mapping came to life: kept by a replay only for those who want to know it of what ends.

/// An instant, as far as an answer needs it.
pub(crate) trait Birth: Copy + Default + PartialEq + std::fmt::Debug + Send + Sync {
    /// Whether anybody wants to know it.
    const IS_ASKED_FOR: bool;
    /// That of the event of this place in the order of all events, at this time (nanoseconds of the monotonic clock).
    fn at(order: u64, ns: u64) -> Self;
}

/// Nobody asks.
impl Birth for () {
    const IS_ASKED_FOR: bool = false;

    fn at(_order: u64, _ns: u64) {}
}

/// The event at which something came to life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Instant {
    /// Its place in the order of all events.
    pub(crate) order: u64,
    /// Nanoseconds of the monotonic clock.
    pub(crate) ns: u64,
}

impl Birth for Instant {
    const IS_ASKED_FOR: bool = true;

    #[inline]
    fn at(order: u64, ns: u64) -> Instant {
        Instant { order, ns }
    }
}
