//! Reads a trace of system calls (`strace -f -yy -x`) and tells what could have changed a setting of the hardware.
//!
//! Only what is known to read passes: whatever this does not know counts as a change. Command numbers are those of
//! include/uapi/linux/{dpll,genetlink}.h, requests those of include/uapi/linux/ptp_clock.h.

/// The calls that must be traced.
pub const CALLS: &str =
    "ioctl,sendto,sendmsg,sendmmsg,write,writev,pwrite64,openat,open,clock_adjtime,adjtimex,clock_settime,settimeofday";

/// Requests that read, or that set something of the open file only (the two masks, FIONBIO).
const HARMLESS_IOCTLS: [&str; 11] = [
    "PTP_CLOCK_GETCAPS",
    "PTP_PIN_GETFUNC",
    "PTP_SYS_OFFSET",
    "PTP_SYS_OFFSET_EXTENDED",
    "PTP_SYS_OFFSET_PRECISE",
    "PTP_MASK_CLEAR_ALL",
    "PTP_MASK_EN_SINGLE",
    "FIONBIO",
    "FIONREAD",
    "TCGETS",
    "TIOCGWINSZ",
];
/// `SIOCETHTOOL` both asks and sets; strace does not show which. Whoever allows it must compare the settings themselves.
const ETHTOOL: &str = "SIOCETHTOOL";
/// DPLL_CMD_DEVICE_ID_GET, DEVICE_GET, PIN_ID_GET, PIN_GET.
const DPLL_READS: [u8; 4] = [1, 2, 7, 8];
/// CTRL_CMD_GETFAMILY of family 0x10.
const GETFAMILY: u8 = 3;

/// What a trace holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Lines that change a setting, or that nobody can vouch for.
    pub changes: Vec<String>,
    /// Distinct requests and commands that read.
    pub reads: Vec<String>,
    /// Times SIOCETHTOOL was called.
    pub ethtool: u32,
}

/// Judges every line.
pub fn judge(trace: &str) -> Findings {
    let mut findings = Findings::default();
    for line in trace.lines() {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let Some((name, arguments)) = call.split_once('(') else {
            continue;
        };
        let read = match name {
            "ioctl" => ioctl(arguments, &mut findings.ethtool),
            "sendto" | "sendmsg" | "sendmmsg" => send(arguments),
            "write" | "writev" | "pwrite64" => write(arguments),
            "openat" | "open" => opened(arguments),
            // Reading the discipline is `modes=0`.
            "clock_adjtime" | "adjtimex" => arguments.contains("modes=0,").then(|| name.to_owned()),
            "clock_settime" | "settimeofday" => None,
            _ => continue,
        };
        match read {
            Some(read) if read.is_empty() || findings.reads.contains(&read) => {}
            Some(read) => findings.reads.push(read),
            None => findings.changes.push(line.chars().take(300).collect()),
        }
    }
    findings
}

fn ioctl(arguments: &str, ethtool: &mut u32) -> Option<String> {
    let request = arguments.split(", ").nth(1)?;
    let request = request.split([',', ')']).next()?;
    if request == ETHTOOL {
        *ethtool += 1;
        return Some(String::new());
    }
    let first_version = request.strip_suffix('2').unwrap_or(request);
    HARMLESS_IOCTLS.contains(&first_version).then(|| request.to_owned())
}

/// Only netlink can set anything.
fn send(arguments: &str) -> Option<String> {
    let descriptor = arguments
        .split_once('>')
        .map_or(arguments, |(descriptor, _)| descriptor);
    if !descriptor.contains("NETLINK") {
        // Without the kind of the socket nobody knows.
        return ["<UNIX", "<TCP", "<UDP"]
            .iter()
            .any(|kind| descriptor.contains(kind))
            .then(String::new);
    }
    let kind = arguments.split_once("nlmsg_type=")?.1.split([' ', ',']).next()?;
    if kind.starts_with("RTM_GET") {
        return Some(kind.to_owned());
    }
    let kind = kind
        .strip_prefix("0x")
        .and_then(|digits| u16::from_str_radix(digits, 16).ok())?;
    let command = arguments.split_once("\"\\x")?.1.get(..2)?;
    let command = u8::from_str_radix(command, 16).ok()?;
    match kind {
        0x10 if command == GETFAMILY => Some("nlctrl command 3".into()),
        // rtnetlink, where strace does not know the socket's protocol. No generic family has this number and a command 0.
        0x12 if command == 0 => Some("RTM_GETLINK".into()),
        0x11.. if DPLL_READS.contains(&command) => Some(format!("dpll command {command}")),
        _ => None,
    }
}

/// Devices and sysfs are not written to.
fn write(arguments: &str) -> Option<String> {
    let descriptor = arguments
        .split_once(", ")
        .map_or(arguments, |(descriptor, _)| descriptor);
    (!is_hardware(descriptor)).then(String::new)
}

/// And not opened for writing.
fn opened(arguments: &str) -> Option<String> {
    if !is_hardware(arguments) {
        return Some(String::new());
    }
    let path = arguments.split('"').nth(1).unwrap_or_default();
    let reads = arguments.contains("O_RDONLY") && !arguments.contains("O_RDWR") && !arguments.contains("O_WRONLY");
    let told = if path.starts_with("/dev/") {
        format!("open {path} read-only")
    } else {
        String::new()
    };
    reads.then_some(told)
}

