//! What stands in the file. docs/tgmd.toml shows every key with its default; a test keeps the two together.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de};

use super::doors::Doors;
use super::follow::Follow;
use super::holdover::Holdover;
use super::openshift;
use super::out::Out;
use super::pins::Pin;
use super::process::Processes;
use super::receiver::{GnssFanout, GnssSetup};
use super::synce::Synce;
use super::witness::Witness;
use crate::exit::Fatal;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name of this node in resource addresses and metrics.
    pub node_name: Option<String>,
    /// Folder of the socket between node and publisher.
    pub run_dir: Option<PathBuf>,
    /// HTTP and store.
    pub publisher: Publisher,
    /// Who may come in, and where events may go.
    pub doors: Doors,
    /// Logs.
    pub log: Log,
    /// UTC offset while no receiver tells it.
    pub leap: Leap,
    /// What tgmd may change on hardware.
    pub control: Control,
    /// What outlives a node process.
    pub continuity: Continuity,
    /// What is learned of the oscillators.
    pub holdover: Holdover,
    /// Where another daemon's lines come from.
    pub lines: Lines,
    /// Who is told besides subscribers.
    pub out: Out,
    /// One per ptp4l/ts2phc configuration.
    #[serde(rename = "instance")]
    pub instances: Vec<Instance>,
}

/// HTTP and store.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Publisher {
    /// Address of the notification API.
    pub listen: SocketAddr,
    /// Address of the metrics.
    pub metrics_listen: SocketAddr,
    /// Folder that keeps subscriptions.
    pub store: Option<PathBuf>,
    /// Whose habits the notification API keeps.
    pub compat: CompatName,
    /// User and group to become if tgmd is started as root.
    pub uid: u32,
    /// See `uid`.
    pub gid: u32,
    /// Seconds without a node after which the publisher gives up.
    pub orphan_timeout_s: u64,
}

impl Default for Publisher {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Publisher {
            listen: loopback(9043),
            metrics_listen: loopback(9091),
            store: None,
            compat: CompatName::default(),
            uid: 65_534,
            gid: 65_534,
            orphan_timeout_s: 600,
        }
    }
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// One JSON object per line instead of text.
    pub json: bool,
}

/// UTC offset while no receiver tells it.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Leap {
    /// An IERS leap-seconds.list.
    pub file: Option<PathBuf>,
    /// TAI − UTC in seconds, where no file is to be trusted.
    pub utc_offset_s: Option<i64>,
}

/// What tgmd may change on hardware. Nothing, unless it says so here.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Control {
    /// Ask the PHC for external timestamps (PTP_EXTTS_REQUEST). Otherwise ts2phc must do it; tgmd only listens.
    pub extts: bool,
    /// Hold pins as their cards' `pin` tables say, and detach a GNSS input whose pulse is not trusted. Otherwise no pin is set.
    pub dpll: bool,
    /// Set receivers up as their cards' `gnss_setup` says. Otherwise nothing is sent to a receiver.
    pub gnss: bool,
}

/// What an orderly end does about what is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// Free-Run is announced for two intervals.
    #[default]
    AnnounceFreerun,
    /// It is left as it is: the guardians have it, and the next node may adopt it.
    Leave,
}

/// What outlives a node process.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Continuity {
    /// Seconds within which another node may take up what one left.
    pub adopt_max_age_s: i64,
    /// What an orderly end does.
    pub stop: Stop,
}

impl Default for Continuity {
    fn default() -> Self {
        Continuity {
            adopt_max_age_s: 10,
            stop: Stop::default(),
        }
    }
}

/// Where another daemon's lines come from, for instances that it decides.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lines {
    /// The socket that its processes connect to; empty: none is listened on.
    pub socket: PathBuf,
    /// `host:port` where it is asked to tell everything again; empty: it is not asked.
    pub daemon: String,
    /// The socket that a newer daemon sends typed messages to, one JSON object per line; empty: none is listened on.
    pub messages: PathBuf,
    /// The daemon's list of the node's profiles, for their thresholds; empty: the instances' hold.
    pub profiles: PathBuf,
    /// The folder of the configurations that it has written, which name their profiles.
    pub configs: PathBuf,
    /// Files and units that are followed besides.
    pub follow: Vec<Follow>,
    /// journalctl, and what goes before tgmd's own arguments.
    pub journalctl: Vec<String>,
}

