//! Lines of linuxptp's programs as others keep them: syslog files, log files of container runtimes, the journal. What those put around
//! a line is taken off, so that [`Line::parse`](super::Line::parse) reads it as the program would have printed it.
//!
//! * `print.c` prints `ptp4l[52.125]: [tag] text`, and hands `[52.125] [tag] text` to syslog(3), which has the name by itself.
//! * syslog files (RFC 3164, RFC 5424 times): `Nov 28 12:00:00 host ptp4l[812]: [52.125] [tag] text`.
//! * container runtimes (CRI): `2026-11-28T12:00:00.5Z stdout F ptp4l[52.125]: [tag] text`.

/// Programs whose lines are told apart from other text by their name.
const PROGRAMS: [&str; 5] = ["ptp4l", "phc2sys", "ts2phc", "synce4l", "chronyd"];
/// Words before the program's name in a syslog file: a date of three words and the host.
const MOST_WORDS: usize = 4;

/// Puts a line, as some file has it, behind what is in `out`: as its program would have printed it, with `config` as the tag where it
/// has none. What is not understood is put there as it is. No newline is added.
pub fn plain(line: &[u8], config: &str, out: &mut Vec<u8>) {
    let Ok(text) = std::str::from_utf8(line) else {
        return out.extend_from_slice(line);
    };
    let text = without_runtime(text);
    match find(text) {
        Some((program, behind)) => of(program, behind, config, out),
        None => out.extend_from_slice(text.as_bytes()),
    }
}

/// The same for a message that comes with the program's name beside it, as in the journal.
pub fn plain_of(program: &str, message: &str, config: &str, out: &mut Vec<u8>) {
    let message = message.trim_start();
    if begins_with_name(message) {
        return plain(message.as_bytes(), config, out);
    }
    match stamped(message) {
        Some((stamp, text)) => write(program, stamp, text, config, out),
        None => write(program, "0", message, config, out),
    }
}

/// What is behind the words of a container runtime.
fn without_runtime(text: &str) -> &str {
    let mut words = text.splitn(4, ' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(time), Some("stdout" | "stderr"), Some("F" | "P"), Some(rest)) if time.contains('T') => rest,
        _ => text,
    }
}

/// A program's name and what is behind it, at the start or behind the words of a syslog file.
fn find(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    for _ in 0..=MOST_WORDS {
        if let Some(found) = named(rest) {
            return Some(found);
        }
        rest = rest.split_once(' ')?.1.trim_start();
    }
    None
}

/// The program's name at the start of the text, if it is one of ours, and what is behind it: `[` or `:`.
fn named(text: &str) -> Option<(&str, &str)> {
    let end = text.find(['[', ':', ' '])?;
    let (name, behind) = text.split_at_checked(end)?;
    (PROGRAMS.contains(&name) && !behind.starts_with(' ')).then_some((name, behind))
}

/// The text begins as a program's own line: `name[…]:`.
fn begins_with_name(text: &str) -> bool {
    let name = text.find(|byte: char| !(byte.is_ascii_alphanumeric() || "-_.".contains(byte)));
    let behind = name.filter(|end| *end > 0).and_then(|end| text.get(end..));
    let behind = behind.and_then(|behind| behind.strip_prefix('['));
    behind.is_some_and(|behind| {
        behind
            .split_once(']')
            .is_some_and(|(_, rest)| rest.starts_with([':', '[']))
    })
}

/// `[52.125] text`.
fn stamped(text: &str) -> Option<(&str, &str)> {
    let (stamp, rest) = text.trim_start().strip_prefix('[')?.split_once(']')?;
    let is_stamp = stamp.contains('.') && stamp.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_stamp.then_some((stamp, rest))
}

/// A program's line from the end of its name on.
fn of(program: &str, behind: &str, config: &str, out: &mut Vec<u8>) {
    let (inside, rest) = match behind.strip_prefix('[').and_then(|behind| behind.split_once(']')) {
        Some((inside, rest)) => (inside, rest),
        None => ("0", behind),
    };
    let Some(text) = rest.strip_prefix(':') else {
        // chronyd's line as the daemon writes it, with the tag before the colon.
        for part in [program, "[", inside, "]", rest] {
            out.extend_from_slice(part.as_bytes());
        }
        return;
    };
    match stamped(text) {
        Some((stamp, text)) => write(program, stamp, text, config, out),
        None => write(program, inside, text, config, out),
    }
}

