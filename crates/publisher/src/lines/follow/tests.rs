//! Files and a stand-in for journalctl, followed as a node does.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::time::Instant;

use super::*;

/// Longest wait for anything; no measure.
const PATIENCE: Duration = Duration::from_secs(60);

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tgm-follow-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A source that is followed; its threads end with it.
struct Reading {
    up: Arc<AtomicBool>,
    lines: BufReader<UnixStream>,
    threads: Vec<JoinHandle<()>>,
}

impl Reading {
    fn start(follow: Follow, journalctl: &[&str]) -> Self {
        let words: Vec<String> = journalctl.iter().map(|word| (*word).to_owned()).collect();
        let (mut followed, threads) = start(&[follow], &words).unwrap();
        let Followed { up, lines, .. } = followed.remove(0);
        lines.set_read_timeout(Some(PATIENCE)).unwrap();
        Reading {
            up,
            lines: BufReader::new(lines),
            threads,
        }
    }

    fn file(path: &Path, begin: Begin) -> Self {
        let follow = Follow {
            file: Some(path.to_owned()),
            begin,
            ..Follow::default()
        };
        Self::start(follow, &[])
    }

    fn unit(journalctl: &Path) -> Self {
        let follow = Follow {
            unit: Some("ptp4l@ens1f0.service".to_owned()),
            config: "ptp4l.0.config".to_owned(),
            ..Follow::default()
        };
        Self::start(follow, &[journalctl.to_str().unwrap()])
    }

