//! tgmd looks after ts2phc, ptp4l, phc2sys: shell scripts in their places.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::process::{Command, Stdio};

use common::pty::Receiver;
use common::{Folder, Tgmd, program, run, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tgm_linuxptp::leap_list::LeapList;
use tgm_time::Seconds;

const CONFIG: &str = r#"
[[instance]]
[instance.process.ts2phc]
run = "manage"
command = ["sh", "FOLDER/idle", "ts2phc"]
[instance.process.ptp4l]
run = "manage"
command = ["sh", "FOLDER/idle", "ptp4l"]
downtime_threshold_s = 1
options = { ens1f0 = {} }
[instance.process.phc2sys]
run = "manage"
command = ["sh", "FOLDER/idle", "phc2sys"]
[[instance.card]]
interface = "gnss-test0"
phc = "none"
dpll = "none"
gnss = "pty:FOLDER/receiver"
"#;

/// What stands in a program's place: ts2phc's servo never locks. A ptp4l ends while the file `broken` is there.
const IDLE: &str = r#"
folder=$(dirname "$0")
[ "$2" = -v ] && { echo 4.4; exit; }
[ "$1" = ptp4l ] && [ -e "$folder/broken" ] && { echo "no such device"; exit 9; }
[ "$1" = ts2phc ] && echo "ts2phc[1.0]: [ts2phc.0.config] ens1f0 master offset 5000 s0 freq +0"
exec sleep 3600
"#;

fn start(folder: Folder) -> (Tgmd, Receiver) {
    start_with(folder, CONFIG)
}

/// As [`start`], with another configuration.
fn start_with(folder: Folder, config: &str) -> (Tgmd, Receiver) {
    folder.write("idle", IDLE);
    let text = config.replace("FOLDER", folder.0.to_str().unwrap());
    let file = folder.write("tgmd.toml", &text);
    let receiver = Receiver::plug_in(&folder.path("receiver"));
    let tgmd = Tgmd::start(folder, &["--config", file.to_str().unwrap()]);
    (tgmd, receiver)
}

fn of(tgmd: &Tgmd, process: &str) -> serde_json::Value {
    tgmd.status()["instances"][0]["processes"][process].clone()
}

/// The configuration that ptp4l was started with.
fn rendered(tgmd: &Tgmd) -> String {
    let entries = std::fs::read_dir(tgmd.folder.path("run")).unwrap().flatten();
    let folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
    let file = folders.map(|path| path.join("ptp4l-0.conf")).last().unwrap();
    std::fs::read_to_string(file).unwrap()
}

fn metric(tgmd: &Tgmd, what: &str, process: &str) -> Option<f64> {
    let page = common::http::ask(tgmd.metrics, "GET", "/metrics", "")?.body;
    let labels = format!("{{config=\"{process}.0.config\",node=\"node1\",process=\"{process}\"}} ");
    let begin = format!("openshift_ptp_process_{what}{labels}");
    page.lines().find_map(|line| line.strip_prefix(&begin)?.parse().ok())
}

fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().next().map(str::to_owned));
    state.is_some_and(|state| state != "Z")
}

fn pid(tgmd: &Tgmd, process: &str) -> i32 {
    i32::try_from(of(tgmd, process)["pid"].as_i64().unwrap()).unwrap()
}

