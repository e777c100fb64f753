//! A trace whose chunks are sound and say anything, in any order: the parts of its answers add up.
#![no_main]

use fil_fuzz::Story;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|story: Story| fil_fuzz::ask_everything(story.bytes()));
