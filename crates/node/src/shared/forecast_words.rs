//! A card's forecast as five words and back.

use tgm_core::Forecast;
use tgm_core::learn::{Model, Readiness};
use tgm_time::Nanos;

use super::pack::{Presence, bytes, signed, unbytes, unsigned};

/// Packs a forecast.
pub fn pack(forecast: &Forecast) -> [u64; 5] {
    let mut has = Presence::default();
    let left_in_spec = has.put(0, forecast.left_in_spec.map(Nanos::get));
    let left = has.put(1, forecast.left.map(Nanos::get));
    let outlook = [
        forecast.model as u8,
        forecast.readiness as u8,
        forecast.ends,
        u8::from(forecast.drill),
        has.0,
        0,
        0,
        0,
    ];
    let (offset, bound) = (signed(forecast.offset.0), signed(forecast.bound.0));
    [bytes(outlook), offset, bound, left_in_spec, left]
}

/// Unpacks a forecast; `None` if a number in it is none that this version writes.
pub fn unpack([outlook, offset, bound, left_in_spec, left]: [u64; 5]) -> Option<Forecast> {
    let [model, readiness, ends, drill, has, ..] = unbytes(outlook);
    let has = Presence(has);
    Some(Forecast {
        model: Model::from_number(model)?,
        readiness: Readiness::from_number(readiness)?,
        ends,
        drill: drill != 0,
        offset: Nanos(unsigned(offset)),
        bound: Nanos(unsigned(bound)),
        left_in_spec: has.get(0, left_in_spec).map(Nanos),
        left: has.get(1, left).map(Nanos),
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A forecast in which every field has a value of its own.
    pub fn full() -> Forecast {
        Forecast {
            model: Model::Learned,
            readiness: Readiness::HistoryShort,
            ends: 16,
            drill: true,
            offset: Nanos(-12),
            bound: Nanos(345),
            left_in_spec: Some(Nanos(i64::MAX)),
            left: Some(Nanos(1)),
        }
    }

    #[test]
    fn numbers_of_another_version_are_refused() {
        assert_eq!(unpack(pack(&full())), Some(full()));
        for shift in [0, 8] {
            let [outlook, rest @ ..] = pack(&full());
            let [a, b, c, d] = rest;
            assert_eq!(unpack([outlook | 0xff << shift, a, b, c, d]), None);
        }
    }
}
