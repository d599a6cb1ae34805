//! tgmd runs ts2phc and ptp4l: each is killed once, and kept dead for 3 s and for 30 s; what is on the wire and what is told meanwhile.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tgm_hwtest::card::Card;
use tgm_hwtest::http;
use tgm_hwtest::program::Program;
use tgm_hwtest::report::Report;
use tgm_hwtest::scrape;
use tgm_hwtest::wire::{Heard, Said, Wire};

use crate::announcing::FAR_END;
use crate::node::{FAST_CARD, INTERFACE, LOCK, file, folder, metrics};

/// Longest wait for what is done at once: this machine is emulated.
const SOON: Duration = Duration::from_secs(10);
/// Beyond the longest wait between two starts of a program that does not stay.
const BACK: Duration = Duration::from_secs(20);
/// A downtime that leaves no trace, and one that does: the threshold is 5 s.
const SHORT: Duration = Duration::from_secs(3);
const LONG: Duration = Duration::from_secs(30);
/// A servo that has settled: so many seconds in a row so close, in ns, within so long.
const CALM: usize = 10;
const CLOSE_NS: f64 = 5.0;
const SETTLED: Duration = Duration::from_secs(180);

/// linuxptp's programs, which end at once while a file named after them is there. It starts nothing itself: this machine is emulated.
const GATE: &str = "program=$1\nshift\n[ \"$1\" = -v ] || ! [ -e \"FOLDER/no-$program\" ] || { echo \"kept dead\"; exit 9; }\nexec \"$program\" \"$@\"\n";

const FREE_RUN: Said = Said {
    class: 248,
    accuracy: 0xfe,
    variance: 0xffff,
    flags: 0x0c,
    utc_offset: 37,
    time_source: 0xa0,
};
const LOCKED: Said = Said {
    class: 6,
    accuracy: 0x21,
    variance: 0x4e5d,
    flags: 0x3c,
    utc_offset: 37,
    time_source: 0x20,
};
const HOLDOVER: Said = Said {
    class: 7,
    accuracy: 0xfe,
    variance: 0xffff,
    flags: 0x3c,
    utc_offset: 37,
    time_source: 0xa0,
};

/// A program that was killed.
#[derive(Clone, Copy)]
struct Killed {
    pid: i32,
    at: Instant,
    /// How much had been told until then.
    told: usize,
}

/// Everything that runs.
struct Managed {
    card: Card,
    wire: Wire,
    tgmd: Program,
    folder: PathBuf,
}

/// Runs it.
pub fn run(tgmd: &Path, report: &mut Report) -> Result<(), String> {
    let begun = Instant::now();
    let mut node = Managed::start(tgmd)?;
    node.said(report, "cold start: all of class 6", begun, LOCKED, LOCK);
    let before = node.wire.since(begun).into_iter().take_while(|one| one.class != 6);
    let said: Vec<Said> = distinct(before);
    // What ptp4l's file says of the offset is not known to be true; all else is Free-Run's from the first message on.
    let is_safe =
        |said: &Said| (said.class, said.accuracy, said.variance, said.time_source) == (248, 0xfe, 0xffff, 0xa0);
    report.check("before it nothing but Free-Run", said.iter().all(is_safe), || {
        format!("{said:?}")
    });

    let told = node.events(0).len();
    let off = Instant::now();
    node.card.control("gnss antenna off")?;
    node.said(report, "antenna off: all of class 7", off, HOLDOVER, SOON);
    node.sequence(report, "class 6, then 7, nothing else", off, &[LOCKED, HOLDOVER]);
    node.at_once(report, "within an interval of the event", off, told, 7);
    let told = node.events(0).len();
    let on = Instant::now();
    node.card.control("gnss antenna on")?;
    node.said(report, "antenna on: all of class 6", on, LOCKED, LOCK);
    node.sequence(report, "class 7, then 6, nothing else", on, &[HOLDOVER, LOCKED]);
    node.at_once(report, "within an interval of the event", on, told, 6);

    node.ptp4l(report)?;
    node.ts2phc(report)?;

    let ended = Instant::now();
    node.tgmd.stop();
    report.equal(
        "an orderly end: the last thing said is all of class 248",
        &node.wire.since(ended).last().map(|one| one.said),
        &Some(FREE_RUN),
    );
    Ok(())
}

