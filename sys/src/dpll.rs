//! Numbers of the dpll generic-netlink family: include/uapi/linux/dpll.h, generated from Documentation/netlink/specs/dpll.yaml,
//! as of Linux 7.3.
//!
//! Older kernels send fewer of them, newer ones more; nobody should read a version out of their presence.

/// Name of the generic-netlink family.
pub const FAMILY_NAME: &str = "dpll";
/// Version of the family in every generic-netlink header.
pub const FAMILY_VERSION: u8 = 1;
/// Multicast group that carries every notification.
pub const MCGRP_MONITOR: &str = "monitor";

/// Attribute value per picosecond in `DPLL_A_PIN_PHASE_OFFSET`, so that the value is in femtoseconds.
pub const PHASE_OFFSET_DIVIDER: i64 = 1000;
/// Attribute value per °C in `DPLL_A_TEMP`.
pub const TEMP_DIVIDER: i32 = 1000;
/// Attribute value per Hz in `DPLL_A_PIN_MEASURED_FREQUENCY`.
pub const PIN_MEASURED_FREQUENCY_DIVIDER: u64 = 1000;

/// Named pin frequency: one pulse per second.
pub const PIN_FREQUENCY_1_HZ: u64 = 1;
/// Named pin frequency: 10 kHz.
pub const PIN_FREQUENCY_10_KHZ: u64 = 10_000;
/// Named pin frequency: 77.5 kHz (DCF77).
pub const PIN_FREQUENCY_77_5_KHZ: u64 = 77_500;
/// Named pin frequency: 10 MHz.
pub const PIN_FREQUENCY_10_MHZ: u64 = 10_000_000;

/// `enum dpll_cmd`: the command of a generic-netlink header.
pub mod cmd {
    /// Handle of a device by module, clock id and type.
    pub const DEVICE_ID_GET: u8 = 1;
    /// One device, or all by dump; also the command of their replies.
    pub const DEVICE_GET: u8 = 2;
    /// Change a device's settings.
    pub const DEVICE_SET: u8 = 3;
    /// Notification: a device appeared.
    pub const DEVICE_CREATE_NTF: u8 = 4;
    /// Notification: a device went away.
    pub const DEVICE_DELETE_NTF: u8 = 5;
    /// Notification: something about a device changed.
    pub const DEVICE_CHANGE_NTF: u8 = 6;
    /// Handle of a pin by module, clock id, labels and type.
    pub const PIN_ID_GET: u8 = 7;
    /// One pin, or all by dump; also the command of their replies.
    pub const PIN_GET: u8 = 8;
    /// Change a pin's settings.
    pub const PIN_SET: u8 = 9;
    /// Notification: a pin appeared.
    pub const PIN_CREATE_NTF: u8 = 10;
    /// Notification: a pin went away.
    pub const PIN_DELETE_NTF: u8 = 11;
    /// Notification: something about a pin changed.
    pub const PIN_CHANGE_NTF: u8 = 12;
}

/// `enum dpll_a`: attributes of a device message.
pub mod a {
    /// u32: handle; dense, and another one after a driver reload.
    pub const ID: u16 = 1;
    /// String: driver.
    pub const MODULE_NAME: u16 = 2;
    /// Padding before a 64-bit attribute.
    pub const PAD: u16 = 3;
    /// u64: board identity.
    pub const CLOCK_ID: u16 = 4;
    /// u32: how the input is chosen ([`super::mode`]).
    pub const MODE: u16 = 5;
    /// u32, repeated: modes the driver can do.
    pub const MODE_SUPPORTED: u16 = 6;
    /// u32: [`super::lock_status`].
    pub const LOCK_STATUS: u16 = 7;
    /// s32: temperature, m°C.
    pub const TEMP: u16 = 8;
    /// u32: [`super::dpll_type`].
    pub const TYPE: u16 = 9;
    /// u32: [`super::lock_status_error`]; only with unlocked or holdover.
    pub const LOCK_STATUS_ERROR: u16 = 10;
    /// u32, repeated: [`super::clock_quality_level`].
    pub const CLOCK_QUALITY_LEVEL: u16 = 11;
    /// u32: [`super::feature_state`] of the phase measurement on inputs not in use.
    pub const PHASE_OFFSET_MONITOR: u16 = 12;
    /// u32: N of the phase averaging, avg = prev·(2^N−1)/2^N + new/2^N.
    pub const PHASE_OFFSET_AVG_FACTOR: u16 = 13;
    /// u32: [`super::feature_state`] of the input frequency measurement.
    pub const FREQUENCY_MONITOR: u16 = 14;
}

