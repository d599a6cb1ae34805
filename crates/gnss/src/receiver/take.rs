//! What each message changes in the receiver.

use tgm_core::{Antenna, GnssFix, Jamming, Spoofing};
use tgm_time::Nanos;
use tgm_time::civil::Civil;

use super::end::Kind;
use super::epoch::{Epoch, Fresh, NextPulse, Outcome, Protocol, Survey};
use super::position::Drift;
use super::sats::{Reflections, SatCount};
use super::settle::Settled;
use super::{DAY, Health, Interference, KEEP, KEEP_LIST, Key, LONGEST_STEP, Receiver, UBX_SILENCE, WEEK, calendar};
use crate::nmea::{self, Sentence};
use crate::ubx::{self, AntennaPower, AntennaStatus, MonRf, Position, UbxFrame};

impl Receiver {
    pub(super) fn ubx(&mut self, frame: UbxFrame<'_>, emit: &mut impl FnMut(&Epoch)) -> Outcome {
        let Ok(message) = frame.decode() else {
            self.malformed += 1;
            return Outcome::default();
        };
        let Some(itow) = message.itow() else {
            self.take(&message);
            return self.worsened();
        };
        let ends = matches!(message, ubx::Message::NavEoe(_));
        if ends && self.key != Some(Key::Itow(itow)) {
            return Outcome::default(); // the end of an epoch that nothing else told of
        }
        self.since_ubx = Some(0);
        self.move_to(Key::Itow(itow), Protocol::Ubx, emit);
        self.take(&message);
        let outcome = self.worsened();
        let learned = self.end.saw(Kind::ubx(frame.class, frame.id));
        if self.open && (ends || learned) {
            emit(&self.close());
        }
        outcome
    }

    pub(super) fn nmea(&mut self, sentence: Sentence<'_>, emit: &mut impl FnMut(&Epoch)) -> Outcome {
        let Some((talker, formatter)) = sentence.address() else {
            return Outcome::default();
        };
        let listed = self.ubx_lives() && self.list.within(KEEP_LIST, self.now).is_some();
        if listed && matches!(&formatter, b"GSA" | b"GSV") {
            return Outcome::default(); // UBX lists the satellites
        }
        let Ok(message) = sentence.decode() else {
            self.malformed += 1;
            return Outcome::default();
        };
        if let nmea::Message::Txt(txt) = message {
            self.txt(&txt);
            return self.worsened();
        }
        let timed = match message {
            nmea::Message::Rmc(nmea::Rmc { time, .. })
            | nmea::Message::Zda(nmea::Zda { time, .. })
            | nmea::Message::Gga(nmea::Gga { time, .. })
            | nmea::Message::Gns(nmea::Gns { time, .. })
            | nmea::Message::Gll(nmea::Gll { time, .. }) => time,
            _ => None,
        };
        let key = match timed {
            Some(time) => Some(Key::Tod(time.millis())),
            None if matches!(message, nmea::Message::Rmc(_)) && (self.nmea.rmc || self.nmea_key.is_none()) => {
                self.untimed = self.untimed.wrapping_add(1);
                Some(Key::Untimed(self.untimed))
            }
            None => None,
        };
        if let Some(key) = key.filter(|key| self.nmea_key != Some(*key)) {
            let step = self.nmea_key.map_or(0, |old| step(old, key));
            self.since_ubx = self.since_ubx.map(|since| since.saturating_add(step));
            if !self.ubx_lives() {
                self.move_to(key, Protocol::Nmea, emit);
            }
            self.nmea_key = Some(key);
            self.nmea.clear();
            self.nmea.time = timed;
        }
        let kind = match &message {
            // One of a group: told apart by what makes it the only one of its kind.
            nmea::Message::Gsv(gsv) => Kind::nmea(
                talker,
                formatter,
                gsv.signal.unwrap_or(15) << 1 | u8::from(gsv.number == gsv.total),
            ),
            nmea::Message::Gsa(gsa) => Kind::nmea(talker, formatter, gsa.system.unwrap_or_default()),
            _ => Kind::nmea(talker, formatter, 0),
        };
        let valid = self.take_nmea(talker, &message);
        let nmea = valid && timed.is_some();
        if nmea {
            self.fresh |= Fresh::NMEA;
        }
        let rmc = matches!(message, nmea::Message::Rmc(nmea::Rmc { valid: Some(true), .. }));
        let outcome = Outcome {
            nmea,
            worse: false,
            dated: rmc && !self.ubx_lives() && !self.end.is_learned() && self.nmea.civil().is_some(),
        };
        if !self.ubx_lives() && self.end.saw(kind) && self.open {
            emit(&self.close());
        }
        outcome
    }

