//! A receiver that talks nonsense for an hour: what it says changes states and counters, nothing else. No panic, no memory, and it is
//! believed again when it makes sense again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

mod common;

use std::collections::BTreeMap;

use common::*;
use tgm_core::GnssState;
use tgm_gnss::{Demux, Receiver};
use tgm_sys::count::{Counting, allocations};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// xorshift64*, so that each run says the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        u32::try_from(high).unwrap() % below
    }

    fn byte(&mut self) -> u8 {
        self.roll(256).to_le_bytes()[0]
    }

    fn bytes(&mut self, length: u32) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }
}

/// Class, id and length of a message, and where a count (or version) must be which for the length to fit.
type Layout = (u8, u8, u32, Option<(usize, u8)>);

/// Every message that is read.
const MESSAGES: [Layout; 24] = [
    (1, 0x02, 28, None),
    (1, 0x03, 16, None),
    (1, 0x06, 52, None),
    (1, 0x07, 92, None),
    (1, 0x20, 16, None),
    (1, 0x21, 20, None),
    (1, 0x22, 20, None),
    (1, 0x26, 24, None),
    (1, 0x30, 8 + 12 * 16, Some((4, 16))),
    (1, 0x35, 8 + 12 * 16, Some((5, 16))),
    (1, 0x3b, 40, None),
    (1, 0x43, 8 + 16 * 16, Some((5, 16))),
    (1, 0x61, 4, None),
    (2, 0x14, 44 + 24 * 9, Some((34, 9))),
    (4, 2, 60, None),
    (5, 1, 2, None),
    (10, 4, 130, None),
    (10, 9, 60, None),
    (10, 0x38, 4 + 24 * 2, Some((1, 2))),
    (13, 1, 16, None),
    (13, 3, 28, None),
    (13, 4, 28, None),
    (0x27, 9, 4, Some((0, 2))),
    (0x27, 9, 12, Some((0, 1))),
];

/// One thing that it says at receiver time `itow`.
fn say(dice: &mut Dice, itow: u32) -> Vec<u8> {
    let fields = |dice: &mut Dice| -> String {
        const LETTERS: &[u8] = b"0123456789.AVDENMRS-,,,,";
        (0..dice.roll(60))
            .map(|_| char::from(LETTERS[usize::try_from(dice.roll(24)).unwrap()]))
            .collect()
    };
    let formatters = ["RMC", "ZDA", "GGA", "GNS", "GSA", "GSV", "GLL", "VTG", "TXT"];
    match dice.roll(12) {
        0 => {
            let length = dice.roll(400);
            dice.bytes(length)
        }
        // A message it might mean, of the time it is: all of it random.
        1..=4 => {
            let (class, id, length, count) = MESSAGES[usize::try_from(dice.roll(24)).unwrap()];
            let mut payload = dice.bytes(length);
            if class == 1 && dice.roll(8) > 0 {
                let at = if id == 0x3b { 4 } else { 0 };
                payload[at..at + 4].copy_from_slice(&itow.to_le_bytes());
            }
            if let Some((at, count)) = count {
                payload[at] = count;
            }
            let mut frame = ubx(class, id, &payload);
            match dice.roll(8) {
                0 => {
                    let at = usize::try_from(dice.roll(length)).unwrap();
                    frame[at] ^= dice.byte();
                }
                1 => frame.truncate(usize::try_from(dice.roll(length)).unwrap()),
                _ => {}
            }
            frame
        }
        // A message that is too short, or of a kind that does not exist.
        5 => {
            let (class, id, length) = (dice.byte(), dice.byte(), dice.roll(30));
            ubx(class, id, &dice.bytes(length))
        }
        6 | 7 => {
            let formatter = formatters[usize::try_from(dice.roll(9)).unwrap()];
            nmea(&format!("GN{formatter},{}", fields(dice)))
        }
        8 => {
            let texts = [
                "ANTSTATUS=OPEN",
                "ANTSTATUS=SHORT",
                "ANTSTATUS=OK",
                "u-blox AG - www.u-blox.com",
            ];
            nmea(&format!(
                "GNTXT,01,01,02,{}",
                texts[usize::try_from(dice.roll(4)).unwrap()]
            ))
        }
        9 => nav_status(
            itow,
            dice.byte() % 7,
            dice.roll(2) == 0,
            dice.byte() % 4,
            dice.roll(1_000_000),
        ),
        10 => mon_rf(&[(dice.byte() % 4, dice.byte() % 6, dice.byte() % 4)], 24),
        _ => vec![0xb5, 0x62, 0x02, 0x15, 0xff, 0x1f, b'$', b'G', 0xd3, 0x03, 0xff],
    }
}

