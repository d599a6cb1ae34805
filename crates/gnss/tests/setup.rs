//! The set-up machine against a model receiver: every answer, every silence, every generation. No clock, no device.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

mod common;

use std::collections::BTreeMap;

use common::{Payload, nav_pvt, ubx};
use tgm_gnss::setup::keys;
use tgm_gnss::setup::{
    Antenna, Command, Constellations, Generation, Layers, Outcome, Plan, Position, Raw, Report, SetUp, Tally, TimeMode,
    Watch,
};
use tgm_gnss::ubx::UbxFrame;
use tgm_time::{Mono, Nanos, Time};

/// A receiver that keeps what it is told.
struct Model {
    extensions: Vec<&'static str>,
    /// Generation 9: layer RAM.
    values: BTreeMap<u32, u64>,
    /// Before: payloads by id.
    messages: BTreeMap<u8, Vec<u8>>,
    /// Keys that it does not know.
    lacks: Vec<u32>,
    /// How many frames it ignores from now on.
    deaf: u32,
    heard: Vec<Vec<u8>>,
}

impl Model {
    fn nine() -> Self {
        Model::with(vec!["FWVER=TIM 2.20", "PROTVER=29.20", "MOD=ZED-F9T"])
    }

    fn eight() -> Self {
        let mut model = Model::with(vec!["FWVER=TIM 1.10", "PROTVER=22.00", "MOD=NEO-M8T-0"]);
        let gnss = [
            [0, 32, 32, 2].as_slice(),
            &[0, 8, 16, 0, 1, 0, 1, 1],
            &[2, 4, 8, 0, 0, 0, 1, 1],
        ]
        .concat();
        model.messages = [
            (0x3e, gnss),
            (0x13, vec![0x1b, 0, 0xf0, 0x7d]),
            (0x31, vec![0; 32]),
            (0x3d, vec![0; 28]),
        ]
        .into();
        model
    }

    fn with(extensions: Vec<&'static str>) -> Self {
        Model {
            extensions,
            values: BTreeMap::new(),
            messages: BTreeMap::new(),
            lacks: vec![],
            deaf: 0,
            heard: vec![],
        }
    }

    fn version(&self) -> Vec<u8> {
        let mut payload = Payload::new(40 + 30 * self.extensions.len())
            .put(0, b"EXT CORE 1.00")
            .put(30, b"00190000");
        for (place, line) in self.extensions.iter().enumerate() {
            payload = payload.put(40 + 30 * place, line.as_bytes());
        }
        ubx(0x0a, 4, &payload.0)
    }

    /// The frames that it answers with.
    fn answer(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        self.heard.push(frame.to_vec());
        if self.deaf > 0 {
            self.deaf -= 1;
            return vec![];
        }
        let (class, id, payload) = (frame[2], frame[3], &frame[6..frame.len() - 2]);
        let ack = |good: bool| ubx(5, u8::from(good), &[class, id]);
        match (class, id, payload) {
            (0x0a, 4, []) => vec![self.version()],
            (6, 0x8a, [0, layers, 0, 0, pairs @ ..]) => {
                let pairs = pairs_of(pairs);
                let known = pairs.iter().all(|(key, _)| !self.lacks.contains(key));
                if known && layers & 1 == 1 {
                    self.values.extend(pairs);
                }
                vec![ack(known)]
            }
            (6, 0x8b, [0, 0, 0, 0, wanted @ ..]) => {
                let mut told = vec![1, 0, 0, 0];
                for key in wanted.chunks(4).map(|key| u32::from_le_bytes(key.try_into().unwrap())) {
                    told.extend(key.to_le_bytes());
                    let value = self.values.get(&key).copied().unwrap_or(0);
                    told.extend(&value.to_le_bytes()[..keys::width(key).unwrap()]);
                }
                vec![ubx(6, 0x8b, &told), ack(true)]
            }
            (6, _, []) => match self.messages.get(&id) {
                Some(told) => vec![ubx(6, id, told), ack(true)],
                None => vec![ack(false)],
            },
            (6, 1 | 9, _) => vec![ack(true)],
            (6, _, _) if self.messages.contains_key(&id) => {
                self.messages.insert(id, payload.to_vec());
                vec![ack(true)]
            }
            _ => vec![ack(false)],
        }
    }
}