    /// UBX tells the time, so NMEA does not.
    fn ubx_lives(&self) -> bool {
        self.since_ubx.is_some_and(|since| since <= UBX_SILENCE)
    }

    /// Another time: the open epoch is over.
    fn move_to(&mut self, key: Key, protocol: Protocol, emit: &mut impl FnMut(&Epoch)) {
        if self.key == Some(key) {
            return;
        }
        if self.open {
            let late = true;
            emit(&Epoch { late, ..self.close() });
        }
        self.end.next();
        if let Some(old) = self.key {
            self.now += u64::from(step(old, key));
        }
        self.key = Some(key);
        self.protocol = protocol;
        self.open = true;
        self.fresh = Fresh::empty();
        self.time = None;
    }

    /// The epoch is over.
    pub(super) fn close(&mut self) -> Epoch {
        if self.protocol == Protocol::Nmea {
            let told = [
                (self.nmea.fix().is_some(), Fresh::FIX),
                (self.nmea.civil().is_some(), Fresh::TIME),
                (self.nmea.satellites().is_some(), Fresh::SATELLITES),
            ];
            for (told, flag) in told {
                self.fresh.set(flag, told);
            }
        }
        let (epoch, verdict) = self.judged();
        self.settled.take(verdict, self.now, !self.ever_fixed);
        self.open = false;
        self.health = self.health_now();
        self.ever_fixed |= epoch.fix >= GnssFix::ThreeD && epoch.fix_ok == Some(true);
        epoch
    }

    /// Whether something got worse since the last epoch. NMEA's fix is several sentences that belong together: it counts only when
    /// its epoch is over.
    fn worsened(&mut self) -> Outcome {
        let mut health = self.health_now();
        if self.protocol == Protocol::Nmea {
            health |= Health::FIX;
        }
        let worse = !health.contains(self.health);
        self.health &= health;
        Outcome {
            worse,
            ..Outcome::default()
        }
    }

    fn health_now(&self) -> Health {
        let fix = match self.protocol {
            Protocol::Ubx => self.fix.value,
            Protocol::Nmea => self.nmea.fix().map(|nmea| (nmea.fix, nmea.ok)),
        };
        let mut health = Health::empty();
        health.set(Health::FIX, fix.is_some_and(|(fix, ok)| ok && fix >= GnssFix::TwoD));
        health.set(Health::NOT_JAMMED, self.jamming() != Jamming::Critical);
        let spoofed = matches!(self.spoofing(), Spoofing::Indicated | Spoofing::Multiple);
        health.set(Health::NOT_SPOOFED, !spoofed);
        health.set(Health::ANTENNA, !matches!(self.antenna, Antenna::Open | Antenna::Short));
        health
    }

