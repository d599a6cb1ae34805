//! `tgmctl gnss setup`: sets a receiver up, or shows what setting it up would send.
//!
//! Without `--apply` the receiver is only asked: who it is, and, where a setting is read before it is changed, what it has. The frames
//! that would change something are shown instead of sent, and taken as acknowledged, so that what follows them is shown too.

use std::fs::File;
use std::io::{self, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use tgm_gnss::setup::{Antenna, Command, Constellations, Layers, Plan, Position, Raw, Report, SetUp, TimeMode, keys};
use tgm_gnss::ubx::UbxFrame;
use tgm_gnss::{Demux, Frame, ReadError, Source, Spec};
use tgm_time::{Mono, Nanos, Time};

/// How long nothing is done between two looks at the receiver.
const LOOK: Duration = Duration::from_millis(5);
/// A receiver that takes no byte for so long takes none.
const STUCK: Duration = Duration::from_secs(5);

/// What is wanted of a receiver. Nothing that is not named is touched.
#[derive(Debug, Args)]
pub struct Options {
    /// The receiver: `dev:/dev/gnss0`, `tty:/dev/ttyS0@9600`, `pty:/path`. One that tgmd has open is reached through its fan-out.
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Send it. Else nothing is changed, and it is shown what would be sent.
    #[arg(long)]
    apply: bool,
    /// These systems on, all others off: gps, sbas, galileo, beidou, qzss, glonass.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = constellation)]
    constellations: Vec<Constellations>,
    /// Survey itself in: shortest duration in seconds.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["position_llh", "time_mode_off"])]
    survey_in: Option<u32>,
    /// Fixed position: latitude and longitude in degrees, height above the ellipsoid in metres.
    #[arg(long, value_name = "LAT,LON,HEIGHT", value_parser = position, conflicts_with = "time_mode_off", allow_hyphen_values = true)]
    position_llh: Option<Position>,
    /// Accuracy of the survey-in or of the fixed position, metres.
    #[arg(long, value_name = "METRES", default_value = "0.5", value_parser = accuracy)]
    position_accuracy: u32,
    /// Navigate: no survey-in and no fixed position.
    #[arg(long)]
    time_mode_off: bool,
    /// Antenna supply.
    #[arg(long, value_name = "BOOL")]
    antenna_supply: Option<bool>,
    /// Detection of a short.
    #[arg(long, value_name = "BOOL")]
    antenna_short: Option<bool>,
    /// Detection of an open circuit.
    #[arg(long, value_name = "BOOL")]
    antenna_open: Option<bool>,
    /// Supply off on a short.
    #[arg(long, value_name = "BOOL")]
    antenna_power_down: Option<bool>,
    /// Supply on again some time after a short.
    #[arg(long, value_name = "BOOL")]
    antenna_recovery: Option<bool>,
    /// Delay of antenna and cable, nanoseconds.
    #[arg(long, value_name = "NS", allow_hyphen_values = true)]
    cable_delay: Option<i16>,
    /// A message and how often it is sent, in epochs (0: never), such as `NAV-PVT=1`. `tgmd`: those that tgmd reads.
    #[arg(long, value_name = "NAME=EPOCHS", value_parser = rates)]
    rate: Vec<Rates>,
    /// A key of generation 9 and its value, such as `0x10050001=1`.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key)]
    key: Vec<Command>,
    /// A UBX message of one's own, hexadecimal: class, id and payload, or a whole frame.
    #[arg(long, value_name = "HEX")]
    raw: Vec<Raw>,
    /// Keep it over a restart: in battery-backed memory and flash.
    #[arg(long)]
    save: bool,
}

/// What one `--rate` stands for.
type Rates = Vec<(keys::Output, u8)>;

fn constellation(name: &str) -> Result<Constellations, String> {
    Constellations::named(name).ok_or_else(|| "none of gps, sbas, galileo, beidou, qzss, glonass".to_owned())
}

fn position(text: &str) -> Result<Position, String> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    match numbers.as_deref() {
        Ok([latitude, longitude, height]) => {
            Position::geodetic(*latitude, *longitude, *height).map_err(|error| error.to_string())
        }
        _ => Err("three numbers are wanted, with commas between them".to_owned()),
    }
}

