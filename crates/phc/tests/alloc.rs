//! Sampling and reading pulses allocate nothing, whether they succeed or fail.
//!
//! The clock is a scripted one (real ones are in the hardware tests); pulses come through a pipe in the kernel's format.
#![allow(clippy::unwrap_used)] // clippy's leave for tests does not reach their helpers

use nix::errno::Errno;
use nix::unistd::{pipe, write};
use tgm_core::{Instance, Port};
use tgm_phc::{
    CrossMeter, ExttsReader, OffsetMeter, OnePps, PairMeter, Phc, PhcSource, SharedQueue, Stamper, SystemSide,
    measure_cycles,
};
use tgm_sys::count::{Counting, allocations};
use tgm_sys::ptp::{ClockTime, SysOffset, SysOffsetExtended, SysOffsetPrecise};
use tgm_time::Time;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Answers by one method, or with an error.
struct Clock {
    precise: Result<(), Errno>,
    extended: Result<(), Errno>,
}

impl Stamper for Clock {
    fn precise(&self) -> Result<SysOffsetPrecise, Errno> {
        self.precise.map(|()| SysOffsetPrecise::default())
    }
    fn extended(&self, samples: u32) -> Result<SysOffsetExtended, Errno> {
        self.extended.map(|()| SysOffsetExtended {
            n_samples: samples,
            ..SysOffsetExtended::default()
        })
    }
    fn extended_on(&self, samples: u32, _: SystemSide) -> Result<SysOffsetExtended, Errno> {
        self.extended(samples)
    }
    fn bracket(&self, _: SystemSide) -> Result<[ClockTime; 3], Errno> {
        Ok([ClockTime::default(); 3])
    }
    fn extended_cycles(&self, samples: u32, _: SystemSide) -> Result<SysOffsetExtended, Errno> {
        self.extended(samples)
    }
    fn basic(&self, samples: u32) -> Result<SysOffset, Errno> {
        let ts = [ClockTime {
            sec: 1,
            nsec: 2,
            reserved: 0,
        }; 51];
        Ok(SysOffset {
            n_samples: samples,
            rsv: [0; 3],
            ts,
        })
    }
}

fn event(second: i64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&second.to_ne_bytes());
    bytes
}

#[test]
fn a_planted_allocation_is_seen() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(7u64)))), 1);
    assert_eq!(allocations(|| ()), 0);
}

#[test]
fn sampling_allocates_nothing() {
    let none = Err(Errno::EOPNOTSUPP);
    for (precise, extended) in [(Ok(()), Ok(())), (none, Ok(())), (none, none), (none, Err(Errno::EIO))] {
        let clock = Clock { precise, extended };
        let mut source = PhcSource::new(clock, OffsetMeter::default(), None, Instance(0), Port(0));
        let mut good = 0;
        let counted = allocations(|| {
            for _ in 0..1_000 {
                good += u32::from(source.sample(Time::ZERO).is_some());
            }
        });
        assert_eq!(counted, 0);
        assert_eq!(good, if extended == Err(Errno::EIO) { 0 } else { 1_000 });
    }
}

#[test]
fn measuring_against_any_clock_allocates_nothing() {
    let none = Err(Errno::EOPNOTSUPP);
    for (precise, extended) in [(Ok(()), Ok(())), (none, Ok(())), (none, none), (none, Err(Errno::EIO))] {
        let (clock, other) = (Clock { precise, extended }, Clock { precise, extended });
        let sides = [SystemSide::Monotonic, SystemSide::MonotonicRaw, SystemSide::Aux(0)];
        let (mut meters, mut pair) = (sides.map(|side| CrossMeter::new(side, 5)), PairMeter::default());
        let mut good = 0;
        let counted = allocations(|| {
            for _ in 0..100 {
                for meter in &mut meters {
                    good += u32::from(meter.measure(&clock).is_ok());
                    good += u32::from(measure_cycles(&clock, meter.side(), 5).is_ok());
                }
                good += u32::from(pair.measure(&clock, &other).is_ok());
            }
        });
        assert_eq!(counted, 0);
        // Without extended: brackets and, for the pair, basic; no counter.
        let expected = match extended {
            Ok(()) => 700,
            Err(Errno::EIO) => 0,
            Err(_) => 400,
        };
        assert_eq!(good, expected, "{precise:?} {extended:?}");
    }
}

#[test]
fn watching_a_pulse_allocates_nothing() {
    let (from, to) = pipe().unwrap();
    let mut signal = OnePps::from_extts(ExttsReader::over(from, 0));
    for second in 0..90 {
        write(&to, &event(second)).unwrap();
    }
    drop(to);
    let (mut polls, mut present) = (0, 0);
    let counted = allocations(|| {
        while let Ok(status) = signal.poll(Time::ZERO) {
            polls += 1;
            present += u32::from(status.present);
        }
    });
    assert_eq!((counted, polls, present), (0, 3, 3));
}

#[test]
fn reading_pulses_allocates_nothing() {
    let (from, to) = pipe().unwrap();
    let clock = Clock {
        precise: Ok(()),
        extended: Ok(()),
    };
    let reader = ExttsReader::over(from, 0);
    let mut source = PhcSource::new(clock, OffsetMeter::default(), Some(reader), Instance(0), Port(0));
    for second in 0..60 {
        write(&to, &event(second)).unwrap();
    }
    write(&to, &[0xff; 45]).unwrap(); // one event of another channel, and rubbish
    drop(to);
    let mut pulses = 0;
    let counted = allocations(|| {
        while !source.is_gone() {
            source.pulses(Time::ZERO, |_| pulses += 1);
        }
    });
    assert_eq!(counted, 0);
    assert_eq!(pulses, 60 + 1); // and that the clock is gone
}

#[test]
fn a_real_clock_allocates_nothing_either() {
    let Ok(clock) = Phc::open_read_only("/dev/ptp0") else {
        println!("skipped: no /dev/ptp0");
        return;
    };
    let pulses = ExttsReader::open("/dev/ptp0", 0, SharedQueue::Refuse).ok();
    let mut source = PhcSource::new(clock, OffsetMeter::default(), pulses, Instance(0), Port(0));
    let mut good = 0;
    let counted = allocations(|| {
        for _ in 0..100 {
            good += u32::from(source.sample(Time::ZERO).is_some());
            source.pulses(Time::ZERO, |_| ());
        }
    });
    assert_eq!((counted, good), (0, 100));
}
