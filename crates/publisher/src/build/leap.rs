//! TAI − UTC while no receiver tells it: from a number or a file that somebody chose, never assumed in silence.

use std::path::Path;

use tgm_core::leap::{LeapAhead, LeapWord};
use tgm_time::{Seconds, Time, Utc};

use crate::config::Leap;
use crate::exit::Fatal;

/// Seconds from 1900 (NTP, leap-seconds.list) to 1970.
const NTP_TO_UNIX: i64 = 2_208_988_800;

/// What the configured file says of leap seconds to come, and up to when it knows, POSIX seconds; a file that cannot be read says
/// nothing here and is refused by [`fallback`].
pub fn ahead(leap: &Leap, now: Time<Utc>) -> (LeapWord, i64) {
    let text = leap.file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    let Some((list, until)) = text.as_deref().and_then(parse).and_then(|list| {
        let until = list.expires?;
        Some((list, until))
    }) else {
        return (LeapWord::SILENT, 0);
    };
    if until < now.secs() {
        return (LeapWord::SILENT, 0);
    }
    let coming = list.steps.iter().filter(|(from, _)| *from > now.secs());
    let (Some((at, offset)), Some(before)) = (coming.min_by_key(|(from, _)| *from), list.offset_at(now)) else {
        return (LeapWord::NONE, until);
    };
    let insert = match offset.0 - before.0 {
        1 => true,
        -1 => false,
        _ => return (LeapWord::SILENT, 0),
    };
    (LeapWord::of(LeapAhead { at: *at, insert }), until)
}

/// The configured offset at `now`, and what is to be said about it.
pub fn fallback(leap: &Leap, now: Time<Utc>) -> Result<(Option<Seconds>, Option<String>), Fatal> {
    match (&leap.utc_offset_s, &leap.file) {
        (Some(offset), _) if (0..=100).contains(offset) => Ok((
            Some(Seconds(*offset)),
            Some(format!(
                "UTC offset {offset} s by configuration until the receiver tells it"
            )),
        )),
        (Some(offset), _) => Err(Fatal::Config(format!(
            "leap.utc_offset_s = {offset}; allowed are 0 to 100 (37 since 2017)"
        ))),
        (None, Some(file)) => from_file(file, now).map(|(offset, note)| (Some(offset), Some(note))),
        (None, None) => Ok((None, None)),
    }
}

fn from_file(path: &Path, now: Time<Utc>) -> Result<(Seconds, String), Fatal> {
    let refuse = |why: &str| Fatal::Config(format!("leap.file {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refuse(&error.to_string()))?;
    let list = parse(&text)
        .ok_or_else(|| refuse("is no leap-seconds.list (IERS): no line holds NTP seconds and an offset"))?;
    let offset = list.offset_at(now).ok_or_else(|| refuse("begins after the present"))?;
    let expired = list.expires.is_none_or(|expires| expires < now.secs());
    let state = if expired {
        "EXPIRED, used with that warning"
    } else {
        "valid"
    };
    Ok((
        offset,
        format!(
            "UTC offset {} s from {} ({state}) until the receiver tells it",
            offset.0,
            path.display()
        ),
    ))
}

#[derive(Debug, PartialEq, Eq)]
struct List {
    expires: Option<i64>,
    steps: Vec<(i64, Seconds)>,
}

impl List {
    fn offset_at(&self, now: Time<Utc>) -> Option<Seconds> {
        self.steps
            .iter()
            .filter(|(from, _)| now.secs() >= *from)
            .max_by_key(|(from, _)| *from)
            .map(|(_, offset)| *offset)
    }
}

fn parse(text: &str) -> Option<List> {
    let ntp = |word: &str| word.parse::<i64>().ok().map(|seconds| seconds - NTP_TO_UNIX);
    let mut list = List {
        expires: None,
        steps: vec![],
    };
    for line in text.lines() {
        if let Some(expiry) = line.strip_prefix("#@") {
            list.expires = ntp(expiry.trim());
        } else if !line.starts_with('#') {
            let mut words = line.split_whitespace();
            if let (Some(from), Some(offset)) = (
                words.next().and_then(ntp),
                words.next().and_then(|word| word.parse().ok()),
            ) {
                list.steps.push((from, Seconds(offset)));
            }
        }
    }
    (!list.steps.is_empty()).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str =
        "# made for this test\n#$ 3960000000\n#@ 3991766400\n3644697600 36 # 1 Jul 2015\n3692217600 37 # 1 Jan 2017\n";

    #[test]
    fn a_list_is_read_in_ntp_seconds() {
        let list = parse(LIST).unwrap();
        assert_eq!(list.offset_at(Time::from_parts(1_483_228_799, 0)), Some(Seconds(36)));
        assert_eq!(list.offset_at(Time::from_parts(1_483_228_800, 0)), Some(Seconds(37)));
        assert_eq!(list.offset_at(Time::from_parts(0, 0)), None);
        assert_eq!(list.expires, Some(3_991_766_400 - NTP_TO_UNIX));
    }

    #[test]
    fn what_a_list_says_of_the_future_ends_where_it_expires() {
        let path = std::env::temp_dir().join(format!("tgm-leap-ahead-{}", std::process::id()));
        std::fs::write(&path, LIST).unwrap();
        let leap = Leap {
            utc_offset_s: None,
            file: Some(path.clone()),
        };
        let at = |posix| ahead(&leap, Time::from_parts(posix, 0));
        let expires = 3_991_766_400 - NTP_TO_UNIX;
        let new_year = LeapAhead {
            at: 1_483_228_800,
            insert: true,
        };
        assert_eq!(at(1_483_228_799), (LeapWord::of(new_year), expires));
        assert_eq!(at(1_483_228_800), (LeapWord::NONE, expires));
        assert_eq!(at(expires + 1), (LeapWord::SILENT, 0));
        std::fs::remove_file(path).unwrap();
        assert_eq!(at(1_483_228_799), (LeapWord::SILENT, 0));
    }

    #[test]
    fn something_else_is_refused() {
        assert_eq!(parse("hello\nworld 3\n"), None);
        let leap = Leap {
            utc_offset_s: Some(-1),
            file: None,
        };
        assert!(fallback(&leap, Time::ZERO).is_err());
        let missing = Leap {
            utc_offset_s: None,
            file: Some("/nonexistent/leap".into()),
        };
        assert!(
            fallback(&missing, Time::ZERO)
                .unwrap_err()
                .to_string()
                .contains("/nonexistent/leap")
        );
    }

    #[test]
    fn an_expired_list_is_used_and_said() {
        let path = std::env::temp_dir().join(format!("tgm-leap-{}", std::process::id()));
        std::fs::write(&path, LIST).unwrap();
        let leap = Leap {
            utc_offset_s: None,
            file: Some(path.clone()),
        };
        let after = Time::from_parts(1_800_000_000, 0);
        let (offset, note) = fallback(&leap, after).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(offset, Some(Seconds(37)));
        assert!(note.unwrap().contains("EXPIRED"));
    }
}
