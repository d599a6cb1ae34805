//! Synthetic frames. All data here is made up after the interface descriptions, none recorded.
#![allow(dead_code)] // each test file uses its share

use tgm_gnss::{Demux, Epoch, Outcome, Receiver};

/// A UBX frame.
pub fn ubx(class: u8, id: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xb5, 0x62, class, id];
    frame.extend(u16::try_from(payload.len()).unwrap().to_le_bytes());
    frame.extend(payload);
    let sum = frame[2..].iter().fold([0u8, 0], |[a, b], byte| {
        let a = a.wrapping_add(*byte);
        [a, b.wrapping_add(a)]
    });
    frame.extend(sum);
    frame
}

/// An NMEA sentence.
pub fn nmea(body: &str) -> Vec<u8> {
    let sum = body.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${body}*{sum:02X}\r\n").into_bytes()
}

/// An RTCM 3 frame.
pub fn rtcm(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xd3];
    frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(payload);
    let mut crc = 0u32;
    for byte in &frame {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc = if crc & 0x80_0000 != 0 {
                crc << 1 ^ 0x0186_4cfb
            } else {
                crc << 1
            };
        }
    }
    frame.extend(&crc.to_be_bytes()[1..]);
    frame
}

/// Little-endian payload under construction.
pub struct Payload(pub Vec<u8>);

impl Payload {
    pub fn new(length: usize) -> Self {
        Payload(vec![0; length])
    }

    pub fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }
}

/// NAV-STATUS.
pub fn nav_status(itow: u32, fix: u8, ok: bool, spoofing: u8, msss: u32) -> Vec<u8> {
    let payload = Payload::new(16)
        .put(0, &itow.to_le_bytes())
        .put(4, &[fix, 0x0c | u8::from(ok)]);
    ubx(1, 3, &payload.put(7, &[spoofing << 3]).put(12, &msss.to_le_bytes()).0)
}

/// NAV-CLOCK.
pub fn nav_clock(itow: u32, bias: i32, t_acc: u32) -> Vec<u8> {
    let payload = Payload::new(20).put(0, &itow.to_le_bytes()).put(4, &bias.to_le_bytes());
    ubx(
        1,
        0x22,
        &payload.put(8, &(-63i32).to_le_bytes()).put(12, &t_acc.to_le_bytes()).0,
    )
}

/// NAV-TIMELS with `to_event` and `change`.
pub fn nav_timels(itow: u32, source: u8, change: i8, to_event: i32) -> Vec<u8> {
    let payload = Payload::new(24)
        .put(0, &itow.to_le_bytes())
        .put(8, &[source, 18, 2, change.to_le_bytes()[0]]);
    ubx(1, 0x26, &payload.put(12, &to_event.to_le_bytes()).put(23, &[3]).0)
}

/// NAV-PVT of 2026-11-22 12:00:`second`.
pub fn nav_pvt(itow: u32, second: u8, nano: i32, fix: u8, ok: bool, used: u8) -> Vec<u8> {
    let payload = Payload::new(92)
        .put(0, &itow.to_le_bytes())
        .put(4, &2026u16.to_le_bytes());
    let payload = payload
        .put(6, &[11, 22, 12, 0, second, 7])
        .put(12, &25u32.to_le_bytes());
    ubx(
        1,
        7,
        &payload
            .put(16, &nano.to_le_bytes())
            .put(20, &[fix, u8::from(ok), 0, used])
            .0,
    )
}

/// NAV-PVT of 2026-11-22 12:00:00 with a fix of that kind and a position, latitude in 1e-7 degrees.
pub fn nav_pvt_at(itow: u32, fix: u8, latitude: i32) -> Vec<u8> {
    let mut frame = nav_pvt(itow, 0, 0, fix, true, 12);
    frame.truncate(6 + 92);
    let mut payload = frame.split_off(6);
    payload[28..32].copy_from_slice(&latitude.to_le_bytes());
    ubx(1, 7, &payload)
}