impl Managed {
    fn start(binary: &Path) -> Result<Self, String> {
        let folder = folder()?;
        for interface in [INTERFACE, FAR_END] {
            let up = Command::new("ip").args(["link", "set", interface, "up"]).status();
            if !up.is_ok_and(|status| status.success()) {
                return Err(format!("{interface} does not come up"));
            }
        }
        let card = Card::first()?;
        card.control(FAST_CARD)?;
        let gate = file(&folder, "gate", &GATE.replace("FOLDER", &folder.display().to_string()))?;
        let text = format!(
            "[leap]\nutc_offset_s = 37\n[[instance]]\n[instance.ptp4l]\nannounce = \"own\"\nsocket = \"{socket}\"\n\
             [instance.process.ts2phc]\nrun = \"manage\"\ncommand = [\"sh\", \"{gate}\", \"ts2phc\"]\narguments = [\"-s\", \"generic\"]\n\
             [instance.process.ts2phc.options]\nglobal = {{ verbose = 1, \"ts2phc.pulsewidth\" = 100000000 }}\n\
             \"/dev/ptp0\" = {{ \"ts2phc.extts_polarity\" = \"rising\", \"ts2phc.pin_index\" = 0, \"ts2phc.channel\" = 0 }}\n\
             [instance.process.ptp4l]\nrun = \"manage\"\ncommand = [\"sh\", \"{gate}\", \"ptp4l\"]\n\
             options.global = {{ uds_ro_address = \"{socket}ro\" }}\noptions.{INTERFACE} = {{}}\n\
             [[instance.card]]\ninterface = \"{INTERFACE}\"\n",
            socket = folder.join("ptp4l").display(),
            gate = gate.display(),
        );
        let config = file(&folder, "tgmd.toml", &text)?;
        let wire = Wire::listen(FAR_END)?;
        let mut command = Command::new(binary);
        command.env("NODE_NAME", "node1").arg("--config").arg(config);
        command.arg("--run-dir").arg(folder.join("run"));
        let tgmd = Program::start("tgmd", &folder, command)?;
        Ok(Managed {
            card,
            wire,
            tgmd,
            folder,
        })
    }

    /// Waits until exactly this is announced.
    fn said(&self, report: &mut Report, what: &str, then: Instant, wants: Said, patience: Duration) {
        let until = Instant::now() + patience;
        let last = || self.wire.since(then).last().map(|one| one.said);
        while last() != Some(wants) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let after = self.wire.since(then).into_iter().find(|one| one.said == wants);
        println!("  {what} after {:?}", after.map(|one| one.at - then));
        report.check(what, last() == Some(wants), || {
            format!("{:?}\n{}", distinct(self.wire.since(then)), self.tails())
        });
    }

    /// What was announced since `then`, each change once: a setting is on the wire whole or not at all. The first may have come before.
    fn sequence(&self, report: &mut Report, what: &str, then: Instant, wants: &[Said]) {
        let seen = distinct(self.wire.since(then));
        report.check(what, !seen.is_empty() && wants.ends_with(&seen), || {
            format!("{seen:?}, expected {wants:?}")
        });
    }

    /// Within one interval of the event with the new class: at most one Announce message after it says otherwise, and another where this
    /// machine, emulated beside others, lets tgmd wait for longer than an interval.
    fn at_once(&self, report: &mut Report, what: &str, then: Instant, told: usize, class: u8) {
        let is_it =
            |event: &String| event.contains("kind=\"clock-class\"") && event.contains(&format!("new=\"{class}\""));
        self.told(told, is_it);
        let moment = self
            .events(told)
            .iter()
            .find(|event| is_it(event))
            .and_then(|event| of_day(event));
        let Some(moment) = moment else {
            report.check(what, false, || format!("not told: {:?}", self.events(told)));
            return;
        };
        let heard = self.wire.since(then);
        let old = heard.iter().take_while(|one| one.class != class);
        let late = old.filter(|one| one.of_day > moment).count();
        let new = heard
            .iter()
            .find(|one| one.class == class)
            .map(|one| one.of_day - moment);
        println!("  {what}: {late} of the old after the event, the new one {new:?} s after it");
        report.check(what, late <= 2, || format!("{late}"));
    }

    fn ptp4l(&mut self, report: &mut Report) -> Result<(), String> {
        let killed = self.kill("ptp4l")?;
        self.comes_back(report, "ptp4l killed once", "ptp4l", killed, SOON);
        self.returns(report, "ptp4l killed once", killed);
        self.untold(report, "ptp4l killed once", killed.told);

        let (killed, ()) = self.keep_dead("ptp4l", SHORT, |_| Ok(()))?;
        self.comes_back(report, "ptp4l dead for 3 s", "ptp4l", killed, BACK);
        self.returns(report, "ptp4l dead for 3 s", killed);
        self.untold(report, "ptp4l dead for 3 s", killed.told);

        let look = |killed: &Killed| Ok((self.events(killed.told), status("ptp4l")?));
        let (killed, (events, up)) = self.keep_dead("ptp4l", LONG, look)?;
        let class = events.iter().filter(|event| event.contains("kind=\"clock-class\""));
        let class: Vec<_> = class.collect();
        report.check(
            "ptp4l dead for 30 s: class 248 is told, once, and why",
            matches!(&class[..], [event] if event.contains("new=\"248\"") && event.contains("process-down")),
            || format!("{events:?}"),
        );
        let lock = events.iter().any(|event| event.contains("kind=\"lock-state\""));
        report.check("and the node is as LOCKED as before", !lock, || format!("{events:?}"));
        report.equal("process_status says so", &up, &Some(0.0));
        self.comes_back(report, "ptp4l dead for 30 s", "ptp4l", killed, BACK);
        self.returns(report, "ptp4l dead for 30 s", killed);
        let again = self.told(killed.told, |event| {
            event.contains("kind=\"clock-class\"") && event.contains("new=\"6\"")
        });
        report.check("and class 6 is told again", again, || {
            format!("{:?}", self.events(killed.told))
        });
        Ok(())
    }

