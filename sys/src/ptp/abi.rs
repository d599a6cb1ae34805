//! Structures of the PTP character device, byte for byte (include/uapi/linux/ptp_clock.h).
//!
//! The layouts are asserted when this is compiled. libc has most of them too, but keeps `index` and `flags` of an event to
//! itself, so that nobody could tell which channel a pulse came in on.

/// Most readings that one offset request takes (`PTP_MAX_SAMPLES`).
pub const CROSS_SAMPLES_MAX: u32 = 25;
/// Most events that one `read` hands over (`PTP_BUF_TIMESTAMPS`).
pub const EXTTS_EVENTS_PER_READ: usize = 30;
/// Events that an open file's queue holds: one less than `PTP_MAX_TIMESTAMPS`, whose last slot stays free. When it is full the
/// oldest goes, without a mark.
pub const EXTTS_QUEUE: usize = 127;
/// Bytes of one event; a `read` of anything but a multiple is EINVAL.
pub const EXTTS_EVENT_SIZE: usize = 32;
/// Bytes of a pin's name, the closing zero included.
pub const PIN_NAME_SIZE: usize = 64;

/// Types that the kernel may fill: C layout, no padding, any bytes are a value.
pub(super) trait Plain: Copy + 'static {}

macro_rules! plain {
    ($name:ident, $size:literal $(, $field:ident @ $offset:literal)*) => {
        impl Plain for $name {}
        const _: () = assert!(size_of::<$name>() == $size);
        $(const _: () = assert!(core::mem::offset_of!($name, $field) == $offset);)*
    };
}

impl Plain for u32 {}

/// A point in time or a duration.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClockTime {
    /// Seconds.
    pub sec: i64,
    /// Nanoseconds, 0…999 999 999. (In an offset event the kernel stores a signed remainder here.)
    pub nsec: u32,
    /// Zero.
    pub reserved: u32,
}
plain!(ClockTime, 16, sec @ 0, nsec @ 8, reserved @ 12);

/// What a clock can do.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClockCaps {
    /// Largest frequency adjustment, ppb.
    pub max_adj: i32,
    /// Programmable alarms.
    pub n_alarm: i32,
    /// External timestamp channels.
    pub n_ext_ts: i32,
    /// Periodic outputs.
    pub n_per_out: i32,
    /// 1: feeds the kernel's PPS subsystem.
    pub pps: i32,
    /// Pins whose function can be chosen.
    pub n_pins: i32,
    /// 1: has [`super::sys_offset_precise`].
    pub cross_timestamping: i32,
    /// 1: can be given a phase offset to remove (`ADJ_OFFSET`).
    pub adjust_phase: i32,
    /// Largest such offset, ns.
    pub max_phase_adj: i32,
    /// Zero.
    pub rsv: [i32; 11],
}
plain!(ClockCaps, 80, max_adj @ 0, pps @ 16, n_pins @ 20, cross_timestamping @ 24, adjust_phase @ 28, max_phase_adj @ 32, rsv @ 36);

/// Asks for external timestamps, or to stop them.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExttsRequest {
    /// Channel.
    pub index: u32,
    /// `ENABLE`, edges, `STRICT`, `EXT_OFFSET`: the constants of this type.
    pub flags: u32,
    /// Zero.
    pub rsv: [u32; 2],
}
plain!(ExttsRequest, 16, index @ 0, flags @ 4, rsv @ 8);

impl ExttsRequest {
    /// Start; without it: stop.
    pub const ENABLE: u32 = 1;
    /// Stamp rising edges.
    pub const RISING: u32 = 2;
    /// Stamp falling edges.
    pub const FALLING: u32 = 4;
    /// Refuse what cannot be honoured; the second version of the request sets it by itself.
    pub const STRICT: u32 = 8;
    /// Give the offset of the pulse instead of its time.
    pub const EXT_OFFSET: u32 = 16;
}

/// One external timestamp, as `read` gives it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExttsEvent {
    /// When the edge came by this clock; with [`ExttsEvent::EXT_OFFSET`] how far off it was.
    pub t: ClockTime,
    /// Channel.
    pub index: u32,
    /// `VALID`, `EXT_OFFSET`: the constants of this type. Zero on kernels that set none.
    pub flags: u32,
    /// Zero.
    pub rsv: [u32; 2],
}
plain!(ExttsEvent, 32, t @ 0, index @ 16, flags @ 20, rsv @ 24);

impl ExttsEvent {
    /// Set on every event by kernels that set flags at all; older ones leave zero, so its absence says nothing.
    pub const VALID: u32 = 1;
    /// `t` is an offset.
    pub const EXT_OFFSET: u32 = 16;

    /// Reads one event out of the bytes that `read` delivered.
    pub fn from_bytes(bytes: &[u8; EXTTS_EVENT_SIZE]) -> Self {
        let [
            s0,
            s1,
            s2,
            s3,
            s4,
            s5,
            s6,
            s7,
            n0,
            n1,
            n2,
            n3,
            r0,
            r1,
            r2,
            r3,
            i0,
            i1,
            i2,
            i3,
            f0,
            f1,
            f2,
            f3,
            v @ ..,
        ] = *bytes;
        let [a0, a1, a2, a3, b0, b1, b2, b3] = v;
        ExttsEvent {
            t: ClockTime {
                sec: i64::from_ne_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
                nsec: u32::from_ne_bytes([n0, n1, n2, n3]),
                reserved: u32::from_ne_bytes([r0, r1, r2, r3]),
            },
            index: u32::from_ne_bytes([i0, i1, i2, i3]),
            flags: u32::from_ne_bytes([f0, f1, f2, f3]),
            rsv: [
                u32::from_ne_bytes([a0, a1, a2, a3]),
                u32::from_ne_bytes([b0, b1, b2, b3]),
            ],
        }
    }
}

