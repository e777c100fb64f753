//! Jobs that hold mappings of known sizes, made by a function `block`.

use std::process::Command;

use super::{Peak, Place, Python, run};

/// Private anonymous mappings: their sizes count, on every Python.
pub(crate) const HOLD: &str = "
import mmap, os, sys
FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
def block(size): return mmap.mmap(-1, size, FLAGS)
def hold(mebibytes):
    # What Python keeps of a call, to use it in the next, belongs to no block.
    mmap.mmap(-1, 1, FLAGS).close()
    held = block(mebibytes << 20)
    # The peak is here, when what the call needed is gone.
    bytes(1_000_000)
    return held
";

/// What each call of `block` in a file of this name holds at the peak, smallest first: its bytes, and its callers,
/// outermost first.
pub(crate) fn held_by(peak: &Peak, file: &str) -> Vec<(u64, Vec<Place>)> {
    let mut held = peak.stacks();
    held.retain_mut(|(_, frames)| frames.pop().is_some_and(|frame| (&*frame.0, &*frame.1) == ("block", file)));
    held.reverse();
    held
}

/// The bytes of [`held_by`], for code that was given with `-c`.
pub(crate) fn held(peak: &Peak) -> Vec<u64> {
    held_by(peak, "<string>").into_iter().map(|(bytes, _)| bytes).collect()
}

/// What blocks of so many MiB take: the mapping, and the object that stands for it.
pub(crate) fn blocks(python: &Python, mebibytes: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let code = "import mmap, sys; print(sys.getsizeof(mmap.mmap(-1, 1)))";
    let object: u64 =
        run(Command::new(&python.path).args(["-c", code])).success().stdout.trim().parse().expect("bytes");
    mebibytes.into_iter().map(|mebibytes| (mebibytes << 20) + object).collect()
}
