//! Lists of leap seconds as the incumbent reads and writes them (../shared/data/vectors), against ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

use serde_json::Value;
use tgm_linuxptp::leap_list::LeapList;
use tgm_time::Seconds;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/vectors/leap.json");
const NTP_TO_POSIX: i64 = 2_208_988_800;

fn vectors() -> Option<Value> {
    let Ok(text) = std::fs::read_to_string(VECTORS) else {
        println!("skipped: {VECTORS} is missing");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn posix(value: &Value) -> Option<i64> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(|text| text.parse::<i64>().unwrap() - NTP_TO_POSIX)
}

fn assert_same(list: &LeapList, parsed: &Value) {
    assert_eq!(list.expires, posix(&parsed["expirationTime"]));
    assert_eq!(list.updated, posix(&parsed["updateTime"]));
    let steps: Vec<(i64, Seconds)> = parsed["leapEvents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            (
                posix(&event["leapTime"]).unwrap(),
                Seconds(event["leapSec"].as_i64().unwrap()),
            )
        })
        .collect();
    assert_eq!(list.steps, steps);
    let hash = list.hash.map(|hash| hash.map(|word| format!("{word:08x}")).join(" "));
    assert_eq!(hash.unwrap_or_default(), parsed["hash"].as_str().unwrap());
}

/// All from the first line of data on: what stands before it is for people.
fn data(text: &str) -> &str {
    &text[text.find("#$").unwrap()..]
}

#[test]
fn the_published_list_is_read_and_written_as_the_incumbent_does() {
    let Some(vectors) = vectors() else { return };
    let list = LeapList::parse(vectors["iers_file_text"].as_str().unwrap()).unwrap();
    assert_same(&list, &vectors["iers_file_parsed"]);
    assert_eq!(list.is_intact(), Some(true), "the hash of IERS is the one we compute");
    let expected = vectors["iers_file_rendered_expected"].as_str().unwrap();
    assert_eq!(list.to_string().trim_end(), data(expected).trim_end());
}

#[test]
fn another_second_and_its_hash_are_written_as_the_incumbent_does() {
    let Some(vectors) = vectors() else { return };
    let mut list = LeapList::parse(vectors["iers_file_text"].as_str().unwrap()).unwrap();
    let example = &vectors["update_example"];
    // 2025-01-01 and 2024-05-08.
    assert_eq!(
        (&example["leap_time"], &example["update_time"]),
        (&"2025-01-01T00:00:00Z".into(), &"2024-05-08T00:00:00Z".into())
    );
    list.steps
        .push((1_735_689_600, Seconds(example["leap_sec"].as_i64().unwrap())));
    list.updated = Some(1_715_126_400);
    assert_eq!(
        list.to_string().trim_end(),
        data(example["rendered"].as_str().unwrap()).trim_end()
    );
    let written = list.to_string();
    assert!(
        written.trim_end().ends_with(example["hash"].as_str().unwrap()),
        "{written}"
    );
    assert_eq!(
        vectors["render_equals_expected"], true,
        "what is compared with above is the incumbent's own"
    );
}

#[test]
fn pieces_are_read_and_refused_as_the_incumbent_does() {
    let Some(vectors) = vectors() else { return };
    for case in vectors["parse"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        match LeapList::parse(text) {
            Ok(list) => assert_same(&list, &case["parsed"]),
            Err(_) => assert_eq!(case["error"], true, "{text}"),
        }
    }
}
