//! A card's view as eighteen words and back.

use tgm_core::{
    Antenna, CardView, ClockState, GnssState, InputQuality, Instance, Jamming, Port, Spoofing, announce::TgmState,
};
use tgm_time::{Nanos, Seconds, Time};

use super::forecast_words;
use super::layout::CARD_WORDS;
use super::pack::{Presence, bytes, flag, signed, unbytes, unsigned};

/// A GNSS state that is not there: the first number that is none.
const NO_STATE: u8 = 9;

/// Presence bit of the PHC offset.
const PHC_OFFSET: u8 = 1;

/// Presence bit of the card itself: memory that nobody wrote is no card.
const CARD: u8 = 7;

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
        let [_, _, _, state, ..] = unbytes(who);
        TgmState::from_number(state)
    }

    /// PHC against the pulse, while fresh.
    #[inline]
    pub fn phc_offset(&self) -> Option<Nanos> {
        let [_, _, _, presence, _, _, phc_offset, ..] = self.0;
        let [has, ..] = unbytes(presence);
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
    let mut more = Presence::default();
    let start_bound = more.put(0, nanos(card.start_bound));
    let [port_low, port_high] = card.port.0.to_le_bytes();
    let who = [
        port_low,
        port_high,
        card.instance.0,
        card.state as u8,
        card.gnss_clock as u8,
        card.dpll_clock as u8,
        u8::from(card.simulated),
        u8::from(card.has_gnss),
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
        u8::from(card.flapping),
    ];
    let ([model, readiness, ends, drill], left_has, [offset, bound, left_in_spec, left]) =
        forecast_words::pack(&card.forecast);
    let signal = [
        card.gnss_state.map_or(NO_STATE, GnssState::number),
        card.antenna.number(),
        card.jamming.number(),
        card.spoofing.number(),
        model,
        readiness,
        ends,
        drill,
    ];
    [
        bytes(who),
        bytes(status),
        bytes(signal),
        bytes([has.0, more.0, left_has, card.eec_quality as u8, 0, 0, 0, 0]),
        signed(card.since.as_nanos()),
        phase_offset,
        phc_offset,
        estimate,
        t_acc,
        clock_bias,
        utc,
        utc_offset,
        start_bound,
        offset,
        bound,
        left_in_spec,
        left,
        u64::from(small(card.cable)) << 32 | u64::from(small(card.phy)),
    ]
}

/// Nanoseconds that somebody configured; more than four seconds are four seconds.
fn small(value: Nanos) -> u32 {
    u32::try_from(value.0.max(0)).unwrap_or(u32::MAX)
}

/// Unpacks a card; `None` if a number in it is none that this version writes. The view's small fields lie as the words' bytes do: what
/// looks like one byte after the other is checked and copied by the word.
#[inline]
pub fn unpack(words: &[u64; CARD_WORDS]) -> Option<CardView> {
    let [
        who,
        status,
        signal,
        presence,
        since,
        phase_offset,
        phc_offset,
        estimate,
        t_acc,
        clock_bias,
        utc,
        utc_offset,
        start_bound,
        offset,
        bound,
        left_in_spec,
        left,
        delays,
    ] = *words;
    let [
        port_low,
        port_high,
        instance,
        state,
        gnss_clock,
        dpll_clock,
        simulated,
        has_gnss,
    ] = unbytes(who);
    let [frequency, phase, pps, nmea, fix, used, seen, flapping] = unbytes(status);
    let [gnss, antenna, jamming, spoofing, model, readiness, ends, drill] = unbytes(signal);
    let [has, more, left_has, quality, ..] = unbytes(presence);
    let [a, b, c, d, e, f, g, h] = unbytes(delays);
    let (low, high) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    let (has, more) = (Presence(has), Presence(more));
    has.get(CARD, 0)?;
    let nanos = |bit, word| has.get(bit, word).map(Nanos);
    let gnss_state = GnssState::from_number(gnss);
    if gnss_state.is_none() && gnss != NO_STATE {
        return None;
    }
    let forecast = forecast_words::unpack(
        [model, readiness, ends, drill],
        left_has,
        [offset, bound, left_in_spec, left],
    )?;
    Some(CardView {
        port: Port(u16::from_le_bytes([port_low, port_high])),
        instance: Instance(instance),
        state: TgmState::from_number(state)?,
        gnss_clock: ClockState::from_metric(gnss_clock)?,
        dpll_clock: ClockState::from_metric(dpll_clock)?,
        simulated: flag(simulated)?,
        has_gnss: flag(has_gnss)?,
        frequency: frequency.cast_signed(),
        phase: phase.cast_signed(),
        pps: pps.cast_signed(),
        nmea: nmea.cast_signed(),
        fix: fix.cast_signed(),
        used,
        seen,
        flapping: flag(flapping)?,
        gnss_state,
        antenna: Antenna::from_number(antenna)?,
        jamming: Jamming::from_number(jamming)?,
        spoofing: Spoofing::from_number(spoofing)?,
        forecast,
        since: Time::from_nanos(unsigned(since)),
        phase_offset: nanos(0, phase_offset),
        phc_offset: nanos(PHC_OFFSET, phc_offset),
        estimate: nanos(2, estimate),
        t_acc: nanos(3, t_acc),
        clock_bias: nanos(4, clock_bias),
        utc: has.get(5, utc).map(Time::from_nanos),
        utc_offset: has.get(6, utc_offset).map(Seconds),
        start_bound: more.get(0, start_bound).map(Nanos),
        cable: Nanos(i64::from(high)),
        phy: Nanos(i64::from(low)),
        eec_quality: InputQuality::from_number(quality)?,
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
            eec_quality: InputQuality::Category2,
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
    fn numbers_from_another_version_are_refused() {
        // Of the bytes of port, instance, small numbers and counts every one is good.
        for (word, good) in [(0, 0..3), (1, 0..7), (2, 6..7)] {
            for byte in (0..8).filter(|byte| !good.contains(byte)) {
                let mut words = pack(&full());
                words[word] |= 0xff << (8 * byte);
                assert_eq!(unpack(&words), None, "byte {byte} of word {word}");
            }
        }
    }
}
