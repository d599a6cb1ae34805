//! An event as eight words and back.

use tgm_core::{Cause, Event, EventKind, Instance, Port, TimeSource};
use tgm_time::{Nanos, Time};

use super::pack::{Presence, bytes, signed, unbytes, unsigned};

/// Words of an event without its guard.
pub const BODY: usize = super::layout::EVENT_WORDS - 1;

/// Packs an event.
pub fn pack(event: &Event) -> [u64; BODY] {
    let mut has = Presence::default();
    let offset = has.put(0, event.offset.map(|offset| offset.0));
    has.0 |= u8::from(event.simulated) << 1;
    let [low, high] = event.port.0.to_le_bytes();
    let what = [
        event.kind as u8,
        event.cause as u8,
        event.instance.0,
        low,
        high,
        event.time_source as u8,
        has.0,
        0,
    ];
    let (at, time) = (signed(event.at.as_nanos()), signed(event.time.as_nanos()));
    [
        event.seq,
        bytes(what),
        at,
        time,
        signed(event.old),
        signed(event.new),
        offset,
        0,
    ]
}

/// Unpacks an event; `None` if a number in it is none that this version writes.
pub fn unpack(words: &[u64; BODY]) -> Option<Event> {
    let [seq, what, at, time, old, new, offset, _] = *words;
    let [kind, cause, instance, low, high, time_source, has, _] = unbytes(what);
    Some(Event {
        seq,
        at: Time::from_nanos(unsigned(at)),
        time: Time::from_nanos(unsigned(time)),
        time_source: TimeSource::from_number(time_source)?,
        kind: EventKind::from_number(kind)?,
        cause: Cause::from_number(cause)?,
        instance: Instance(instance),
        port: Port(u16::from_le_bytes([low, high])),
        old: unsigned(old),
        new: unsigned(new),
        offset: Presence(has).get(0, offset).map(Nanos),
        simulated: has & 2 != 0,
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// An event whose every field depends on `seq`.
    pub fn event(seq: u64) -> Event {
        let n = i64::try_from(seq).unwrap();
        Event {
            seq,
            at: Time::from_nanos(n),
            time: Time::from_nanos(-n),
            time_source: TimeSource::Phc,
            kind: EventKind::ClockClass,
            cause: Cause::AllLocked,
            instance: Instance(2),
            port: Port(513),
            old: Event::NONE,
            new: n * 3,
            offset: (n % 2 == 0).then_some(Nanos(n)),
            simulated: n % 3 == 0,
        }
    }

    #[test]
    fn an_event_comes_back_as_it_went() {
        for seq in 0..6 {
            assert_eq!(unpack(&pack(&event(seq))), Some(event(seq)));
        }
    }

    #[test]
    fn a_kind_from_another_version_is_refused() {
        let mut words = pack(&event(1));
        words[1] |= 0xff;
        assert_eq!(unpack(&words), None);
    }
}
