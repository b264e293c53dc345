//! Reports a test for each vector in `schema/vectors`, and one for each conversation with an engine.

mod conversation;
mod other;
mod vectors;

use cap::Cap;
use libtest_mimic::Arguments;
use std::alloc::System;

/// No frame may take more memory than this, whatever size it announces: the allocator fails beyond.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, 64 << 20);

fn main() {
    let arguments = Arguments::from_args();
    let tests = vectors::tests().into_iter().chain(conversation::tests());
    libtest_mimic::run(&arguments, tests.collect()).exit();
}
