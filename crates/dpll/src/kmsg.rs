//! What a driver says of its DPLLs in the kernel's log (`/dev/kmsg`, Documentation/ABI/testing/dev-kmsg).
//!
//! An optional source: ice gives up polling after some fifty failed commands, says so in the log once, and then answers every dump
//! from its cache for ever. Where nothing else can prove life (holdover, free run), the log is the only witness. Reading it needs
//! CAP_SYSLOG where `kernel.dmesg_restrict` is set.
//!
//! Only the kernel's own records count: whoever may write to /dev/kmsg could say the same, but not in the kernel's facility.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::{SFlag, fstat, major, minor};

/// The kernel gives one record per read, of at most this many bytes (CONSOLE_EXT_LOG_MAX).
const RECORD: usize = 8192;
/// It waits for nothing, and becomes nobody's terminal.
const FLAGS: i32 = OFlag::O_NONBLOCK.union(OFlag::O_NOCTTY).bits();
/// /dev/kmsg (Documentation/admin-guide/devices.txt): major and minor number of the character device.
const DEVICE: (u64, u64) = (1, 11);
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
    /// silence alone. `InvalidInput`: what is there is another file.
    pub fn open() -> io::Result<Self> {
        let mut kmsg = Kmsg::open_at_start(Path::new("/dev/kmsg"))?;
        kmsg.check()?;
        io::Seek::seek(&mut kmsg.file, io::SeekFrom::End(0))?;
        Ok(kmsg)
    }

    /// Opens the log with what it still holds, since the last boot at most.
    pub fn open_at_start(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).custom_flags(FLAGS).open(path)?;
        Ok(Kmsg::over(file.into()))
    }

    /// Whoever prepares a container's /dev may put anything there.
    fn check(&self) -> io::Result<()> {
        let is = fstat(&self.file)?;
        let kind = SFlag::from_bits_truncate(is.st_mode & SFlag::S_IFMT.bits());
        if kind == SFlag::S_IFCHR && (major(is.st_rdev), minor(is.st_rdev)) == DEVICE {
            return Ok(());
        }
        Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not the kernel's log (character device 1:11)",
        ))
    }

    /// Over a descriptor that is open already and does not block: a pipe of packets in tests.
    pub fn over(fd: OwnedFd) -> Self {
        Kmsg {
            file: fd.into(),
            record: vec![0; RECORD].into_boxed_slice(),
        }
    }

    /// Reads at most `records` records without waiting and hands on what drivers say of their DPLLs. True if there may be more.
    /// Records that were overwritten before they were read are skipped. `UnexpectedEof`: it is no kernel's log, which has no end.
    pub fn read(&mut self, records: usize, each: &mut impl FnMut(GaveUp<'_>)) -> io::Result<bool> {
        read(&mut self.file, &mut self.record, records, each)
    }
}

fn read(log: &mut impl Read, record: &mut [u8], records: usize, each: &mut impl FnMut(GaveUp<'_>)) -> io::Result<bool> {
    for _ in 0..records {
        match log.read(record) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                if let Some(gave_up) = GaveUp::parse(record.get(..length).unwrap_or_default()) {
                    each(gave_up);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            // EPIPE: the next read goes on with the oldest record there is. EINVAL: a record longer than any, which the kernel passes over.
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
    fn a_plain_file_is_no_log() {
        let path = std::env::temp_dir().join(format!("kmsg-{}", std::process::id()));
        std::fs::write(
            &path,
            "3,1,1,-;ice 0000:51:00.0: EEC/PPS DPLLs periodic work disabled\n",
        )
        .unwrap();
        let mut kmsg = Kmsg::open_at_start(&path).unwrap();
        let mut heard = vec![];
        let end = kmsg.read(8, &mut |gave_up| heard.push(gave_up.device.to_owned()));
        assert_eq!(end.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(heard, ["0000:51:00.0"]);
        assert_eq!(kmsg.check().unwrap_err().kind(), ErrorKind::InvalidInput);
        let null = Kmsg::open_at_start(Path::new("/dev/null")).unwrap();
        assert_eq!(null.check().unwrap_err().kind(), ErrorKind::InvalidInput, "1:3");
        std::fs::remove_file(path).unwrap();
    }

    /// What each read of a log gives.
    struct Script(std::vec::IntoIter<Result<Vec<u8>, i32>>);

    impl Read for Script {
        fn read(&mut self, record: &mut [u8]) -> io::Result<usize> {
            let said = self.0.next().unwrap_or(Err(nix::libc::EAGAIN));
            let said = said.map_err(io::Error::from_raw_os_error)?;
            if said.len() > record.len() {
                return Err(io::Error::from_raw_os_error(nix::libc::EINVAL)); // as the kernel does
            }
            record.iter_mut().zip(&said).for_each(|(to, from)| *to = *from);
            Ok(said.len())
        }
    }

    #[test]
    fn what_was_overwritten_or_is_garbage_or_too_long_is_passed_over_and_nothing_behind_it_is_lost() {
        let gave_up =
            |device: &str| Ok(format!("3,7,9,-;ice {device}: EEC/PPS DPLLs periodic work disabled\n").into_bytes());
        let mut long = gave_up("0000:01:00.0").unwrap_or_default();
        long.resize(RECORD + 1, b'x');
        let script = vec![
            Err(nix::libc::EPIPE),
            gave_up("0000:51:00.0"),
            Ok(vec![0xff; RECORD]),
            Ok(long),
            Err(nix::libc::EINTR),
            Ok(b"3,7,9,-;".to_vec()),
            gave_up("0000:52:00.0"),
        ];
        let (mut script, mut record, mut heard) = (Script(script.into_iter()), vec![0; RECORD], vec![]);
        let mut each = |gave_up: GaveUp<'_>| heard.push(gave_up.device.to_owned());
        assert!(
            read(&mut script, &mut record, 6, &mut each).unwrap(),
            "bounded: there may be more"
        );
        assert!(!read(&mut script, &mut record, 6, &mut each).unwrap());
        assert_eq!(heard, ["0000:51:00.0", "0000:52:00.0"]);
        let mut broken = Script(vec![Err(nix::libc::EIO)].into_iter());
        assert!(read(&mut broken, &mut record, 6, &mut |_| ()).is_err());
    }
}
