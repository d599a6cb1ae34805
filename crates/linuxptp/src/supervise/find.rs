//! Finds a process that others run.

use std::path::Path;

use crate::peer;

/// The process that runs `program` with `config` among its arguments, and its start; without a `config`, any that runs it.
pub fn find(program: &str, config: Option<&Path>) -> Option<(i32, u64)> {
    let own = i32::try_from(std::process::id()).ok();
    let entries = std::fs::read_dir("/proc").ok()?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let fits = |pid: &i32| {
        let Ok(line) = std::fs::read(format!("/proc/{pid}/cmdline")) else {
            return false;
        };
        is(&line, program, config)
    };
    let mut found = pids.filter(|pid| Some(*pid) != own).filter(fits);
    found.find_map(|pid| Some((pid, peer::started(pid)?)))
}

/// The words of a command line, each ended by a zero byte, begin with `program` and hold `config`.
fn is(line: &[u8], program: &str, config: Option<&Path>) -> bool {
    let mut words = line
        .split(|byte| *byte == 0)
        .map(|word| std::str::from_utf8(word).unwrap_or_default());
    let named = words.next().map(Path::new).and_then(Path::file_name);
    named.is_some_and(|name| name == program)
        && config.is_none_or(|config| words.any(|word| Path::new(word.strip_prefix("-f").unwrap_or(word)) == config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_by_its_program_and_its_configuration() {
        let config = Some(Path::new("/etc/ptp4l.conf"));
        assert!(is(b"/usr/sbin/ptp4l\0-f\0/etc/ptp4l.conf\0-m\0", "ptp4l", config));
        assert!(is(b"ptp4l\0-f/etc/ptp4l.conf\0", "ptp4l", config));
        assert!(is(b"ptp4l\0-m\0", "ptp4l", None));
        assert!(!is(b"ptp4l\0-f\0/etc/other.conf\0", "ptp4l", config));
        assert!(!is(b"/usr/sbin/ptp4ld\0-f\0/etc/ptp4l.conf\0", "ptp4l", config));
        assert!(!is(b"", "ptp4l", None));
        let mut child = std::process::Command::new("sleep").arg("61.75").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        // Until it is `sleep`, it is still this program.
        while find("sleep", Some(Path::new("61.75"))).is_none_or(|(found, _)| found != pid) {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(find("sleep", Some(Path::new("61.75"))), None);
    }
}