fn pairs_of(mut bytes: &[u8]) -> Vec<(u32, u64)> {
    let mut pairs = Vec::new();
    while let Some((key, rest)) = bytes.split_first_chunk::<4>() {
        let key = u32::from_le_bytes(*key);
        let (value, rest) = rest.split_at(keys::width(key).unwrap());
        let mut whole = [0; 8];
        whole[..value.len()].copy_from_slice(value);
        pairs.push((key, u64::from_le_bytes(whole)));
        bytes = rest;
    }
    assert!(bytes.is_empty());
    pairs
}

/// Set-up and model, joined without time but for timeouts.
struct Bench {
    setup: SetUp,
    model: Model,
    now: Time<Mono>,
    told: Vec<String>,
    outcomes: Vec<Outcome>,
    finished: Option<Tally>,
}

impl Bench {
    fn new(plan: Plan, model: Model) -> Self {
        let setup = SetUp::new(plan);
        let mut bench = Bench {
            setup,
            model,
            now: Time::ZERO,
            told: vec![],
            outcomes: vec![],
            finished: None,
        };
        assert!(
            bench.setup.take().is_none() && bench.setup.deadline().is_none(),
            "nothing before the link is up"
        );
        bench.setup.link_up(bench.now);
        bench.go();
        bench
    }

    fn note<'a>(
        told: &'a mut Vec<String>,
        outcomes: &'a mut Vec<Outcome>,
        finished: &'a mut Option<Tally>,
    ) -> impl FnMut(Report<'_>) + 'a {
        |report| match report {
            Report::Version(version) => told.push(version.to_string()),
            Report::Command { command, outcome } => {
                told.push(format!("{command}: {outcome}"));
                outcomes.push(outcome);
            }
            Report::Finished(tally) => {
                assert!(finished.replace(tally).is_none(), "finished once");
            }
            other => told.push(format!("{other:?}")),
        }
    }

    fn hear(&mut self, frame: &[u8]) {
        let message = UbxFrame {
            class: frame[2],
            id: frame[3],
            payload: &frame[6..frame.len() - 2],
        };
        let Bench {
            setup,
            now,
            told,
            outcomes,
            finished,
            ..
        } = self;
        setup.hear(message, *now, Bench::note(told, outcomes, finished));
    }

    /// Until nothing is waited for.
    fn go(&mut self) {
        for _ in 0..1_000 {
            while let Some(frame) = self.setup.take() {
                for answer in self.model.answer(&frame) {
                    self.hear(&answer);
                }
            }
            let Some(due) = self.setup.deadline() else { return };
            self.now = due;
            let Bench {
                setup,
                now,
                told,
                outcomes,
                finished,
                ..
            } = self;
            setup.tick(*now, Bench::note(told, outcomes, finished));
        }
        panic!("never ends");
    }
}

fn plan(commands: impl IntoIterator<Item = Command>) -> Plan {
    Plan {
        commands: commands.into_iter().collect(),
        ..Plan::default()
    }
}

fn rate(name: &str, rate: u8) -> Command {
    Command::Rate {
        output: keys::by_name(name).unwrap(),
        rate,
    }
}