    fn take(&mut self, message: &ubx::Message<'_>) {
        use ubx::Message as M;
        let now = self.now;
        match message {
            M::NavStatus(m) => {
                self.take_fix(m.fix.into(), m.fix_ok);
                self.interference.spoof_nav = m.spoofing.into();
                self.fresh |= Fresh::SPOOFING;
                if self.msss.is_some_and(|before| m.msss < before) {
                    self.restarted();
                }
                self.msss = Some(m.msss);
            }
            M::NavSol(m) => {
                self.take_fix(m.fix.into(), m.fix_ok);
                self.counted.set(u16::from(m.used), now);
                if m.week_set && m.tow_set {
                    self.take_gps_time(2, m.week, m.itow);
                }
            }
            M::NavPvt(m) => {
                self.take_fix(m.fix.into(), m.fix_ok);
                self.counted.set(u16::from(m.used), now);
                self.take_t_acc(2, m.t_acc);
                if m.date_valid && m.time_valid {
                    let civil = Civil::new(i32::from(m.year), m.month, m.day, m.hour, m.minute, m.second, 0);
                    self.take_time(4, calendar::nominal(civil, m.nano));
                }
                if let Some(position) = m.position {
                    self.take_position(position, m.fix_ok);
                }
            }
            M::NavPosLlh(m) => {
                let ok = self.fix.within(KEEP, now).is_some_and(|(_, ok)| ok);
                self.take_position(m.position, ok);
            }
            M::NavTimeUtc(m) => {
                self.take_t_acc(1, m.t_acc);
                if m.utc_valid {
                    let civil = Civil::new(i32::from(m.year), m.month, m.day, m.hour, m.minute, m.second, 0);
                    self.take_time(5, calendar::nominal(civil, m.nano));
                }
            }
            M::NavTimeGps(m) => {
                self.leap.time_gps(m);
                self.fresh |= Fresh::LEAP;
                self.take_t_acc(3, m.t_acc);
                if m.week_valid && m.tow_valid {
                    self.take_gps_time(3, m.week, m.itow);
                }
            }
            M::NavClock(m) => {
                self.take_t_acc(4, m.t_acc);
                self.clock.set((m.bias, m.drift), now);
                self.fresh |= Fresh::CLOCK;
            }
            M::NavTimeLs(m) => {
                self.leap.time_ls(m, now);
                self.fresh |= Fresh::LEAP;
            }
            M::NavSvinfo(m) => self.take_list(SatCount::of_svinfo(m)),
            M::NavSat(m) => self.take_list(SatCount::of_sat(m)),
            M::NavSig(m) => {
                let (count, signals) = SatCount::of_sig(m);
                self.signals.set(signals, now);
                // NAV-SAT of the same epoch lists the untracked ones too.
                if self.list.at != now || self.list.value.is_none() {
                    self.take_list(count);
                }
            }
            M::NavSvin(m) => self.take_survey(Survey {
                active: m.active,
                valid: m.valid,
                duration: m.duration,
                observations: m.observations,
                accuracy: m.mean_acc / 10,
            }),
            M::TimSvin(m) => self.take_survey(Survey {
                active: m.active,
                valid: m.valid,
                duration: m.duration,
                observations: m.observations,
                accuracy: m.mean_variance.isqrt(),
            }),
            M::TimTp(m) => {
                let pulse = NextPulse {
                    week: m.week,
                    tow: m.tow,
                    utc: m.utc,
                    raim: m.raim,
                    q_err: (!m.q_err_invalid).then_some(m.q_err),
                };
                self.pulse.set(pulse, now);
                self.fresh |= Fresh::Q_ERR;
            }
            M::RxmMeasx(m) => self.reflections.set(Reflections::of_measx(m), now),
            M::Inf(m) => self.txt(&nmea::Txt {
                severity: None,
                text: m.text,
            }),
            M::MonHw(m) => {
                self.take_antenna(antenna(m.antenna, m.power));
                self.interference.jam_mon = m.jamming;
                self.fresh |= Fresh::JAMMING;
            }
            M::MonRf(m) => self.take_rf(m),
            M::SecSig(m) => {
                self.interference.jam_sec = m.jamming;
                self.interference.spoof_sec = m.spoofing.into();
                self.fresh |= Fresh::JAMMING | Fresh::SPOOFING;
            }
            M::MonVer(m) => {
                self.protocol_version = m.protocol().or(self.protocol_version);
                if let Some(name) = m.model() {
                    self.model.set(name);
                }
            }
            M::NavEoe(_) | M::NavOther(_) | M::TimTm2(_) | M::Ack(_) | M::Other => {}
        }
    }

