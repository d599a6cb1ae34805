//! `tgmctl` as a decoder of dpll messages: lines of hexadecimal attributes in, one line of JSON each out, with the keys, the order and
//! the spellings of iproute2's `dpll -j device show` and `dpll -j pin show`.
//!
//! A line is `device HEX` or `pin HEX`: the attributes behind the generic-netlink header. A line that is neither or cannot be decoded
//! gives `{"error":"…"}`, and the next line goes on. Empty lines give nothing. Where a number has no name, `dpll` prints "unknown";
//! so does this, and adds the number under the key with `-value`.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use serde::ser::{Serialize, SerializeMap, Serializer};
use tgm_dpll::kinds::{self, PinCapabilities, UNKNOWN};
use tgm_dpll::{DeviceMsg, FrequencyRange, OtherPin, ParentDevice, PinMsg, Text};

/// Decodes line by line until the input ends. Fails (with code 1) if any line could not be decoded.
pub fn run(mut input: impl BufRead, mut out: impl Write) -> io::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? != 0 {
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            let object = decode(text.trim()).unwrap_or_else(|why| {
                code = ExitCode::FAILURE;
                let mut object = Object::default();
                object.put("error", Json::Text(why));
                object
            });
            serde_json::to_writer(&mut out, &object)?;
            out.write_all(b"\n")?;
            out.flush()?;
        }
        line.clear();
    }
    Ok(code)
}

fn decode(line: &str) -> Result<Object, String> {
    let (what, hex) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let decoder = match what {
        "device" => |bytes: &[u8]| DeviceMsg::decode(bytes).map(|msg| device(&msg)),
        "pin" => |bytes: &[u8]| PinMsg::decode(bytes).map(|msg| pin(&msg)),
        other => return Err(format!("\"{other}\" is neither \"device\" nor \"pin\"")),
    };
    decoder(&bytes(hex)?).map_err(|malformed| malformed.to_string())
}

/// Hexadecimal digits, white space anywhere between bytes.
fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(hex.len() / 2);
    let mut high = None;
    for (at, digit) in hex.chars().enumerate() {
        if digit.is_whitespace() && high.is_none() {
            continue;
        }
        let value = digit.to_digit(16).and_then(|value| u8::try_from(value).ok());
        let value = value.ok_or_else(|| format!("\"{digit}\" at {at} is no hexadecimal digit"))?;
        high = match high {
            None => Some(value << 4),
            Some(high) => {
                bytes.push(high | value);
                None
            }
        };
    }
    if high.is_some() {
        return Err("an odd number of hexadecimal digits".into());
    }
    Ok(bytes)
}

/// A JSON value, objects in the order in which they were written.
enum Json {
    Unsigned(u64),
    Signed(i64),
    Name(&'static str),
    Text(String),
    List(Vec<Json>),
    Object(Object),
}

/// A JSON object that keeps its order.
#[derive(Default)]
struct Object(Vec<(String, Json)>);

impl Object {
    fn put(&mut self, key: &str, value: Json) {
        self.0.push((key.to_owned(), value));
    }

    fn unsigned(&mut self, key: &str, value: Option<impl Into<u64>>) {
        if let Some(value) = value {
            self.put(key, Json::Unsigned(value.into()));
        }
    }

    fn signed(&mut self, key: &str, value: Option<impl Into<i64>>) {
        if let Some(value) = value {
            self.put(key, Json::Signed(value.into()));
        }
    }

    fn text(&mut self, key: &str, value: Option<Text<'_>>) {
        if let Some(value) = value {
            self.put(key, Json::Text(value.to_string()));
        }
    }