#[test]
fn func_tgm011_r1_they_are_started_restarted_alone_told_and_ended_in_order() {
    let (mut tgmd, _receiver) = start(Folder::new());
    until("both", || {
        of(&tgmd, "ts2phc")["up"] == true && of(&tgmd, "ptp4l")["up"] == true
    });
    assert_eq!(of(&tgmd, "phc2sys")["up"], false, "the PHC is not locked");
    assert_eq!(of(&tgmd, "synce4l"), serde_json::Value::Null);
    let text = rendered(&tgmd);
    for line in [
        "clockClass 248",
        "clockAccuracy 0xFE",
        "offsetScaledLogVariance 0xFFFF",
        "[ens1f0]",
        "domainNumber 24",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let (other, first) = (pid(&tgmd, "ts2phc"), pid(&tgmd, "ptp4l"));
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    until("its successor", || {
        of(&tgmd, "ptp4l")["starts"] == 2 && of(&tgmd, "ptp4l")["up"] == true
    });
    assert_eq!(
        (pid(&tgmd, "ts2phc"), of(&tgmd, "ts2phc")["starts"].clone()),
        (other, 1.into())
    );
    assert_eq!(metric(&tgmd, "status", "ptp4l"), Some(1.0));
    assert_eq!(metric(&tgmd, "restart_count", "ptp4l"), Some(2.0));
    // Down for longer than its threshold.
    tgmd.folder.write("broken", "");
    kill(Pid::from_raw(pid(&tgmd, "ptp4l")), Signal::SIGKILL).unwrap();
    until("down", || metric(&tgmd, "status", "ptp4l") == Some(0.0));
    until("why", || tgmd.log().contains("no such device"));
    until("the event", || {
        tgmd.log().contains("processes") && tgmd.log().contains("process-down")
    });
    std::fs::remove_file(tgmd.folder.path("broken")).unwrap();
    // Not the one that is about to find it broken.
    until("up again", || {
        let pid = of(&tgmd, "ptp4l")["pid"].as_i64();
        pid.is_some_and(|pid| {
            std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"sleep"))
        })
    });
    let last = [other, pid(&tgmd, "ptp4l")];
    assert_eq!(tgmd.terminate().code(), Some(0));
    assert!(last.iter().all(|pid| !lives(*pid)), "an orderly stop ends them");
}

// Hazard: false 248; kill -9: ptp4l and ts2phc outlive tgmd and are taken up by the next.
#[test]
fn func_tgm011_r5_they_survive_a_crash_and_are_adopted() {
    let (mut tgmd, _receiver) = start(Folder::new());
    until("both", || {
        of(&tgmd, "ts2phc")["up"] == true && of(&tgmd, "ptp4l")["up"] == true
    });
    let pids = ["ts2phc", "ptp4l"].map(|name| pid(&tgmd, name));
    tgmd.kill_node();
    assert!(pids.iter().all(|pid| lives(*pid)));
    tgmd.start_again();
    until("the new node", || tgmd.metric("tgm_node_attached_total") >= Some(2.0));
    until("they are known", || {
        of(&tgmd, "ptp4l")["up"] == true && of(&tgmd, "ts2phc")["up"] == true
    });
    assert_eq!(["ts2phc", "ptp4l"].map(|name| pid(&tgmd, name)), pids);
    assert_eq!(tgmd.terminate().code(), Some(0));
    assert!(
        pids.iter().all(|pid| !lives(*pid)),
        "and an orderly stop ends them then"
    );
}

#[test]
fn func_tgm015_r1_authentication_reaches_ptp4l_as_it_is_configured() {
    let options = "options = { global = { sa_file = \"/etc/linuxptp/sa\", spp = 1 }, ens1f0 = { active_key_id = 3 } }";
    let config = CONFIG.replace("options = { ens1f0 = {} }", options);
    assert_ne!(config, CONFIG);
    let (mut tgmd, _receiver) = start_with(Folder::new(), &config);
    until("ptp4l", || of(&tgmd, "ptp4l")["up"] == true);
    let text = rendered(&tgmd);
    let (global, port) = text.split_once("[ens1f0]").unwrap();
    for (line, section) in [
        ("sa_file /etc/linuxptp/sa\n", global),
        ("spp 1\n", global),
        ("active_key_id 3\n", port),
    ] {
        assert!(section.contains(line), "{line}{text}");
    }
    assert_eq!(tgmd.terminate().code(), Some(0));
}

