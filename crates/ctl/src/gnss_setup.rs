//! `tgmctl gnss setup`: sets a receiver up, or shows what setting it up would send.
//!
//! Without `--apply` the receiver is only asked: who it is, and, where a setting is read before it is changed, what it has. The frames
//! that would change something are shown instead of sent, and taken as acknowledged, so that what follows them is shown too.

mod options;

use std::fs::File;
use std::io::{self, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tgm_gnss::setup::{Plan, Report, SetUp};
use tgm_gnss::ubx::UbxFrame;
use tgm_gnss::{Demux, Frame, ReadError, Source, Spec};
use tgm_time::{Mono, Nanos, Time};

pub use options::Options;

/// How long nothing is done between two looks at the receiver.
const LOOK: Duration = Duration::from_millis(5);
/// A receiver that takes no byte for so long takes none.
const STUCK: Duration = Duration::from_secs(5);

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
}
