//! The programs that time passes through, and for how long each has been down (requirements 6).
//!
//! Whoever supervises or watches them tells; what follows from a program that is down beyond its threshold is decided where it
//! belongs: the class told (`announce`), the system clock (`osclock`), the DPLLs (`dpll`).

use tgm_time::{Mono, Nanos, Time};

use crate::soonest::Soonest;

/// A program, or a part of the node that watches for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Process {
    /// Disciplines the PHC. Its death changes no state: the PHC is measured by ourselves, and not to be seen is a state of its own.
    Ts2phc = 0,
    /// Announces. While it is down beyond its threshold nothing of the class is on the air.
    Ptp4l = 1,
    /// Disciplines the system clock.
    Phc2sys = 2,
    /// Speaks SyncE.
    Synce4l = 3,
    /// Listens to the DPLLs. While it is down beyond its threshold they are unobserved.
    DpllMonitor = 4,
    /// Listens to the receiver. Its silence is the receiver's.
    GnssMonitor = 5,
}

impl Process {
    /// All of them, by number.
    pub const ALL: [Process; 6] = [
        Process::Ts2phc,
        Process::Ptp4l,
        Process::Phc2sys,
        Process::Synce4l,
        Process::DpllMonitor,
        Process::GnssMonitor,
    ];

    /// The word in logs, recordings and scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Process::Ts2phc => "ts2phc",
            Process::Ptp4l => "ptp4l",
            Process::Phc2sys => "phc2sys",
            Process::Synce4l => "synce4l",
            Process::DpllMonitor => "dpll-monitor",
            Process::GnssMonitor => "gnss-monitor",
        }
    }

    /// Back from the word; `None` for any other.
    pub fn from_name(name: &str) -> Option<Self> {
        Process::ALL.into_iter().find(|process| process.name() == name)
    }

    /// Its bit in the value of [`crate::EventKind::ProcessesDown`].
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// For how long each may be down before anything follows (`processDowntimeThresholds`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downtimes([Nanos; Process::ALL.len()]);

impl Downtimes {
    /// Five seconds each.
    pub const DEFAULT: Downtimes = Downtimes([Nanos::from_secs(5); Process::ALL.len()]);

    /// With another threshold for one of them.
    #[must_use]
    pub fn with(mut self, process: Process, threshold: Nanos) -> Self {
        if let Some(slot) = self.0.get_mut(process as usize) {
            *slot = threshold;
        }
        self
    }

    /// The threshold of `process`.
    pub fn of(&self, process: Process) -> Nanos {
        self.0.get(process as usize).copied().unwrap_or(Nanos::ZERO)
    }
}

/// One that comes up after a downtime is back once it has stayed for this long: one that ends as soon as it begins is down all the while.
/// An event may be a second late.
const STAYS: Nanos = Nanos::from_millis(900);

/// A downtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Down {
    since: Time<Mono>,
    /// It is up, and was not before.
    up: Option<Time<Mono>>,
}

/// Since when each process of an instance is down.
#[derive(Debug, Clone, Copy, Default)]
pub struct Processes {
    down: [Option<Down>; Process::ALL.len()],
}

impl Processes {
    /// A process was seen up or down at `at`; true if that is new. The first moment of a downtime counts.
    pub fn told(&mut self, at: Time<Mono>, process: Process, up: bool) -> bool {
        let Some(slot) = self.down.get_mut(process as usize) else {
            return false;
        };
        let was = *slot;
        *slot = match was {
            None if up => None,
            Some(down) if up => Some(Down {
                up: down.up.or(Some(at)),
                ..down
            }),
            Some(Down { up: None, .. }) => was,
            // It did not stay.
            Some(Down { since, up: Some(back) }) if at.since(back) < STAYS => Some(Down { since, up: None }),
            Some(_) | None => Some(Down { since: at, up: None }),
        };
        *slot != was
    }

    fn downtime(&self, process: Process) -> Option<Down> {
        self.down.get(process as usize).copied().flatten()
    }

    /// Since when it is down.
    pub fn down_since(&self, process: Process) -> Option<Time<Mono>> {
        let down = self.downtime(process).filter(|down| down.up.is_none());
        down.map(|down| down.since)
    }

