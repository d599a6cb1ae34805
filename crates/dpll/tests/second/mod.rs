//! A second decoder of the family's messages, by other means: netlink-packet's attribute iterator, everything gathered by type first
//! and looked up afterwards. It builds the same structs, so that two decodings compare with `==`.
//!
//! The rule between the two: both reject or both accept, and what both accept is equal. What netlink-packet rejects as an attribute
//! is what ours does: fewer than four bytes left, a length below four, a length past the end. What has the wrong length for its type
//! is rejected wherever it stands, also if a later attribute would override it.

use std::collections::BTreeMap;

use netlink_packet_core::{NlasIterator, parse_i32, parse_i64, parse_u32, parse_u64};
use tgm_dpll::kinds::PinCapabilities;
use tgm_dpll::{DeviceMsg, FrequencyRange, List, Nests, OtherPin, ParentDevice, PinMsg, Text};
use tgm_time::Femtos;

type Values<'a> = BTreeMap<u16, Vec<&'a [u8]>>;

fn gather(bytes: &[u8]) -> Option<Values<'_>> {
    let mut values = Values::new();
    for nla in NlasIterator::new(bytes) {
        let nla = nla.ok()?;
        let (kind, length) = (nla.kind(), usize::from(nla.length()));
        values.entry(kind).or_default().push(&nla.into_inner()[4..length]);
    }
    Some(values)
}

/// The last value of a type, all of them checked. Outer `None`: one is wrong; inner: there is none.
fn last<T>(values: &Values<'_>, kind: u16, parse: impl Fn(&[u8]) -> Option<T>) -> Option<Option<T>> {
    let mut found = None;
    for value in values.get(&kind).into_iter().flatten() {
        found = Some(parse(value)?);
    }
    Some(found)
}

fn all<T: Copy, const N: usize>(
    values: &Values<'_>,
    kind: u16,
    filler: T,
    parse: impl Fn(&[u8]) -> Option<T>,
) -> Option<List<T, N>> {
    let mut list = List::new(filler);
    for value in values.get(&kind).into_iter().flatten() {
        list.push(parse(value)?);
    }
    Some(list)
}

fn u32_of(value: &[u8]) -> Option<u32> {
    parse_u32(value).ok()
}
fn i32_of(value: &[u8]) -> Option<i32> {
    parse_i32(value).ok()
}
fn u64_of(value: &[u8]) -> Option<u64> {
    parse_u64(value).ok()
}
fn i64_of(value: &[u8]) -> Option<i64> {
    parse_i64(value).ok()
}
fn sint_of(value: &[u8]) -> Option<i64> {
    i32_of(value).map(i64::from).or_else(|| i64_of(value))
}
fn named<T: From<u32>>(value: &[u8]) -> Option<T> {
    u32_of(value).map(T::from)
}
fn text<'a>(values: &Values<'a>, kind: u16) -> Option<Text<'a>> {
    values.get(&kind)?.last().map(|value| Text::new(value))
}

/// Device attributes by the other way. `None`: rejected.
pub fn device(bytes: &[u8]) -> Option<DeviceMsg<'_>> {
    let v = gather(bytes)?;
    Some(DeviceMsg {
        id: last(&v, 1, u32_of)?,
        module_name: text(&v, 2),
        clock_id: last(&v, 4, u64_of)?,
        mode: last(&v, 5, named)?,
        mode_supported: all(&v, 6, 0.into(), named)?,
        lock_status: last(&v, 7, named)?,
        temp: last(&v, 8, i32_of)?,
        dpll_type: last(&v, 9, named)?,
        lock_status_error: last(&v, 10, named)?,
        clock_quality_level: all(&v, 11, 0.into(), named)?,
        phase_offset_monitor: last(&v, 12, named)?,
        phase_offset_avg_factor: last(&v, 13, u32_of)?,
        frequency_monitor: last(&v, 14, named)?,
    })
}

fn range(bytes: &[u8]) -> Option<FrequencyRange> {
    let v = gather(bytes)?;
    Some(FrequencyRange {
        min: last(&v, 13, u64_of)?,
        max: last(&v, 14, u64_of)?,
    })
}