    /// Takes a sentence; true if it is valid, as far as it can tell.
    fn take_nmea(&mut self, talker: [u8; 2], message: &nmea::Message<'_>) -> bool {
        use nmea::Message as M;
        let epoch = &mut self.nmea;
        match message {
            M::Rmc(m) => {
                epoch.rmc = true;
                epoch.valid = m.valid.or(epoch.valid);
                epoch.mode(m.mode);
                epoch.date = m.date.or(epoch.date);
                m.valid == Some(true)
            }
            M::Zda(m) => {
                epoch.date = m.date.or(epoch.date);
                m.date.is_some() && epoch.valid != Some(false)
            }
            M::Gga(m) => {
                epoch.gga(m);
                m.quality.is_some_and(|quality| quality > 0)
            }
            M::Gns(m) => {
                epoch.gns(m);
                m.modes.combined().is_some_and(|mode| mode != nmea::Mode::NotValid)
            }
            M::Gll(m) => {
                epoch.valid = epoch.valid.or(m.valid);
                epoch.mode(m.mode);
                m.valid == Some(true)
            }
            M::Gsa(m) => {
                epoch.gsa(talker, m);
                false
            }
            M::Gsv(m) => {
                epoch.gsv(talker, m);
                false
            }
            M::Vtg(m) => {
                epoch.mode(m.mode);
                false
            }
            M::Txt(_) | M::Other => false,
        }
    }

    fn txt(&mut self, txt: &nmea::Txt<'_>) {
        if let Some(note) = txt.antenna() {
            self.take_antenna(match note {
                nmea::AntennaNote::Ok => Antenna::Ok,
                nmea::AntennaNote::Open => Antenna::Open,
                nmea::AntennaNote::Short => Antenna::Short,
                nmea::AntennaNote::Unknown => Antenna::Unknown,
            });
        }
        if txt.is_boot_banner() {
            self.restarted();
        }
    }

    /// The receiver started anew: what it knew of a fix is gone.
    fn restarted(&mut self) {
        self.started = self.now;
        self.ever_fixed = false;
        self.settled = Settled::NEW;
        self.drift = Drift::NEW;
    }

    /// A position of a solution that is not good says nothing.
    fn take_position(&mut self, position: Position, ok: bool) {
        let fix = self.fix.within(KEEP, self.now).map(|(fix, _)| fix).unwrap_or_default();
        if ok && fix >= GnssFix::TwoD {
            self.drift.take(position, self.holds(fix), self.now);
        }
    }

    fn take_fix(&mut self, fix: GnssFix, ok: bool) {
        self.fix.set((fix, ok), self.now);
        self.fresh |= Fresh::FIX;
    }

    fn take_t_acc(&mut self, rank: u8, t_acc: u32) {
        let better = self.fresh.contains(Fresh::T_ACC) && self.t_acc.value.is_some_and(|(held, _)| held > rank);
        if !better {
            self.t_acc.set((rank, t_acc), self.now);
        }
        self.fresh |= Fresh::T_ACC;
    }

    fn take_time(&mut self, rank: u8, time: Option<Civil>) {
        let better = self.time.is_some_and(|(held, _)| held > rank);
        if let Some(time) = time.filter(|_| !better) {
            self.time = Some((rank, time));
            self.fresh |= Fresh::TIME;
        }
    }

    /// Without a leap second count, GPS time is no UTC.
    fn take_gps_time(&mut self, rank: u8, week: i16, itow: u32) {
        let time = self.leap.leap().told.map(|leap| calendar::from_gps(week, itow, leap));
        self.take_time(rank, time);
    }

    fn take_list(&mut self, count: SatCount) {
        self.list.set(count, self.now);
        self.fresh |= Fresh::SATELLITES;
    }

    fn take_survey(&mut self, survey: Survey) {
        self.survey = Some(survey);
        self.fresh |= Fresh::SURVEY;
    }

    fn take_antenna(&mut self, antenna: Antenna) {
        self.antenna = antenna;
        self.fresh |= Fresh::ANTENNA;
    }