fn write(program: &str, stamp: &str, text: &str, config: &str, out: &mut Vec<u8>) {
    let text = text.trim_start();
    let tag = if config.is_empty() || text.starts_with('[') {
        ["", "", ""]
    } else {
        ["[", config, "] "]
    };
    for part in [program, "[", stamp, "]: "].into_iter().chain(tag).chain([text]) {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Body, Line};
    use super::*;

    const TEXT: &str = "master offset         -7 s2 freq    +310 path delay       642";

    fn written(line: &str, config: &str) -> String {
        let mut out = Vec::new();
        plain(line.as_bytes(), config, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_others_put_around_a_line_is_taken_off() {
        let own = format!("ptp4l[52.125]: [ptp4l.0.config:6] {TEXT}");
        let cases = [
            own.clone(),
            format!("Nov 28 12:00:00 node-1 ptp4l: [52.125] [ptp4l.0.config:6] {TEXT}"),
            format!("Nov  8 12:00:00 node-1 ptp4l[812]: [52.125] [ptp4l.0.config:6] {TEXT}"),
            format!("2026-11-28T12:00:00.123456+01:00 node-1 ptp4l[812]: [52.125] [ptp4l.0.config:6] {TEXT}"),
            format!("2026-11-28T12:00:00.123456789Z stdout F {own}"),
        ];
        for line in cases {
            let read = written(&line, "other");
            assert_eq!(read, own, "{line}");
            let Ok(Line::Message(message)) = Line::parse(read.as_bytes()) else {
                panic!("{read}")
            };
            assert!(matches!(message.body, Body::Offset(offset) if offset.offset.get() == -7));
        }
    }

    #[test]
    fn a_line_without_a_tag_gets_one_and_one_with_a_tag_keeps_it() {
        let own = format!("ptp4l[52.125]: [ptp4l.1.config] {TEXT}");
        for line in [
            format!("ptp4l[52.125]: {TEXT}"),
            format!("Nov 28 12:00:00 node-1 ptp4l[812]: [52.125] {TEXT}"),
        ] {
            assert_eq!(written(&line, "ptp4l.1.config"), own);
            assert_eq!(written(&line, ""), format!("ptp4l[52.125]: {TEXT}"));
        }
    }

    #[test]
    fn the_journal_names_the_program_beside_the_message() {
        let own = format!("ptp4l[52.125]: [ptp4l.1.config] {TEXT}");
        for message in [
            format!("[52.125] {TEXT}"),
            format!("ptp4l[52.125]: {TEXT}"),
            own.clone(),
        ] {
            let mut out = Vec::new();
            plain_of("ptp4l", &message, "ptp4l.1.config", &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), own);
        }
        let mut out = Vec::new();
        plain_of(
            "chronyd",
            "Can't synchronise: no selectable sources",
            "chronyd.0.config",
            &mut out,
        );
        let Ok(Line::Message(message)) = Line::parse(&out) else {
            panic!()
        };
        assert!(matches!(message.body, Body::Chrony(_)), "{message:?}");
        // The daemon's own lines come under the name of its container.
        out.clear();
        let grandmaster = "GM[1689282762]:[ts2phc.0.config] ens2f0 T-GM-STATUS s2";
        plain_of("conmon", grandmaster, "x", &mut out);
        assert_eq!(out, grandmaster.as_bytes());
    }

    #[test]
    fn what_is_not_understood_stays_as_it_is() {
        for line in [
            "",
            "GM[1689282762]:[ts2phc.0.config] ens2f0 T-GM-STATUS s2",
            "Nov 28 12:00:00 node-1 sshd[1]: ptp4l was here",
            "ptp4l",
            "ptp4l was here",
            "chronyd[12][chronyd.0.config]: Selected source 192.0.2.1",
            "CMD RESTART",
        ] {
            assert_eq!(written(line, "x"), line);
        }
        assert_eq!(
            written("2026-11-28T12:00:00.1Z stderr F CMD RESTART", "x"),
            "CMD RESTART"
        );
        let mut out = Vec::new();
        plain(b"ptp4l[1.0]: \xff", "x", &mut out);
        assert_eq!(out, b"ptp4l[1.0]: \xff");
    }
}
