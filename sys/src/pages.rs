//! The pages of a program and its libraries that nobody writes (dl_iterate_phdr(3), madvise(2)).

use std::ffi::{CStr, c_int, c_void};
use std::ops::Range;

/// Takes what has run so far out of this process's resident set: each mapped page of the program and its libraries that is read only,
/// code and constants alike. What runs from now on is found again in the page cache, 16 pages at a time, for about a microsecond each.
/// How many bytes were given back, resident or not.
///
/// Most of a daemon's code runs once, while it reads its configuration and opens its doors; without this it counts as resident until
/// memory is short.
pub fn forget_beginning() -> usize {
    let mut ranges = Ranges::default();
    let to: *mut Ranges = &raw mut ranges;
    // SAFETY: `gather` is called during this call only, with this very pointer, and does not unwind.
    unsafe { libc::dl_iterate_phdr(Some(gather), to.cast()) };
    let ranges = ranges.known.into_iter().take(ranges.count);
    ranges
        .filter(|range| forget(range.clone()))
        .map(|range| range.len())
        .sum()
}

/// Whole pages without a writer.
struct Ranges {
    known: [Range<usize>; MOST],
    count: usize,
    page: usize,
}

/// Segments that are looked at: a program and its few libraries have two such each.
const MOST: usize = 64;

impl Default for Ranges {
    fn default() -> Self {
        // SAFETY: a number in, a number out.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Ranges {
            known: [const { 0..0 }; MOST],
            count: 0,
            page: usize::try_from(page).unwrap_or(4096).max(1),
        }
    }
}

impl Ranges {
    fn add(&mut self, bytes: Range<usize>) {
        let whole = bytes.start.next_multiple_of(self.page)..bytes.end / self.page * self.page;
        if let (false, Some(place)) = (whole.is_empty(), self.known.get_mut(self.count)) {
            *place = whole;
            self.count += 1;
        }
    }
}

unsafe extern "C" fn gather(info: *mut libc::dl_phdr_info, _size: usize, to: *mut c_void) -> c_int {
    // SAFETY: dl_iterate_phdr gives a valid object.
    let info = unsafe { &*info };
    // SAFETY: it gives back the pointer that it was given, of which there is no other.
    let ranges = unsafe { &mut *to.cast::<Ranges>() };
    let (Ok(base), false) = (usize::try_from(info.dlpi_addr), info.dlpi_phdr.is_null()) else {
        return 0;
    };
    // SAFETY: a name is a string that lives as long as the object.
    let name = (!info.dlpi_name.is_null()).then(|| unsafe { CStr::from_ptr(info.dlpi_name) });
    // The kernel's own object is no file.
    if name.is_some_and(|name| name.to_bytes().starts_with(b"linux-")) {
        return 0;
    }
    // SAFETY: the object's program headers, as many as it says, mapped while it is loaded.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    for header in headers {
        let is_read_only = header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0;
        let (Ok(at), Ok(size)) = (usize::try_from(header.p_vaddr), usize::try_from(header.p_memsz)) else {
            continue;
        };
        if is_read_only {
            let start = base.wrapping_add(at);
            ranges.add(start..start.saturating_add(size));
        }
    }
    0
}

fn forget(range: Range<usize>) -> bool {
    let at = std::ptr::with_exposed_provenance_mut::<c_void>(range.start);
    // SAFETY: whole pages that are mapped from a file and that nobody can write, so each is read again as it was.
    unsafe { libc::madvise(at, range.len(), libc::MADV_DONTNEED) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Resident pages of files, in KiB.
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn what_ran_leaves_the_resident_set_and_runs_again() {
        let mut ranges = Ranges::default();
        let to: *mut Ranges = &raw mut ranges;
        // SAFETY: as above.
        unsafe { libc::dl_iterate_phdr(Some(gather), to.cast()) };
        let mut sum = 0_u64;
        for range in ranges.known.iter().take(ranges.count) {
            for at in range.clone().step_by(ranges.page) {
                // SAFETY: a byte of a mapped page that nobody writes.
                sum += u64::from(unsafe { std::ptr::with_exposed_provenance::<u8>(at).read_volatile() });
            }
        }
        assert!(sum > 0);
        let before = resident();
        let given = forget_beginning() / 1024;
        let after = resident();
        assert!(given > 1000, "{given} KiB");
        assert!(after + given / 2 < before, "{before} KiB, then {after} KiB of {given}");
    }
}
