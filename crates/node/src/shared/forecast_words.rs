//! A card's forecast as four bytes, the presence of two numbers, four words, and back.

use tgm_core::Forecast;
use tgm_core::learn::{Model, Readiness};
use tgm_time::Nanos;

use super::pack::{Presence, flag, signed, unsigned};

/// Packs a forecast.
pub fn pack(forecast: &Forecast) -> ([u8; 4], u8, [u64; 4]) {
    let mut has = Presence::default();
    let left_in_spec = has.put(0, forecast.left_in_spec.map(Nanos::get));
    let left = has.put(1, forecast.left.map(Nanos::get));
    let outlook = [
        forecast.model as u8,
        forecast.readiness as u8,
        forecast.ends,
        u8::from(forecast.drill),
    ];
    let (offset, bound) = (signed(forecast.offset.0), signed(forecast.bound.0));
    (outlook, has.0, [offset, bound, left_in_spec, left])
}

/// Unpacks a forecast; `None` if a number in it is none that this version writes.
#[inline]
pub fn unpack(
    [model, readiness, ends, drill]: [u8; 4],
    has: u8,
    [offset, bound, left_in_spec, left]: [u64; 4],
) -> Option<Forecast> {
    let has = Presence(has);
    Some(Forecast {
        model: Model::from_number(model)?,
        readiness: Readiness::from_number(readiness)?,
        ends,
        drill: flag(drill)?,
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
    fn a_forecast_comes_back_as_it_went() {
        let (outlook, has, words) = pack(&full());
        assert_eq!(unpack(outlook, has, words), Some(full()));
    }
}
