//! An allocator that counts: the instrument of the proofs that the hot path allocates nothing.
//!
//! A test makes it the global allocator of its binary, shows that it sees a planted allocation, and then measures. The count is per
//! thread, so tests that run beside each other do not disturb.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count_one() {
    let _ = COUNT.try_with(|count| count.set(count.get().wrapping_add(1))); // a thread that ends counts no more
}

/// The system's allocator, counting.
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: tgm_sys::count::Counting = tgm_sys::count::Counting;
/// # fn main() {
/// assert_eq!(tgm_sys::count::allocations(|| drop(Box::new(7))), 1);
/// assert_eq!(tgm_sys::count::allocations(|| ()), 0);
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Counting;

// SAFETY: every call goes to the system's allocator unchanged, which fulfils the contract; the counter is a constant-initialised
// thread-local and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count_one();
        // SAFETY: `pointer` came from `System` with `layout`, the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` with `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Allocations of this thread while `work` runs. Zero means something only in a binary whose allocator is [`Counting`].
pub fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get).wrapping_sub(before)
}