/// `enum dpll_a_pin`: attributes of a pin message and of the nests in it.
pub mod a_pin {
    /// u32: handle; in a reference-sync nest, the partner's.
    pub const ID: u16 = 1;
    /// u32, in nests: handle of the parent device or parent pin.
    pub const PARENT_ID: u16 = 2;
    /// String: driver.
    pub const MODULE_NAME: u16 = 3;
    /// Padding before a 64-bit attribute.
    pub const PAD: u16 = 4;
    /// u64: board identity.
    pub const CLOCK_ID: u16 = 5;
    /// String: label on the board.
    pub const BOARD_LABEL: u16 = 6;
    /// String: label on the panel.
    pub const PANEL_LABEL: u16 = 7;
    /// String: label on the chip.
    pub const PACKAGE_LABEL: u16 = 8;
    /// u32: [`super::pin_type`].
    pub const TYPE: u16 = 9;
    /// u32, in a parent-device nest: [`super::pin_direction`].
    pub const DIRECTION: u16 = 10;
    /// u64: frequency, Hz.
    pub const FREQUENCY: u16 = 11;
    /// Nest, repeated: {FREQUENCY_MIN, FREQUENCY_MAX}.
    pub const FREQUENCY_SUPPORTED: u16 = 12;
    /// u64: Hz.
    pub const FREQUENCY_MIN: u16 = 13;
    /// u64: Hz.
    pub const FREQUENCY_MAX: u16 = 14;
    /// u32, in a parent-device nest: priority, the lower wins.
    pub const PRIO: u16 = 15;
    /// u32, in nests: [`super::pin_state`].
    pub const STATE: u16 = 16;
    /// u32: flags, [`super::pin_capabilities`].
    pub const CAPABILITIES: u16 = 17;
    /// Nest, repeated, one per device the pin serves.
    pub const PARENT_DEVICE: u16 = 18;
    /// Nest, repeated, one per mux pin above: {PARENT_ID, STATE}.
    pub const PARENT_PIN: u16 = 19;
    /// s32: ps.
    pub const PHASE_ADJUST_MIN: u16 = 20;
    /// s32: ps.
    pub const PHASE_ADJUST_MAX: u16 = 21;
    /// s32: ps.
    pub const PHASE_ADJUST: u16 = 22;
    /// s64, in a parent-device nest: fs (ps × [`super::PHASE_OFFSET_DIVIDER`]).
    pub const PHASE_OFFSET: u16 = 23;
    /// sint: ppm.
    pub const FRACTIONAL_FREQUENCY_OFFSET: u16 = 24;
    /// u64: embedded synchronisation frequency, Hz.
    pub const ESYNC_FREQUENCY: u16 = 25;
    /// Nest, repeated: {FREQUENCY_MIN, FREQUENCY_MAX}.
    pub const ESYNC_FREQUENCY_SUPPORTED: u16 = 26;
    /// u32: high time of the embedded pulse, percent.
    pub const ESYNC_PULSE: u16 = 27;
    /// Nest, repeated: {ID, STATE} of a partner pin.
    pub const REFERENCE_SYNC: u16 = 28;
    /// u32: step of PHASE_ADJUST, ps.
    pub const PHASE_ADJUST_GRAN: u16 = 29;
    /// sint: parts in 10^12.
    pub const FRACTIONAL_FREQUENCY_OFFSET_PPT: u16 = 30;
    /// u64: measured input frequency, mHz.
    pub const MEASURED_FREQUENCY: u16 = 31;
    /// u32, in a parent-device nest: [`super::pin_operstate`].
    pub const OPERSTATE: u16 = 32;
}

/// `enum dpll_mode`.
pub mod mode {
    /// The input is chosen by request.
    pub const MANUAL: u32 = 1;
    /// The valid input of the best priority is chosen.
    pub const AUTOMATIC: u32 = 2;
}

