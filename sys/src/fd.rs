//! Descriptors that arrive over a UNIX socket (unix(7), `SCM_RIGHTS`).

use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

/// Most descriptors in one message.
const MOST: usize = 4;

/// Receives one message: its bytes into `data`, its descriptors as the first of `N` slots. Descriptors beyond `N` are closed.
pub fn receive<const N: usize>(from: BorrowedFd<'_>, data: &mut [u8]) -> Result<(usize, [Option<OwnedFd>; N]), Errno> {
    let mut space = cmsg_space!([RawFd; MOST]);
    let mut parts = [IoSliceMut::new(data)];
    let message = recvmsg::<()>(
        from.as_raw_fd(),
        &mut parts,
        Some(&mut space),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    let mut slots = [const { None }; N];
    let mut filled = 0;
    for control in message.cmsgs()? {
        let ControlMessageOwned::ScmRights(received) = control else {
            continue;
        };
        for fd in received {
            // SAFETY: SCM_RIGHTS has just created this descriptor in this process; nobody else knows its number.
            let owned = unsafe { OwnedFd::from_raw_fd(fd) };
            if let Some(slot) = slots.get_mut(filled) {
                *slot = Some(owned);
                filled += 1;
            }
        }
    }
    Ok((message.bytes, slots))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{ControlMessage, sendmsg};
    use std::io::{IoSlice, Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_descriptor_crosses_and_works() {
        let (near, far) = UnixStream::pair().unwrap();
        let (mut kept, given) = UnixStream::pair().unwrap();
        let fds = [given.as_raw_fd()];
        sendmsg::<()>(
            near.as_raw_fd(),
            &[IoSlice::new(b"hi")],
            &[ControlMessage::ScmRights(&fds)],
            MsgFlags::empty(),
            None,
        )
        .unwrap();
        drop(given);
        let mut data = [0; 8];
        let (read, [first, second]) = receive::<2>(far.as_fd(), &mut data).unwrap();
        assert_eq!((&data[..read], second.is_none()), (&b"hi"[..], true));
        UnixStream::from(first.unwrap()).write_all(b"x").unwrap();
        let mut byte = [0];
        kept.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
    }
}
