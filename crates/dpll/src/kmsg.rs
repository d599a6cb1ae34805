//! What a driver says of its DPLLs in the kernel's log (`/dev/kmsg`, Documentation/ABI/testing/dev-kmsg).
//!
//! An optional source: ice gives up polling after some fifty failed commands, says so in the log once, and then answers every dump
//! from its cache for ever. Where nothing else can prove life (holdover, free run), the log is the only witness. Reading it needs
//! CAP_SYSLOG where `kernel.dmesg_restrict` is set.
//!
//! Only the kernel's own records count: whoever may write to /dev/kmsg could say the same, but not in the kernel's facility.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The kernel gives one record per read, of at most this many bytes (CONSOLE_EXT_LOG_MAX).
const RECORD: usize = 8192;
/// O_NONBLOCK.
const NONBLOCK: i32 = nix::fcntl::OFlag::O_NONBLOCK.bits();
/// What ice says (and whatever imitates it) when it stops polling both of its DPLLs.
const GAVE_UP: &[u8] = b"DPLLs periodic work disabled";

/// A driver stopped looking at a board's DPLLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GaveUp<'a> {
    /// Driver, "ice".
    pub driver: &'a str,
    /// The board on its bus, "0000:51:00.0".
    pub device: &'a str,
}

impl<'a> GaveUp<'a> {
    /// Reads one record: `prefix;driver device: text` or `prefix;driver: device: text`, and maybe lines of a dictionary. `None` if it says anything else, or if not
    /// the kernel says it.
    pub fn parse(record: &'a [u8]) -> Option<Self> {
        let semicolon = record.iter().position(|byte| *byte == b';')?;
        let (prefix, text) = record.split_at_checked(semicolon)?;
        let priority = prefix.split(|byte| *byte == b',').next()?;
        let priority: u32 = core::str::from_utf8(priority).ok()?.parse().ok()?;
        if priority >> 3 != 0 {
            return None; // another facility than the kernel's
        }
        let line = text.get(1..)?.split(|byte| *byte == b'\n').next()?;
        if !line.windows(GAVE_UP.len()).any(|part| part == GAVE_UP) {
            return None;
        }
        let line = core::str::from_utf8(line).ok()?;
        let (driver, rest) = line.split_once(' ')?;
        let (device, _) = rest.split_once(": ")?;
        let driver = driver.trim_end_matches(':');
        Some(GaveUp { driver, device })
    }
}

/// The kernel's log, from now on.
#[derive(Debug)]
pub struct Kmsg {
    file: File,
    record: Box<[u8]>,
}

impl Kmsg {
    /// Opens the log and skips what it holds. What a driver said before is not heard: a driver that gave up earlier shows by its
    /// silence alone.
    pub fn open() -> io::Result<Self> {
        let mut kmsg = Kmsg::open_at_start(Path::new("/dev/kmsg"))?;
        io::Seek::seek(&mut kmsg.file, io::SeekFrom::End(0))?;
        Ok(kmsg)
    }

    /// Opens the log with what it still holds, since the last boot at most.
    pub fn open_at_start(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).custom_flags(NONBLOCK).open(path)?;
        Ok(Kmsg {
            file,
            record: vec![0; RECORD].into_boxed_slice(),
        })
    }

    /// Reads at most `records` records without waiting and hands on what drivers say of their DPLLs. True if there may be more.
    /// Records that were overwritten before they were read are skipped.
    pub fn read(&mut self, records: usize, each: &mut impl FnMut(GaveUp<'_>)) -> io::Result<bool> {
        for _ in 0..records {
            match self.file.read(&mut self.record) {
                Ok(0) => return Ok(false),
                Ok(length) => {
                    if let Some(gave_up) = GaveUp::parse(self.record.get(..length).unwrap_or_default()) {
                        each(gave_up);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                // EPIPE: the next read goes on with the oldest record there is. EINVAL: a record longer than any.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::BrokenPipe | ErrorKind::Interrupted | ErrorKind::InvalidInput
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl AsFd for Kmsg {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_and_its_board_are_read() {
        let record =
            b"3,1187,5402123,-;ice 0000:51:00.0: EEC/PPS DPLLs periodic work disabled\n SUBSYSTEM=pci\n DEVICE=+pci:0000:51:00.0\n";
        let expected = GaveUp {
            driver: "ice",
            device: "0000:51:00.0",
        };
        assert_eq!(GaveUp::parse(record), Some(expected));
        let plain = GaveUp::parse(b"3,1,1,-;tgmcard: card0: EEC/PPS DPLLs periodic work disabled\n");
        assert_eq!(
            plain.map(|gave_up| (gave_up.driver, gave_up.device)),
            Some(("tgmcard", "card0"))
        );
    }

    #[test]
    fn another_facility_another_text_and_no_text_are_nothing() {
        let user = b"11,1187,5402123,-;ice 0000:51:00.0: EEC/PPS DPLLs periodic work disabled\n";
        assert_eq!(GaveUp::parse(user), None, "facility 1: a process wrote it");
        let dictionary = b"6,1,1,-;ice 0000:51:00.0: up\n X=DPLLs periodic work disabled\n";
        assert_eq!(GaveUp::parse(dictionary), None);
        for record in [
            &b""[..],
            b";",
            b"3,1,1,-;",
            b"3;DPLLs periodic work disabled",
            b"x,1;a b: DPLLs periodic work disabled",
        ] {
            assert_eq!(GaveUp::parse(record), None, "{record:?}");
        }
        assert_eq!(GaveUp::parse(b"3,1;\xff b: DPLLs periodic work disabled"), None);
    }

    #[test]
    fn a_plain_file_ends() {
        let path = std::env::temp_dir().join(format!("kmsg-{}", std::process::id()));
        std::fs::write(
            &path,
            "3,1,1,-;ice 0000:51:00.0: EEC/PPS DPLLs periodic work disabled\n",
        )
        .unwrap();
        let mut kmsg = Kmsg::open_at_start(&path).unwrap();
        let mut heard = vec![];
        let more = kmsg
            .read(8, &mut |gave_up| heard.push(gave_up.device.to_owned()))
            .unwrap();
        assert_eq!((more, heard), (false, vec!["0000:51:00.0".to_owned()]));
        std::fs::remove_file(path).unwrap();
    }
}
