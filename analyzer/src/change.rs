//! What happens to the live memory of a site.

use crate::birth::Birth;
use crate::pairing::Block;
use crate::site::SiteId;

/// Bytes and blocks that come to life, or whose life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change<B> {
    pub(crate) bytes: i64,
    pub(crate) site: SiteId,
    pub(crate) blocks: i32,
    /// When it came to life.
    pub(crate) birth: B,
}

impl<B: Birth> Change<B> {
    /// No change.
    #[inline]
    pub(crate) fn none() -> Change<B> {
        Change { bytes: 0, site: SiteId(u32::MAX), blocks: 0, birth: B::default() }
    }

    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.site == SiteId(u32::MAX)
    }

    #[inline]
    pub(crate) fn of_alloc(block: Block<B>) -> Change<B> {
        Change { bytes: block.size as i64, site: block.site, blocks: 1, birth: block.birth }
    }

    #[inline]
    pub(crate) fn of_free(block: Block<B>) -> Change<B> {
        Change::of_alloc(block).of_end()
    }

    /// The end of what comes to life by this change.
    #[inline]
    pub(crate) fn of_end(self) -> Change<B> {
        Change { bytes: self.bytes.wrapping_neg(), blocks: -self.blocks, ..self }
    }
}