impl Default for Lines {
    fn default() -> Self {
        Lines {
            socket: "/cloud-native/events.sock".into(),
            daemon: "localhost:8081".into(),
            messages: PathBuf::new(),
            profiles: PathBuf::new(),
            configs: "/var/run".into(),
            follow: Vec::new(),
            journalctl: vec!["journalctl".to_owned()],
        }
    }
}

impl Lines {
    /// Lines are to be read though no instance is said to be another daemon's: their configurations become instances.
    pub fn are_asked_for(&self) -> bool {
        *self != Lines::default()
    }
}

/// Who decides about an instance's clock. Never guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Authority {
    /// tgmd.
    #[default]
    Native,
    /// Another daemon; its lines tell.
    Relay,
}

/// Clock class after a holdover left its specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum OutOfSpecClass {
    /// None: the holdover ends in Free-Run.
    #[default]
    None,
    /// 140.
    #[serde(rename = "140")]
    Category1,
    /// 150.
    #[serde(rename = "150")]
    Category2,
    /// 160.
    #[serde(rename = "160")]
    Category3,
    /// By the quality of what the EEC is seen to follow.
    Auto,
}

/// What kind of clock it is (ITU-T G.8275).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
pub enum Role {
    /// A grandmaster: its time comes from a receiver.
    #[default]
    #[serde(rename = "t-gm")]
    Grandmaster,
    /// A boundary clock: its ptp4l follows another clock and passes its time on.
    #[serde(rename = "t-bc")]
    Boundary,
    /// A slave clock: its ptp4l follows another clock and passes nothing on.
    #[serde(rename = "t-tsc")]
    Slave,
}

/// Which classes are announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
pub enum ProfileName {
    /// 6, 7, 140/150/160, 248.
    #[default]
    #[serde(rename = "g8275.1")]
    G8275,
    /// 6, 7, 52, 248.
    #[serde(rename = "1588-default")]
    Default1588,
    /// 6, 7, 187, 248.
    #[serde(rename = "1588-default-may-follow")]
    Default1588MayFollow,
}

/// Whose rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum, Default)]
#[serde(rename_all = "lowercase")]
pub enum CompatName {
    /// Ours.
    #[default]
    None,
    /// Those of OpenShift's daemon.
    Openshift,
}

impl From<CompatName> for tgm_ocloud::Compat {
    fn from(name: CompatName) -> Self {
        match name {
            CompatName::None => tgm_ocloud::Compat::None,
            CompatName::Openshift => tgm_ocloud::Compat::Openshift,
        }
    }
}

/// What is done about what a ptp4l announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum AnnounceMode {
    /// tgmd sets it.
    Own,
    /// Somebody else sets it; tgmd asks, and a difference is an alarm.
    Verify,
    /// Nothing is asked or set.
    #[default]
    Off,
}

/// The ptp4l that announces what an instance decides.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ptp4l {
    /// What is done about it.
    pub announce: AnnounceMode,
    /// Its socket (`uds_address`, to verify `uds_ro_address` too).
    pub socket: Option<PathBuf>,
    /// Folder for tgmd's own address, which ptp4l answers to.
    pub folder: Option<PathBuf>,
    /// Its domainNumber.
    pub domain: u8,
    /// Its transportSpecific.
    pub transport_specific: u8,
    /// Its ports that are listened to.
    pub witness: Witness,
    /// How much longer than an Announce interval a port may send something else than is meant.
    pub witness_margin_ms: i64,
}

impl Default for Ptp4l {
    fn default() -> Self {
        Ptp4l {
            announce: AnnounceMode::Off,
            socket: None,
            folder: None,
            domain: 24,
            transport_specific: 0,
            witness: Witness::Auto,
            witness_margin_ms: 250,
        }
    }
}

/// How the system clock's limit is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Threshold {
    /// The same on both sides.
    #[default]
    Symmetric,
    /// Each side has its own.
    Range,
}

