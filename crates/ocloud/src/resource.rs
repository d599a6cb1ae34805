//! The resources of this node and what each is called (O-RAN.WG6.O-Cloud Notification API v04.00, clauses on event types).
//!
//! O-RAN's seven are offered; the two of SyncE have a state only where there is SyncE, and are refused with the reason elsewhere: a
//! made-up state would be worse than none. Beside them stand extensions of our own for the statuses that the OpenShift metrics know one by
//! one; only who asks for exactly one of them gets it, so a consumer of `/sync` sees O-RAN's events and nothing else.
//!
//! | resource | address | event type |
//! |---|---|---|
//! | EEC lock status, −1…4 | `/sync/ptp-status/frequency-status` | `event.sync.ptp-status.frequency-status-change` |
//! | PPS DPLL lock status, −1…4 | `/sync/ptp-status/phase-status` | `event.sync.ptp-status.phase-status-change` |
//! | a pulse is followed, 0/1 | `/sync/ptp-status/pps-status` | `event.sync.ptp-status.pps-status-change` |
//! | time-bearing NMEA arrives, 0/1 | `/sync/gnss-status/nmea-status` | `event.sync.gnss-status.nmea-status-change` |
//! | kind of fix, 0…5 | `/sync/gnss-status/gnss-fix` | `event.sync.gnss-status.gnss-fix-change` |

use tgm_core::EventKind;

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident $kind:ident $extension:literal $path:literal $type:literal;)+) => {
        /// One resource.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Resource { $($(#[$doc])* $name,)+ }

        impl Resource {
            /// All of them, O-RAN's first.
            pub const ALL: [Resource; Resource::COUNT] = [$(Resource::$name,)+];
            /// How many there are.
            pub const COUNT: usize = [$($path,)+].len();

            /// The address below the node; also the CloudEvents `source`.
            pub const fn path(self) -> &'static str {
                match self { $(Resource::$name => $path,)+ }
            }

            /// The CloudEvents `type`.
            pub const fn event_type(self) -> &'static str {
                match self { $(Resource::$name => $type,)+ }
            }

            /// One of our own, not O-RAN's.
            pub const fn is_extension(self) -> bool {
                match self { $(Resource::$name => $extension,)+ }
            }

            /// The resource whose value such an event changes.
            pub const fn of(kind: EventKind) -> Option<Resource> {
                match kind { $(EventKind::$kind => Some(Resource::$name),)+ _ => None }
            }
        }
    };
}

resources! {
    /// E4: worst of lock state and OS clock.
    SyncState SyncState false
        "/sync/sync-status/sync-state" "event.sync.sync-status.synchronization-state-change";
    /// E3.
    OsClock OsClockState false
        "/sync/sync-status/os-clock-sync-state" "event.sync.sync-status.os-clock-sync-state-change";
    /// E1.
    LockState LockState false
        "/sync/ptp-status/lock-state" "event.sync.ptp-status.ptp-state-change";
    /// E2.
    ClockClass ClockClass false
        "/sync/ptp-status/clock-class" "event.sync.ptp-status.ptp-clock-class-change";
    /// E5.
    Gnss GnssState false
        "/sync/gnss-status/gnss-sync-status" "event.sync.gnss-status.gnss-state-change";
    /// E6.
    SynceState SynceState false
        "/sync/synce-status/lock-state" "event.sync.synce-status.synce-state-change";
    /// E7.
    SynceQuality SynceQuality false
        "/sync/synce-status/clock-quality" "event.sync.synce-status.synce-clock-quality-change";
    /// EEC lock status.
    Frequency Frequency true
        "/sync/ptp-status/frequency-status" "event.sync.ptp-status.frequency-status-change";
    /// PPS DPLL lock status.
    Phase Phase true
        "/sync/ptp-status/phase-status" "event.sync.ptp-status.phase-status-change";
    /// A pulse is followed.
    Pps Pps true
        "/sync/ptp-status/pps-status" "event.sync.ptp-status.pps-status-change";
    /// Time-bearing NMEA arrives.
    Nmea Nmea true
        "/sync/gnss-status/nmea-status" "event.sync.gnss-status.nmea-status-change";
    /// Kind of fix.
    Fix GnssFix true
        "/sync/gnss-status/gnss-fix" "event.sync.gnss-status.gnss-fix-change";
}

impl Resource {
    /// One of SyncE: not every node has it, and none without it tells a state that stands for it.
    pub const fn is_of_synce(self) -> bool {
        matches!(self, Resource::SynceState | Resource::SynceQuality)
    }

    /// Its place in [`Resource::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A set of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources(u16);

impl Resources {
    /// None.
    pub const NONE: Resources = Resources(0);

    /// Just one.
    pub const fn just(resource: Resource) -> Self {
        Resources(1 << resource as u8)
    }

    /// Those of O-RAN at or below an address, by whole segments; extensions are never below anything.
    pub fn below(prefix: &str) -> Self {
        let is_below = |path: &str| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        Resource::ALL
            .into_iter()
            .filter(|resource| !resource.is_extension() && is_below(resource.path()))
            .fold(Self::NONE, |all, one| all.with(Self::just(one)))
    }

    /// From [`Self::bits`].
    pub const fn from_bits(bits: u16) -> Self {
        Resources(bits)
    }

    /// As a number, for an atomic.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Both sets together.
    pub const fn with(self, other: Self) -> Self {
        Resources(self.0 | other.0)
    }

    /// Without those of another set.
    pub const fn without(self, other: Self) -> Self {
        Resources(self.0 & !other.0)
    }

    /// Whether it holds one.
    pub const fn has(self, resource: Resource) -> bool {
        self.0 & (1 << resource as u8) != 0
    }

    /// Whether it holds none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of [`Resource::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Resource> {
        Resource::ALL.into_iter().filter(move |resource| self.has(*resource))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let names = |prefix| Resources::below(prefix).iter().collect::<Vec<_>>();
        assert_eq!(names("/sync").len(), 7);
        assert_eq!(names("").len(), 7);
        assert_eq!(
            names("/sync/synce-status"),
            [Resource::SynceState, Resource::SynceQuality]
        );
        assert_eq!(names("/sync/ptp-status"), [Resource::LockState, Resource::ClockClass]);
        assert_eq!(names("/sync/ptp"), []);
        assert_eq!(names("/sync/ptp-status/lock-state"), [Resource::LockState]);
    }

    #[test]
    fn every_resource_has_its_own_bit_and_event() {
        let all = Resource::ALL
            .into_iter()
            .fold(Resources::NONE, |all, one| all.with(Resources::just(one)));
        assert_eq!(all.iter().count(), Resource::COUNT);
        assert_eq!(Resource::of(EventKind::Mismatch), None);
        assert_eq!(Resource::of(EventKind::GnssFix), Some(Resource::Fix));
    }
}
