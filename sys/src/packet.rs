//! Sockets that see PTP frames of one interface (packet(7), include/uapi/linux/if_packet.h, filter.h): all of them in both directions,
//! or of those that this machine sends Announce and Sync alone.
//!
//! Frames that this machine sends pass only by sockets for all protocols; a filter in the kernel keeps everything else away from
//! ours. Receiving is `recv` of nix.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// EtherType of PTP.
const ETHERTYPE_PTP: u32 = 0x88f7;
/// EtherType of IPv4.
const ETHERTYPE_IPV4: u32 = 0x0800;
/// EtherType of IPv6.
const ETHERTYPE_IPV6: u32 = 0x86dd;
/// IP protocol number of UDP.
const UDP: u32 = 17;
/// PTP's UDP ports.
const PORTS: [u32; 2] = [319, 320];

/// Where a filter finds what kind of packet it is: a place that no frame has (filter.h, SKF_AD_OFF).
const DIRECTION: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PKTTYPE).cast_unsigned();
/// The kind of packet that this machine sends (if_packet.h).
const OUTGOING: u32 = libc::PACKET_OUTGOING as u32;
/// messageType of Sync.
const SYNC: u32 = 0x0;
/// messageType of Announce.
const ANNOUNCE: u32 = 0xb;

/// Most bytes of a frame that are kept.
const KEPT: u32 = 2048;

/// Operations of the filter (include/uapi/linux/bpf_common.h).
#[allow(clippy::cast_possible_truncation)] // they have 16 bits
mod op {
    /// Loads a half word at a fixed place.
    pub const LOAD_HALF: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
    /// Loads a byte at a fixed place.
    pub const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
    /// Loads a half word that the index is added to the place of.
    pub const LOAD_HALF_INDEXED: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_IND) as u16;
    /// Loads a byte that the index is added to the place of.
    pub const LOAD_BYTE_INDEXED: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_IND) as u16;
    /// Keeps some bits of what was loaded.
    pub const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
    /// Loads the length of an IPv4 header into the index.
    pub const LOAD_HEADER_LENGTH: u16 = (libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH) as u16;
    /// Jumps if what was loaded is equal.
    pub const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    /// Jumps.
    pub const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
    /// Ends, and keeps so many bytes of the frame.
    pub const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
}

/// Keeps PTP frames, untagged or with the tag taken off by the kernel. Jumps count from the next line.
const FILTER: [libc::sock_filter; 16] = [
    step(op::LOAD_HALF, 12, 0, 0),
    step(op::EQUAL, ETHERTYPE_PTP, 12, 0),
    step(op::EQUAL, ETHERTYPE_IPV4, 0, 5),
    step(op::LOAD_BYTE, 23, 0, 0), // protocol
    step(op::EQUAL, UDP, 0, 10),
    step(op::LOAD_HEADER_LENGTH, 14, 0, 0),
    step(op::LOAD_HALF_INDEXED, 16, 0, 0), // destination port
    step(op::JUMP, 4, 0, 0),
    step(op::EQUAL, ETHERTYPE_IPV6, 0, 6),
    step(op::LOAD_BYTE, 20, 0, 0), // next header
    step(op::EQUAL, UDP, 0, 4),
    step(op::LOAD_HALF, 56, 0, 0), // destination port
    step(op::EQUAL, PORTS[0], 1, 0),
    step(op::EQUAL, PORTS[1], 0, 1),
    step(op::RETURN, KEPT, 0, 0),
    step(op::RETURN, 0, 0, 0),
];

/// Keeps Announce and Sync that this machine sends: a grandmaster with many clients answers thousands of requests per second, which
/// nobody here asks for. Behind the first two steps, the direction, it is about the frame alone.
const SENT: [libc::sock_filter; 27] = [
    step(op::LOAD_BYTE, DIRECTION, 0, 0),
    step(op::EQUAL, OUTGOING, 0, 24),
    step(op::LOAD_HALF, 12, 0, 0),
    step(op::EQUAL, ETHERTYPE_PTP, 0, 2),
    step(op::LOAD_BYTE, 14, 0, 0), // messageType
    step(op::JUMP, 16, 0, 0),
    step(op::EQUAL, ETHERTYPE_IPV4, 0, 8),
    step(op::LOAD_BYTE, 23, 0, 0), // protocol
    step(op::EQUAL, UDP, 0, 17),
    step(op::LOAD_HEADER_LENGTH, 14, 0, 0),
    step(op::LOAD_HALF_INDEXED, 16, 0, 0), // destination port
    step(op::EQUAL, PORTS[0], 1, 0),
    step(op::EQUAL, PORTS[1], 0, 13),
    step(op::LOAD_BYTE_INDEXED, 22, 0, 0), // messageType
    step(op::JUMP, 7, 0, 0),
    step(op::EQUAL, ETHERTYPE_IPV6, 0, 10),
    step(op::LOAD_BYTE, 20, 0, 0), // next header
    step(op::EQUAL, UDP, 0, 8),
    step(op::LOAD_HALF, 56, 0, 0), // destination port
    step(op::EQUAL, PORTS[0], 1, 0),
    step(op::EQUAL, PORTS[1], 0, 5),
    step(op::LOAD_BYTE, 62, 0, 0), // messageType
    step(op::AND, 0xf, 0, 0),
    step(op::EQUAL, ANNOUNCE, 1, 0),
    step(op::EQUAL, SYNC, 0, 1),
    step(op::RETURN, KEPT, 0, 0),
    step(op::RETURN, 0, 0, 0),
];