#[test]
fn an_hour_of_nonsense_changes_states_and_counters_only() {
    let mut dice = Dice(0x7467_6d01);
    let (mut demux, mut receiver) = (Demux::new(), Receiver::default());
    let mut states = BTreeMap::<u8, u32>::new();
    let mut told: Vec<GnssState> = Vec::with_capacity(1 << 20);
    let mut itow = 43_218_000;
    for _ in 0..3_600 {
        // Mostly a second later, sometimes anywhere.
        itow = if dice.roll(50) == 0 {
            dice.roll(u32::MAX)
        } else {
            itow.wrapping_add(1000)
        };
        let second: Vec<u8> = (0..dice.roll(12)).flat_map(|_| say(&mut dice, itow)).collect();
        let size = usize::try_from(dice.roll(300) + 1).unwrap();
        told.clear();
        let allocated = allocations(|| {
            for chunk in second.chunks(size) {
                demux.feed(chunk, |frame| {
                    receiver.apply(frame, |epoch| {
                        told.push(epoch.state);
                        // What it says goes on to the core, whatever it is.
                        std::hint::black_box(epoch.reading());
                    });
                });
            }
        });
        assert_eq!(allocated, 0);
        for state in &told {
            *states.entry(state.number()).or_default() += 1;
        }
    }
    let counters = demux.counters();
    println!("{states:?} {counters:?} malformed {}", receiver.malformed());
    // The PLL is not the receiver's to judge, and random strengths are never all weak.
    let never = [GnssState::FailurePll, GnssState::FailureLowSnr];
    for state in GnssState::ALL.iter().filter(|state| !never.contains(state)) {
        assert!(states.contains_key(&state.number()), "{state:?}");
    }
    assert!(!states.contains_key(&GnssState::FailurePll.number()));
    assert!(counters.ubx > 5_000 && counters.nmea > 2_000, "{counters:?}");
    assert!(
        counters.skipped > 100_000 && counters.checksum_errors > 100 && counters.oversize > 100,
        "{counters:?}"
    );
    assert!(receiver.malformed() > 500, "{}", receiver.malformed());

    // It comes to its senses: two minutes later at the latest all of the nonsense is forgotten.
    let mut last = None;
    for second in 0..120u32 {
        let itow = 43_218_000 + second * 1000;
        let sane = [
            nav_pvt(itow, u8::try_from(second % 60).unwrap(), 0, 3, true, 12),
            nav_status(itow, 3, true, 1, 5_000_000 + second * 1000),
            nav_sat(itow, &[(0, 1, 40, true); 8]),
            mon_rf(&[(1, 2, 1)], 24),
            ubx(0x27, 9, &[2, 0b0001_1011, 0, 0]),
            ubx(0x0d, 4, &[0; 28]),
            nav_eoe(itow),
        ];
        demux.feed(&sane.concat(), |frame| {
            receiver.apply(frame, |epoch| last = Some(*epoch));
        });
    }
    assert_eq!(last.unwrap().state, GnssState::Synchronized, "{last:?}");
}

#[test]
fn receiver_and_demultiplexer_have_a_size_that_does_not_grow() {
    // All state is in these two values; neither owns memory elsewhere.
    assert!(size_of::<Receiver>() < 4_096, "{}", size_of::<Receiver>());
    assert!(size_of::<Demux>() < 9_000, "{}", size_of::<Demux>());
    assert!(!std::mem::needs_drop::<Receiver>() && !std::mem::needs_drop::<Demux>());
}