/// `enum dpll_lock_status`.
pub mod lock_status {
    /// Follows no input.
    pub const UNLOCKED: u32 = 1;
    /// Follows an input, no holdover yet.
    pub const LOCKED: u32 = 2;
    /// Follows an input, ready for holdover.
    pub const LOCKED_HO_ACQ: u32 = 3;
    /// Lost its input, keeps what it learned.
    pub const HOLDOVER: u32 = 4;
}

/// `enum dpll_lock_status_error`.
pub mod lock_status_error {
    /// Changed without any error.
    pub const NONE: u32 = 1;
    /// The driver cannot say.
    pub const UNDEFINED: u32 = 2;
    /// The port the clock was recovered from went down.
    pub const MEDIA_DOWN: u32 = 3;
    /// The input's frequency is too far off.
    pub const FRACTIONAL_FREQUENCY_OFFSET_TOO_HIGH: u32 = 4;
}

/// `enum dpll_clock_quality_level`: ITU-T G.8264 table 11-7, option 1.
pub mod clock_quality_level {
    /// QL-PRC.
    pub const ITU_OPT1_PRC: u32 = 1;
    /// QL-SSU-A.
    pub const ITU_OPT1_SSU_A: u32 = 2;
    /// QL-SSU-B.
    pub const ITU_OPT1_SSU_B: u32 = 3;
    /// QL-EEC1.
    pub const ITU_OPT1_EEC1: u32 = 4;
    /// QL-PRTC.
    pub const ITU_OPT1_PRTC: u32 = 5;
    /// QL-ePRTC.
    pub const ITU_OPT1_EPRTC: u32 = 6;
    /// QL-eEEC.
    pub const ITU_OPT1_EEEC: u32 = 7;
    /// QL-ePRC.
    pub const ITU_OPT1_EPRC: u32 = 8;
}

/// `enum dpll_type`.
pub mod dpll_type {
    /// Makes a pulse per second.
    pub const PPS: u32 = 1;
    /// Drives the Ethernet equipment clock.
    pub const EEC: u32 = 2;
    /// Neither (7.2 and later).
    pub const GENERIC: u32 = 3;
}

/// `enum dpll_pin_type`.
pub mod pin_type {
    /// Gathers other pins.
    pub const MUX: u32 = 1;
    /// External connector.
    pub const EXT: u32 = 2;
    /// Clock recovered by an Ethernet port.
    pub const SYNCE_ETH_PORT: u32 = 3;
    /// Oscillator on the device.
    pub const INT_OSCILLATOR: u32 = 4;
    /// GNSS receiver.
    pub const GNSS: u32 = 5;
    /// Numerically controlled oscillator on the device (7.3 and later).
    pub const INT_NCO: u32 = 6;
}

/// `enum dpll_pin_direction`.
pub mod pin_direction {
    /// Into the DPLL.
    pub const INPUT: u32 = 1;
    /// Out of the DPLL.
    pub const OUTPUT: u32 = 2;
}

/// `enum dpll_pin_state`.
pub mod pin_state {
    /// In use (or, with operstate, wanted).
    pub const CONNECTED: u32 = 1;
    /// Never used.
    pub const DISCONNECTED: u32 = 2;
    /// May be chosen.
    pub const SELECTABLE: u32 = 3;
}

/// `enum dpll_pin_operstate`.
pub mod pin_operstate {
    /// In use by the DPLL.
    pub const ACTIVE: u32 = 1;
    /// Good, but not in use.
    pub const STANDBY: u32 = 2;
    /// Nothing arrives.
    pub const NO_SIGNAL: u32 = 3;
    /// Something arrives and is not good enough.
    pub const QUAL_FAILED: u32 = 4;
}

/// `enum dpll_pin_capabilities`: flags.
pub mod pin_capabilities {
    /// Direction may be set.
    pub const DIRECTION_CAN_CHANGE: u32 = 1;
    /// Priority may be set.
    pub const PRIORITY_CAN_CHANGE: u32 = 2;
    /// State may be set.
    pub const STATE_CAN_CHANGE: u32 = 4;
    /// Connecting the pin overrides automatic selection (7.3 and later).
    pub const STATE_CONNECTED_OVERRIDE: u32 = 8;
}

/// `enum dpll_feature_state`.
pub mod feature_state {
    /// Off.
    pub const DISABLE: u32 = 0;
    /// On.
    pub const ENABLE: u32 = 1;
}
