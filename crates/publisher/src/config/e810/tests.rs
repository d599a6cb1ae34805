use tgm_openshift::File;

use super::*;

/// The profile's `plugins.e810`, from the text of it.
fn e810(plugin: &str) -> E810 {
    let text = format!(
        "apiVersion: ptp.openshift.io/v1\nkind: PtpConfig\nmetadata: {{name: gm}}\nspec:\n  profile:\n  - name: gm\n    ptpSettings: \
         {{clockType: T-GM}}\n    plugins: {{e810: {plugin}}}\n  recommend: [{{profile: gm, priority: 4, match: [{{nodeName: n}}]}}]\n"
    );
    let file = File::read(&text);
    assert!(!file.is_bad(), "{:?}", file.problems);
    file.of_node("n", &[])[0].e810.clone().unwrap()
}

fn of<'a>(pins: &'a [Pin], label: &str) -> Option<&'a Pin> {
    pins.iter().find(|pin| match &pin.board_label {
        Some(own) => own == label,
        None => label == "GNSS-1PPS",
    })
}

const INPUT: Toward = Toward {
    prio: Some(0),
    state: Some(State::Selectable),
};
const OFF: Toward = Toward {
    prio: None,
    state: Some(State::Disconnected),
};
const ON: Toward = Toward {
    prio: None,
    state: Some(State::Connected),
};

#[test]
fn a_connector_is_an_input_an_output_or_off() {
    let (pins, refused) = pins(
        &e810("{pins: {a: {SMA1: '1 1', U.FL1: '2 1', SMA2: '0 2'}, b: {SMA1: '2 1'}}}"),
        "a",
    );
    assert_eq!(refused, [""; 0]);
    let sma1 = of(&pins, "SMA1").unwrap();
    assert_eq!((sma1.eec, sma1.pps), (INPUT, INPUT));
    assert_eq!(
        of(&pins, "REF-SMA1").unwrap().pps,
        ON,
        "U.FL1 puts out what SMA1 does not"
    );
    let sma2 = of(&pins, "SMA2/U.FL2").unwrap();
    assert_eq!((sma2.eec, sma2.pps), (OFF, OFF));
    assert_eq!(of(&pins, "REF-SMA2/U.FL2").unwrap().pps, OFF);
    assert_eq!(pins.len(), 4, "nothing else is touched");
}

#[test]
fn defaults_are_those_of_the_model_with_all_connectors_off() {
    let (pins, refused) = pins(&e810("{enableDefaultConfig: true, pins: {a: {SMA2: '1 2'}}}"), "a");
    assert_eq!(refused, [""; 0]);
    assert_eq!(of(&pins, "SMA1").unwrap().eec, OFF);
    assert_eq!(of(&pins, "SMA2/U.FL2").unwrap().pps, INPUT);
    assert_eq!(
        of(&pins, "CVL-SDP20").unwrap().eec,
        OFF,
        "never from what the PHC puts out"
    );
    let gnss = of(&pins, "GNSS-1PPS").unwrap();
    assert!(gnss.gnss && gnss.board_label.is_none() && gnss.pps == INPUT);
}

#[test]
fn the_receiver_on_a_card_goes_before_its_connectors() {
    let plugin = "{pins: {a: {SMA1: '1 1'}}, interconnections: [{id: a, Part: E810-XXVDA4T, gnssInput: true}]}";
    let (pins, refused) = pins(&e810(plugin), "a");
    assert_eq!((of(&pins, "SMA1").unwrap().pps.prio, refused.len()), (Some(3), 0));
}

#[test]
fn what_cannot_be_had_is_named() {
    for (plugin, hint) in [
        ("{pins: {a: {SMA1: '2 1', U.FL1: '2 1'}}}", "SMA1 and U.FL1 share"),
        ("{pins: {a: {U.FL1: '1 1'}}}", "U.FL1 cannot be an input"),
        (
            "{interconnections: [{id: a, gnssInput: true}]}",
            "delays are known of E810-XXVDA4T",
        ),
        (
            "{interconnections: [{id: a, Part: E810-CQDA2T, gnssInput: true}]}",
            "Part is `E810-CQDA2T`",
        ),
        (
            "{interconnections: [{id: a, Part: E810-XXVDA4T, gnssInput: true, phaseOutputConnectors: [U.FL2]}]}",
            "no delay is known for U.FL2",
        ),
        (
            "{interconnections: [{id: a, Part: E810-XXVDA4T, gnssInput: true, phaseOutputConnectors: [SMA1, U.FL1]}]}",
            "both 1376 and 1274 ps",
        ),
    ] {
        let refused = pins(&e810(plugin), "a").1;
        assert!(
            matches!(&refused[..], [one] if one.contains(hint)),
            "{plugin}: {refused:?}"
        );
    }
}

/// What the seed's daemon computes and sends for the same profiles. Where it writes priority 255 a pin is disconnected here, and an
/// output of theirs is an input with the first priority: the label's input is all they know.
#[test]
fn pins_and_delays_agree_with_the_recorded_ones() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/vectors/e810_pins.json"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        return println!("SKIPPED: {path} is missing");
    };
    let data: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut seen = 0;
    for profile in data["delay_compensation"].as_array().unwrap() {
        let is_grandmaster = profile["interconnections"][0]["gnssInput"] == true;
        for card in profile["interconnections"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|_| is_grandmaster)
        {
            let plugin = format!("{{interconnections: {}}}", profile["interconnections"]);
            let id = card["id"].as_str().unwrap();
            let (ours, refused) = pins(&e810(&plugin), id);
            assert_eq!(refused, [""; 0]);
            let theirs = profile["compensations"].as_array().unwrap().iter();
            let theirs: Vec<_> = theirs.filter(|one| one["iface"] == id).collect();
            assert_eq!(theirs.len(), ours.len(), "{id}");
            for one in theirs {
                let pin = of(&ours, one["pin"].as_str().unwrap()).unwrap();
                assert_eq!(pin.phase_adjust_ps.map(i64::from), one["delay_ps"].as_i64(), "{one}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 6);
    for one in data["plugin_pin_values"].as_array().unwrap() {
        let (name, value) = (one["pin"].as_str().unwrap(), one["value"].as_str().unwrap());
        let connector = Connector::parse(name).filter(|c| c.input_label().is_some());
        let (Some(connector), "0 1" | "1 1" | "0 2" | "1 2") = (connector, value) else {
            continue;
        };
        let (ours, _) = pins(&e810(&format!("{{pins: {{a: {{{name}: '{value}'}}}}}}")), "a");
        let command = &one["commands"][0];
        let pin = of(&ours, command["label"].as_str().unwrap()).unwrap();
        assert_eq!(connector.input_label(), command["label"].as_str());
        let never = command["text"].as_str().unwrap().contains("prio=255");
        assert_eq!(pin.eec, if never { OFF } else { INPUT }, "{one}");
        assert_eq!(pin.eec, pin.pps);
    }
}
