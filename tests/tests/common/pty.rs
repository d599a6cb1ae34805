//! A receiver on a pty: the test writes what it says, tgmd reads the other end.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

/// Both ends; the far one is held too, so that what is written is kept until somebody reads it.
pub struct Receiver {
    near: PtyMaster,
    far: Option<File>,
}

impl Receiver {
    /// Plugs one in: `path` leads to it from now on.
    pub fn plug_in(path: &Path) -> Self {
        // No program that a test starts meanwhile may inherit either end: it would keep an unplugged receiver alive.
        let near = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
        grantpt(&near).unwrap();
        unlockpt(&near).unwrap();
        let name = ptsname_r(&near).unwrap();
        let far = File::options()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(&name)
            .unwrap();
        let mut settings = tcgetattr(&far).unwrap();
        cfmakeraw(&mut settings);
        tcsetattr(&far, SetArg::TCSANOW, &settings).unwrap();
        let _ = std::fs::remove_file(path);
        symlink(name, path).unwrap();
        Receiver { near, far: Some(far) }
    }

    /// Holds the far end no longer: somebody else does.
    pub fn let_go(&mut self) {
        self.far = None;
    }

    /// Says something.
    pub fn say(&mut self, bytes: &[u8]) {
        self.near.write_all(bytes).unwrap();
    }
}

/// An NMEA sentence with its checksum.
pub fn sentence(body: &str) -> String {
    let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{sum:02X}\r\n")
}

/// A second of a receiver that has a fix (quality 1, 3D) or none.
pub fn second(number: u32, fixed: bool) -> String {
    let (minute, second) = (number / 60 % 60, number % 60);
    let time = format!("12{minute:02}{second:02}.00");
    if fixed {
        [
            format!("GNRMC,{time},A,4700.0000,N,00800.0000,E,0.0,0.0,011226,,,A"),
            format!("GNGGA,{time},4700.0000,N,00800.0000,E,1,09,0.9,400.0,M,48.0,M,,"),
            "GNGSA,A,3,01,02,03,04,05,06,07,08,09,,,,1.5,0.9,1.2".to_owned(),
        ]
    } else {
        [
            format!("GNRMC,{time},V,,,,,,,011226,,,N"),
            format!("GNGGA,{time},,,,,0,00,99.9,,M,,M,,"),
            "GNGSA,A,1,,,,,,,,,,,,,99.9,99.9,99.9".to_owned(),
        ]
    }
    .iter()
    .map(|body| sentence(body))
    .collect()
}