    /// A named number.
    fn name(&mut self, key: &str, value: Option<(&'static str, u32)>) {
        let Some((name, number)) = value else { return };
        self.put(key, Json::Name(name));
        if name == UNKNOWN {
            self.put(&format!("{key}-value"), Json::Unsigned(number.into()));
        }
    }

    /// A list, unless it is empty.
    fn list(&mut self, key: &str, values: impl Iterator<Item = Json>) {
        let values: Vec<_> = values.collect();
        if !values.is_empty() {
            self.put(key, Json::List(values));
        }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Unsigned(number) => serializer.serialize_u64(*number),
            Json::Signed(number) => serializer.serialize_i64(*number),
            Json::Name(name) => serializer.serialize_str(name),
            Json::Text(text) => serializer.serialize_str(text),
            Json::List(values) => serializer.collect_seq(values),
            Json::Object(object) => object.serialize(serializer),
        }
    }
}

macro_rules! named {
    ($value:expr) => {
        $value.map(|value| (value.name(), value.number()))
    };
}

fn device(msg: &DeviceMsg<'_>) -> Object {
    let mut object = Object::default();
    object.unsigned("id", msg.id);
    object.text("module-name", msg.module_name);
    object.name("mode", named!(msg.mode));
    object.unsigned("clock-id", msg.clock_id);
    object.name("type", named!(msg.dpll_type));
    object.name(
        "lock-status",
        msg.lock_status
            .map(|status| (kinds::lock_status_name(status), status.number())),
    );
    object.name("lock-status-error", named!(msg.lock_status_error));
    object.list(
        "clock-quality-level",
        msg.clock_quality_level.iter().map(|level| Json::Name(level.name())),
    );
    object.signed("temp", msg.temp);
    object.list(
        "mode-supported",
        msg.mode_supported.iter().map(|mode| Json::Name(mode.name())),
    );
    object.name("phase-offset-monitor", named!(msg.phase_offset_monitor));
    object.unsigned("phase-offset-avg-factor", msg.phase_offset_avg_factor);
    object.name("frequency-monitor", named!(msg.frequency_monitor));
    object
}

fn pin(msg: &PinMsg<'_>) -> Object {
    let mut object = Object::default();
    object.unsigned("id", msg.id);
    object.text("module-name", msg.module_name);
    object.unsigned("clock-id", msg.clock_id);
    object.text("board-label", msg.board_label);
    object.text("panel-label", msg.panel_label);
    object.text("package-label", msg.package_label);
    object.name("type", named!(msg.pin_type));
    object.unsigned("frequency", msg.frequency);
    object.list(
        "frequency-supported",
        msg.frequency_supported.iter().map(|own| range(&own)),
    );
    if let Some(flags) = msg.capabilities {
        let names = PinCapabilities::NAMES.iter().filter(|(flag, _)| flags.contains(*flag));
        object.put(
            "capabilities",
            Json::List(names.map(|(_, name)| Json::Name(name)).collect()),
        );
    }
    object.signed("phase-adjust-min", msg.phase_adjust_min);
    object.signed("phase-adjust-max", msg.phase_adjust_max);
    object.unsigned("phase-adjust-gran", msg.phase_adjust_gran);
    object.signed("phase-adjust", msg.phase_adjust);
    object.signed("fractional-frequency-offset", msg.ffo);
    object.signed("fractional-frequency-offset-ppt", msg.ffo_ppt);
    object.unsigned("measured-frequency", msg.measured_frequency);
    object.unsigned("esync-frequency", msg.esync_frequency);
    object.list(
        "esync-frequency-supported",
        msg.esync_frequency_supported.iter().map(|own| range(&own)),
    );
    object.unsigned("esync-pulse", msg.esync_pulse);
    object.list(
        "parent-device",
        msg.parent_devices
            .iter()
            .map(|parent| Json::Object(parent_device(&parent))),
    );
    object.list("parent-pin", msg.parent_pins.iter().map(|pin| other("parent-id", &pin)));
    object.list("reference-sync", msg.reference_sync.iter().map(|pin| other("id", &pin)));
    outside(&mut object, &msg.outside);
    object
}

fn parent_device(parent: &ParentDevice) -> Object {
    let mut object = Object::default();
    object.unsigned("parent-id", parent.parent_id);
    object.name("direction", named!(parent.direction));
    object.unsigned("prio", parent.prio);
    object.name("state", named!(parent.state));
    object.name("operstate", named!(parent.operstate));
    object.signed("phase-offset", parent.phase_offset.map(|offset| offset.0));
    object.signed("fractional-frequency-offset", parent.ffo);
    object.signed("fractional-frequency-offset-ppt", parent.ffo_ppt);
    object
}

/// What belongs into a parent-device nest and stood outside: `dpll` does not print it, but a decoder should not hide it.
fn outside(object: &mut Object, parent: &ParentDevice) {
    object.0.extend(parent_device(parent).0);
}

fn other(id: &str, pin: &OtherPin) -> Json {
    let mut object = Object::default();
    object.unsigned(id, pin.id);
    object.name("state", named!(pin.state));
    Json::Object(object)
}

/// As `dpll` does, 0 for a limit that is not told.
fn range(range: &FrequencyRange) -> Json {
    let mut object = Object::default();
    object.unsigned("frequency-min", Some(range.min.unwrap_or(0)));
    object.unsigned("frequency-max", Some(range.max.unwrap_or(0)));
    Json::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tgm_dpll::encode::AttrWriter;

    fn hex(write: impl FnOnce(&mut AttrWriter<'_>)) -> String {
        let mut buffer = [0; 1024];
        let mut writer = AttrWriter::new(&mut buffer);
        write(&mut writer);
        writer
            .finish()
            .unwrap()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn lines(input: &str) -> Vec<String> {
        let mut out = Vec::new();
        run(input.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_device_reads_as_dpll_prints_it() {
        let device = hex(|w| {
            w.u32(1, 0);
            w.text(2, "ice");
            w.u64(4, 5_799_633_565_433_968_000);
            w.u32(5, 2);
            w.u32(6, 1);
            w.u32(6, 2);
            w.u32(7, 3);
            w.i32(8, 45_500);
            w.u32(9, 2);
            w.u32(11, 7);
            w.u32(12, 0);
            w.u32(13, 1);
            w.u32(14, 1);
        });
        let expected = concat!(
            r#"{"id":0,"module-name":"ice","mode":"automatic","clock-id":5799633565433968000,"type":"eec","#,
            r#""lock-status":"locked-ho-acq","clock-quality-level":["itu-opt1-eeec"],"temp":45500,"#,
            r#""mode-supported":["manual","automatic"],"phase-offset-monitor":"disable","phase-offset-avg-factor":1,"#,
            r#""frequency-monitor":"enable"}"#
        );
        assert_eq!(lines(&format!("device {device}\n")), [expected]);
    }

    #[test]
    fn a_pin_reads_as_dpll_prints_it() {
        let pin = hex(|w| {
            w.u32(1, 6);
            w.text(6, "GNSS-1PPS");
            w.u32(9, 5);
            w.u64(11, 1);
            w.nest(12, |w| {
                w.u64(13, 1);
                w.u64(14, 1);
            });
            w.u32(17, 6);
            w.i32(20, -16_723);
            w.sint(24, -3);
            w.nest(18, |w| {
                w.u32(2, 1);
                w.u32(10, 1);
                w.u32(15, 0);
                w.u32(16, 1);
                w.i64(23, -418_255);
                w.u32(32, 1);
                w.sint(30, 7);
            });
            w.nest(19, |w| {
                w.u32(2, 3);
                w.u32(16, 2);
            });
            w.nest(28, |w| {
                w.u32(1, 5);
                w.u32(16, 3);
            });
        });
        let expected = concat!(
            r#"{"id":6,"board-label":"GNSS-1PPS","type":"gnss","frequency":1,"#,
            r#""frequency-supported":[{"frequency-min":1,"frequency-max":1}],"#,
            r#""capabilities":["state-can-change","priority-can-change"],"phase-adjust-min":-16723,"fractional-frequency-offset":-3,"#,
            r#""parent-device":[{"parent-id":1,"direction":"input","prio":0,"state":"connected","operstate":"active","#,
            r#""phase-offset":-418255,"fractional-frequency-offset-ppt":7}],"#,
            r#""parent-pin":[{"parent-id":3,"state":"disconnected"}],"reference-sync":[{"id":5,"state":"selectable"}]}"#
        );
        assert_eq!(lines(&format!("pin {pin}")), [expected]);
    }

    #[test]
    fn a_bad_line_is_told_and_the_next_goes_on() {
        let input =
            "device 0800\n\nrelay 00\npin 0g\npin 012\ndevice\ndevice 0800 0700 09000000\r\npin 0600 0100 0102 0000\n";
        let expected = [
            r#"{"error":"truncated attribute header at byte 0"}"#,
            r#"{"error":"\"relay\" is neither \"device\" nor \"pin\""}"#,
            r#"{"error":"\"g\" at 1 is no hexadecimal digit"}"#,
            r#"{"error":"an odd number of hexadecimal digits"}"#,
            "{}",
            r#"{"lock-status":"unknown","lock-status-value":9}"#,
            r#"{"error":"attribute 1 at byte 0 has a value of the wrong length"}"#,
        ];
        assert_eq!(lines(input), expected);
    }

    #[test]
    fn the_code_tells_whether_every_line_was_good() {
        let code = |input: &[u8]| run(input, io::sink()).unwrap();
        assert_eq!(code(b"device 080007000100 0000\n"), ExitCode::SUCCESS);
        assert_eq!(code(b"device 08\ndevice\n"), ExitCode::FAILURE);
        assert_eq!(
            code(b"\xff\xfe 00\n"),
            ExitCode::FAILURE,
            "no UTF-8 is an error, not a stop"
        );
    }
}
