//! What can be asked for on the command line, and the plan that it makes.

use clap::Args;
use tgm_gnss::setup::{Antenna, Command, Constellations, Layers, Plan, Position, Raw, TimeMode, keys};

/// What is wanted of a receiver. Nothing that is not named is touched.
#[derive(Debug, Args)]
pub struct Options {
    /// The receiver: `dev:/dev/gnss0`, `tty:/dev/ttyS0@9600`, `pty:/path`. One that tgmd has open is reached through its fan-out.
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// Send it. Else nothing is changed, and it is shown what would be sent.
    #[arg(long)]
    pub apply: bool,
    /// These systems on, all others off: gps, sbas, galileo, beidou, qzss, glonass.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = constellation)]
    constellations: Vec<Constellations>,
    /// Survey itself in: shortest duration in seconds.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["position_llh", "time_mode_off"])]
    survey_in: Option<u32>,
    /// Fixed position: latitude and longitude in degrees, height above the ellipsoid in metres.
    #[arg(long, value_name = "LAT,LON,HEIGHT", value_parser = position, conflicts_with = "time_mode_off", allow_hyphen_values = true)]
    position_llh: Option<Position>,
    /// Accuracy of the survey-in or of the fixed position, metres.
    #[arg(long, value_name = "METRES", default_value = "0.5", value_parser = accuracy)]
    position_accuracy: u32,
    /// Navigate: no survey-in and no fixed position.
    #[arg(long)]
    time_mode_off: bool,
    /// Antenna supply.
    #[arg(long, value_name = "BOOL")]
    antenna_supply: Option<bool>,
    /// Detection of a short.
    #[arg(long, value_name = "BOOL")]
    antenna_short: Option<bool>,
    /// Detection of an open circuit.
    #[arg(long, value_name = "BOOL")]
    antenna_open: Option<bool>,
    /// Supply off on a short.
    #[arg(long, value_name = "BOOL")]
    antenna_power_down: Option<bool>,
    /// Supply on again some time after a short.
    #[arg(long, value_name = "BOOL")]
    antenna_recovery: Option<bool>,
    /// Delay of antenna and cable, nanoseconds.
    #[arg(long, value_name = "NS", allow_hyphen_values = true)]
    cable_delay: Option<i16>,
    /// A message and how often it is sent, in epochs (0: never), such as `NAV-PVT=1`. `tgmd`: those that tgmd reads.
    #[arg(long, value_name = "NAME=EPOCHS", value_parser = rates)]
    rate: Vec<Rates>,
    /// A key of generation 9 and its value, such as `0x10050001=1`.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key)]
    key: Vec<Command>,
    /// A UBX message of one's own, hexadecimal: class, id and payload, or a whole frame.
    #[arg(long, value_name = "HEX")]
    raw: Vec<Raw>,
    /// Keep it over a restart: in battery-backed memory and flash.
    #[arg(long)]
    save: bool,
}

/// What one `--rate` stands for.
type Rates = Vec<(keys::Output, u8)>;

fn constellation(name: &str) -> Result<Constellations, String> {
    Constellations::named(name).ok_or_else(|| "none of gps, sbas, galileo, beidou, qzss, glonass".to_owned())
}

fn position(text: &str) -> Result<Position, String> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    match numbers.as_deref() {
        Ok([latitude, longitude, height]) => {
            Position::geodetic(*latitude, *longitude, *height).map_err(|error| error.to_string())
        }
        _ => Err("three numbers are wanted, with commas between them".to_owned()),
    }
}