/// One ptp4l/ts2phc configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Instance {
    /// Its name in metrics (`config` label).
    pub name: String,
    /// What kind of clock it is.
    pub role: Role,
    /// Who decides.
    pub authority: Authority,
    /// Limit of |phase|, |PHC offset|, tAcc and their root sum of squares: 100 ns for PRTC-A, 40 ns for PRTC-B.
    pub offset_limit_ns: i64,
    /// Limit of the system clock's offset for LOCKED.
    pub os_clock_limit_ns: i64,
    /// Whether that limit holds on both sides.
    pub threshold: Threshold,
    /// With a range: the lowest offset.
    pub os_clock_min_ns: Option<i64>,
    /// Consecutive good samples before Locked.
    pub in_sync_condition_times: u16,
    /// Time that these samples span at least.
    pub in_sync_span_s: i64,
    /// Losses of lock within this time of each other double what the next lock needs.
    pub flapping_window_s: i64,
    /// Most good samples that they make it need.
    pub flapping_max_times: u16,
    /// In specification up to this offset.
    pub max_in_spec_offset_ns: i64,
    /// A holdover ends at this offset.
    pub local_max_holdover_offset_ns: i64,
    /// In specification for this long.
    pub local_holdover_timeout_s: i64,
    /// What follows In-Spec.
    pub out_of_spec_class: OutOfSpecClass,
    /// Class 140 is claimed although nobody sees the EEC follow a category 1 clock.
    pub out_of_spec_claim: bool,
    /// Which classes are announced.
    pub profile: ProfileName,
    /// Whose rules hold where an incumbent decides otherwise.
    pub compat: CompatName,
    /// A receiver whose pulse was detached must have been well for this long before it is attached again.
    pub gnss_trust_s: i64,
    /// A system clock without phc2sys holds over for this long (`holdOverTimeout`).
    pub os_clock_holdover_s: i64,
    /// Its ptp4l.
    pub ptp4l: Ptp4l,
    /// SyncE beside it.
    pub synce: Synce,
    /// The programs that it needs.
    pub process: Processes,
    /// The cards that are judged together, the leader first.
    #[serde(rename = "card")]
    pub cards: Vec<Card>,
}

impl Instance {
    /// From which to which offset the system clock is LOCKED, nanoseconds.
    pub fn os_clock_range_ns(&self) -> (i64, i64) {
        let most = self.os_clock_limit_ns;
        (self.os_clock_min_ns.unwrap_or(most.saturating_neg()), most)
    }
}

impl Default for Instance {
    fn default() -> Self {
        Instance {
            name: "ptp4l.0.config".into(),
            role: Role::default(),
            authority: Authority::Native,
            offset_limit_ns: 100,
            os_clock_limit_ns: 100,
            threshold: Threshold::default(),
            os_clock_min_ns: None,
            in_sync_condition_times: 10,
            in_sync_span_s: 10,
            flapping_window_s: 600,
            flapping_max_times: 300,
            max_in_spec_offset_ns: 1_500,
            local_max_holdover_offset_ns: 1_500,
            local_holdover_timeout_s: 14_400,
            out_of_spec_class: OutOfSpecClass::None,
            out_of_spec_claim: false,
            profile: ProfileName::default(),
            compat: CompatName::default(),
            gnss_trust_s: 60,
            os_clock_holdover_s: 5,
            ptp4l: Ptp4l::default(),
            synce: Synce::default(),
            process: Processes::default(),
            cards: Vec::new(),
        }
    }
}

/// A device that is found by the interface, named, or left alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Devices<T> {
    /// Found by the interface.
    #[default]
    Auto,
    /// Not watched.
    None,
    /// This one.
    This(T),
}

