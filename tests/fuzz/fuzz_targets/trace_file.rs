//! Any bytes as a trace file: an answer with warnings, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fil_fuzz::ask_everything(bytes.to_vec()));
