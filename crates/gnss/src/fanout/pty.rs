//! A pseudo terminal that stands for the receiver's serial port, under a name that stays.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{FlushArg, SetArg, cfmakeraw, tcflush, tcgetattr, tcsetattr};

/// One pseudo terminal, for one reader at a time: two would steal each other's bytes.
#[derive(Debug)]
pub(super) struct Pty {
    master: PtyMaster,
    /// What the readers open.
    slave: PathBuf,
    /// The name that leads there.
    link: PathBuf,
}

impl Pty {
    /// Makes one and lets `link` lead to it. A link that is there is replaced; anything else is left alone, and an error.
    pub(super) fn open(link: &Path, mode: u32) -> io::Result<Self> {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = PathBuf::from(ptsname_r(&master)?);
        let pty = Pty {
            master,
            slave,
            link: link.to_owned(),
        };
        fs::set_permissions(&pty.slave, fs::Permissions::from_mode(mode))?;
        pty.refresh()?;
        match fs::symlink_metadata(link) {
            Ok(meta) if !meta.is_symlink() => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "is there and no symbolic link",
                ));
            }
            _ => {}
        }
        if let Some(folder) = link.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut beside = link.as_os_str().to_owned();
        beside.push(format!(".{}", std::process::id()));
        let _ = fs::remove_file(&beside); // of one that died just here
        symlink(&pty.slave, &beside)?;
        fs::rename(&beside, link)?;
        Ok(pty)
    }

    /// Raw, and nothing left of the last reader. To open it and close it again also makes the kernel tell when nobody has it open.
    pub(super) fn refresh(&self) -> io::Result<()> {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let slave = File::from(nix::fcntl::open(&self.slave, flags, nix::sys::stat::Mode::empty())?);
        let mut settings = tcgetattr(&slave)?;
        cfmakeraw(&mut settings);
        tcsetattr(&slave, SetArg::TCSANOW, &settings)?;
        tcflush(&slave, FlushArg::TCIOFLUSH)?;
        Ok(())
    }

    /// Somebody has it open.
    pub(super) fn has_reader(&self) -> bool {
        let mut ask = [PollFd::new(self.master.as_fd(), PollFlags::empty())];
        let asked = poll(&mut ask, PollTimeout::ZERO);
        let hung_up = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| events.contains(PollFlags::POLLHUP));
        asked.is_ok() && !ask.iter().any(hung_up)
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if fs::read_link(&self.link).is_ok_and(|target| target == self.slave) {
            let _ = fs::remove_file(&self.link); // a dangling link would be all that is left
        }
    }
}
