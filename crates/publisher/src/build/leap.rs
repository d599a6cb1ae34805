//! TAI − UTC while no receiver tells it: from a number or a file that somebody chose, never assumed in silence.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use tgm_core::leap::{LeapAhead, LeapWord};
use tgm_linuxptp::leap_list::LeapList;
use tgm_openshift::config_map;
use tgm_time::{Seconds, Time, Utc};

use crate::config::{Leap, node_name};
use crate::exit::Fatal;

/// By the system's clock.
pub fn system_time() -> Time<Utc> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(); // before 1970: no list knows it
    Time::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// The list in this file. It may be a ConfigMap of lists by node, as YAML or as the folder that it is mounted as; this node's is taken.
pub fn leap_list(path: &Path) -> Result<LeapList, String> {
    let node = || node_name(None).map_err(|error| error.to_string());
    let path = if path.is_dir() {
        path.join(node()?)
    } else {
        path.to_owned()
    };
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = if let Some(lists) = config_map(&text) {
        let node = node()?;
        let names: Vec<&str> = lists.iter().map(|(name, _)| name.as_str()).collect();
        let missing = format!(
            "a ConfigMap without a list for node {node}; there are [{}]",
            names.join(", ")
        );
        lists.into_iter().find(|(name, _)| *name == node).ok_or(missing)?.1
    } else {
        text
    };
    LeapList::parse(&text).map_err(|error| format!("is no leap-seconds.list (IERS): {error}"))
}

/// What the configured file says of leap seconds to come, and up to when it knows, POSIX seconds, 0 for never; an expired one says
/// nothing. A file that cannot be read says nothing here and is refused by [`fallback`].
pub fn ahead(leap: &Leap, now: Time<Utc>) -> (LeapWord, i64) {
    let list = leap.file.as_ref().and_then(|file| leap_list(file).ok());
    let Some((list, until)) = list.and_then(|list| list.expires.map(|until| (list, until))) else {
        return (LeapWord::SILENT, 0);
    };
    if list.is_expired(now.secs()) {
        return (LeapWord::SILENT, until);
    }
    let (Some((at, offset)), Some(before)) = (list.next_after(now.secs()), list.offset_at(now.secs())) else {
        return (LeapWord::NONE, until);
    };
    let insert = match offset.0 - before.0 {
        1 => true,
        -1 => false,
        _ => return (LeapWord::SILENT, 0),
    };
    (LeapWord::of(LeapAhead { at, insert }), until)
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
    let list = leap_list(path).map_err(|why| refuse(&why))?;
    let offset = list
        .offset_at(now.secs())
        .ok_or_else(|| refuse("begins after the present"))?;
    let expired = list.is_expired(now.secs());
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

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str =
        "# made for this test\n#$ 3960000000\n#@ 3991766400\n3644697600 36 # 1 Jul 2015\n3692217600 37 # 1 Jan 2017\n";

    #[test]
    fn what_a_list_says_of_the_future_ends_where_it_expires() {
        let path = std::env::temp_dir().join(format!("tgm-leap-ahead-{}", std::process::id()));
        std::fs::write(&path, LIST).unwrap();
        let leap = Leap {
            utc_offset_s: None,
            file: Some(path.clone()),
        };
        let at = |posix| ahead(&leap, Time::from_parts(posix, 0));
        let expires = 3_991_766_400 - 2_208_988_800; // NTP to POSIX
        let new_year = LeapAhead {
            at: 1_483_228_800,
            insert: true,
        };
        assert_eq!(at(1_483_228_799), (LeapWord::of(new_year), expires));
        assert_eq!(at(1_483_228_800), (LeapWord::NONE, expires));
        assert_eq!(at(expires), (LeapWord::SILENT, expires));
        std::fs::remove_file(path).unwrap();
        assert_eq!(at(1_483_228_799), (LeapWord::SILENT, 0));
    }

    #[test]
    fn a_config_map_holds_this_nodes_list() {
        let node = node_name(None).unwrap();
        let folder = std::env::temp_dir().join(format!("tgm-leap-map-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(&node), LIST).unwrap();
        let mounted = leap_list(&folder).unwrap();
        let lists = LIST.replace('\n', "\n    ");
        let map =
            |node: &str| format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  other: x\n  {node}: |\n    {lists}\n");
        let file = folder.join("map.yaml");
        std::fs::write(&file, map(&node)).unwrap();
        assert_eq!(leap_list(&file), Ok(mounted));
        std::fs::write(&file, map("nobody")).unwrap();
        let error = leap_list(&file).expect_err("another node's");
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(error.contains(&node) && error.contains("[other, nobody]"), "{error}");
    }

    #[test]
    fn something_else_is_refused() {
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
