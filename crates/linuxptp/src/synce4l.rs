//! Talking to synce4l about an external clock source (its `smc_socket_path`, from synce4l 1.1).
//!
//! One command per connection of a UNIX stream socket: TLVs of a type, a length and that many bytes, both numbers of 16 bits in the
//! machine's own byte order, and an end marker. synce4l answers with the same TLVs, those that ask filled in, or with a message that
//! says what is wrong, and closes. It serves one client at a time, so whoever asks must not be the hardware thread.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use tgm_core::synce::QualityLevel;

/// Longest command and longest answer, bytes.
const LONGEST: usize = 256;
/// Longest name of a device or source, bytes: synce4l wants it shorter than an interface's.
pub const NAME: usize = 15;
/// How long it may take to take a command, and to answer it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Types of TLVs (synce4l's `enum synce_manager_type`).
mod kind {
    pub const DEVICE: u16 = 1;
    pub const SOURCE: u16 = 2;
    pub const ERROR: u16 = 3;
    pub const GET_QL: u16 = 4;
    pub const GET_EXT_QL: u16 = 5;
    pub const SET_QL: u16 = 6;
    pub const SET_EXT_QL: u16 = 7;
    pub const END: u16 = 8;
}

/// Why synce4l could not be asked, or did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Synce4lError {
    /// No socket, or nobody behind it.
    #[error("synce4l does not listen there: {0}; is smc_socket_path set, and does it run?")]
    Absent(io::Error),
    /// The socket may not be used.
    #[error("synce4l's socket may not be used: {0}; run as the user who may, or change its permissions")]
    Permission(io::Error),
    /// It does not answer within a second.
    #[error("synce4l does not answer within a second")]
    Silent,
    /// Another error of the socket.
    #[error("synce4l's socket: {0}")]
    Io(io::Error),
    /// synce4l says no.
    #[error("synce4l refuses: {0}")]
    Refused(String),
    /// An answer that is none.
    #[error("synce4l's answer makes no sense: {0}")]
    Nonsense(&'static str),
    /// A name that is empty or longer than [`NAME`].
    #[error("`{0}`: the name of a device or source has 1 to {NAME} bytes")]
    Name(String),
}

impl From<io::Error> for Synce4lError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as K;
        match error.kind() {
            K::NotFound | K::ConnectionRefused | K::NotADirectory => Synce4lError::Absent(error),
            K::PermissionDenied => Synce4lError::Permission(error),
            K::WouldBlock | K::TimedOut => Synce4lError::Silent,
            _ => Synce4lError::Io(error),
        }
    }
}

fn put(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    to.extend(kind.to_ne_bytes());
    to.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_ne_bytes());
    to.extend(value);
}

fn name(to: &mut Vec<u8>, kind: u16, name: &str) -> Result<(), Synce4lError> {
    if name.is_empty() || name.len() > NAME {
        return Err(Synce4lError::Name(name.to_owned()));
    }
    put(to, kind, name.as_bytes());
    Ok(())
}

/// The command that sets the level of the source `source` of `device`.
pub fn set_command(device: &str, source: &str, level: QualityLevel) -> Result<Vec<u8>, Synce4lError> {
    let mut command = Vec::with_capacity(LONGEST);
    name(&mut command, kind::DEVICE, device)?;
    name(&mut command, kind::SOURCE, source)?;
    put(&mut command, kind::SET_QL, &[level.ssm]);
    put(&mut command, kind::SET_EXT_QL, &[level.extended]);
    put(&mut command, kind::END, &[]);
    Ok(command)
}

/// The command that asks which level `device` sends.
pub fn get_command(device: &str) -> Result<Vec<u8>, Synce4lError> {
    let mut command = Vec::with_capacity(LONGEST);
    name(&mut command, kind::DEVICE, device)?;
    put(&mut command, kind::GET_QL, &[]);
    put(&mut command, kind::GET_EXT_QL, &[]);
    put(&mut command, kind::END, &[]);
    Ok(command)
}

/// The level in an answer, be it to a question or to a command that set it.
pub fn answered(answer: &[u8]) -> Result<QualityLevel, Synce4lError> {
    let number = |bytes: &[u8]| <[u8; 2]>::try_from(bytes).map(u16::from_ne_bytes).ok();
    let (mut ssm, mut extended) = (None, None);
    let mut rest = answer;
    loop {
        let Some((kind, after)) = rest
            .split_at_checked(2)
            .and_then(|(kind, after)| Some((number(kind)?, after)))
        else {
            return Err(Synce4lError::Nonsense("it has no end marker"));
        };
        if kind == kind::END {
            break;
        }
        let length = after.split_at_checked(2);
        let length = length.and_then(|(length, after)| Some((usize::from(number(length)?), after)));
        let Some((value, after)) = length.and_then(|(length, after)| after.split_at_checked(length)) else {
            return Err(Synce4lError::Nonsense("it is cut off"));
        };
        rest = after;
        match (kind, value) {
            (kind::ERROR, text) => return Err(Synce4lError::Refused(text.escape_ascii().to_string())),
            (kind::GET_QL | kind::SET_QL, [level]) => ssm = Some(*level),
            (kind::GET_EXT_QL | kind::SET_EXT_QL, [level]) => extended = Some(*level),
            (kind::GET_QL | kind::SET_QL | kind::GET_EXT_QL | kind::SET_EXT_QL, _) => {
                return Err(Synce4lError::Nonsense("a level is not one byte"));
            }
            _ => {}
        }
    }
    match (ssm, extended) {
        (Some(ssm), Some(extended)) => Ok(QualityLevel { ssm, extended }),
        _ => Err(Synce4lError::Nonsense("it tells no level")),
    }
}

/// Sends a command to the synce4l that listens at `socket`, and takes its answer. Waits up to two seconds.
pub fn ask(socket: &Path, command: &[u8]) -> Result<QualityLevel, Synce4lError> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(command)?;
    let mut answer = Vec::with_capacity(LONGEST);
    stream.take(LONGEST as u64).read_to_end(&mut answer)?;
    answered(&answer)
}

/// Sets a level. synce4l takes it without looking, so what it says of it is compared.
pub fn set(socket: &Path, device: &str, source: &str, level: QualityLevel) -> Result<(), Synce4lError> {
    match ask(socket, &set_command(device, source, level)?)? {
        told if told == level => Ok(()),
        _ => Err(Synce4lError::Nonsense("it tells another level than was set")),
    }
}

/// Asks which level a device sends.
pub fn get(socket: &Path, device: &str) -> Result<QualityLevel, Synce4lError> {
    ask(socket, &get_command(device)?)
}