#[test]
fn func_tgm015_r2_a_reload_restarts_what_changed_alone() {
    let (mut tgmd, _receiver) = start(Folder::new());
    until("both", || {
        of(&tgmd, "ts2phc")["up"] == true && of(&tgmd, "ptp4l")["up"] == true
    });
    let pids = ["ts2phc", "ptp4l"].map(|name| pid(&tgmd, name));
    let keys = tgmd.folder.write("keys", "one");
    let options = format!(
        "options = {{ global = {{ sa_file = \"{}\", spp = 1 }}, ens1f0",
        keys.display()
    );
    let text = CONFIG.replace("FOLDER", tgmd.folder.0.to_str().unwrap());
    tgmd.folder
        .write("tgmd.toml", &text.replace("options = { ens1f0", &options));
    kill(tgmd.node_pid(), Signal::SIGHUP).unwrap();
    until("another ptp4l", || {
        of(&tgmd, "ptp4l")["starts"] == 2 && of(&tgmd, "ptp4l")["up"] == true
    });
    // The configuration is the same, the keys are not.
    tgmd.folder.write("keys", "two");
    kill(tgmd.node_pid(), Signal::SIGHUP).unwrap();
    until("one more", || {
        of(&tgmd, "ptp4l")["starts"] == 3 && of(&tgmd, "ptp4l")["up"] == true
    });
    assert_eq!(
        (pid(&tgmd, "ts2phc"), of(&tgmd, "ts2phc")["starts"].clone()),
        (pids[0], 1.into())
    );
    assert!(!lives(pids[1]));
    assert_eq!(tgmd.terminate().code(), Some(0));
}

#[test]
fn func_tgm007_r5_a_forbidden_parameter_stops_the_start_and_is_named() {
    let folder = Folder::new();
    let text = CONFIG
        .replace("FOLDER", folder.0.to_str().unwrap())
        .replace("ens1f0 = {}", "ens1f0 = { serverOnly = 0 }");
    let file = folder.write("tgmd.toml", &text);
    let mut tgmd = program("tgmd");
    tgmd.args([
        "--config",
        file.to_str().unwrap(),
        "--run-dir",
        folder.path("run").to_str().unwrap(),
    ]);
    let (code, _, error) = run(tgmd);
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("[ens1f0] serverOnly is 0, must be 1"), "{error}");
    // What others run: the checker calls it an error.
    let foreign = folder.write(
        "ptp4l.conf",
        "[global]\ndomainNumber 24\nclockClass 6\n[ens1f0]\nserverOnly 1\n",
    );
    let text = format!(
        "[[instance]]\nprocess.rules = \"none\"\nprocess.ptp4l = {{ run = \"watch\", config = \"{}\" }}\n[[instance.card]]\ninterface = \"a\"\n",
        foreign.display()
    );
    let file = folder.write("watch.toml", &text);
    let mut check = program("tgmd");
    check.args(["check", file.to_str().unwrap()]);
    let (code, _, error) = run(check);
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("clockClass is 6 (line 3), must be 248"), "{error}");
}

// FUNC-TGM009: what ts2phc is told of leap seconds is what is announced.
#[test]
fn a_list_of_leap_seconds_is_kept_for_ts2phc_and_says_what_the_configuration_does() {
    let folder = Folder::new();
    folder.write("idle", IDLE);
    // Expired, as Debian's often is, and a second behind.
    let old = "#@\t3720000000\n3644697600\t36\n";
    let list = folder.write("leap", old);
    let text = CONFIG.replace("FOLDER", folder.0.to_str().unwrap());
    let file = folder.write("tgmd.toml", &format!("[leap]\nfile = \"{}\"\n{text}", list.display()));
    let _receiver = Receiver::plug_in(&folder.path("receiver"));
    let mut tgmd = Tgmd::start(folder, &["--config", file.to_str().unwrap()]);
    let programs = std::fs::read_dir(tgmd.folder.path("run")).unwrap().flatten();
    let programs = programs.map(|entry| entry.path()).find(|path| path.is_dir()).unwrap();
    let kept = programs.join("leap-seconds.list");
    let read = || LeapList::parse(&std::fs::read_to_string(&kept).unwrap_or_default());
    until("the list", || read().is_ok());
    let now = i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
    )
    .unwrap();
    let first = read().unwrap();
    assert_eq!(first.is_intact(), Some(true));
    assert_eq!(first.offset_at(now), Some(Seconds(36)));
    assert!(
        !first.is_expired(now),
        "who wants it used although it has expired was told so"
    );
    tgmd.says("leap has expired");
    let rendered = std::fs::read_to_string(programs.join("ts2phc-0.conf")).unwrap();
    assert!(rendered.contains(&format!("leapfile {}", kept.display())), "{rendered}");
    let metric = "tgm_leap_file_expiry_timestamp_seconds";
    assert_eq!(tgmd.metric(metric), Some(1_511_011_200.0));
    // Somebody brings the file up to date; its name stays.
    tgmd.folder
        .write("leap", "#@\t4291747200\n3644697600\t36\n3692217600\t37\n");
    kill(tgmd.node_pid(), Signal::SIGHUP).unwrap();
    until("the newer list", || {
        read().is_ok_and(|list| list.offset_at(now) == Some(Seconds(37)) && list.expires == Some(2_082_758_400))
    });
    until("its expiry", || tgmd.metric(metric) == Some(2_082_758_400.0));
    until("what is announced", || {
        tgmd.status()["instances"][0]["announce_desired"]["current_utc_offset_s"] == 37
    });
    assert_eq!(tgmd.terminate().code(), Some(0), "its programs end with it");
}

