//! A card's view as eighteen words and back.

use tgm_core::{Antenna, CardView, ClockState, GnssState, Instance, Jamming, Port, Spoofing, announce::TgmState};
use tgm_time::{Nanos, Seconds, Time};

use super::forecast_words;
use super::layout::CARD_WORDS;
use super::pack::{Presence, bytes, signed, unbytes, unsigned};

/// A bound that is not there; no bound is negative.
const NO_BOUND: u64 = u64::MAX;

/// A GNSS state that is not there.
const NO_STATE: u8 = u8::MAX;

/// Presence bit of the PHC offset.
const PHC_OFFSET: u8 = 1;

/// Presence bit of the card itself: memory that nobody wrote is no card.
const CARD: u8 = 7;

const SIMULATED: u8 = 1;
const HAS_GNSS: u8 = 2;
const FLAPPING: u8 = 4;

/// One card of one moment, as it lies in shared memory. Single fields cost nothing to take out; [`CardRead::view`] takes out all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardRead(pub(super) [u64; CARD_WORDS]);

impl CardRead {
    /// A card that is not there.
    pub(super) const NONE: CardRead = CardRead([0; CARD_WORDS]);

    /// Its T-GM state; `None` if the number is none that this version writes.
    #[inline]
    pub fn state(&self) -> Option<TgmState> {
        let [who, ..] = self.0;
        let [_, _, _, _, state, ..] = unbytes(who);
        TgmState::from_number(state)
    }

    /// PHC against the pulse, while fresh.
    #[inline]
    pub fn phc_offset(&self) -> Option<Nanos> {
        let [who, _, _, _, _, phc_offset, ..] = self.0;
        let [.., has] = unbytes(who);
        Presence(has).get(PHC_OFFSET, phc_offset).map(Nanos)
    }

    /// Every field; `None` if a number among them is none that this version writes, or there is no such card.
    #[inline]
    pub fn view(&self) -> Option<CardView> {
        unpack(&self.0)
    }
}

/// Packs a card.
pub fn pack(card: &CardView) -> [u64; CARD_WORDS] {
    let mut has = Presence::default();
    has.put(CARD, Some(0));
    let nanos = |value: Option<Nanos>| value.map(|value| value.0);
    let phase_offset = has.put(0, nanos(card.phase_offset));
    let phc_offset = has.put(PHC_OFFSET, nanos(card.phc_offset));
    let estimate = has.put(2, nanos(card.estimate));
    let t_acc = has.put(3, nanos(card.t_acc));
    let clock_bias = has.put(4, nanos(card.clock_bias));
    let utc = has.put(5, card.utc.map(Time::as_nanos));
    let utc_offset = has.put(6, card.utc_offset.map(|offset| offset.0));
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let flags = flag(card.simulated, SIMULATED) | flag(card.has_gnss, HAS_GNSS) | flag(card.flapping, FLAPPING);
    let [port_low, port_high] = card.port.0.to_le_bytes();
    let who = [
        card.instance.0,
        port_low,
        port_high,
        flags,
        card.state as u8,
        card.gnss_clock as u8,
        card.dpll_clock as u8,
        has.0,
    ];
    let byte = i8::cast_unsigned;
    let status = [
        byte(card.frequency),
        byte(card.phase),
        byte(card.pps),
        byte(card.nmea),
        byte(card.fix),
        card.used,
        card.seen,
        0,
    ];
    let gnss = card.gnss_state.map_or(NO_STATE, GnssState::number);
    let signal = [
        gnss,
        card.antenna.number(),
        card.jamming.number(),
        card.spoofing.number(),
        0,
        0,
        0,
        0,
    ];
    let since = signed(card.since.as_nanos());
    let [outlook, offset, bound, left_in_spec, left] = forecast_words::pack(&card.forecast);
    [
        bytes(who),
        bytes(status),
        bytes(signal),
        since,
        phase_offset,
        phc_offset,
        estimate,
        t_acc,
        clock_bias,
        utc,
        utc_offset,
        outlook,
        offset,
        bound,
        left_in_spec,
        left,
        card.start_bound.map_or(NO_BOUND, |bound| signed(bound.0)),
        u64::from(small(card.cable)) << 32 | u64::from(small(card.phy)),
    ]
}

/// Nanoseconds that somebody configured; more than four seconds are four seconds.
fn small(value: Nanos) -> u32 {
    u32::try_from(value.0.max(0)).unwrap_or(u32::MAX)
}