#[test]
fn func_tgm008_r1_the_default_plan_sets_up_generation_nine() {
    let bench = Bench::new(Plan::default(), Model::nine());
    assert_eq!(
        bench.told[0],
        "ZED-F9T, software EXT CORE 1.00, firmware TIM 2.20, protocol 29.20"
    );
    assert_eq!(bench.setup.version().unwrap().generation(), Generation::Nine);
    assert!(
        bench.finished.unwrap().is_clean() && bench.finished.unwrap().good == 10,
        "{:?}",
        bench.told
    );
    let value = |name| bench.model.values.get(&keys::key(name).unwrap()).copied();
    assert_eq!(
        (value("CFG-SIGNAL-GPS_ENA"), value("CFG-SIGNAL-GAL_ENA")),
        (Some(1), Some(1))
    );
    assert_eq!(
        (value("CFG-SIGNAL-GLO_ENA"), value("CFG-SIGNAL-BDS_ENA")),
        (Some(0), Some(0))
    );
    assert_eq!(value("CFG-TMODE-MODE"), Some(1));
    assert_eq!(
        (value("CFG-TMODE-SVIN_MIN_DUR"), value("CFG-TMODE-SVIN_ACC_LIMIT")),
        (Some(86_400), Some(5_000))
    );
    for port in 0..5 {
        assert_eq!(bench.model.values[&(0x2091_0006 + port)], 1, "NAV-PVT on each port");
    }
}

#[test]
fn func_tgm008_r2_a_second_start_does_not_begin_the_survey_anew() {
    let mut first = Bench::new(Plan::default(), Model::nine());
    first.model.heard.clear();
    let second = Bench::new(Plan::default(), first.model);
    assert_eq!(second.outcomes[1], Outcome::AlreadySo);
    let written = second.model.heard.iter().filter(|frame| frame[3] == 0x8a);
    assert!(
        written.clone().count() > 0
            && written
                .clone()
                .all(|frame| !frame.windows(4).any(|at| at == keys::TMODE_MODE.to_le_bytes()))
    );
}

#[test]
fn generation_eight_is_read_changed_and_written() {
    let wanted = plan([
        Command::Constellations(Constellations::default()),
        Command::TimeMode(TimeMode::default()),
        Command::Antenna(Antenna {
            supply: Some(false),
            ..Antenna::default()
        }),
        Command::CableDelay(55),
        rate("NAV-PVT", 1),
        Command::Key {
            key: keys::ANT_VOLTCTRL,
            value: 1,
        },
    ]);
    let bench = Bench::new(
        Plan {
            layers: Layers::RAM | Layers::FLASH,
            ..wanted
        },
        Model::eight(),
    );
    use Outcome::{Acknowledged, NotSupported};
    assert_eq!(
        bench.outcomes,
        [
            Acknowledged,
            Acknowledged,
            Acknowledged,
            Acknowledged,
            Acknowledged,
            NotSupported,
            Acknowledged
        ]
    );
    assert_eq!(bench.told.last().unwrap(), "save: acknowledged");
    let told = &bench.model.messages;
    assert_eq!((told[&0x3e][8], told[&0x3e][16]), (1, 1), "Galileo is on");
    assert_eq!((told[&0x13][0], told[&0x31][4]), (0x1a, 55));
    assert_eq!(
        told[&0x3d][20..28],
        [[0x80, 0x51, 1, 0], [0xf4, 1, 0, 0]].concat(),
        "86400 s, 500 mm"
    );
}

#[test]
fn generation_six_has_no_constellations_and_high_precision_another_time_mode() {
    let wanted = plan([
        Command::Constellations(Constellations::GPS),
        Command::TimeMode(TimeMode::Off),
    ]);
    let six = Bench::new(wanted.clone(), Model::with(vec![]));
    assert_eq!(six.outcomes, [Outcome::NotSupported, Outcome::Refused]);
    let hpg = Bench::new(wanted, Model::with(vec!["FWVER=HPG 1.40", "PROTVER=20.30"]));
    assert!(hpg.model.heard.contains(&ubx(6, 0x71, &[])));
}

