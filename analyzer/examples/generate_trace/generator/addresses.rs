//! Which address a block gets: like pymalloc, malloc and the kernel, as far as it matters to addresses.
//!
//! What was given back last is handed out first; else what is behind the last one. The three have spaces of their own,
//! which never meet, and nothing is handed out twice before it is given back.

/// pymalloc's largest block.
pub(crate) const LARGEST_SMALL_BLOCK: u32 = 512;
const CLASSES: usize = LARGEST_SMALL_BLOCK as usize / 16 + 1;
/// pymalloc's pool since CPython 3.10, and what it keeps at its beginning.
const POOL_BYTES: u64 = 16 << 10;
const POOL_HEADER_BYTES: u64 = 48;
/// pymalloc's arena since CPython 3.10.
pub(crate) const ARENA_BYTES: u64 = 1 << 20;
const FIRST_ARENA: u64 = 0x7f00_0000_0000;
const FIRST_HEAP_BLOCK: u64 = 0x5555_5555_0010;
const FIRST_MAPPING: u64 = 0x6000_0000_0000;
pub(crate) const PAGE_BYTES: u64 = 4096;
/// More than there are classes of 32-bit sizes.
const HEAP_CLASSES: usize = 320;

/// Blocks of up to [`LARGEST_SMALL_BLOCK`] bytes.
pub(crate) struct SmallBlocks {
    free: [Vec<u64>; CLASSES],
    /// The rest of the last pool of each class: first address, and the end.
    pools: [(u64, u64); CLASSES],
    /// The same of the last arena.
    arena: (u64, u64),
}

impl SmallBlocks {
    pub(crate) fn new() -> SmallBlocks {
        let arena = (FIRST_ARENA, FIRST_ARENA);
        SmallBlocks { free: std::array::from_fn(|_| Vec::new()), pools: [(0, 0); CLASSES], arena }
    }

    /// An address, and the new arena that it is in if there had to be one.
    #[inline]
    pub(crate) fn take(&mut self, size: u32) -> (u64, Option<u64>) {
        let class = small_class(size);
        match self.free[class].pop() {
            Some(address) => (address, None),
            None => self.carve(class),
        }
    }

    #[inline]
    pub(crate) fn give_back(&mut self, size: u32, address: u64) {
        self.free[small_class(size)].push(address);
    }

    fn carve(&mut self, class: usize) -> (u64, Option<u64>) {
        let block_bytes = class as u64 * 16;
        let mut new_arena = None;
        if self.pools[class].0 + block_bytes > self.pools[class].1 {
            if self.arena.0 == self.arena.1 {
                new_arena = Some(self.arena.1);
                self.arena.1 += ARENA_BYTES;
            }
            self.pools[class] = (self.arena.0 + POOL_HEADER_BYTES, self.arena.0 + POOL_BYTES);
            self.arena.0 += POOL_BYTES;
        }
        let address = self.pools[class].0;
        self.pools[class].0 += block_bytes;
        (address, new_arena)
    }
}

fn small_class(size: u32) -> usize {
    size.div_ceil(16).max(1) as usize
}

/// Blocks of malloc.
pub(crate) struct HeapBlocks {
    free: Vec<Vec<u64>>,
    next: u64,
}

impl HeapBlocks {
    pub(crate) fn new() -> HeapBlocks {
        HeapBlocks { free: vec![Vec::new(); HEAP_CLASSES], next: FIRST_HEAP_BLOCK }
    }

    pub(crate) fn take(&mut self, size: u32) -> u64 {
        let (class, room) = heap_class(size);
        self.free[class].pop().unwrap_or_else(|| {
            self.next += room;
            self.next - room
        })
    }

    pub(crate) fn give_back(&mut self, size: u32, address: u64) {
        self.free[heap_class(size).0].push(address);
    }
}

/// Number of the class of a block, and the room that it takes: in steps of 16 bytes up to 1 KiB, above in eighths of a
/// power of two.
fn heap_class(size: u32) -> (usize, u64) {
    let room = (u64::from(size) + 8).next_multiple_of(16).max(32);
    if room <= 1024 {
        return (room as usize / 16, room);
    }
    let shift = room.ilog2() - 3;
    let steps = room.div_ceil(1 << shift);
    (64 + (shift as usize - 7) * 8 + (steps as usize - 8), steps << shift)
}

/// Ranges of pages. There is a page between any two, so that none are neighbours.
pub(crate) struct PageRanges {
    /// By power of two.
    free: [Vec<u64>; 64],
    next: u64,
}

impl PageRanges {
    pub(crate) fn new() -> PageRanges {
        PageRanges { free: std::array::from_fn(|_| Vec::new()), next: FIRST_MAPPING }
    }

    pub(crate) fn take(&mut self, length: u64) -> u64 {
        let room = length.next_power_of_two();
        self.free[room.ilog2() as usize].pop().unwrap_or_else(|| {
            let address = self.next;
            self.next += room + PAGE_BYTES;
            address
        })
    }

    pub(crate) fn give_back(&mut self, length: u64, address: u64) {
        self.free[length.next_power_of_two().ilog2() as usize].push(address);
    }
}