    fn wait_for(&self, up: bool) {
        let begun = Instant::now();
        while self.up.load(Ordering::Acquire) != up {
            assert!(begun.elapsed() < PATIENCE, "up is not {up}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until it says that nothing can be read.
    fn fails(&mut self) {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert_eq!((line.as_str(), self.up.load(Ordering::Acquire)), ("\n", false));
    }

    /// The next line that is not empty.
    fn line(&mut self) -> String {
        loop {
            let mut line = Vec::new();
            let read = self.lines.read_until(b'\n', &mut line).unwrap();
            assert!(read > 0, "it has ended");
            let line = String::from_utf8(line).unwrap();
            if !line.trim_end_matches('\n').is_empty() {
                return line.trim_end_matches('\n').to_owned();
            }
        }
    }

    fn end(self) {
        drop(self.lines);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o644)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn what_stands_in_a_file_is_history_unless_told_otherwise() {
    let folder = Folder::new();
    let path = folder.path("log");
    append(&path, "old\nbegun");
    let mut behind = Reading::file(&path, Begin::End);
    let mut all = Reading::file(&path, Begin::Start);
    behind.wait_for(true);
    assert_eq!(all.line(), "old");
    append(&path, " before\nnew\n");
    assert_eq!(all.line(), "begun before");
    assert_eq!(all.line(), "new");
    assert_eq!(behind.line(), "new", "the rest of a line that had begun is none");
    behind.end();
    all.end();
}

#[test]
fn a_line_in_pieces_is_one_and_one_too_long_is_told_as_such() {
    let folder = Folder::new();
    let path = folder.path("log");
    append(&path, "");
    let mut reading = Reading::file(&path, Begin::End);
    reading.wait_for(true);
    append(&path, "a line in");
    append(&path, " two pieces\n");
    assert_eq!(reading.line(), "a line in two pieces");
    append(&path, &format!("{}\nnext\n", "x".repeat(300_000)));
    assert_eq!(reading.line().len(), MAX_LINE + 1);
    assert_eq!(reading.line(), "next");
    reading.end();
}

#[test]
fn a_file_that_is_renamed_is_read_to_its_end_and_then_the_next() {
    let folder = Folder::new();
    let (path, old) = (folder.path("log"), folder.path("log.1"));
    append(&path, "");
    let mut reading = Reading::file(&path, Begin::End);
    reading.wait_for(true);
    append(&path, "one\n");
    fs::rename(&path, &old).unwrap();
    append(&old, "two\n"); // its writer has not been told yet
    append(&path, "three\n");
    let mut lines = vec![reading.line(), reading.line(), reading.line()];
    append(&old, "late\n");
    lines.push(reading.line());
    lines.sort_unstable();
    assert_eq!(lines, ["late", "one", "three", "two"]);
    reading.end();
}

#[test]
fn a_file_that_is_cut_begins_anew_and_half_a_line_is_none() {
    let folder = Folder::new();
    let path = folder.path("log");
    append(&path, "");
    let mut reading = Reading::file(&path, Begin::End);
    reading.wait_for(true);
    append(&path, "a line before\nCLOCK_CLASS_CHANGE 24");
    assert_eq!(reading.line(), "a line before");
    File::options().write(true).truncate(true).open(&path).unwrap();
    // It is not said whether the cut is seen before the next line; that is shorter than what was there.
    append(&path, "next\n");
    let line = reading.line();
    match line.as_str() {
        "\0" => assert_eq!(reading.line(), "next"), // what is lost of it is counted as unreadable
        other => assert_eq!(other, "next", "the half line had not been read"),
    }
    reading.end();
}

#[test]
fn a_file_that_comes_later_is_read_from_its_beginning_and_an_old_one_is_not() {
    let folder = Folder::new();
    let path = folder.path("later/log");
    let mut reading = Reading::file(&path, Begin::End);
    reading.fails();
    fs::create_dir(folder.path("later")).unwrap();
    append(&folder.path("later/new"), "first\n");
    fs::rename(folder.path("later/new"), &path).unwrap();
    assert_eq!(reading.line(), "first");
    append(&path, "second\n");
    assert_eq!(reading.line(), "second");
    reading.end();
}

#[test]
fn a_file_whose_last_word_is_old_is_history_though_it_comes_later() {
    let folder = Folder::new();
    let path = folder.path("log");
    let mut reading = Reading::file(&path, Begin::End);
    reading.fails();
    append(&folder.path("old"), "old\n");
    let file = File::options().append(true).open(folder.path("old")).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(3600))
        .unwrap();
    fs::rename(folder.path("old"), &path).unwrap();
    reading.wait_for(true);
    append(&path, "new\n");
    assert_eq!(reading.line(), "new");
    reading.end();
}

#[test]
fn what_cannot_be_read_or_trusted_is_not_up_until_it_can() {
    let folder = Folder::new();
    let path = folder.path("log");
    append(&path, "forged\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let mut reading = Reading::file(&path, Begin::End);
    reading.fails();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    reading.wait_for(true);
    append(&path, "true\n");
    assert_eq!(reading.line(), "true");
    reading.end();
    let mut folder_instead = Reading::file(&folder.0, Begin::End);
    folder_instead.fails();
    folder_instead.end();
}

#[test]
fn a_file_without_news_ends_with_its_reader() {
    let folder = Folder::new();
    let path = folder.path("log");
    append(&path, &"a line\n".repeat(100_000));
    let reading = Reading::file(&path, Begin::Start);
    reading.wait_for(true);
    reading.end(); // in the middle of a write
}

/// A program in journalctl's place.
fn stand_in(folder: &Folder, script: &str) -> PathBuf {
    let path = folder.path("journalctl");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_units_entries_are_lines_of_its_program_and_it_goes_on_where_it_ended() {
    let folder = Folder::new();
    let arguments = folder.path("arguments");
    let script = format!(
        r#"echo "$@" >> {0}
if [ "$(wc -l < {0})" = 1 ]; then
echo '{{"__CURSOR":"s=1;i=1","SYSLOG_IDENTIFIER":"ptp4l","MESSAGE":"[52.125] selected /dev/ptp0 as PTP clock"}}'
echo '{{"__CURSOR":"s=1;i=2","_COMM":"conmon","MESSAGE":[71,77,91,49,93,58,91,97,93,32,120]}}'
echo 'no entry'
echo 'Failed to follow' >&2
exit 1
fi
echo '{{"__CURSOR":"s=1;i=3","SYSLOG_IDENTIFIER":"ptp4l","MESSAGE":"ptp4l[53.125]: [ptp4l.1.config:6] port 1: FAULTY"}}'
exec sleep 1000"#,
        arguments.display()
    );
    let mut reading = Reading::unit(&stand_in(&folder, &script));
    assert_eq!(
        reading.line(),
        "ptp4l[52.125]: [ptp4l.0.config] selected /dev/ptp0 as PTP clock"
    );
    assert_eq!(reading.line(), "GM[1]:[a] x");
    assert_eq!(reading.line(), "\0", "which counts as unreadable");
    assert_eq!(reading.line(), "ptp4l[53.125]: [ptp4l.1.config:6] port 1: FAULTY");
    reading.wait_for(true);
    let called = fs::read_to_string(&arguments).unwrap();
    let called: Vec<&str> = called.lines().collect();
    assert!(
        called[0].contains("--unit=ptp4l@ens1f0.service") && called[0].ends_with("--lines=0"),
        "{called:?}"
    );
    assert!(
        called[1].contains("--after-cursor=s=1;i=2") || called[1].ends_with("--lines=0"),
        "{called:?}"
    );
    reading.end(); // which waits for the child's end
}

#[test]
fn without_journalctl_a_unit_is_not_up() {
    let folder = Folder::new();
    let mut reading = Reading::unit(&folder.path("none"));
    reading.fails();
    reading.end();
}

#[test]
fn the_real_journalctl_is_followed_where_it_is() {
    let folder = Folder::new();
    if std::process::Command::new("journalctl")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("SKIPPED: no journalctl here");
        return;
    }
    let follow = Follow {
        unit: Some("ptp4l.service".to_owned()),
        ..Follow::default()
    };
    // A journal without entries: it takes our arguments, and waits.
    let directory = format!("--directory={}", folder.0.display());
    let reading = Reading::start(follow, &["journalctl", &directory]);
    reading.wait_for(true);
    reading.end();
}