fn accuracy(text: &str) -> Result<u32, String> {
    let metres: f64 = text.parse().map_err(|_| "a number of metres is wanted".to_owned())?;
    if !(0.000_1..=100.0).contains(&metres) {
        return Err("between 0.0001 and 100 metres".to_owned());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most a million, and positive
    Ok((metres * 10_000.0).round() as u32)
}

fn rates(text: &str) -> Result<Rates, String> {
    let named = |name: &str, rate: u8| {
        let output = keys::by_name(name);
        let output =
            output.ok_or_else(|| format!("no message is called `{name}`; names are such as NAV-PVT and NMEA-RMC"));
        Ok((output?, rate))
    };
    if text == "tgmd" {
        return Plan::rates()
            .into_iter()
            .map(|(name, rate)| named(name, rate))
            .collect();
    }
    let (name, rate) = text.split_once('=').ok_or("NAME=EPOCHS is wanted, or tgmd")?;
    let rate = rate.parse().map_err(|_| "the rate is a number of epochs, 0 to 255")?;
    Ok(vec![named(name, rate)?])
}

fn key(text: &str) -> Result<Command, String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is wanted")?;
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let key = number(key).and_then(|key| u32::try_from(key).ok());
    let key = key.filter(|key| keys::width(*key).is_some());
    let value = number(value).and_then(|value| match value {
        0.. => u64::try_from(value).ok(),
        _ => i64::try_from(value).ok().map(i64::cast_unsigned),
    });
    match (key, value) {
        (Some(key), Some(value)) => Ok(Command::Key { key, value }),
        (None, _) => Err("that is no key: its number tells no size".to_owned()),
        (_, None) => Err("the value is no whole number of 64 bits".to_owned()),
    }
}

impl Options {
    fn plan(&self) -> Plan {
        let antenna = Antenna {
            supply: self.antenna_supply,
            short_detection: self.antenna_short,
            open_detection: self.antenna_open,
            power_down: self.antenna_power_down,
            recovery: self.antenna_recovery,
        };
        let systems = self.constellations.iter().copied().reduce(|all, one| all | one);
        let accuracy = self.position_accuracy;
        let mode = match (self.position_llh, self.survey_in) {
            (Some(position), _) => Some(TimeMode::Fixed { position, accuracy }),
            (None, Some(min_duration)) => Some(TimeMode::SurveyIn {
                min_duration,
                limit: accuracy,
            }),
            (None, None) => self.time_mode_off.then_some(TimeMode::Off),
        };
        let mut commands = Vec::new();
        // First of all, so that its antenna has time to show itself.
        commands.extend(Some(Command::Antenna(antenna)).filter(|_| antenna != Antenna::default()));
        commands.extend(systems.map(Command::Constellations));
        commands.extend(self.cable_delay.map(Command::CableDelay));
        commands.extend(mode.map(Command::TimeMode));
        let rates = self.rate.iter().flatten();
        commands.extend(rates.map(|(output, rate)| Command::Rate {
            output: *output,
            rate: *rate,
        }));
        commands.extend(self.key.iter().cloned());
        commands.extend(self.raw.iter().cloned().map(Command::Raw));
        let layers = if self.save { Layers::all() } else { Layers::RAM };
        Plan {
            commands,
            layers,
            save_position: false,
            watch: None,
        }
    }
}

/// A way to a receiver.
trait Line {
    /// What came since; 0: nothing yet.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&mut self, frame: &[u8]) -> io::Result<()>;
    fn now(&mut self) -> Time<Mono>;
}

/// A source that is open for writing.
struct Open {
    source: Source,
    writer: File,
    begun: Instant,
}