    fn ts2phc(&mut self, report: &mut Report) -> Result<(), String> {
        let (killed, ()) = self.keep_dead("ts2phc", SHORT, |_| Ok(()))?;
        self.comes_back(report, "ts2phc dead for 3 s", "ts2phc", killed, BACK);
        self.sequence(
            report,
            "ts2phc dead for 3 s: all of class 6 throughout",
            killed.at,
            &[LOCKED],
        );
        self.untold(report, "ts2phc dead for 3 s", killed.told);

        // Beyond its threshold our own measurement of the PHC goes on: an alarm, and the state as it was.
        self.settles()?;
        let look = |killed: &Killed| Ok((self.events(killed.told), status("ts2phc")?));
        let (killed, (events, up)) = self.keep_dead("ts2phc", LONG, look)?;
        let alarm = events.iter().any(|event| event.contains("kind=\"processes-down\""));
        report.check("ts2phc dead for 30 s: an alarm", alarm, || format!("{events:?}"));
        report.equal("process_status says so", &up, &Some(0.0));
        self.comes_back(report, "ts2phc dead for 30 s", "ts2phc", killed, BACK);
        std::thread::sleep(SHORT);
        self.sequence(
            report,
            "ts2phc dead for 30 s: all of class 6 throughout",
            killed.at,
            &[LOCKED],
        );
        let state = |event: &&String| {
            ["clock-class", "lock-state"]
                .iter()
                .any(|kind| event.contains(&format!("kind=\"{kind}\"")))
        };
        let states = self.events(killed.told);
        report.equal(
            "and nothing told of state or class",
            &states.iter().filter(state).count(),
            &0,
        );
        Ok(())
    }

    /// A servo that has just begun still turns the clock's rate, and killed then it leaves a clock that runs away within seconds: waits
    /// until the PHC has stayed close to the pulse for a while.
    fn settles(&self) -> Result<(), String> {
        let until = Instant::now() + SETTLED;
        let mut calm: Vec<f64> = Vec::new();
        while calm.len() < CALM {
            if Instant::now() > until {
                return Err(format!("ts2phc does not settle: {}", self.tails()));
            }
            std::thread::sleep(Duration::from_secs(1));
            let offset = scrape::value(&metrics()?, "openshift_ptp_offset_ns", &[("process", "ts2phc")]);
            match offset {
                Some(offset) if offset.abs() <= CLOSE_NS => calm.push(offset),
                _ => calm.clear(),
            }
        }
        println!("  ts2phc has settled: {calm:?} ns");
        Ok(())
    }

    /// Kills a program of tgmd's.
    fn kill(&self, program: &str) -> Result<Killed, String> {
        let pid = running(program)?.ok_or_else(|| format!("{program} does not run"))?;
        let told = self.events(0).len();
        kill(Pid::from_raw(pid), Signal::SIGKILL).map_err(|errno| format!("{program}: {errno}"))?;
        Ok(Killed {
            pid,
            at: Instant::now(),
            told,
        })
    }

    /// Kills it, and lets none live for `time` and until `look` has seen what that is like.
    fn keep_dead<T>(
        &self,
        program: &str,
        time: Duration,
        look: impl FnOnce(&Killed) -> Result<T, String>,
    ) -> Result<(Killed, T), String> {
        let gate = file(&self.folder, &format!("no-{program}"), "")?;
        let killed = self.kill(program)?;
        std::thread::sleep(time);
        let seen = look(&killed);
        std::fs::remove_file(&gate).map_err(|error| format!("{}: {error}", gate.display()))?;
        Ok((killed, seen?))
    }

