//! `ublxCmds`: commands in the words of `ubxtool`, as a set-up of the receiver. What cannot be had that way is refused by name.

use tgm_gnss::setup::{Plan, keys};

use super::receiver::{GnssSetup, TimeModeKey};

/// Satellite systems as `ubxtool -e` calls them, and their keys.
const SYSTEMS: [(&str, &str); 6] = [
    ("GPS", "CFG-SIGNAL-GPS_ENA"),
    ("SBAS", "CFG-SIGNAL-SBAS_ENA"),
    ("GALILEO", "CFG-SIGNAL-GAL_ENA"),
    ("BEIDOU", "CFG-SIGNAL-BDS_ENA"),
    ("QZSS", "CFG-SIGNAL-QZSS_ENA"),
    ("GLONASS", "CFG-SIGNAL-GLO_ENA"),
];
/// Classes of messages that `-p` only asks for.
const QUESTIONS: [&str; 5] = ["MON-", "NAV-", "SEC-", "TIM-", "UPD-SOS"];
/// UBX-CFG-MSG with a rate for the port that it comes in by.
const CFG_MSG: &str = "06 01";

/// The set-up, and what of the commands has no place in it.
pub fn setup(commands: &[Vec<String>]) -> (GnssSetup, Vec<String>) {
    let mut setup = GnssSetup {
        constellations: Vec::new(),
        time_mode: TimeModeKey::Keep,
        ..GnssSetup::default()
    };
    let mut refused = Vec::new();
    for command in commands {
        let mut words = command.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if matches!(word, "-t" | "-q") {
                continue;
            }
            let Some(value) = words.next() else {
                refused.push(format!("`{word}` has no value"));
                break;
            };
            if let Err(why) = option(&mut setup, word, value) {
                refused.push(format!("`{word} {value}`: {why}"));
            }
        }
    }
    // Keys by number may be unknown to nobody, values may not fit: what the receiver's own checks say.
    if let Err(why) = setup.plan() {
        refused.push(why);
    }
    (setup, refused)
}

fn option(setup: &mut GnssSetup, word: &str, value: &str) -> Result<(), String> {
    match word {
        // How ubxtool reaches a receiver, and for how long it listens.
        "-P" | "-w" | "-v" | "-f" | "-s" | "-i" => Ok(()),
        "-z" => set(setup, value),
        "-e" => enable(setup, value, true),
        "-d" => enable(setup, value, false),
        "-p" => message(setup, value),
        _ => Err("no option that is carried over; those are -z, -e, -d, -p".into()),
    }
}

/// `ITEM,VALUE[,LAYERS]`.
fn set(setup: &mut GnssSetup, value: &str) -> Result<(), String> {
    let mut parts = value.split(',');
    let name = parts.next().unwrap_or_default();
    let number = parts
        .next()
        .and_then(number)
        .ok_or("it is ITEM,VALUE or ITEM,VALUE,LAYERS")?;
    match parts.next() {
        None | Some("1") => {}
        Some(_) => {
            return Err("only the layer 1 (RAM) is written: it is set again whenever the receiver is opened".into());
        }
    }
    keys::key(name).ok_or("this item has no known key; give it as 0x and eight digits")?;
    setup.keys.insert(name.to_owned(), number);
    Ok(())
}

/// `GPS` and others, `SURVEYIN[3],SECONDS,0.1 MM`.
fn enable(setup: &mut GnssSetup, value: &str, on: bool) -> Result<(), String> {
    let mut parts = value.split(',');
    let name = parts.next().unwrap_or_default().to_ascii_uppercase();
    if let Some((_, key)) = SYSTEMS.iter().find(|(system, _)| *system == name) {
        setup.keys.insert((*key).to_owned(), on.into());
        return Ok(());
    }
    if !matches!(name.as_str(), "SURVEYIN" | "SURVEYIN3") {
        let names = SYSTEMS.map(|(system, _)| system).join(", ");
        return Err(format!("can be {names}, SURVEYIN"));
    }
    setup.time_mode = if on { TimeModeKey::SurveyIn } else { TimeModeKey::Off };
    let mut next = || {
        let part = parts.next().map(str::parse);
        part.transpose()
            .map_err(|_| "SURVEYIN is followed by seconds and 0.1 mm".to_owned())
    };
    if let Some(seconds) = next()? {
        setup.survey_in_s = seconds;
    }
    if let Some(limit) = next()? {
        setup.survey_in_limit = limit;
    }
    Ok(())
}