#[test]
fn what_is_not_answered_is_sent_three_times_and_then_told() {
    let mut model = Model::nine();
    model.deaf = 2;
    let bench = Bench::new(plan([rate("NMEA-GSV", 0)]), model);
    assert_eq!(
        bench.model.heard[..3],
        [ubx(0x0a, 4, &[]), ubx(0x0a, 4, &[]), ubx(0x0a, 4, &[])]
    );
    assert_eq!(bench.outcomes, [Outcome::Acknowledged], "the third was heard");

    let mut bench = Bench::new(plan([]), Model::nine());
    bench.finished = None;
    bench.setup = SetUp::new(plan([Command::CableDelay(1), Command::CableDelay(2)]));
    bench.setup.link_up(Time::ZERO);
    let version = bench.model.version();
    bench.hear(&version);
    bench.model.deaf = 3;
    bench.model.heard.clear();
    bench.go();
    assert_eq!(bench.outcomes, [Outcome::Unanswered, Outcome::Acknowledged]);
    assert_eq!(bench.model.heard.len(), 4);
    let tally = bench.finished.unwrap();
    assert_eq!((tally.good, tally.unanswered, tally.is_clean()), (1, 1, false));
}

#[test]
fn a_receiver_that_does_not_say_who_it_is_is_left_alone_until_it_does() {
    let mut model = Model::nine();
    model.deaf = u32::MAX;
    let mut bench = Bench::new(Plan::default(), model);
    assert_eq!(bench.told, ["Silent"]);
    assert_eq!(bench.model.heard.len(), 3, "only the question");
    assert!(bench.setup.deadline().is_none() && !bench.setup.is_busy());
    bench.model.deaf = 0;
    let version = bench.model.version(); // somebody else asked
    bench.hear(&version);
    bench.go();
    assert!(bench.finished.unwrap().is_clean());
}

#[test]
fn a_receiver_that_starts_by_itself_is_set_up_anew_and_not_more_often_than_that() {
    let mut bench = Bench::new(plan([rate("NMEA-GSV", 0)]), Model::nine());
    let set = bench.model.heard.len();
    assert!(bench.finished.take().is_some());
    let started = ubx(4, 2, b"u-blox AG - www.u-blox.com");
    bench.now = bench.now + Nanos::from_secs(3_600);
    bench.model.values.clear(); // it kept them in its RAM
    bench.hear(&started);
    bench.go();
    assert!(bench.told.contains(&"Restarted".to_owned()), "{:?}", bench.told);
    assert!(bench.finished.take().unwrap().is_clean());
    assert_eq!(bench.model.heard.len(), 2 * set, "all that was set");
    assert!(!bench.model.values.is_empty());
    bench.now = bench.now + Nanos::from_secs(5);
    bench.hear(&started);
    bench.hear(&ubx(4, 2, b"ANTSTATUS=OPEN"));
    bench.go();
    assert_eq!(bench.model.heard.len(), 2 * set, "it starts in a loop");
    bench.now = bench.now + Nanos::from_secs(6);
    bench.hear(&started);
    bench.go();
    assert_eq!(bench.model.heard.len(), 3 * set);
}

#[test]
fn the_first_words_of_a_receiver_that_is_just_being_asked_change_nothing() {
    let mut bench = Bench::new(plan([]), Model::nine());
    bench.setup.link_up(bench.now);
    bench.model.heard.clear();
    bench.finished = None;
    bench.hear(&ubx(4, 2, b"u-blox ag - www.u-blox.com"));
    bench.go();
    assert_eq!(bench.model.heard.len(), 1, "the question is asked once");
    assert!(bench.finished.is_some() && !bench.told.contains(&"Restarted".to_owned()));
    bench.setup.link_down();
    bench.hear(&ubx(4, 2, b"u-blox AG - www.u-blox.com"));
    assert!(bench.setup.take().is_none(), "nobody can write to it");
}