fn other(id: u16) -> impl Fn(&[u8]) -> Option<OtherPin> {
    move |bytes| {
        let v = gather(bytes)?;
        Some(OtherPin {
            id: last(&v, id, u32_of)?,
            state: last(&v, 16, named)?,
        })
    }
}

fn towards_device(v: &Values<'_>) -> Option<ParentDevice> {
    Some(ParentDevice {
        parent_id: last(v, 2, u32_of)?,
        direction: last(v, 10, named)?,
        prio: last(v, 15, u32_of)?,
        state: last(v, 16, named)?,
        operstate: last(v, 32, named)?,
        phase_offset: last(v, 23, i64_of)?.map(Femtos),
        ffo: last(v, 24, sint_of)?,
        ffo_ppt: last(v, 30, sint_of)?,
    })
}

/// A pin's nests.
#[derive(Debug, PartialEq)]
pub struct Nested {
    pub frequency_supported: Vec<FrequencyRange>,
    pub parent_devices: Vec<ParentDevice>,
    pub parent_pins: Vec<OtherPin>,
    pub esync_frequency_supported: Vec<FrequencyRange>,
    pub reference_sync: Vec<OtherPin>,
}

fn each<T>(values: &Values<'_>, kind: u16, parse: impl Fn(&[u8]) -> Option<T>) -> Option<Vec<T>> {
    values
        .get(&kind)
        .into_iter()
        .flatten()
        .map(|value| parse(value))
        .collect()
}

/// Pin attributes by the other way, nests apart. `None`: rejected.
pub fn pin(bytes: &[u8]) -> Option<(PinMsg<'_>, Nested)> {
    let v = gather(bytes)?;
    let nested = Nested {
        frequency_supported: each(&v, 12, range)?,
        parent_devices: each(&v, 18, |nest| towards_device(&gather(nest)?))?,
        parent_pins: each(&v, 19, other(2))?,
        esync_frequency_supported: each(&v, 26, range)?,
        reference_sync: each(&v, 28, other(1))?,
    };
    let msg = PinMsg {
        id: last(&v, 1, u32_of)?,
        module_name: text(&v, 3),
        clock_id: last(&v, 5, u64_of)?,
        board_label: text(&v, 6),
        panel_label: text(&v, 7),
        package_label: text(&v, 8),
        pin_type: last(&v, 9, named)?,
        frequency: last(&v, 11, u64_of)?,
        capabilities: last(&v, 17, u32_of)?.map(PinCapabilities::from_bits_retain),
        phase_adjust_min: last(&v, 20, i32_of)?,
        phase_adjust_max: last(&v, 21, i32_of)?,
        phase_adjust: last(&v, 22, i32_of)?,
        ffo: last(&v, 24, sint_of)?,
        esync_frequency: last(&v, 25, u64_of)?,
        esync_pulse: last(&v, 27, u32_of)?,
        phase_adjust_gran: last(&v, 29, u32_of)?,
        ffo_ppt: last(&v, 30, sint_of)?,
        measured_frequency: last(&v, 31, u64_of)?,
        outside: ParentDevice {
            ffo: None,
            ffo_ppt: None,
            ..towards_device(&v)?
        },
        ..PinMsg::EMPTY
    };
    Some((msg, nested))
}

/// The crate's own decoding with the nests read and taken out, to be compared with [`pin`].
pub fn apart(bytes: &[u8]) -> Option<(PinMsg<'_>, Nested)> {
    let mut msg = PinMsg::decode(bytes).ok()?;
    let nested = Nested {
        frequency_supported: msg.frequency_supported.iter().collect(),
        parent_devices: msg.parent_devices.iter().collect(),
        parent_pins: msg.parent_pins.iter().collect(),
        esync_frequency_supported: msg.esync_frequency_supported.iter().collect(),
        reference_sync: msg.reference_sync.iter().collect(),
    };
    assert_eq!(
        msg.parent_devices.len(),
        nested.parent_devices.len(),
        "none is left out"
    );
    msg.frequency_supported = Nests::NONE;
    msg.parent_devices = Nests::NONE;
    msg.parent_pins = Nests::NONE;
    msg.esync_frequency_supported = Nests::NONE;
    msg.reference_sync = Nests::NONE;
    Some((msg, nested))
}