    /// True if it is down beyond its threshold.
    pub fn is_down(&self, now: Time<Mono>, process: Process, thresholds: &Downtimes) -> bool {
        let threshold = thresholds.of(process);
        self.downtime(process).is_some_and(|Down { since, up }| match up {
            None => now.since(since) >= threshold,
            Some(up) => up.since(since) >= threshold && now.since(up) < STAYS,
        })
    }

    /// The bits of all that are down beyond their thresholds.
    pub fn beyond(&self, now: Time<Mono>, thresholds: &Downtimes) -> u8 {
        let down = Process::ALL
            .into_iter()
            .filter(|process| self.is_down(now, *process, thresholds));
        down.fold(0, |bits, process| bits | process.bit())
    }

    /// The next moment at which one is down beyond its threshold, or no longer.
    pub fn deadline(&self, now: Time<Mono>, thresholds: &Downtimes) -> Option<Time<Mono>> {
        let ends = Process::ALL.into_iter().map(|process| {
            let Down { since, up } = self.downtime(process)?;
            Some(up.map_or_else(|| since + thresholds.of(process), |up| up + STAYS))
        });
        ends.fold(Soonest::after(now), Soonest::or).get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Time<Mono> {
        Time::from_parts(s, 0)
    }

    #[test]
    fn each_is_down_from_its_own_threshold_on() {
        let thresholds = Downtimes::DEFAULT.with(Process::Ptp4l, Nanos::from_secs(2));
        let mut processes = Processes::default();
        assert!(processes.told(at(10), Process::Ptp4l, false));
        assert!(processes.told(at(10), Process::Synce4l, false));
        assert!(
            !processes.told(at(11), Process::Ptp4l, false),
            "it has been down before"
        );
        assert_eq!(processes.deadline(at(10), &thresholds), Some(at(12)));
        assert_eq!(processes.beyond(at(11), &thresholds), 0);
        assert_eq!(processes.beyond(at(12), &thresholds), Process::Ptp4l.bit());
        assert_eq!(processes.deadline(at(12), &thresholds), Some(at(15)));
        assert_eq!(processes.beyond(at(15), &thresholds), 0b1010);
        assert!(processes.told(at(16), Process::Ptp4l, true));
        assert_eq!(processes.deadline(at(16), &thresholds), Some(at(16) + STAYS));
        assert_eq!(processes.beyond(at(16), &thresholds), 0b1010, "it may not stay");
        assert_eq!(processes.beyond(at(16) + STAYS, &thresholds), Process::Synce4l.bit());
        assert!(!processes.told(at(17), Process::Ptp4l, true));
    }

    // Hazard: silent; processes: a ptp4l that ends as soon as it begins is down, however often it is started.
    #[test]
    fn func_tgm012_r3_a_ptp4l_that_ends_as_soon_as_it_begins_is_down_all_the_while() {
        let thresholds = Downtimes::DEFAULT;
        let (mut processes, process) = (Processes::default(), Process::Ptp4l);
        let short = Nanos::from_millis(40);
        processes.told(at(10), process, false);
        for s in [11, 13, 17, 22] {
            assert_eq!(processes.down_since(process), Some(at(10)));
            assert!(processes.told(at(s), process, true));
            assert_eq!(processes.is_down(at(s), process, &thresholds), s >= 15);
            assert!(processes.told(at(s) + short, process, false));
            assert_eq!(processes.is_down(at(s) + short, process, &thresholds), s >= 15);
        }
        // A downtime within the threshold leaves no trace, not even while it is not known whether it stays.
        let mut processes = Processes::default();
        processes.told(at(10), process, false);
        processes.told(at(15) - short, process, true);
        for later in [Nanos::ZERO, short, STAYS] {
            assert!(!processes.is_down(at(15) + later, process, &thresholds));
        }
        // The next one is another.
        processes.told(at(16), process, false);
        assert_eq!(processes.down_since(process), Some(at(16)));
    }

    #[test]
    fn names_and_bits_are_each_their_own() {
        let mut bits = 0;
        for process in Process::ALL {
            assert_eq!(Process::from_name(process.name()), Some(process));
            assert_eq!(bits & process.bit(), 0);
            bits |= process.bit();
        }
        assert_eq!(Process::from_name("pmc"), None);
    }
}