fn is_hardware(text: &str) -> bool {
    ["/dev/ptp", "/dev/gnss", "/sys/", "/dev/tty"]
        .iter()
        .any(|place| text.contains(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(line: &str) -> bool {
        !judge(line).changes.is_empty()
    }

    #[test]
    fn reading_passes() {
        for line in [
            r#"185   ioctl(6</dev/ptp0<char 247:0>>, PTP_CLOCK_GETCAPS, {max_adj=100000000}) = 0"#,
            r#"185   ioctl(6</dev/ptp0<char 247:0>>, PTP_SYS_OFFSET_EXTENDED2, {n_samples=5}) = 0"#,
            r#"185   ioctl(7</dev/ptp0<char 247:0>>, PTP_MASK_CLEAR_ALL) = 0"#,
            r#"185   sendto(8<NETLINK:[479]>, [{nlmsg_len=20, nlmsg_type=0x14 /* NLMSG_??? */, nlmsg_flags=NLM_F_REQUEST|0x300, nlmsg_seq=1, nlmsg_pid=0}, "\x02\x01\x00\x00"], 20, 0, NULL, 0) = 20"#,
            r#"185   sendto(8<NETLINK:[475]>, [{nlmsg_len=32, nlmsg_type=0x10 /* NLMSG_??? */, nlmsg_flags=0, nlmsg_seq=1, nlmsg_pid=0}, "\x03\x02\x00\x00"], 32, 0, NULL, 0) = 32"#,
            r#"185   sendto(8<NETLINK:[486]>, [{nlmsg_len=44, nlmsg_type=0x12 /* NLMSG_??? */, nlmsg_flags=NLM_F_REQUEST, nlmsg_seq=0, nlmsg_pid=0}, "\x00\x00\x00\x00"], 44, 0, NULL, 0) = 44"#,
            r#"185   openat(AT_FDCWD, "/dev/gnss0", O_RDONLY|O_NONBLOCK|O_CLOEXEC) = 9</dev/gnss0<char 248:0>>"#,
            r#"185   write(1</tmp/tgmd.log>, "x", 1) = 1"#,
            r#"185   clock_adjtime(0x1 /* FD_TO_CLOCKID(6) */, {modes=0, offset=0}) = 0 (TIME_OK)"#,
        ] {
            assert!(!changes(line), "{line}");
        }
    }

    #[test]
    fn changing_and_the_unknown_are_found() {
        for line in [
            r#"185   ioctl(6</dev/ptp0<char 247:0>>, PTP_EXTTS_REQUEST2, {index=0, flags=PTP_ENABLE_FEATURE}) = 0"#,
            r#"185   ioctl(6</dev/ptp0<char 247:0>>, PTP_PIN_SETFUNC, {index=0}) = 0"#,
            r#"185   ioctl(6</dev/ptp0<char 247:0>>, _IOC(_IOC_WRITE, 0x3d, 0x63, 0x10), 0x7ffc) = 0"#,
            r#"ioctl(9</dev/gnss0<char 248:0>>, TCSETS2, {c_iflag=0}) = 0"#,
            r#"185   sendto(8<NETLINK:[479]>, [{nlmsg_len=20, nlmsg_type=0x14 /* NLMSG_??? */, nlmsg_flags=0, nlmsg_seq=1, nlmsg_pid=0}, "\x09\x01\x00\x00"], 20, 0, NULL, 0) = 20"#,
            r#"185   sendto(8<NETLINK:[479]>, [{nlmsg_len=20, nlmsg_type=0x14 /* NLMSG_??? */, nlmsg_flags=0, nlmsg_seq=1, nlmsg_pid=0}, "\x03\x01\x00\x00"], 20, 0, NULL, 0) = 20"#,
            r#"185   sendto(8<NETLINK:[479]>, [{nlmsg_len=32, nlmsg_type=RTM_NEWLINK, nlmsg_flags=0}, {}], 32, 0, NULL, 0) = 32"#,
            r#"185   sendto(8<NETLINK:[479]>, [{nlmsg_len=44, nlmsg_type=0x13 /* NLMSG_??? */, nlmsg_flags=0, nlmsg_seq=1, nlmsg_pid=0}, "\x00\x00\x00\x00"], 44, 0, NULL, 0) = 44"#,
            r#"185   sendto(8, "abc", 3, 0, NULL, 0) = 3"#,
            r#"185   write(9</dev/gnss0<char 248:0>>, "\xb5\x62", 2) = 2"#,
            r#"185   openat(AT_FDCWD, "/dev/gnss0", O_RDWR|O_CLOEXEC) = 9</dev/gnss0<char 248:0>>"#,
            r#"185   openat(AT_FDCWD, "/sys/class/ptp/ptp0/period", O_WRONLY) = 9"#,
            r#"185   clock_adjtime(0x1 /* FD_TO_CLOCKID(6) */, {modes=ADJ_FREQUENCY, freq=1}) = 0 (TIME_OK)"#,
            r#"185   clock_settime(CLOCK_REALTIME, {tv_sec=1, tv_nsec=0}) = 0"#,
        ] {
            assert!(changes(line), "{line}");
        }
    }

    #[test]
    fn what_reads_is_told_once() {
        let line = "1 ioctl(6</dev/ptp0<char 247:0>>, PTP_CLOCK_GETCAPS, {}) = 0\n";
        assert_eq!(judge(&line.repeat(2)).reads, ["PTP_CLOCK_GETCAPS"]);
        assert_eq!(judge("1 ioctl(6<UDP:[465]>, SIOCETHTOOL, 0x7ffe) = 0").ethtool, 1);
    }
}