/// Asks for a periodic output, or to stop it (a period of zero).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeroutRequest {
    /// First edge; with [`PeroutRequest::PHASE`] the phase within the period. One union in C.
    pub start_or_phase: ClockTime,
    /// Period; zero stops the output.
    pub period: ClockTime,
    /// Channel.
    pub index: u32,
    /// `ONE_SHOT`, `DUTY_CYCLE`, `PHASE`: the constants of this type.
    pub flags: u32,
    /// With [`PeroutRequest::DUTY_CYCLE`] how long the output is high, else zero. One union in C.
    pub on: ClockTime,
}
plain!(PeroutRequest, 56, start_or_phase @ 0, period @ 16, index @ 32, flags @ 36, on @ 40);

impl PeroutRequest {
    /// One pulse only.
    pub const ONE_SHOT: u32 = 1;
    /// `on` counts.
    pub const DUTY_CYCLE: u32 = 2;
    /// `start_or_phase` is a phase.
    pub const PHASE: u32 = 4;
}

/// Alternating readings: system, clock, system, clock, …, system.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SysOffset {
    /// Readings of the clock.
    pub n_samples: u32,
    /// Zero.
    pub rsv: [u32; 3],
    /// 2 × `n_samples` + 1 readings, even ones of `CLOCK_REALTIME`.
    pub ts: [ClockTime; 51],
}
plain!(SysOffset, 832, n_samples @ 0, rsv @ 4, ts @ 16);

impl Default for SysOffset {
    fn default() -> Self {
        SysOffset {
            n_samples: 0,
            rsv: [0; 3],
            ts: [ClockTime::default(); 51],
        }
    }
}

/// Readings of the clock, each between two of the system clock.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SysOffsetExtended {
    /// Readings of the clock.
    pub n_samples: u32,
    /// The system side (`clockid_t`); must be 0 before Linux 6.12.
    pub clockid: i32,
    /// Zero.
    pub rsv: [u32; 2],
    /// System before, clock, system after.
    pub ts: [[ClockTime; 3]; 25],
}
plain!(SysOffsetExtended, 1216, n_samples @ 0, clockid @ 4, rsv @ 8, ts @ 16);

/// Three clocks at one instant.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SysOffsetPrecise {
    /// This clock.
    pub device: ClockTime,
    /// `CLOCK_REALTIME`.
    pub sys_realtime: ClockTime,
    /// `CLOCK_MONOTONIC_RAW`.
    pub sys_monoraw: ClockTime,
    /// Zero.
    pub rsv: [u32; 4],
}
plain!(SysOffsetPrecise, 64, device @ 0, sys_realtime @ 16, sys_monoraw @ 32, rsv @ 48);

/// A pin and what it does.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinDesc {
    /// Name, closed by a zero.
    pub name: [u8; PIN_NAME_SIZE],
    /// Pin.
    pub index: u32,
    /// `NONE`, `EXTTS`, `PEROUT`, `PHYSYNC`: the constants of this type.
    pub func: u32,
    /// Channel of that function.
    pub chan: u32,
    /// Zero.
    pub rsv: [u32; 5],
}
plain!(PinDesc, 96, name @ 0, index @ 64, func @ 68, chan @ 72, rsv @ 76);

impl PinDesc {
    /// No function.
    pub const NONE: u32 = 0;
    /// External timestamps.
    pub const EXTTS: u32 = 1;
    /// Periodic output.
    pub const PEROUT: u32 = 2;
    /// Synchronisation of a PHY.
    pub const PHYSYNC: u32 = 3;
}

impl Default for PinDesc {
    fn default() -> Self {
        PinDesc {
            name: [0; PIN_NAME_SIZE],
            index: 0,
            func: 0,
            chan: 0,
            rsv: [0; 5],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libc_agrees_on_the_sizes_it_knows() {
        assert_eq!(size_of::<ClockCaps>(), size_of::<libc::ptp_clock_caps>());
        assert_eq!(size_of::<ExttsRequest>(), size_of::<libc::ptp_extts_request>());
        assert_eq!(size_of::<ExttsEvent>(), size_of::<libc::ptp_extts_event>());
        assert_eq!(size_of::<PeroutRequest>(), size_of::<libc::ptp_perout_request>());
        assert_eq!(size_of::<SysOffset>(), size_of::<libc::ptp_sys_offset>());
        assert_eq!(
            size_of::<SysOffsetExtended>(),
            size_of::<libc::ptp_sys_offset_extended>()
        );
        assert_eq!(size_of::<SysOffsetPrecise>(), size_of::<libc::ptp_sys_offset_precise>());
        assert_eq!(size_of::<PinDesc>(), size_of::<libc::ptp_pin_desc>());
    }

    #[test]
    fn an_event_is_read_field_by_field() {
        let mut bytes = [0u8; EXTTS_EVENT_SIZE];
        bytes[0..8].copy_from_slice(&(-2i64).to_ne_bytes());
        bytes[8..12].copy_from_slice(&3u32.to_ne_bytes());
        bytes[12..16].copy_from_slice(&4u32.to_ne_bytes());
        bytes[16..20].copy_from_slice(&5u32.to_ne_bytes());
        bytes[20..24].copy_from_slice(&17u32.to_ne_bytes());
        bytes[24..28].copy_from_slice(&6u32.to_ne_bytes());
        bytes[28..32].copy_from_slice(&7u32.to_ne_bytes());
        let event = ExttsEvent::from_bytes(&bytes);
        assert_eq!(
            event.t,
            ClockTime {
                sec: -2,
                nsec: 3,
                reserved: 4
            }
        );
        assert_eq!((event.index, event.flags, event.rsv), (5, 17, [6, 7]));
    }
}