/// Unpacks a card; `None` if a number in it is none that this version writes.
#[inline]
pub fn unpack(words: &[u64; CARD_WORDS]) -> Option<CardView> {
    let [
        who,
        status,
        signal,
        since,
        phase_offset,
        phc_offset,
        estimate,
        t_acc,
        clock_bias,
        utc,
        utc_offset,
        outlook,
        offset,
        bound,
        left_in_spec,
        left,
        start_bound,
        delays,
    ] = *words;
    let [instance, port_low, port_high, flags, state, gnss_clock, dpll_clock, has] = unbytes(who);
    let [frequency, phase, pps, nmea, fix, used, seen, _] = unbytes(status);
    let [gnss, antenna, jamming, spoofing, ..] = unbytes(signal);
    let [a, b, c, d, e, f, g, h] = unbytes(delays);
    let (low, high) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    let has = Presence(has);
    has.get(CARD, 0)?;
    let nanos = |bit, word| has.get(bit, word).map(Nanos);
    Some(CardView {
        instance: Instance(instance),
        port: Port(u16::from_le_bytes([port_low, port_high])),
        simulated: flags & SIMULATED != 0,
        has_gnss: flags & HAS_GNSS != 0,
        state: TgmState::from_number(state)?,
        since: Time::from_nanos(unsigned(since)),
        frequency: frequency.cast_signed(),
        phase: phase.cast_signed(),
        pps: pps.cast_signed(),
        nmea: nmea.cast_signed(),
        fix: fix.cast_signed(),
        gnss_state: GnssState::from_number(gnss),
        gnss_clock: ClockState::from_metric(gnss_clock)?,
        dpll_clock: ClockState::from_metric(dpll_clock)?,
        phase_offset: nanos(0, phase_offset),
        phc_offset: nanos(PHC_OFFSET, phc_offset),
        estimate: nanos(2, estimate),
        t_acc: nanos(3, t_acc),
        clock_bias: nanos(4, clock_bias),
        utc: has.get(5, utc).map(Time::from_nanos),
        utc_offset: has.get(6, utc_offset).map(Seconds),
        used,
        seen,
        antenna: Antenna::from_number(antenna)?,
        jamming: Jamming::from_number(jamming)?,
        spoofing: Spoofing::from_number(spoofing)?,
        flapping: flags & FLAPPING != 0,
        forecast: forecast_words::unpack([outlook, offset, bound, left_in_spec, left])?,
        cable: Nanos(i64::from(high)),
        phy: Nanos(i64::from(low)),
        start_bound: (start_bound != NO_BOUND).then(|| Nanos(unsigned(start_bound))),
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use tgm_core::Forecast;

    /// A card in which every field has a value of its own.
    pub fn full() -> CardView {
        CardView {
            instance: Instance(3),
            port: Port(0x1234),
            simulated: true,
            has_gnss: true,
            state: TgmState::HoldoverInSpec,
            since: Time::from_nanos(-5),
            frequency: 3,
            phase: -1,
            pps: 1,
            nmea: 0,
            fix: 5,
            gnss_state: Some(GnssState::FailurePll),
            gnss_clock: ClockState::Locked,
            dpll_clock: ClockState::Holdover,
            phase_offset: Some(Nanos(-7)),
            phc_offset: Some(Nanos(8)),
            estimate: Some(Nanos(i64::MAX)),
            t_acc: Some(Nanos(0)),
            clock_bias: Some(Nanos(i64::MIN)),
            utc: Some(Time::from_parts(1_800_000_000, 1)),
            utc_offset: Some(Seconds(37)),
            used: 52,
            seen: 66,
            antenna: Antenna::Open,
            jamming: Jamming::Critical,
            spoofing: Spoofing::Multiple,
            flapping: true,
            forecast: forecast_words::tests::full(),
            cable: Nanos(5),
            phy: Nanos(i64::from(u32::MAX)),
            start_bound: Some(Nanos(i64::MAX)),
        }
    }

    #[test]
    fn a_card_comes_back_as_it_went() {
        let empty = CardView {
            phase_offset: None,
            phc_offset: None,
            estimate: None,
            t_acc: None,
            clock_bias: None,
            utc: None,
            utc_offset: None,
            gnss_state: None,
            has_gnss: false,
            simulated: false,
            flapping: false,
            start_bound: None,
            forecast: Forecast {
                left_in_spec: None,
                left: None,
                ..forecast_words::tests::full()
            },
            ..full()
        };
        for card in [full(), empty] {
            let read = CardRead(pack(&card));
            assert_eq!(read.view(), Some(card));
            assert_eq!((read.state(), read.phc_offset()), (Some(card.state), card.phc_offset));
        }
    }

    #[test]
    fn memory_that_nobody_wrote_is_no_card() {
        assert_eq!(unpack(&[0; CARD_WORDS]), None);
    }

    #[test]
    fn a_state_from_another_version_is_refused() {
        let mut words = pack(&full());
        words[0] |= 0xff << 32;
        assert_eq!(unpack(&words), None);
    }
}
