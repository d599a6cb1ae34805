//! What each consumer has acknowledged, kept over a publisher's death: after its restart a consumer is told what differs, not everything.
//!
//! Whenever another state of a resource is about to leave, its *issue* is counted up and written here first, with a fingerprint of the state.
//! A consumer that takes one has its issue written. So a consumer is known to hold the state with that fingerprint if, and only if, its issue
//! is the resource's last: of anything it may have got after that, the resource's issue would be higher. Whatever is not known is told.
//!
//! The file is written in place, a few bytes at a time, and never synced: a write that has returned outlives the process, at whatever moment
//! that is killed. It does not outlive the machine, so it counts only while the boot is the same. A file that cannot be read or written
//! counts for nothing.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::hash::Hasher;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tgm_core::fnv;
use uuid::Uuid;

use crate::resource::Resource;

const NAME: &str = "acknowledged";
const MAGIC: [u8; 8] = *b"tgm-ack1";
/// Before the issues: [`MAGIC`], the boot's id, what the resources and habits are.
const HEAD: usize = 8 + 16 + 8;
/// One resource: issue and fingerprint.
const ISSUE: usize = 16;
/// One consumer: its id and what it has of each resource.
const SLOT: usize = 16 + Resource::COUNT * 8;
const SLOTS_AT: usize = HEAD + Resource::COUNT * ISSUE;
/// More than any publisher has consumers.
const MOST_SLOTS: usize = 1 << 17;

/// The state of a resource that left last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Issue {
    /// Counts the states; 0: none has left.
    pub number: u64,
    /// Of the state.
    pub print: u64,
}

/// What one consumer has of each resource: the issue that it took last, 0 if that is not known.
pub type Taken = [u64; Resource::COUNT];

/// The file.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    /// What could not be written counts for nothing any more.
    failed: AtomicBool,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    free: Vec<usize>,
    end: usize,
}

/// What was in it.
#[derive(Debug, Default)]
pub struct Found {
    /// By resource.
    pub issues: [Issue; Resource::COUNT],
    /// By consumer.
    pub taken: HashMap<Uuid, Taken>,
}

impl Ledger {
    /// Reads the ledger in `folder` and begins a new one with the same content. Nothing is found in one of another boot, of other resources or
    /// `habits`, or that is damaged. `None` if it cannot be begun: everything is told then, as without one.
    pub fn open(folder: &Path, habits: u8) -> (Option<Arc<Self>>, Found) {
        let path = folder.join(NAME);
        let head = boot().map(|boot| head(boot, habits));
        let found = head.and_then(|head| read(&path, &head)).unwrap_or_default();
        let begun = head.map_or_else(
            || Err(io::ErrorKind::Unsupported.into()),
            |head| begin(&path, &head, &found),
        );
        match begun {
            Ok(file) => {
                let ledger = Ledger {
                    path,
                    file,
                    failed: AtomicBool::new(false),
                    slots: Mutex::default(),
                };
                (Some(Arc::new(ledger)), found)
            }
            Err(error) => {
                // What is there may be true for now, but will not be kept so.
                let removed = std::fs::remove_file(&path);
                tracing::warn!(path = %path.display(), %error, ?removed, "what consumers acknowledge is not kept: after a restart they are told all");
                (None, Found::default())
            }
        }
    }

    /// A state is about to leave.
    pub fn issue(&self, resource: Resource, issue: Issue) {
        let mut bytes = [0; ISSUE];
        let (number, print) = bytes.split_at_mut(8);
        number.copy_from_slice(&issue.number.to_le_bytes());
        print.copy_from_slice(&issue.print.to_le_bytes());
        self.put(&bytes, HEAD + resource.index() * ISSUE);
    }

    /// A place for a consumer, with what it has.
    pub fn place(self: &Arc<Self>, client: Uuid, taken: &Taken) -> Place {
        let at = {
            let mut slots = self.slots();
            slots.free.pop().unwrap_or_else(|| {
                slots.end += 1;
                slots.end - 1
            })
        };
        let place = Place {
            ledger: self.clone(),
            at,
        };
        self.put(&slot(client, taken), place.offset());
        place
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, bytes: &[u8], at: usize) {
        if self.failed.load(Relaxed) {
            return;
        }
        if let Err(error) = self.file.write_all_at(bytes, at as u64) {
            self.failed.store(true, Relaxed);
            let emptied = self.file.set_len(0);
            let removed = std::fs::remove_file(&self.path);
            tracing::error!(path = %self.path.display(), %error, ?emptied, ?removed, "what consumers acknowledge is not kept any more");
        }
    }
}

/// A consumer's place in the ledger.
#[derive(Debug)]
pub struct Place {
    ledger: Arc<Ledger>,
    at: usize,
}

impl Place {
    /// It took that issue; 0: what it has is not known.
    pub fn took(&self, resource: Resource, issue: u64) {
        self.ledger
            .put(&issue.to_le_bytes(), self.offset() + 16 + resource.index() * 8);
    }