impl Line for Open {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.source.read(buffer) {
            Ok(count) => Ok(count),
            Err(ReadError::WouldBlock) => {
                sleep(LOOK);
                Ok(0)
            }
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn write(&mut self, mut frame: &[u8]) -> io::Result<()> {
        let begun = Instant::now();
        while !frame.is_empty() {
            match self.writer.write(frame) {
                Ok(written) => frame = frame.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && begun.elapsed() < STUCK => sleep(LOOK),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn now(&mut self) -> Time<Mono> {
        let passed = i64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(i64::MAX);
        Time::ZERO + Nanos(passed)
    }
}

/// Runs the command; true if the receiver is, or would be, as wanted.
pub fn run(options: &Options, out: &mut impl Write) -> Result<bool, Box<dyn std::error::Error>> {
    let spec: Spec = options.source.parse()?;
    let mut source = Source::new(spec, false)?;
    source.set_writable();
    source.reopen()?;
    let writer = source.writer().ok_or("nothing can be written to such a source")?;
    let mut line = Open {
        source,
        writer: File::from(writer),
        begun: Instant::now(),
    };
    Ok(talk(options.plan(), options.apply, &mut line, out)?)
}

/// What was told and held back so far.
#[derive(Default)]
struct Minutes {
    /// Frames that the present command would have sent.
    held: Vec<Vec<u8>>,
    lines: Vec<String>,
    changes: usize,
    ended: Option<bool>,
}

impl Minutes {
    fn note(&mut self, report: Report<'_>) {
        let line = match report {
            Report::Version(version) => format!("receiver: {version}"),
            Report::Silent => {
                self.ended = Some(false);
                "the receiver does not say its version (MON-VER): it is none of u-blox, or nothing can be written to it"
                    .to_owned()
            }
            Report::Command { command, outcome } => {
                self.changes += self.held.len();
                let held = self
                    .held
                    .drain(..)
                    .map(|frame| format!("{command}: would send {}", hex(&frame)));
                let held: Vec<_> = held.collect();
                if held.is_empty() {
                    format!("{command}: {outcome}")
                } else {
                    held.join("\n")
                }
            }
            Report::Finished(tally) => {
                self.ended = Some(tally.is_clean());
                return;
            }
            _ => return, // what follows later, of a survey-in for instance, is nobody's here
        };
        self.lines.push(line);
    }
}

fn talk(plan: Plan, apply: bool, line: &mut impl Line, out: &mut impl Write) -> io::Result<bool> {
    let (mut setup, mut demux, mut minutes) = (SetUp::new(plan), Demux::new(), Minutes::default());
    let mut buffer = [0; 4_096];
    setup.link_up(line.now());
    loop {
        while let Some(frame) = setup.take() {
            if apply || setup.is_asking() {
                line.write(&frame)?;
                continue;
            }
            let now = line.now();
            let acknowledged = [frame.get(2), frame.get(3)].map(|byte| byte.copied().unwrap_or_default());
            minutes.held.push(frame);
            let (class, id, payload) = (0x05, 0x01, acknowledged.as_slice());
            setup.hear(UbxFrame { class, id, payload }, now, |report| minutes.note(report));
        }
        for said in minutes.lines.drain(..) {
            writeln!(out, "{said}")?;
        }
        out.flush()?;
        if let Some(clean) = minutes.ended {
            if !apply && clean {
                writeln!(
                    out,
                    "dry run: nothing was changed; {} frames are sent with --apply",
                    minutes.changes
                )?;
            }
            return Ok(clean);
        }
        let count = line.read(&mut buffer)?;
        let now = line.now();
        demux.feed(buffer.get(..count).unwrap_or_default(), |frame| {
            if let Frame::Ubx(message) = frame {
                setup.hear(message, now, |report| minutes.note(report));
            }
        });
        setup.tick(now, |report| minutes.note(report));
    }
}

fn hex(frame: &[u8]) -> String {
    let bytes: Vec<_> = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests: stop where it breaks
mod tests {
    use super::*;
    use clap::Parser;
    use std::collections::VecDeque;
    use tgm_gnss::setup::encode::ubx;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn plan(options: &[&str]) -> Plan {
        let words = ["setup", "dev:/dev/gnss0"].iter().chain(options);
        Cli::try_parse_from(words).unwrap().options.plan()
    }

    /// A receiver that says which protocol it is of and has one setting of generation 8, and a clock that moves at each look.
    struct Model {
        protocol: Option<&'static str>,
        accepts: bool,
        heard: Vec<Vec<u8>>,
        says: VecDeque<Vec<u8>>,
        looks: i64,
    }

    impl Model {
        fn of(protocol: &'static str) -> Self {
            Model {
                protocol: Some(protocol),
                accepts: true,
                heard: vec![],
                says: VecDeque::new(),
                looks: 0,
            }
        }

        /// Classes and ids of what it heard.
        fn subjects(&self) -> Vec<[u8; 2]> {
            self.heard.iter().map(|frame| [frame[2], frame[3]]).collect()
        }
    }

    impl Line for Model {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(said) = self.says.pop_front() else {
                return Ok(0);
            };
            buffer[..said.len()].copy_from_slice(&said);
            Ok(said.len())
        }

        fn write(&mut self, frame: &[u8]) -> io::Result<()> {
            self.heard.push(frame.to_vec());
            let Some(protocol) = self.protocol else { return Ok(()) };
            let ack = ubx(5, u8::from(self.accepts), &frame[2..4]);
            match (frame[2], frame[3], frame.len()) {
                (0x0a, 4, _) => {
                    let mut told = vec![0; 40 + 30];
                    told[40..40 + protocol.len()].copy_from_slice(protocol.as_bytes());
                    self.says.push_back(ubx(0x0a, 4, &told));
                }
                (6, 0x31, 8) => self.says.extend([ubx(6, 0x31, &[0; 32]), ack]), // asked
                _ => self.says.push_back(ack),
            }
            Ok(())
        }

        fn now(&mut self) -> Time<Mono> {
            self.looks += 1;
            Time::ZERO + Nanos::from_millis(100 * self.looks)
        }
    }

    fn told(options: &[&str], apply: bool, model: &mut Model) -> (bool, String) {
        let mut out = vec![];
        let good = talk(plan(options), apply, model, &mut out).unwrap();
        (good, String::from_utf8(out).unwrap())
    }

    const DELAY: [&str; 4] = ["--cable-delay", "-50", "--raw", "06 01 01 07 01"];

    #[test]
    fn a_dry_run_asks_who_it_is_and_shows_what_it_would_send() {
        let mut model = Model::of("PROTVER=29.20");
        let (good, said) = told(&DELAY, false, &mut model);
        assert!(good, "{said}");
        assert_eq!(model.subjects(), [[0x0a, 4]], "{said}");
        assert!(said.contains("29.20"), "{said}");
        let (first, rest) = said
            .split_once("antenna cable delay -50 ns: would send b5 62 06 8a")
            .unwrap();
        assert!(first.starts_with("receiver: "), "{said}");
        assert!(rest.contains("would send b5 62 06 01 03 00 01 07 01"), "{said}");
        assert!(
            rest.ends_with("dry run: nothing was changed; 2 frames are sent with --apply\n"),
            "{said}"
        );
    }

    #[test]
    fn what_is_read_before_it_is_changed_is_read_in_a_dry_run_too_and_only_read() {
        let mut model = Model::of("PROTVER=22.00");
        let (good, said) = told(&["--cable-delay", "50"], false, &mut model);
        assert!(
            good && said.contains("50 ns: would send b5 62 06 31 20 00 00 00 00 00 32 00"),
            "{said}"
        );
        assert_eq!(model.subjects(), [[0x0a, 4], [6, 0x31]]);
        assert_eq!(model.heard[1].len(), 8, "no more than a question");
        let (_, said) = told(&["--cable-delay", "0"], false, &mut Model::of("PROTVER=22.00"));
        assert!(said.contains("already so") && said.contains("0 frames"), "{said}");
    }

    #[test]
    fn applied_each_command_is_acknowledged_or_reported() {
        let mut model = Model::of("PROTVER=29.20");
        let (good, said) = told(&DELAY, true, &mut model);
        assert!(good && said.matches(": acknowledged").count() == 2, "{said}");
        assert_eq!(model.subjects(), [[0x0a, 4], [6, 0x8a], [6, 1]]);
        model.accepts = false;
        let (good, said) = told(&DELAY, true, &mut model);
        assert!(!good && said.matches(": refused").count() == 2, "{said}");
        let (good, said) = told(&["--key", "0x10050001=1"], true, &mut Model::of("PROTVER=22.00"));
        assert!(!good && said.contains("not possible on this receiver"), "{said}");
    }

    #[test]
    fn nothing_is_sent_to_what_does_not_say_who_it_is() {
        let mut model = Model::of("");
        model.protocol = None;
        let (good, said) = told(&DELAY, true, &mut model);
        assert!(!good && said.contains("does not say its version"), "{said}");
        assert_eq!(model.subjects(), [[0x0a, 4]; 3]);
    }

    #[test]
    fn only_what_is_named_is_wanted() {
        assert_eq!(plan(&[]).commands, []);
        assert_eq!(plan(&[]).layers, Layers::RAM);
        let all = plan(&[
            "--constellations=gps,galileo",
            "--position-llh=-33.5,151.25,40",
            "--position-accuracy=0.02",
            "--antenna-supply=true",
            "--rate=tgmd",
            "--rate=NMEA-GSV=0",
            "--key=0x10050001=-1",
            "--save",
        ]);
        assert_eq!(all.layers, Layers::all());
        let systems = Constellations::GPS | Constellations::GALILEO;
        assert!(all.commands.contains(&Command::Constellations(systems)));
        let fixed = TimeMode::Fixed {
            position: Position::geodetic(-33.5, 151.25, 40.0).unwrap(),
            accuracy: 200,
        };
        assert!(all.commands.contains(&Command::TimeMode(fixed)));
        let key = Command::Key {
            key: 0x1005_0001,
            value: u64::MAX,
        };
        assert!(all.commands.contains(&key));
        assert_eq!(all.commands.len(), 3 + Plan::rates().len() + 2);
        for bad in [
            "--constellations=GPS",
            "--position-llh=91,0,0",
            "--position-llh=1,2",
            "--position-accuracy=0",
            "--rate=NAV-NONE=1",
            "--rate=NAV-PVT=300",
            "--key=1=1",
            "--key=0x10050001=x",
            "--raw=06",
        ] {
            assert!(Cli::try_parse_from(["setup", "dev:/dev/gnss0", bad]).is_err(), "{bad}");
        }
    }
}