fn accuracy(text: &str) -> Result<u32, String> {
    let metres: f64 = text.parse().map_err(|_| "a number of metres is wanted".to_owned())?;
    if !(0.000_1..=100.0).contains(&metres) {
        return Err("between 0.0001 and 100 metres".to_owned());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most a million, and positive
    Ok((metres * 10_000.0).round() as u32)
}

fn rates(text: &str) -> Result<Rates, String> {
    let named = |name: &str, rate: u8| {
        let output = keys::by_name(name);
        let output =
            output.ok_or_else(|| format!("no message is called `{name}`; names are such as NAV-PVT and NMEA-RMC"));
        Ok((output?, rate))
    };
    if text == "tgmd" {
        return Plan::rates()
            .into_iter()
            .map(|(name, rate)| named(name, rate))
            .collect();
    }
    let (name, rate) = text.split_once('=').ok_or("NAME=EPOCHS is wanted, or tgmd")?;
    let rate = rate.parse().map_err(|_| "the rate is a number of epochs, 0 to 255")?;
    Ok(vec![named(name, rate)?])
}

fn key(text: &str) -> Result<Command, String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is wanted")?;
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let key = number(key).and_then(|key| u32::try_from(key).ok());
    let key = key.filter(|key| keys::width(*key).is_some());
    let value = number(value).and_then(|value| match value {
        0.. => u64::try_from(value).ok(),
        _ => i64::try_from(value).ok().map(i64::cast_unsigned),
    });
    match (key, value) {
        (Some(key), Some(value)) => Ok(Command::Key { key, value }),
        (None, _) => Err("that is no key: its number tells no size".to_owned()),
        (_, None) => Err("the value is no whole number of 64 bits".to_owned()),
    }
}

impl Options {
    /// What is to be done.
    pub fn plan(&self) -> Plan {
        let antenna = Antenna {
            supply: self.antenna_supply,
            short_detection: self.antenna_short,
            open_detection: self.antenna_open,
            power_down: self.antenna_power_down,
            recovery: self.antenna_recovery,
        };
        let systems = self.constellations.iter().copied().reduce(|all, one| all | one);
        let accuracy = self.position_accuracy;
        let mode = match (self.position_llh, self.survey_in) {
            (Some(position), _) => Some(TimeMode::Fixed { position, accuracy }),
            (None, Some(min_duration)) => Some(TimeMode::SurveyIn {
                min_duration,
                limit: accuracy,
            }),
            (None, None) => self.time_mode_off.then_some(TimeMode::Off),
        };
        let mut commands = Vec::new();
        // First of all, so that its antenna has time to show itself.
        commands.extend(Some(Command::Antenna(antenna)).filter(|_| antenna != Antenna::default()));
        commands.extend(systems.map(Command::Constellations));
        commands.extend(self.cable_delay.map(Command::CableDelay));
        commands.extend(mode.map(Command::TimeMode));
        let rates = self.rate.iter().flatten();
        commands.extend(rates.map(|(output, rate)| Command::Rate {
            output: *output,
            rate: *rate,
        }));
        commands.extend(self.key.iter().cloned());
        commands.extend(self.raw.iter().cloned().map(Command::Raw));
        let layers = if self.save { Layers::all() } else { Layers::RAM };
        Plan {
            commands,
            layers,
            save_position: false,
            watch: None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // tests: stop where it breaks
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn plan(options: &[&str]) -> Plan {
        let words = ["setup", "dev:/dev/gnss0"].iter().chain(options);
        Cli::try_parse_from(words).unwrap().options.plan()
    }

    #[test]
    fn only_what_is_named_is_wanted() {
        assert_eq!(plan(&[]).commands, []);
        assert_eq!(plan(&[]).layers, Layers::RAM);
        let all = plan(&[
            "--constellations=gps,galileo",
            "--position-llh=-33.5,151.25,40",
            "--position-accuracy=0.02",
            "--antenna-supply=true",
            "--rate=tgmd",
            "--rate=NMEA-GSV=0",
            "--key=0x10050001=-1",
            "--save",
        ]);
        assert_eq!(all.layers, Layers::all());
        let systems = Constellations::GPS | Constellations::GALILEO;
        assert!(all.commands.contains(&Command::Constellations(systems)));
        let fixed = TimeMode::Fixed {
            position: Position::geodetic(-33.5, 151.25, 40.0).unwrap(),
            accuracy: 200,
        };
        assert!(all.commands.contains(&Command::TimeMode(fixed)));
        let key = Command::Key {
            key: 0x1005_0001,
            value: u64::MAX,
        };
        assert!(all.commands.contains(&key));
        assert_eq!(all.commands.len(), 3 + Plan::rates().len() + 2);
        for bad in [
            "--constellations=GPS",
            "--position-llh=91,0,0",
            "--position-llh=1,2",
            "--position-accuracy=0",
            "--rate=NAV-NONE=1",
            "--rate=NAV-PVT=300",
            "--key=1=1",
            "--key=0x10050001=x",
            "--raw=06",
        ] {
            assert!(Cli::try_parse_from(["setup", "dev:/dev/gnss0", bad]).is_err(), "{bad}");
        }
    }
}
