//! What the environment says about cards.

/// The variables, read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `TGM_HW=1`: a real card may be used.
    pub hardware: bool,
    /// `TGM_HW_WRITE=1`: its settings may be changed.
    pub write: bool,
    /// `TGM_HW_REQUIRED=1`: no card is a failure.
    pub required: bool,
    /// `TGM_HW_IFACE`: only the card with this interface.
    pub interface: Option<String>,
    /// `TGM_RIG_SUITE`: set by our machine.
    pub suite: Option<String>,
}

impl Settings {
    /// From this process's environment.
    pub fn from_environment() -> Self {
        Self::from(|name| std::env::var(name).ok())
    }

    /// From any look-up.
    pub fn from(look_up: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name| look_up(name).filter(|value| !value.is_empty());
        let on = |name| text(name).as_deref() == Some("1");
        Settings {
            hardware: on("TGM_HW"),
            write: on("TGM_HW_WRITE"),
            required: on("TGM_HW_REQUIRED"),
            interface: text("TGM_HW_IFACE"),
            suite: text("TGM_RIG_SUITE"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_1_switches_on_and_empty_is_unset() {
        let settings = Settings::from(|name| match name {
            "TGM_HW" => Some("1".to_owned()),
            "TGM_HW_WRITE" => Some("yes".to_owned()),
            "TGM_HW_IFACE" => Some(String::new()),
            _ => None,
        });
        assert!(settings.hardware && !settings.write && !settings.required);
        assert_eq!(settings.interface, None);
    }
}