    /// It is gone: the place is another's. The death of the process leaves places as they are.
    pub fn leave(self) {
        self.ledger.put(&slot(Uuid::nil(), &[0; _]), self.offset());
        self.ledger.slots().free.push(self.at);
    }

    const fn offset(&self) -> usize {
        SLOTS_AT + self.at * SLOT
    }
}

/// A fingerprint of the states in an event: of names and values, in their order.
#[derive(Debug)]
pub struct Print(u64);

impl Print {
    /// Of nothing.
    pub const fn new(simulated: bool) -> Self {
        Print(fnv::EMPTY ^ simulated as u64)
    }
}

/// FNV-1a: the same in every process.
impl Hasher for Print {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = fnv::and(self.0, bytes.iter().copied());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn boot() -> Option<Uuid> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    id.trim().parse().ok()
}

fn head(boot: Uuid, habits: u8) -> [u8; HEAD] {
    let mut print = Print::new(false);
    print.write_u8(habits);
    for resource in Resource::ALL {
        print.write(resource.path().as_bytes());
    }
    let mut head = [0; HEAD];
    for (to, from) in head.iter_mut().zip(
        MAGIC
            .into_iter()
            .chain(boot.into_bytes())
            .chain(print.finish().to_le_bytes()),
    ) {
        *to = from;
    }
    head
}

fn slot(client: Uuid, taken: &Taken) -> Vec<u8> {
    let mut bytes = client.into_bytes().to_vec();
    bytes.extend(taken.iter().flat_map(|issue| issue.to_le_bytes()));
    bytes
}

fn read(path: &Path, head: &[u8; HEAD]) -> Option<Found> {
    let file = OpenOptions::new().read(true).custom_flags(nofollow()).open(path).ok()?;
    let length = usize::try_from(file.metadata().ok().filter(std::fs::Metadata::is_file)?.len()).ok()?;
    if !(SLOTS_AT..=SLOTS_AT + MOST_SLOTS * SLOT).contains(&length) {
        return None;
    }
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let rest = bytes.strip_prefix(head.as_slice())?;
    let number = |bytes: &[u8]| Some(u64::from_le_bytes(bytes.try_into().ok()?));
    let mut found = Found::default();
    let (issues, slots) = rest.split_at_checked(SLOTS_AT - HEAD)?;
    for (issue, bytes) in found.issues.iter_mut().zip(issues.chunks_exact(ISSUE)) {
        let (first, second) = bytes.split_at_checked(8)?;
        *issue = Issue {
            number: number(first)?,
            print: number(second)?,
        };
    }
    for bytes in slots.chunks_exact(SLOT) {
        let (client, all) = bytes.split_at_checked(16)?;
        let client = Uuid::from_slice(client).ok()?;
        let mut taken = [0; Resource::COUNT];
        for (one, bytes) in taken.iter_mut().zip(all.chunks_exact(8)) {
            *one = number(bytes)?;
        }
        // Two places of one consumer: neither is believed.
        if !client.is_nil() && found.taken.insert(client, taken).is_some() {
            return None;
        }
    }
    Some(found)
}

fn begin(path: &Path, head: &[u8; HEAD], found: &Found) -> io::Result<File> {
    let beside = path.with_extension("tmp");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    let mut bytes = head.to_vec();
    for issue in found.issues {
        bytes.extend(issue.number.to_le_bytes());
        bytes.extend(issue.print.to_le_bytes());
    }
    file.write_all_at(&bytes, 0)?;
    // The old one counts until here, this one from here on; its consumers take their places next.
    std::fs::rename(&beside, path)?;
    Ok(file)
}