    /// Another one runs, and is told to: that one is told to run is not enough, as the killed one is until its end is seen.
    fn comes_back(&self, report: &mut Report, when: &str, program: &str, killed: Killed, patience: Duration) {
        let until = Instant::now() + patience;
        let another = || running(program).is_ok_and(|pid| pid.is_some_and(|pid| pid != killed.pid));
        let is_up = || another() && status(program).is_ok_and(|status| status == Some(1.0));
        let mut up = is_up();
        while !up && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
            up = is_up();
        }
        println!("  {when}: it runs again {:?} after", killed.at.elapsed());
        report.check(&format!("{when}: it runs again"), up, || self.tails());
    }

    /// A new ptp4l's first Announce messages: the right ones within 50 ms and an interval of the first, whatever that says; so at most
    /// one says otherwise, and that says Free-Run.
    fn returns(&self, report: &mut Report, when: &str, killed: Killed) {
        let killed = killed.at;
        self.said(report, &format!("{when}: all of class 6 again"), killed, LOCKED, BACK);
        let mut heard = self.wire.since(killed).into_iter().peekable();
        // What was on its way when the old one was killed.
        let mut last: Option<Heard> = None;
        while let Some(one) =
            heard.next_if(|one| one.at - last.map_or(killed, |last| last.at) < Duration::from_millis(200))
        {
            last = Some(one);
        }
        let new: Vec<Heard> = heard.collect();
        let wrong: Vec<&Heard> = new.iter().take_while(|one| one.said != LOCKED).collect();
        let first = new.first().map(|one| one.at);
        let right = new.iter().find(|one| one.said == LOCKED).map(|one| one.at);
        println!(
            "  {when}: first Announce after {:?}, the right one {:?} later, {} before it",
            first.map(|first| first - killed),
            first.zip(right).map(|(first, right)| right - first),
            wrong.len()
        );
        report.check(
            &format!("{when}: the right Announce is the first, or after one of Free-Run"),
            right.is_some() && wrong.len() <= 1 && wrong.iter().all(|one| one.class == 248),
            || format!("{wrong:?}"),
        );
        let other = new.iter().skip(wrong.len()).find(|one| one.said != LOCKED);
        report.equal(&format!("{when}: and nothing else after it"), &other, &None::<&Heard>);
    }

    /// Nothing was told of state, class or processes.
    fn untold(&self, report: &mut Report, when: &str, told: usize) {
        let kinds = ["lock-state", "clock-class", "sync-state", "processes-down"];
        let events = self.events(told).into_iter();
        let some: Vec<String> = events
            .filter(|event| kinds.iter().any(|kind| event.contains(&format!("kind=\"{kind}\""))))
            .collect();
        report.equal(&format!("{when}: no event"), &some, &Vec::<String>::new());
    }

    fn told(&self, from: usize, is: impl Fn(&String) -> bool) -> bool {
        let until = Instant::now() + SOON;
        while !self.events(from).iter().any(&is) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.events(from).iter().any(is)
    }

    /// What was told after the first `from`, a line an event.
    fn events(&self, from: usize) -> Vec<String> {
        let log = self.tgmd.log();
        let events = log.lines().filter(|line| line.contains(" event seq="));
        events.skip(from).map(str::to_owned).collect()
    }

    fn tails(&self) -> String {
        [self.tgmd.tail(40), self.card.state()].join("\n")
    }
}

fn distinct(heard: impl IntoIterator<Item = Heard>) -> Vec<Said> {
    let mut said: Vec<Said> = heard.into_iter().map(|one| one.said).collect();
    said.dedup();
    said
}

/// Seconds of the day in a line of the log: `2026-11-28T02:22:29.573565Z`.
fn of_day(line: &str) -> Option<f64> {
    let (time, _) = line.split_once('T')?.1.split_once('Z')?;
    let mut parts = time.split(':').map(|part| part.parse::<f64>().ok());
    Some(parts.next()?? * 3_600.0 + parts.next()?? * 60.0 + parts.next()??)
}

/// What `/status` says of a program.
fn process(program: &str) -> Result<Value, String> {
    let answer = http::get(SocketAddr::from(([127, 0, 0, 1], 9091)), "/status")?;
    let told: Value = serde_json::from_str(&answer.body).map_err(|error| format!("/status: {error}"))?;
    let pointer = format!("/instances/0/processes/{program}");
    told.pointer(&pointer)
        .cloned()
        .ok_or_else(|| format!("/status has no {pointer}"))
}

/// The process id of a program that runs.
fn running(program: &str) -> Result<Option<i32>, String> {
    let told = process(program)?;
    let pid = told.get("pid").and_then(Value::as_i64);
    Ok(pid.and_then(|pid| i32::try_from(pid).ok()))
}

/// `openshift_ptp_process_status` of a program.
fn status(program: &str) -> Result<Option<f64>, String> {
    Ok(scrape::value(
        &metrics()?,
        "openshift_ptp_process_status",
        &[("process", program)],
    ))
}