/// A network namespace with one end of a veth pair; gone with this value.
struct Namespace(String);

impl Namespace {
    fn new() -> Option<Self> {
        let name = format!("tgm-proc-{}", std::process::id());
        let namespace = Namespace(name.clone());
        let ip = |line: String| {
            Command::new("ip")
                .args(line.split(' '))
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|done| done.success())
        };
        let made = ip(format!("netns add {name}"))
            && ip(format!("-n {name} link add ptpa type veth peer name ptpb"))
            && ip(format!("-n {name} link set ptpa up"))
            && ip(format!("-n {name} link set ptpb up"));
        let ptp4l = Command::new("ptp4l").arg("-v").stdout(Stdio::null()).status().is_ok();
        (made && ptp4l).then_some(namespace)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "del", &self.0])
            .stderr(Stdio::null())
            .status();
    }
}

#[test]
fn func_tgm011_r1_a_real_ptp4l_is_started_with_what_we_render_and_announces_ours_after_each_restart() {
    let Some(namespace) = Namespace::new() else {
        println!("SKIPPED: needs root, iproute2 and linuxptp");
        return;
    };
    let folder = Folder::new();
    let text = r#"
[[instance]]
process.rules = "none"
[instance.ptp4l]
announce = "own"
socket = "FOLDER/ptp4l"
[instance.process.ptp4l]
run = "manage"
command = ["ip", "netns", "exec", "NAMESPACE", "ptp4l"]
options.global = { time_stamping = "software", network_transport = "L2", logAnnounceInterval = -3 }
options.ptpa = {}
[[instance.card]]
interface = "gnss-test0"
phc = "none"
dpll = "none"
gnss = "pty:FOLDER/receiver"
"#;
    let text = text
        .replace("FOLDER", folder.0.to_str().unwrap())
        .replace("NAMESPACE", &namespace.0);
    let file = folder.write("tgmd.toml", &text);
    let _receiver = Receiver::plug_in(&folder.path("receiver"));
    let mut tgmd = Tgmd::start(folder, &["--config", file.to_str().unwrap()]);
    let told = |tgmd: &Tgmd| tgmd.status()["instances"][0]["ptp4l"].clone();
    until("agreement", || told(&tgmd)["agreed"] == true);
    assert_eq!(told(&tgmd)["clock_class"], 248);
    let first = pid(&tgmd, "ptp4l");
    // The one that was just started may have been met twice: as a socket that was not bound yet, and as itself.
    let appearances = |tgmd: &Tgmd| told(tgmd)["appearances"].as_u64().unwrap();
    let before = appearances(&tgmd);
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    until("another", || {
        of(&tgmd, "ptp4l")["starts"] == 2 && appearances(&tgmd) > before
    });
    until("agreement again", || told(&tgmd)["agreed"] == true);
    let last = pid(&tgmd, "ptp4l");
    assert_eq!(tgmd.terminate().code(), Some(0));
    assert!(last != first && !lives(last));
}