/// `O_NOFOLLOW` (include/uapi/asm-generic/fcntl.h; x86 and Arm differ).
const fn nofollow() -> i32 {
    if cfg!(any(target_arch = "aarch64", target_arch = "arm")) {
        0o100_000
    } else {
        0o400_000
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use proptest::prelude::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let folder = Folder(std::env::temp_dir().join(format!("tgm-ledger-{}", Uuid::new_v4())));
            std::fs::create_dir(&folder.0).unwrap();
            folder
        }

        fn open(&self) -> (Arc<Ledger>, Found) {
            let (ledger, found) = Ledger::open(&self.0, 0);
            (ledger.unwrap(), found)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// What happens between two publishers.
    #[derive(Debug, Clone)]
    enum Step {
        /// A state leaves for the consumers with these bits.
        Leaves(u8),
        /// The consumer takes the oldest that is on its way.
        Takes(usize),
        /// The consumer gets it, and its answer is lost.
        Gets(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            any::<u8>().prop_map(Step::Leaves),
            (0..3usize).prop_map(Step::Takes),
            (0..3usize).prop_map(Step::Gets)
        ];
        prop::collection::vec(step, 0..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Killed after any step: who counts as having the last state got nothing after it.
        #[test]
        fn nobody_counts_as_having_what_it_may_not_have(steps in steps()) {
            let folder = Folder::new();
            let clients: Vec<_> = (0..3).map(|_| Uuid::new_v4()).collect();
            let (ledger, _) = folder.open();
            let places: Vec<_> = clients.iter().map(|client| ledger.place(*client, &[0; _])).collect();
            let (mut number, mut on_way, mut got) = (0, vec![VecDeque::new(); 3], vec![0; 3]);
            for step in steps {
                match step {
                    Step::Leaves(to) => {
                        number += 1;
                        ledger.issue(Resource::Gnss, Issue { number, print: number });
                        let to = (0..3).filter(|one| to & (1 << one) != 0);
                        to.for_each(|one| on_way[one].push_back(number));
                    }
                    Step::Takes(one) => {
                        if let Some(issue) = on_way[one].pop_front() {
                            got[one] = issue;
                            places[one].took(Resource::Gnss, issue);
                        }
                    }
                    Step::Gets(one) => got[one] = on_way[one].front().copied().unwrap_or(got[one]),
                }
            }
            let found = folder.open().1;
            prop_assert_eq!(found.issues[Resource::Gnss.index()].number, number);
            for (client, got) in clients.iter().zip(got) {
                let taken = found.taken[client][Resource::Gnss.index()];
                prop_assert!(taken == 0 || taken != number || got == number);
            }
        }

        #[test]
        fn any_bytes_count_for_something_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let folder = Folder::new();
            let path = folder.0.join(NAME);
            let own = head(boot().unwrap(), 0);
            for content in [bytes.clone(), [own.as_slice(), &bytes].concat()] {
                std::fs::write(&path, content).unwrap();
                let _ = read(&path, &own);
            }
        }
    }

    const ISSUED: Issue = Issue { number: 7, print: 9 };

    /// One consumer took the last issue; the publisher is killed.
    fn killed() -> (Folder, Uuid) {
        let (folder, client) = (Folder::new(), Uuid::new_v4());
        let (ledger, found) = folder.open();
        assert!(found.taken.is_empty() && found.issues == [Issue::default(); Resource::COUNT]);
        ledger.issue(Resource::Gnss, ISSUED);
        let gone = ledger.place(Uuid::new_v4(), &[1; _]);
        let place = ledger.place(client, &[0; _]);
        place.took(Resource::Gnss, 7);
        gone.leave();
        (folder, client)
    }

    #[test]
    fn what_was_taken_is_found_by_the_next() {
        let (folder, client) = killed();
        let found = folder.open().1;
        assert_eq!(found.issues[Resource::Gnss.index()], ISSUED);
        assert_eq!(found.taken.len(), 1, "who has gone has no place");
        assert_eq!(found.taken[&client][Resource::Gnss.index()], 7);
    }

    #[test]
    fn a_consumer_that_took_no_place_again_is_not_known_to_the_one_after_next() {
        let (folder, _) = killed();
        folder.open();
        let found = folder.open().1;
        assert_eq!(found.issues[Resource::Gnss.index()], ISSUED);
        assert!(found.taken.is_empty());
    }

    #[test]
    fn places_are_used_again() {
        let (folder, _) = killed();
        let (ledger, _) = folder.open();
        for _ in 0..100 {
            ledger.place(Uuid::new_v4(), &[0; _]).leave();
        }
        let length = std::fs::metadata(folder.0.join(NAME)).unwrap().len();
        assert_eq!(length, (SLOTS_AT + SLOT) as u64);
    }

    #[test]
    fn what_is_damaged_or_of_other_times_counts_for_nothing() {
        type Damage = fn(&mut Vec<u8>);
        let damages: [Damage; 5] = [
            |bytes| bytes.truncate(SLOTS_AT - 1),
            Vec::clear,
            |bytes| bytes[0] ^= 1,
            |bytes| bytes[8] ^= 1,        // another boot
            |bytes| bytes[HEAD - 1] ^= 1, // other resources
        ];
        for damage in damages {
            let (folder, _) = killed();
            let path = folder.0.join(NAME);
            let mut bytes = std::fs::read(&path).unwrap();
            damage(&mut bytes);
            std::fs::write(&path, bytes).unwrap();
            let found = folder.open().1;
            assert!(found.taken.is_empty() && found.issues == [Issue::default(); Resource::COUNT]);
        }
        let (folder, _) = killed();
        assert!(Ledger::open(&folder.0, 1).1.taken.is_empty(), "other habits");
        // A link leads to what others wrote.
        let (folder, _) = killed();
        let path = folder.0.join(NAME);
        std::fs::rename(&path, folder.0.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(folder.0.join("elsewhere"), &path).unwrap();
        assert!(folder.open().1.taken.is_empty());
    }

    #[test]
    fn what_cannot_be_written_is_not_left_behind() {
        let (folder, _) = killed();
        let path = folder.0.join(NAME);
        let ledger = Ledger {
            file: File::open(&path).unwrap(), // for reading only
            path: path.clone(),
            failed: AtomicBool::new(false),
            slots: Mutex::default(),
        };
        ledger.issue(Resource::Gnss, ISSUED);
        assert!(!path.exists() && ledger.failed.load(Relaxed));
    }
}
