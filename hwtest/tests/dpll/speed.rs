//! How long a whole dump takes, against the least that a program must do: send the same requests and read the same bytes. Printed,
//! not asserted: in an emulator both are slow.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, socket,
};
use tgm_dpll::Control;
use tgm_dpll::request::{REQUEST_LEN, Request};
use tgm_hwtest::rig::rig;

use crate::stage::Ear;

fn open() -> OwnedFd {
    let fd = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkGeneric,
    )
    .unwrap();
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0)).unwrap();
    fd
}

/// Sends one request and gives back the first answer.
pub fn exchange(request: &[u8]) -> Vec<u8> {
    let (fd, mut answer) = (open(), vec![0; 4096]);
    send(fd.as_raw_fd(), request, MsgFlags::empty()).unwrap();
    let length = recv(fd.as_raw_fd(), &mut answer, MsgFlags::empty()).unwrap();
    answer.truncate(length);
    answer
}

/// Reads the whole answer and looks at nothing but each datagram's last message type. Its length, bytes.
fn bare(fd: &OwnedFd, request: &[u8], buffer: &mut [u8]) -> usize {
    const DONE: [u8; 2] = 3u16.to_ne_bytes();
    send(fd.as_raw_fd(), request, MsgFlags::empty()).unwrap();
    let mut sum = 0;
    loop {
        let length = recv(fd.as_raw_fd(), buffer, MsgFlags::empty()).unwrap();
        sum += length;
        let mut at = 0;
        while at < length {
            if buffer[at + 4..at + 6] == DONE {
                return sum;
            }
            let message = u32::from_ne_bytes(buffer[at..at + 4].try_into().unwrap());
            at += usize::try_from(message).unwrap().next_multiple_of(4);
        }
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn measure(mut once: impl FnMut()) -> Duration {
    let times = (0..41).map(|_| {
        let start = Instant::now();
        once();
        start.elapsed()
    });
    median(times.collect())
}

#[test]
fn a_dump_against_bare_reading() {
    let Some(rig) = rig("a_dump_against_bare_reading", &["device:dpll"]) else {
        return;
    };
    let mut control = Control::open().unwrap();
    let family = control.family().id;
    let (mut first, mut second) = ([0; REQUEST_LEN], [0; REQUEST_LEN]);
    let devices = Request::DumpDevices.encode(family, 1, &mut first).unwrap();
    let pins = Request::DumpPins.encode(family, 2, &mut second).unwrap();
    let (fd, mut buffer, mut bytes) = (open(), vec![0; 32 * 1024], 0);
    let least = measure(|| bytes = bare(&fd, devices, &mut buffer) + bare(&fd, pins, &mut buffer));

    let (mut seen, mut phases) = (0u32, 0u32);
    let controlled = measure(|| {
        control.devices(|_| seen += 1).unwrap();
        control
            .pins(|pin| phases += u32::from(pin.parent_devices.iter().any(|parent| parent.phase_offset.is_some())))
            .unwrap();
    });
    assert!(seen > 0 && phases > 0);

    // The monitor keeps dumps 100 ms apart, so each is asked for after a pause; the first, which touches new memory, is not counted.
    let mut ear = Ear::open();
    ear.synced();
    let monitored = (0..21).map(|_| {
        std::thread::sleep(Duration::from_millis(120));
        ear.listen(0, |_| true);
        ear.monitor.resync();
        let start = Instant::now();
        ear.synced();
        start.elapsed()
    });
    let monitored = median(monitored.collect());
    let times = |time: Duration| time.as_secs_f64() / least.as_secs_f64();
    println!(
        "{}: whole dump, {bytes} bytes: bare {least:?}, monitor {monitored:?} ({:.2} times), control {controlled:?} ({:.2} times)",
        rig.kernel,
        times(monitored),
        times(controlled)
    );
}
