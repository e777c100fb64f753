//! What happens to the live memory of a site.

use crate::birth::Birth;
use crate::pairing::Block;
use crate::site::SiteId;

/// Bytes and blocks that come to life, or whose life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change<B> {
    pub(crate) bytes: i64,
    pub(crate) site: SiteId,
    pub(crate) blocks: i16,
    pub(crate) kind: ChangeKind,
    /// When it came to life.
    pub(crate) birth: B,
}

/// What a [`Change`] is. By all of them the live memory of the site changes by the bytes and blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// Memory comes to life: it is younger than all that came before.
    Begin,
    /// A life ends.
    End,
    /// An end did not take place: memory was moved by mremap, or a free was undone. It is as old as its birth says.
    Return,
    /// A mapping is in two pieces from now on: one more, and no byte.
    Cut,
}

impl<B: Birth> Change<B> {
    /// No change.
    #[inline]
    pub(crate) fn none() -> Change<B> {
        Change { bytes: 0, site: SiteId(u32::MAX), blocks: 0, kind: ChangeKind::Begin, birth: B::default() }
    }

    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.site == SiteId(u32::MAX)
    }

    #[inline]
    pub(crate) fn of_alloc(block: Block<B>) -> Change<B> {
        let kind = ChangeKind::Begin;
        Change { bytes: block.size as i64, site: block.site, blocks: 1, kind, birth: block.birth }
    }

    /// A block whose free did not take place.
    #[inline]
    pub(crate) fn of_return(block: Block<B>) -> Change<B> {
        Change { kind: ChangeKind::Return, ..Change::of_alloc(block) }
    }

    #[inline]
    pub(crate) fn of_free(block: Block<B>) -> Change<B> {
        Change::of_alloc(block).of_end()
    }

    /// The end of what comes to life by this change.
    #[inline]
    pub(crate) fn of_end(self) -> Change<B> {
        Change { bytes: self.bytes.wrapping_neg(), blocks: -self.blocks, kind: ChangeKind::End, ..self }
    }
}