/// One timing card.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// An interface of the card, the name that events and metrics carry.
    pub interface: String,
    /// `auto`, `none`, or /dev/ptpN.
    #[serde(default, deserialize_with = "device")]
    pub phc: Devices<PathBuf>,
    /// `auto`, `none`, or a source: `dev:/dev/gnss0`, `tty:/dev/ttyS0@9600`, `pty:/path`, `file:/path`, `gpsd://host:port`.
    #[serde(default, deserialize_with = "device")]
    pub gnss: Devices<String>,
    /// tgmd owns the receiver: it opens /dev/gnssN even if it cannot tell whether somebody else reads it.
    #[serde(default)]
    pub gnss_own: bool,
    /// The receiver holds its position although its bytes do not say so: a 2D fix is good for time then.
    #[serde(default)]
    pub gnss_position_held: bool,
    /// How its receiver is set up, if `control.gnss` says so.
    #[serde(default)]
    pub gnss_setup: GnssSetup,
    /// Who else may read its receiver.
    #[serde(default)]
    pub gnss_fanout: GnssFanout,
    /// `auto`, `none`, or the clock id of its dpll devices as `0x…`.
    #[serde(default, deserialize_with = "device")]
    pub dpll: Devices<ClockId>,
    /// How its pins shall stand, if `control.dpll` says so.
    #[serde(default, rename = "pin")]
    pub pins: Vec<Pin>,
    /// External timestamp channel whose pulses are compared with the PHC's second.
    #[serde(default)]
    pub extts_channel: u32,
    /// The PHC is clocked by the card's DPLL (E810: yes).
    #[serde(default = "yes")]
    pub phc_on_dpll: bool,
    /// How uncertain the delay of antenna and cable is: a term of the time error's bound.
    #[serde(default)]
    pub cable_uncertainty_ns: u32,
    /// How asymmetric the ports may be: another.
    #[serde(default)]
    pub phy_asymmetry_ns: u32,
    /// Where the core is told the oscillator's frequency (by simulation and replay; no source reads it from a card yet): how far the pulse
    /// may be from it, parts per trillion; 0: not judged.
    #[serde(default)]
    pub frequency_walk_ppt: u32,
    /// What it does to its node while it is worse than the leader.
    #[serde(default)]
    pub on_fault: OnFaultName,
    /// The ptp4l that serves its ports and no others.
    #[serde(default)]
    pub ptp4l: Option<Ptp4l>,
}

/// What a follower that is worse than its leader does to its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum OnFaultName {
    /// The node is as bad as the follower.
    #[default]
    Node,
    /// The node is as good as the others; the follower's own ptp4l announces Free-Run.
    Isolate,
}

const fn yes() -> bool {
    true
}

/// Clock id of a board's dpll devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockId(pub u64);

impl std::str::FromStr for ClockId {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text
            .strip_prefix("0x")
            .ok_or("a clock id is written 0x…, as `dpll device show` prints it")?;
        u64::from_str_radix(digits, 16)
            .map(ClockId)
            .map_err(|_| "a clock id has at most 16 hexadecimal digits")
    }
}

fn device<'de, D: Deserializer<'de>, T: std::str::FromStr<Err: std::fmt::Display>>(
    from: D,
) -> Result<Devices<T>, D::Error> {
    match String::deserialize(from)?.as_str() {
        "auto" => Ok(Devices::Auto),
        "none" => Ok(Devices::None),
        named => named
            .parse()
            .map(Devices::This)
            .map_err(|error| de::Error::custom(format!("`{named}`: {error}"))),
    }
}

/// Reads and parses a file of either form; an error names file, line, column and what is allowed there. What is worth telling goes
/// to standard error: logs have not begun.
pub fn read(path: &Path) -> Result<Config, Fatal> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Fatal::Config(format!(
            "{}: {error}; give a readable file with --config",
            path.display()
        ))
    })?;
    if !openshift::is_ours(path, &text) {
        return parse(&text).map_err(|error| Fatal::Config(format!("{}: {error}", path.display())));
    }
    let node = node_name(None)?;
    let labels = std::env::var("NODE_LABELS").unwrap_or_default();
    let labels: Vec<&str> = labels
        .split(',')
        .map(str::trim)
        .filter(|label| !label.is_empty())
        .collect();
    let mut notes = Vec::new();
    let config = openshift::read(path, &text, &node, &labels, &mut notes)?;
    notes.iter().for_each(|note| eprintln!("{note}"));
    Ok(config)
}