/// RXM-MEASX with satellites of `(dBHz, reflections)`.
pub fn rxm_measx(satellites: &[(u8, u8)]) -> Vec<u8> {
    let mut payload = Payload::new(44)
        .put(0, &[1])
        .put(34, &[u8::try_from(satellites.len()).unwrap()])
        .0;
    for (number, (cno, reflections)) in (1..).zip(satellites) {
        payload.extend(Payload::new(24).put(0, &[0, number, *cno, *reflections]).0);
    }
    ubx(2, 0x14, &payload)
}

/// TIM-TP of the next second.
pub fn tim_tp(tow: u32, q_err: i32, flags: u8) -> Vec<u8> {
    let payload = Payload::new(16).put(0, &tow.to_le_bytes()).put(8, &q_err.to_le_bytes());
    ubx(0x0d, 1, &payload.put(12, &2446u16.to_le_bytes()).put(14, &[flags]).0)
}

/// NAV-TIMEGPS.
pub fn nav_timegps(itow: u32, week: i16, leap: i8, valid: u8) -> Vec<u8> {
    let payload = Payload::new(16).put(0, &itow.to_le_bytes()).put(8, &week.to_le_bytes());
    ubx(1, 0x20, &payload.put(10, &[leap.to_le_bytes()[0], valid, 30]).0)
}

/// NAV-EOE.
pub fn nav_eoe(itow: u32) -> Vec<u8> {
    ubx(1, 0x61, &itow.to_le_bytes())
}

/// NAV-SAT with satellites of `(system, number, dBHz, used)`.
pub fn nav_sat(itow: u32, satellites: &[(u8, u8, u8, bool)]) -> Vec<u8> {
    let mut payload = Payload::new(8)
        .put(0, &itow.to_le_bytes())
        .put(4, &[1, u8::try_from(satellites.len()).unwrap()])
        .0;
    for (system, number, cno, used) in satellites {
        payload.extend([*system, *number, *cno, 0, 0, 0, 0, 0, u8::from(*used) << 3, 0, 0, 0]);
    }
    ubx(1, 0x35, &payload)
}

/// NAV-SAT whose satellites, of `(dBHz, residual in 0.1 m)`, are all GPS and not used.
pub fn nav_sat_residuals(itow: u32, satellites: &[(u8, i16)]) -> Vec<u8> {
    let count = u8::try_from(satellites.len()).unwrap();
    let mut payload = Payload::new(8).put(0, &itow.to_le_bytes()).put(4, &[1, count]).0;
    for (number, (cno, residual)) in (1..).zip(satellites) {
        payload.extend(
            Payload::new(12)
                .put(0, &[0, number, *cno])
                .put(6, &residual.to_le_bytes())
                .0,
        );
    }
    ubx(1, 0x35, &payload)
}

/// MON-RF with one block per `(jamming, antenna, power)`, `size` bytes each.
pub fn mon_rf(blocks: &[(u8, u8, u8)], size: usize) -> Vec<u8> {
    let mut payload = vec![0, u8::try_from(blocks.len()).unwrap(), 0, 0];
    for (index, (jamming, antenna, power)) in blocks.iter().enumerate() {
        let block = Payload::new(size).put(0, &[u8::try_from(index).unwrap(), *jamming, *antenna, *power]);
        payload.extend(block.0);
    }
    ubx(0x0a, 0x38, &payload)
}

/// A receiver behind a demultiplexer, with all that came out.
#[derive(Default)]
pub struct Chain {
    pub demux: Demux,
    pub receiver: Receiver,
    pub epochs: Vec<Epoch>,
    pub outcomes: Vec<Outcome>,
}

impl Chain {
    pub fn feed(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let Chain {
            demux,
            receiver,
            epochs,
            outcomes,
        } = self;
        demux.feed(bytes.as_ref(), |frame| {
            outcomes.push(receiver.apply(frame, |epoch| epochs.push(*epoch)));
        });
        self
    }

    /// The epoch as it stands.
    pub fn now(&self) -> Epoch {
        self.receiver.epoch()
    }
}
