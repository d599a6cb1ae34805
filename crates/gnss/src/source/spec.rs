//! Where a receiver's bytes come from, as one line of configuration.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Line speed of a tty when none is given: what the UART of a ZED-F9T has out of the factory.
pub const DEFAULT_BAUD: u32 = 38_400;

/// How fast a recording is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// As fast as it is read.
    #[default]
    Fast,
    /// One epoch per second.
    Real,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    /// `dev:/dev/gnss0`: the kernel's GNSS character device. No line settings; one reader only.
    Device(PathBuf),
    /// `tty:/dev/ttyACM0@38400`: a serial line, put in raw mode and locked.
    Tty {
        /// The device.
        path: PathBuf,
        /// Bits per second.
        baud: u32,
    },
    /// `pty:/dev/pts/3`: opened as it is, its line settings untouched.
    Pty(PathBuf),
    /// `file:capture.log@real`: a recording.
    File {
        /// The file.
        path: PathBuf,
        /// How fast.
        pace: Pace,
    },
    /// `gpsd://localhost:2947`: the raw bytes of gpsd's receiver.
    Gpsd {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
}

/// What is wrong with a source's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// None of the kinds.
    #[error("a source begins with dev: tty: pty: file: or gpsd://")]
    Kind,
    /// No path.
    #[error("the path is missing")]
    Path,
    /// Not a speed.
    #[error("the speed after @ must be a number of bits per second, such as 38400")]
    Baud,
    /// Not a pace.
    #[error("the pace after @ must be `fast` or `real`")]
    Pace,
    /// Not host:port.
    #[error("gpsd is given as gpsd://host:port; its usual port is 2947")]
    Gpsd,
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        if let Some(address) = text.strip_prefix("gpsd://") {
            let (host, port) = address.rsplit_once(':').ok_or(SpecError::Gpsd)?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let port = port.parse().map_err(|_| SpecError::Gpsd)?;
            return if host.is_empty() {
                Err(SpecError::Gpsd)
            } else {
                Ok(Spec::Gpsd {
                    host: host.to_owned(),
                    port,
                })
            };
        }
        let (kind, rest) = text.split_once(':').ok_or(SpecError::Kind)?;
        let (path, option) = match kind {
            "tty" | "file" => rest
                .rsplit_once('@')
                .map_or((rest, None), |(path, option)| (path, Some(option))),
            _ => (rest, None),
        };
        let path = if path.is_empty() {
            Err(SpecError::Path)
        } else {
            Ok(PathBuf::from(path))
        };
        match kind {
            "dev" => Ok(Spec::Device(path?)),
            "pty" => Ok(Spec::Pty(path?)),
            "tty" => {
                let baud = option.map_or(Ok(DEFAULT_BAUD), |baud| baud.parse().map_err(|_| SpecError::Baud))?;
                if baud == 0 {
                    Err(SpecError::Baud)
                } else {
                    Ok(Spec::Tty { path: path?, baud })
                }
            }
            "file" => {
                let pace = match option {
                    None | Some("fast") => Pace::Fast,
                    Some("real") => Pace::Real,
                    Some(_) => return Err(SpecError::Pace),
                };
                Ok(Spec::File { path: path?, pace })
            }
            _ => Err(SpecError::Kind),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spec::Device(path) => write!(f, "dev:{}", path.display()),
            Spec::Tty { path, baud } => write!(f, "tty:{}@{baud}", path.display()),
            Spec::Pty(path) => write!(f, "pty:{}", path.display()),
            Spec::File { path, pace: Pace::Fast } => write!(f, "file:{}", path.display()),
            Spec::File { path, pace: Pace::Real } => write!(f, "file:{}@real", path.display()),
            Spec::Gpsd { host, port } if host.contains(':') => write!(f, "gpsd://[{host}]:{port}"),
            Spec::Gpsd { host, port } => write!(f, "gpsd://{host}:{port}"),
        }
    }
}

impl Spec {
    /// The path of the device or file; gpsd has none.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Spec::Device(path) | Spec::Pty(path) | Spec::Tty { path, .. } | Spec::File { path, .. } => Some(path),
            Spec::Gpsd { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_and_writes_itself() {
        for text in [
            "dev:/dev/gnss0",
            "tty:/dev/ttyACM0@9600",
            "pty:/dev/pts/3",
            "file:/tmp/a@b.log@real",
            "file:capture.log",
            "gpsd://localhost:2947",
            "gpsd://[::1]:2947",
        ] {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        let tty = "tty:/dev/ttyS0".parse::<Spec>().unwrap();
        assert_eq!(
            tty,
            Spec::Tty {
                path: "/dev/ttyS0".into(),
                baud: DEFAULT_BAUD
            }
        );
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| text.parse::<Spec>().unwrap_err();
        assert_eq!(error("/dev/gnss0"), SpecError::Kind);
        assert_eq!(error("udp:x"), SpecError::Kind);
        assert_eq!(error("dev:"), SpecError::Path);
        assert_eq!(error("tty:/dev/ttyS0@fast"), SpecError::Baud);
        assert_eq!(error("tty:/dev/ttyS0@0"), SpecError::Baud);
        assert_eq!(error("file:x@slow"), SpecError::Pace);
        assert_eq!(error("gpsd://localhost"), SpecError::Gpsd);
    }
}
