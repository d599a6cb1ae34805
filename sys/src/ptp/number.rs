//! Request numbers of the PTP character device, magic `'='` (include/uapi/linux/ptp_clock.h).
//!
//! A number carries direction, size of the argument, magic and ordinal. Ordinals 10 to 18 are the second version of 1 to 9:
//! the same structures, with reserved fields that must be zero.

use super::abi::{ClockCaps, ExttsRequest, PeroutRequest, PinDesc, SysOffset, SysOffsetExtended, SysOffsetPrecise};

const MAGIC: u8 = b'=';

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $macro:ident($nr:literal $(, $arg:ty)?);)*) => {
        $($(#[$doc])* pub const $name: u32 = ioctl_sys::$macro!(MAGIC, $nr $(, size_of::<$arg>())?);)*
    };
}

numbers! {
    /// Capabilities.
    PTP_CLOCK_GETCAPS = ior(1, ClockCaps);
    /// External timestamps on or off; unknown flags are dropped.
    PTP_EXTTS_REQUEST = iow(2, ExttsRequest);
    /// Periodic output on or off; unknown flags are dropped.
    PTP_PEROUT_REQUEST = iow(3, PeroutRequest);
    /// Pulses into the kernel's PPS subsystem on or off, by value; needs CAP_SYS_TIME.
    PTP_ENABLE_PPS = iow(4, i32);
    /// Alternating readings of the system clock and this one. Written back although the number says write only.
    PTP_SYS_OFFSET = iow(5, SysOffset);
    /// Function of a pin.
    PTP_PIN_GETFUNC = iorw(6, PinDesc);
    /// Sets the function of a pin.
    PTP_PIN_SETFUNC = iow(7, PinDesc);
    /// Both clocks at one instant.
    PTP_SYS_OFFSET_PRECISE = iorw(8, SysOffsetPrecise);
    /// Readings of this clock, each between two of the system clock.
    PTP_SYS_OFFSET_EXTENDED = iorw(9, SysOffsetExtended);
    /// Capabilities, reserved fields zero.
    PTP_CLOCK_GETCAPS2 = ior(10, ClockCaps);
    /// External timestamps on or off; flags the driver cannot honour are refused.
    PTP_EXTTS_REQUEST2 = iow(11, ExttsRequest);
    /// Periodic output on or off, with duty cycle, phase and one-shot.
    PTP_PEROUT_REQUEST2 = iow(12, PeroutRequest);
    /// Second version of [`PTP_ENABLE_PPS`].
    PTP_ENABLE_PPS2 = iow(13, i32);
    /// Second version of [`PTP_SYS_OFFSET`].
    PTP_SYS_OFFSET2 = iow(14, SysOffset);
    /// Second version of [`PTP_PIN_GETFUNC`].
    PTP_PIN_GETFUNC2 = iorw(15, PinDesc);
    /// Second version of [`PTP_PIN_SETFUNC`].
    PTP_PIN_SETFUNC2 = iow(16, PinDesc);
    /// Second version of [`PTP_SYS_OFFSET_PRECISE`].
    PTP_SYS_OFFSET_PRECISE2 = iorw(17, SysOffsetPrecise);
    /// Second version of [`PTP_SYS_OFFSET_EXTENDED`].
    PTP_SYS_OFFSET_EXTENDED2 = iorw(18, SysOffsetExtended);
    /// No events to this open file (Linux 6.7).
    PTP_MASK_CLEAR_ALL = io(19);
    /// Events of one channel to this open file (Linux 6.7).
    PTP_MASK_EN_SINGLE = iow(20, u32);
    /// As [`PTP_SYS_OFFSET_PRECISE`], of the free-running counter.
    PTP_SYS_OFFSET_PRECISE_CYCLES = iorw(21, SysOffsetPrecise);
    /// As [`PTP_SYS_OFFSET_EXTENDED`], of the free-running counter.
    PTP_SYS_OFFSET_EXTENDED_CYCLES = iorw(22, SysOffsetExtended);
}

/// Size of the argument that a request number announces, in bytes.
pub(super) const fn size(number: u32) -> usize {
    ((number >> ioctl_sys::SIZESHIFT) & ioctl_sys::SIZEMASK) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::{request_code_none, request_code_read, request_code_readwrite, request_code_write};

    /// Name, ours, nix's, and the value compiled from the kernel's header on x86-64 (generic encoding).
    const TABLE: [(&str, u32, u64, u32); 22] = [
        (
            "GETCAPS",
            PTP_CLOCK_GETCAPS,
            request_code_read!(MAGIC, 1, 80),
            0x8050_3d01,
        ),
        (
            "EXTTS_REQUEST",
            PTP_EXTTS_REQUEST,
            request_code_write!(MAGIC, 2, 16),
            0x4010_3d02,
        ),
        (
            "PEROUT_REQUEST",
            PTP_PEROUT_REQUEST,
            request_code_write!(MAGIC, 3, 56),
            0x4038_3d03,
        ),
        (
            "ENABLE_PPS",
            PTP_ENABLE_PPS,
            request_code_write!(MAGIC, 4, 4),
            0x4004_3d04,
        ),
        (
            "SYS_OFFSET",
            PTP_SYS_OFFSET,
            request_code_write!(MAGIC, 5, 832),
            0x4340_3d05,
        ),
        (
            "PIN_GETFUNC",
            PTP_PIN_GETFUNC,
            request_code_readwrite!(MAGIC, 6, 96),
            0xc060_3d06,
        ),
        (
            "PIN_SETFUNC",
            PTP_PIN_SETFUNC,
            request_code_write!(MAGIC, 7, 96),
            0x4060_3d07,
        ),
        (
            "PRECISE",
            PTP_SYS_OFFSET_PRECISE,
            request_code_readwrite!(MAGIC, 8, 64),
            0xc040_3d08,
        ),
        (
            "EXTENDED",
            PTP_SYS_OFFSET_EXTENDED,
            request_code_readwrite!(MAGIC, 9, 1216),
            0xc4c0_3d09,
        ),
        (
            "GETCAPS2",
            PTP_CLOCK_GETCAPS2,
            request_code_read!(MAGIC, 10, 80),
            0x8050_3d0a,
        ),
        (
            "EXTTS_REQUEST2",
            PTP_EXTTS_REQUEST2,
            request_code_write!(MAGIC, 11, 16),
            0x4010_3d0b,
        ),
        (
            "PEROUT_REQUEST2",
            PTP_PEROUT_REQUEST2,
            request_code_write!(MAGIC, 12, 56),
            0x4038_3d0c,
        ),
        (
            "ENABLE_PPS2",
            PTP_ENABLE_PPS2,
            request_code_write!(MAGIC, 13, 4),
            0x4004_3d0d,
        ),
        (
            "SYS_OFFSET2",
            PTP_SYS_OFFSET2,
            request_code_write!(MAGIC, 14, 832),
            0x4340_3d0e,
        ),
        (
            "PIN_GETFUNC2",
            PTP_PIN_GETFUNC2,
            request_code_readwrite!(MAGIC, 15, 96),
            0xc060_3d0f,
        ),
        (
            "PIN_SETFUNC2",
            PTP_PIN_SETFUNC2,
            request_code_write!(MAGIC, 16, 96),
            0x4060_3d10,
        ),
        (
            "PRECISE2",
            PTP_SYS_OFFSET_PRECISE2,
            request_code_readwrite!(MAGIC, 17, 64),
            0xc040_3d11,
        ),
        (
            "EXTENDED2",
            PTP_SYS_OFFSET_EXTENDED2,
            request_code_readwrite!(MAGIC, 18, 1216),
            0xc4c0_3d12,
        ),
        (
            "MASK_CLEAR_ALL",
            PTP_MASK_CLEAR_ALL,
            request_code_none!(MAGIC, 19),
            0x0000_3d13,
        ),
        (
            "MASK_EN_SINGLE",
            PTP_MASK_EN_SINGLE,
            request_code_write!(MAGIC, 20, 4),
            0x4004_3d14,
        ),
        (
            "PRECISE_CYCLES",
            PTP_SYS_OFFSET_PRECISE_CYCLES,
            request_code_readwrite!(MAGIC, 21, 64),
            0xc040_3d15,
        ),
        (
            "EXTENDED_CYCLES",
            PTP_SYS_OFFSET_EXTENDED_CYCLES,
            request_code_readwrite!(MAGIC, 22, 1216),
            0xc4c0_3d16,
        ),
    ];

    #[test]
    fn numbers_agree_with_nix() {
        for (name, ours, nix, _) in TABLE {
            assert_eq!(u64::from(ours), nix, "{name}");
        }
    }

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
    fn numbers_agree_with_the_kernels_header() {
        for (name, ours, _, header) in TABLE {
            assert_eq!(ours, header, "{name}");
        }
    }

    #[test]
    fn numbers_agree_with_libc_where_it_has_them() {
        // No cast: `Ioctl` is u64 with glibc and i32 with musl; both print the low 32 bits the same.
        macro_rules! same {
            ($($name:ident),*) => {
                $(assert_eq!(format!("{:x}", $name), format!("{:x}", libc::$name), stringify!($name));)*
            };
        }
        same!(
            PTP_CLOCK_GETCAPS,
            PTP_EXTTS_REQUEST,
            PTP_PEROUT_REQUEST,
            PTP_ENABLE_PPS,
            PTP_SYS_OFFSET,
            PTP_PIN_GETFUNC,
            PTP_PIN_SETFUNC,
            PTP_SYS_OFFSET_PRECISE,
            PTP_SYS_OFFSET_EXTENDED,
            PTP_CLOCK_GETCAPS2,
            PTP_EXTTS_REQUEST2,
            PTP_PEROUT_REQUEST2,
            PTP_ENABLE_PPS2,
            PTP_SYS_OFFSET2,
            PTP_PIN_GETFUNC2,
            PTP_PIN_SETFUNC2,
            PTP_SYS_OFFSET_PRECISE2,
            PTP_SYS_OFFSET_EXTENDED2
        );
    }

    #[test]
    fn the_size_in_a_number_is_that_of_its_argument() {
        assert_eq!(size(PTP_SYS_OFFSET_EXTENDED), 1216);
        assert_eq!(size(PTP_MASK_CLEAR_ALL), 0);
    }
}