    /// All front ends hang on one antenna: a fault that any of them sees is a fault; the worst jamming counts.
    fn take_rf(&mut self, message: &MonRf<'_>) {
        let (mut worst_antenna, mut worst_jamming) = (Antenna::Unknown, Jamming::Unknown);
        for block in message.blocks() {
            let antenna = antenna(block.antenna, block.power);
            if rank(antenna) > rank(worst_antenna) {
                worst_antenna = antenna;
            }
            if block.jamming.number() > worst_jamming.number() {
                worst_jamming = block.jamming;
            }
        }
        self.take_antenna(worst_antenna);
        self.interference.jam_mon = worst_jamming;
        self.fresh |= Fresh::JAMMING;
    }
}

/// One word for supervisor and supply.
fn antenna(status: AntennaStatus, power: AntennaPower) -> Antenna {
    match (status, power) {
        (AntennaStatus::Short, _) => Antenna::Short,
        (AntennaStatus::Open, _) => Antenna::Open,
        (_, AntennaPower::Off) => Antenna::Off,
        (AntennaStatus::Ok, _) => Antenna::Ok,
        _ => Antenna::Unknown,
    }
}

const fn rank(antenna: Antenna) -> u8 {
    match antenna {
        Antenna::Unknown => 0,
        Antenna::Ok => 1,
        Antenna::Off => 2,
        Antenna::Open => 3,
        Antenna::Short => 4,
    }
}

/// Receiver time from one key to another, ms.
fn step(old: Key, new: Key) -> u32 {
    let (ahead, turn) = match (old, new) {
        (Key::Itow(old), Key::Itow(new)) => ((new % WEEK + WEEK - old % WEEK) % WEEK, WEEK),
        (Key::Tod(old), Key::Tod(new)) => ((new % DAY + DAY - old % DAY) % DAY, DAY),
        _ => (1000, DAY),
    };
    // Backwards is a step too: the receiver corrected its time.
    if ahead > turn / 2 {
        1000
    } else {
        ahead.min(LONGEST_STEP)
    }
}

impl Receiver {
    pub(super) fn jamming(&self) -> Jamming {
        let Interference { jam_mon, jam_sec, .. } = self.interference;
        if jam_mon.number() >= jam_sec.number() {
            jam_mon
        } else {
            jam_sec
        }
    }

    pub(super) fn spoofing(&self) -> Spoofing {
        let Interference {
            spoof_nav, spoof_sec, ..
        } = self.interference;
        if spoof_nav.number() >= spoof_sec.number() {
            spoof_nav
        } else {
            spoof_sec
        }
    }

    /// UTC of the open epoch. Where UBX tells only a time of week, the date is NMEA's.
    pub(super) fn utc(&self) -> Option<Civil> {
        const NEAR: Nanos = Nanos::from_secs(10);
        match (self.protocol, self.time, self.key) {
            (Protocol::Nmea, ..) => self.nmea.civil(),
            (Protocol::Ubx, Some((_, time)), _) => Some(time),
            (Protocol::Ubx, None, Some(Key::Itow(itow))) => {
                let leap = self.leap.leap().told?;
                calendar::from_anchor(self.nmea.civil()?, itow, leap, NEAR)
            }
            (Protocol::Ubx, None, _) => None,
        }
    }

    /// Used: by the list of this epoch, else by the count of NAV-PVT or NAV-SOL, else by the last list. Seen: by the last list; UBX
    /// first, else GSV.
    pub(super) fn satellites(&self) -> SatCount {
        let list = self.list.within(KEEP_LIST, self.now);
        let view = self.nmea.satellites();
        match self.protocol {
            Protocol::Nmea => view.unwrap_or_default(),
            Protocol::Ubx => {
                let current = list.filter(|_| self.list.at == self.now);
                let counted = self.counted.within(KEEP, self.now);
                let mut count = list.or(view.filter(|_| self.nmea.has_view())).unwrap_or_default();
                if let Some(used) = current.map(|list| list.used).or(counted) {
                    count.used = used;
                }
                count
            }
        }
    }
}