/// This node's name: as configured, else `NODE_NAME`, else the host's.
pub fn node_name(configured: Option<String>) -> Result<String, Fatal> {
    let from_host = || nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let from_environment = || std::env::var("NODE_NAME").ok().filter(|name| !name.is_empty());
    let name = configured.or_else(from_environment).or_else(from_host);
    name.ok_or_else(|| Fatal::Config("this node has no name: set NODE_NAME or node_name".into()))
}

fn parse(text: &str) -> Result<Config, toml::de::Error> {
    toml::from_str(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(text).expect_err("accepted").to_string()
    }

    #[test]
    fn an_empty_file_is_all_defaults() {
        assert_eq!(parse("").unwrap(), Config::default());
    }

    #[test]
    fn the_documented_example_shows_every_default() {
        let example = include_str!("../../../../docs/tgmd.toml");
        let shown: Config = parse(example).unwrap();
        let (shown_instance, default) = (&shown.instances[0], Instance::default());
        assert_eq!(
            Instance {
                cards: vec![],
                ..shown_instance.clone()
            },
            default
        );
        assert_eq!(
            (
                shown.publisher,
                shown.doors,
                shown.log,
                shown.control,
                shown.continuity,
                shown.holdover,
                shown.lines
            ),
            (
                Publisher::default(),
                Doors::default(),
                Log::default(),
                Control::default(),
                Continuity::default(),
                Holdover::default(),
                Lines::default()
            )
        );
        let card = &shown_instance.cards[0];
        assert_eq!(
            (&card.phc, &card.gnss, &card.dpll),
            (&Devices::Auto, &Devices::Auto, &Devices::Auto)
        );
        let receiver = (&card.gnss_setup, &card.gnss_fanout);
        assert_eq!(receiver, (&GnssSetup::default(), &GnssFanout::default()));
        // Keys without a default stand there as comments; each must parse when it is uncommented.
        let uncommented: String = example
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n");
        let full = parse(&uncommented).unwrap();
        assert!(full.node_name.is_some() && full.run_dir.is_some() && full.publisher.store.is_some());
        let tls = &full.doors.tls;
        assert!(tls.certificate.is_some() && tls.key.is_some() && tls.client_ca.is_some());
        let delivery = &full.doors.delivery;
        assert!(delivery.ca.is_some() && delivery.certificate.is_some() && delivery.key.is_some());
        assert!(full.instances[0].ptp4l.socket.is_some() && full.instances[0].ptp4l.folder.is_some());
        assert!(full.instances[0].synce.socket.is_some());
        let ptp4l = &full.instances[0].process.ptp4l;
        assert!(ptp4l.config.is_some() && ptp4l.options.len() == 2);
        assert!(full.holdover.history.is_some());
        assert!(full.leap.file.is_some() && full.leap.utc_offset_s.is_some());
        let setup = &full.instances[0].cards[0].gnss_setup;
        assert!(full.instances[0].cards[0].pins[0].eec.state.is_some());
        assert!(setup.position_llh.is_some() && setup.antenna_supply.is_some() && !setup.keys.is_empty());
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_what_is_allowed() {
        let message = refused("[publisher]\nlisten = \"127.0.0.1:1\"\nlissten = \"x\"\n");
        assert!(message.contains("line 3"), "{message}");
        assert!(
            message.contains("lissten") && message.contains("`metrics_listen`"),
            "{message}"
        );
    }

    #[test]
    fn a_bad_value_is_refused_with_its_line() {
        for (text, hint) in [
            ("[publisher]\nlisten = \"nowhere\"", "socket address"),
            ("[[instance]]\nout_of_spec_class = \"141\"", "140"),
            ("[[instance]]\nptp4l.announce = \"yes\"", "verify"),
            ("[[instance]]\noffset_limit_ns = \"100\"", "expected i64"),
            (
                "[[instance]]\n[[instance.card]]\ninterface = \"a\"\ndpll = \"507c\"",
                "0x",
            ),
        ] {
            let message = refused(text);
            assert!(message.contains("line ") && message.contains(hint), "{message}");
        }
    }
}
