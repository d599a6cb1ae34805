//! Whether anybody listens to what a ptp4l's ports really send.

use serde::{Deserialize, Deserializer, de};

/// The ports that are listened to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Witness {
    /// Those of a ptp4l that tgmd runs or whose configuration it is told, else the cards' interfaces; none if `announce` is off.
    #[default]
    Auto,
    /// None.
    Off,
    /// These.
    Ports(Vec<String>),
}

impl<'de> Deserialize<'de> for Witness {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(from)? {
            toml::Value::String(word) if word == "auto" => Ok(Witness::Auto),
            toml::Value::String(word) if word == "off" => Ok(Witness::Off),
            toml::Value::Array(ports) => {
                let name = |port: toml::Value| port.as_str().map(str::to_owned);
                let ports: Option<Vec<_>> = ports.into_iter().map(name).collect();
                let ports = ports.filter(|ports| ports.iter().all(|port| (1..16).contains(&port.len())));
                ports
                    .map(Witness::Ports)
                    .ok_or_else(|| de::Error::custom("names of interfaces are wanted, each of 1 to 15 bytes"))
            }
            _ => Err(de::Error::custom("\"auto\", \"off\" or a list of interfaces is wanted")),
        }
    }
}