const fn step(code: u16, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

/// Opens a non-blocking socket that receives the PTP frames of `interface`, link-layer header included. Only receives.
///
/// ENODEV: no such interface in this network namespace. EPERM: needs CAP_NET_RAW.
pub fn open(interface: &str) -> Result<OwnedFd, Errno> {
    filtered(interface, &FILTER)
}

/// As [`open`], for the Announce and Sync that this machine sends itself and nothing else.
pub fn open_sent(interface: &str) -> Result<OwnedFd, Errno> {
    filtered(interface, &SENT)
}

fn filtered(interface: &str, steps: &[libc::sock_filter]) -> Result<OwnedFd, Errno> {
    let index = nix::net::if_::if_nametoindex(interface)?;
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    // Without a protocol nothing is received until it is bound to one, and by then the filter is in place.
    let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    filter(&fd, steps)?;
    bind(&fd, index)?;
    Ok(fd)
}

/// Length of a value as socket calls want it.
#[allow(clippy::cast_possible_truncation)] // structures of a few bytes
const fn length_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

#[allow(clippy::cast_possible_truncation)] // a few dozen steps
fn filter(fd: &OwnedFd, steps: &[libc::sock_filter]) -> Result<(), Errno> {
    let program = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_ptr().cast_mut(), // only read
    };
    let (pointer, length) = ((&raw const program).cast(), length_of::<libc::sock_fprog>());
    // SAFETY: `pointer` is valid for `length` bytes and `program.filter` for `program.len` steps during the call, which only
    // reads and copies them; the descriptor is open.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            pointer,
            length,
        )
    };
    Errno::result(result).map(|_| ())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // constants that fit their fields
fn bind(fd: &OwnedFd, index: u32) -> Result<(), Errno> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: index.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let (pointer, length) = ((&raw const address).cast(), length_of::<libc::sockaddr_ll>());
    // SAFETY: `pointer` is valid for `length` bytes during the call, which only reads them; the descriptor is open.
    let result = unsafe { libc::bind(fd.as_raw_fd(), pointer, length) };
    Errno::result(result).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{MsgFlags, recv, send};

    #[test]
    fn an_interface_that_is_not_there() {
        assert_eq!(open("tgm-nosuch0").err(), Some(Errno::ENODEV));
    }

    /// Whether each of these frames, given as the bytes that are not zero, passes a filter on a socket pair: what comes out is what
    /// an interface would hand on.
    fn passing(steps: &'static [libc::sock_filter]) -> impl FnMut(&[(usize, u8)]) -> bool {
        let (near, far) =
            nix::sys::socket::socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_NONBLOCK)
                .unwrap();
        filter(&far, steps).unwrap();
        move |changes| {
            let mut frame = [0u8; 100];
            for (at, byte) in changes {
                frame[*at] = *byte;
            }
            let _ = send(near.as_raw_fd(), &frame, MsgFlags::empty()); // a refused one may be told as such
            recv(far.as_raw_fd(), &mut [0; 128], MsgFlags::empty()).is_ok()
        }
    }

    const fn port(at: usize, number: u16) -> [(usize, u8); 2] {
        let [high, low] = number.to_be_bytes();
        [(at, high), (at + 1, low)]
    }

    /// A header of 24 bytes: one option.
    const IPV4: [(usize, u8); 3] = [(12, 0x08), (14, 0x46), (23, 17)];
    const IPV6: [(usize, u8); 3] = [(12, 0x86), (13, 0xdd), (20, 17)];

    #[test]
    fn the_filter_lets_ptp_through_and_nothing_else() {
        let mut with = passing(&FILTER);
        assert!(with(&[(12, 0x88), (13, 0xf7)]));
        assert!(!with(&[(12, 0x88), (13, 0xcc)]), "LLDP");
        assert!(with(&[&IPV4[..], &port(40, 320)].concat()));
        assert!(with(&[&IPV4[..], &port(40, 319)].concat()));
        assert!(!with(&[&IPV4[..], &port(40, 321)].concat()));
        assert!(!with(&[&IPV4[..2], &[(23, 6)], &port(40, 320)].concat()), "TCP");
        assert!(with(&[&IPV6[..], &port(56, 320)].concat()));
        assert!(!with(&[&IPV6[..], &port(56, 53)].concat()));
    }

    /// Of what is sent, by what the frame says; the direction is the first two steps.
    #[test]
    fn of_what_is_sent_announce_and_sync_pass() {
        let mut with = passing(&SENT[2..]);
        let ethernet = [(12, 0x88), (13, 0xf7)];
        // messageType with a majorSdoId of 1 before it: Sync, Delay_Req, Follow_Up, Delay_Resp, Announce, Signaling, Management
        for (kind, passes) in [
            (0, true),
            (1, false),
            (8, false),
            (9, false),
            (0xb, true),
            (0xc, false),
            (0xd, false),
        ] {
            let kind = |at| (at, 0x10 | kind);
            assert_eq!(with(&[&ethernet[..], &[kind(14)]].concat()), passes);
            for number in [319, 320] {
                assert_eq!(with(&[&IPV4[..], &port(40, number), &[kind(46)]].concat()), passes);
                assert_eq!(with(&[&IPV6[..], &port(56, number), &[kind(62)]].concat()), passes);
            }
            assert!(!with(&[&IPV4[..], &port(40, 321), &[kind(46)]].concat()));
            assert!(!with(&[&IPV6[..], &port(56, 53), &[kind(62)]].concat()));
            assert!(
                !with(&[&IPV4[..2], &[(23, 6)], &port(40, 320), &[kind(46)]].concat()),
                "TCP"
            );
            assert!(!with(&[(12, 0x88), (13, 0xcc), kind(14)]), "LLDP");
        }
        assert!(
            !passing(&SENT)(&[&ethernet[..], &[(14, 0xb)]].concat()),
            "not sent by an interface"
        );
    }
}