#[test]
fn a_port_that_the_receiver_lacks_does_not_spoil_the_others() {
    let mut model = Model::nine();
    let key = keys::by_name("NAV-PVT").unwrap().key;
    model.lacks = vec![key + 2, key + 4];
    let bench = Bench::new(plan([rate("NAV-PVT", 1)]), model);
    assert_eq!(bench.outcomes, [Outcome::Acknowledged]);
    assert_eq!(bench.model.values.len(), 3);
}

#[test]
fn a_system_that_is_wanted_must_be_there_and_one_that_is_not_need_not() {
    let wanted = || plan([Command::Constellations(Constellations::default())]);
    let without = |name| {
        let mut model = Model::nine();
        model.lacks = vec![keys::key(name).unwrap()];
        Bench::new(wanted(), model).outcomes
    };
    assert_eq!(without("CFG-SIGNAL-SBAS_ENA"), [Outcome::Acknowledged]);
    assert_eq!(without("CFG-SIGNAL-GAL_ENA"), [Outcome::Refused]);
}

#[test]
fn func_tgm008_r5_refusals_and_raw_commands_are_told_one_by_one() {
    let raw = |text: &str| Command::Raw(text.parse::<Raw>().unwrap());
    let mut model = Model::nine();
    model.lacks = vec![keys::ANT_VOLTCTRL];
    let commands = [
        Command::Key {
            key: keys::ANT_VOLTCTRL,
            value: 1,
        },
        raw("0601 f0 04 01"),
        raw("0a04"),
        raw("2103"),
    ];
    let bench = Bench::new(plan(commands), model);
    use Outcome::{Acknowledged, Answered, Refused};
    assert_eq!(bench.outcomes, [Refused, Acknowledged, Answered, Refused]);
    assert_eq!(
        bench.told[1..],
        [
            "key 0x10a3002e = 1: refused",
            "UBX 06 01 with 3 bytes: acknowledged",
            "UBX 0a 04 with 0 bytes: answered",
            "UBX 21 03 with 0 bytes: refused",
        ]
    );
}

#[test]
fn answers_to_others_are_not_taken_for_ours() {
    let mut bench = Bench::new(plan([]), Model::nine());
    bench.setup = SetUp::new(plan([Command::CableDelay(9)]));
    bench.finished = None;
    bench.setup.link_up(Time::ZERO);
    let version = bench.model.version();
    bench.setup.take().unwrap();
    bench.hear(&ubx(5, 1, &[6, 0x8a]));
    assert!(bench.outcomes.is_empty());
    bench.hear(&version);
    bench.hear(&ubx(5, 0, &[6, 1]));
    bench.hear(&version);
    bench.hear(&ubx(5, 1, &[6]));
    assert!(bench.outcomes.is_empty() && bench.setup.is_busy());
    bench.hear(&ubx(5, 0, &[6, 0x8a]));
    assert_eq!(bench.outcomes, [Outcome::Refused]);
}

#[test]
fn a_lost_link_forgets_everything() {
    let mut bench = Bench::new(plan([]), Model::nine());
    bench.setup = SetUp::new(Plan::default());
    bench.setup.link_up(Time::ZERO);
    bench.setup.link_down();
    assert!(bench.setup.take().is_none() && bench.setup.deadline().is_none() && !bench.setup.is_busy());
    let version = bench.model.version();
    bench.hear(&version);
    assert!(bench.setup.take().is_none());
}

/// NAV-SVIN with a mean position in cm.
fn nav_svin(active: bool, valid: bool, mean: [i32; 3], duration: u32) -> Vec<u8> {
    let mut payload = Payload::new(40).put(8, &duration.to_le_bytes());
    for (axis, part) in mean.iter().enumerate() {
        payload = payload.put(12 + 4 * axis, &part.to_le_bytes());
    }
    ubx(
        1,
        0x3b,
        &payload
            .put(24, &[5])
            .put(28, &4_321u32.to_le_bytes())
            .put(36, &[u8::from(valid), u8::from(active)])
            .0,
    )
}

const MEAN: [i32; 3] = [417_900_000, 85_600_000, 472_800_000];