/// A question, or `CFG-MSG,CLASS,ID,RATE`.
fn message(setup: &mut GnssSetup, value: &str) -> Result<(), String> {
    if QUESTIONS.iter().any(|start| value.starts_with(start)) {
        return Ok(()); // it sets nothing, and tgmd reads the answers it needs anyway
    }
    let Some(rest) = value.strip_prefix("CFG-MSG,") else {
        return Err("-p takes questions (MON-, NAV-, SEC-, TIM-) and CFG-MSG,CLASS,ID,RATE".into());
    };
    let parts: Option<Vec<u8>> = rest.split(',').map(|part| number(part)?.try_into().ok()).collect();
    match parts.as_deref() {
        Some([_, _]) => Ok(()), // what the rate is
        Some([class, id, rate]) => {
            let own = Plan::rates().into_iter().filter_map(|(name, _)| keys::by_name(name));
            // Those that tgmd lives on come as often as it needs them.
            if !own.into_iter().any(|own| (own.class, own.id) == (*class, *id)) {
                setup.raw.push(format!("{CFG_MSG} {class:02x} {id:02x} {rate:02x}"));
            }
            Ok(())
        }
        _ => Err("CFG-MSG is followed by class, id and rate, each 0 to 255".into()),
    }
}

fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> (GnssSetup, Vec<String>) {
        setup(&[words.iter().map(|word| (*word).to_owned()).collect()])
    }

    #[test]
    fn the_usual_commands_of_a_grandmaster() {
        let words = [
            "-P",
            "29.20",
            "-z",
            "CFG-HW-ANT_CFG_VOLTCTRL,1",
            "-e",
            "GPS",
            "-d",
            "Galileo",
            "-e",
            "SURVEYIN,600,50000",
            "-t",
            "-w",
            "5",
            "-p",
            "MON-HW",
            "-p",
            "CFG-MSG,1,38,248",
            "-p",
            "CFG-MSG,1,33,1",
            "-z",
            "0x201100aa,50,1",
        ];
        let (setup, refused) = of(&words);
        assert_eq!(refused, [""; 0]);
        assert_eq!(
            (setup.time_mode, setup.survey_in_s, setup.survey_in_limit),
            (TimeModeKey::SurveyIn, 600, 50_000)
        );
        let expected = [
            ("0x201100aa", 50),
            ("CFG-HW-ANT_CFG_VOLTCTRL", 1),
            ("CFG-SIGNAL-GAL_ENA", 0),
            ("CFG-SIGNAL-GPS_ENA", 1),
        ];
        let keys: Vec<(&str, i64)> = setup.keys.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(keys, expected);
        assert_eq!(
            setup.raw,
            ["06 01 01 21 01"],
            "NAV-TIMELS keeps the rate that tgmd needs"
        );
        assert_eq!(setup.constellations, [""; 0]);
    }

    #[test]
    fn what_is_not_carried_over_is_named() {
        for (words, hint) in [
            (&["-z"][..], "`-z` has no value"),
            (&["-z", "CFG-NOTHING,1"], "no known key"),
            (&["-z", "CFG-HW-ANT_CFG_VOLTCTRL"], "ITEM,VALUE"),
            (&["-z", "CFG-HW-ANT_CFG_VOLTCTRL,1,7"], "RAM"),
            (&["-e", "NAVIC"], "GLONASS"),
            (&["-e", "SURVEYIN,x"], "0.1 mm"),
            (&["-p", "SAVE"], "questions"),
            (&["-p", "CFG-MSG,1,300,1"], "0 to 255"),
            (&["-c", "06,01"], "-z, -e, -d, -p"),
        ] {
            let refused = of(words).1;
            assert!(
                matches!(&refused[..], [one] if one.contains(hint)),
                "{words:?}: {refused:?}"
            );
        }
    }
}