#[test]
fn func_tgm008_r3_the_end_of_a_survey_is_told_once_and_its_position_kept() {
    let mut bench = Bench::new(
        Plan {
            save_position: true,
            ..Plan::default()
        },
        Model::nine(),
    );
    bench.hear(&nav_svin(false, true, MEAN, 100)); // a survey of before
    assert!(bench.setup.take().is_none());
    bench.hear(&nav_svin(true, false, MEAN, 100));
    bench.told.clear();
    for _ in 0..3 {
        bench.hear(&nav_svin(false, true, MEAN, 86_400));
        bench.go();
    }
    let position = Position::Ecef([41_790_000_005, 8_560_000_000, 47_280_000_000]);
    let surveyed = format!(
        "{:?}",
        Report::Surveyed {
            position,
            accuracy: 4_321,
            duration: 86_400
        }
    );
    assert_eq!(bench.told, [surveyed, "fixed position: acknowledged".to_owned()]);
    let value = |key| bench.model.values[&key];
    assert_eq!((value(keys::TMODE_MODE), value(keys::TMODE_POS_TYPE)), (2, 0));
    assert_eq!(
        (value(keys::TMODE_ECEF[0]), value(keys::TMODE_ECEF_HP[0])),
        (417_900_000, 5)
    );
    assert_eq!(value(keys::TMODE_FIXED_POS_ACC), 4_321);
    let layers = bench.model.heard.iter().rev().find(|frame| frame[3] == 0x8a).unwrap()[7];
    assert_eq!(layers, 7, "RAM, BBR and flash");

    // The next start finds it fixed and surveys no more; without saving it would.
    let again = Bench::new(
        Plan {
            save_position: true,
            ..Plan::default()
        },
        bench.model,
    );
    assert_eq!(again.outcomes[1], Outcome::AlreadySo);
    let surveys = Bench::new(Plan::default(), again.model);
    assert_eq!(
        (surveys.outcomes[1], surveys.model.values[&keys::TMODE_MODE]),
        (Outcome::Acknowledged, 1)
    );
}

/// NAV-PVT with a position, exact to 1 m.
fn pvt(fix: u8, latitude: i32) -> Vec<u8> {
    let mut frame = nav_pvt(0, 0, 0, fix, true, 9);
    frame[6 + 28..6 + 32].copy_from_slice(&latitude.to_le_bytes());
    frame[6 + 40..6 + 44].copy_from_slice(&1_000u32.to_le_bytes());
    frame
}

#[test]
fn func_tgm016_r2_a_moved_antenna_is_told_and_surveyed_again_if_that_is_wanted() {
    let fixed = TimeMode::Fixed {
        position: Position::geodetic(48.0, 0.0, 0.0).unwrap(),
        accuracy: 100,
    };
    for resurvey in [false, true] {
        let watch = Some(Watch {
            limit: 10_000,
            times: 3,
            resurvey,
        });
        let mut bench = Bench::new(
            Plan {
                watch,
                ..plan([Command::TimeMode(fixed)])
            },
            Model::nine(),
        );
        bench.told.clear();
        for _ in 0..5 {
            bench.hear(&pvt(5, 480_000_000));
        }
        for _ in 0..5 {
            bench.hear(&pvt(3, 480_000_980)); // 10.9 m, accurate to 1 m
        }
        assert!(bench.told.is_empty());
        for _ in 0..3 {
            bench.hear(&pvt(3, 480_002_000));
        }
        assert_eq!(bench.told.len(), 1, "{:?}", bench.told);
        assert!(bench.told[0].starts_with("Moved") && bench.told[0].contains(&format!("resurvey: {resurvey}")));
        bench.go();
        let modes = if resurvey { 1 } else { 2 };
        assert_eq!(bench.model.values[&keys::TMODE_MODE], modes);
        assert_eq!(bench.told.len(), if resurvey { 3 } else { 1 }, "{:?}", bench.told);
    }
}
