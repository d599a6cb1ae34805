//! Why a source of a card is not open. The hardware thread writes no log: it leaves a number in shared memory, and who has time says it.

use std::io::ErrorKind;

use tgm_gnss::OpenError as GnssError;
use tgm_phc::OpenError as PhcError;

/// Why it is not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Shut {
    /// It is open, or not configured, or was never tried.
    #[default]
    No = 0,
    /// There is no such device, or no such family: no driver, unplugged, or not found again yet.
    NoDevice = 1,
    /// The mode of the device's node does not allow it; of the dpll family: notifications are heard, dumps are refused.
    Permission = 2,
    /// Somebody else has it, or might.
    InUse = 3,
    /// Anything else.
    Other = 4,
}

impl Shut {
    const ALL: [Shut; 5] = [Shut::No, Shut::NoDevice, Shut::Permission, Shut::InUse, Shut::Other];

    /// Back from the number; one that is not known is `Other`.
    pub fn from_number(number: u8) -> Self {
        let known = Shut::ALL.into_iter().find(|known| *known as u8 == number);
        known.unwrap_or(Shut::Other)
    }

    /// What is wrong and what to do, for people.
    pub const fn advice(self) -> &'static str {
        match self {
            Shut::No => "open",
            Shut::NoDevice => {
                "no such device: is its driver loaded? It is looked for by its interface; one that is named by its path has to be at that path"
            }
            Shut::Permission => {
                "permission denied: give tgmd's user the device (a udev rule), and CAP_NET_ADMIN for dumps of the dpll family"
            }
            Shut::InUse => "another program has it, or may have",
            Shut::Other => "it cannot be opened; tgmctl status and the kernel's log may say more",
        }
    }
}

impl From<&GnssError> for Shut {
    fn from(error: &GnssError) -> Self {
        match error {
            GnssError::NoDevice => Shut::NoDevice,
            GnssError::PermissionDenied => Shut::Permission,
            GnssError::Busy | GnssError::Owned(_) | GnssError::OwnerUnknown(_) => Shut::InUse,
            _ => Shut::Other,
        }
    }
}

impl From<&PhcError> for Shut {
    fn from(error: &PhcError) -> Self {
        match error {
            PhcError::NoSuchDevice(_) => Shut::NoDevice,
            PhcError::Permission(_) => Shut::Permission,
            PhcError::SharedQueue(_) => Shut::InUse,
            _ => Shut::Other,
        }
    }
}

impl From<&std::io::Error> for Shut {
    fn from(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Shut::NoDevice,
            ErrorKind::PermissionDenied => Shut::Permission,
            _ => Shut::Other,
        }
    }
}

impl From<&tgm_dpll::Error> for Shut {
    fn from(error: &tgm_dpll::Error) -> Self {
        match error {
            tgm_dpll::Error::FamilyMissing | tgm_dpll::Error::GroupMissing => Shut::NoDevice,
            tgm_dpll::Error::Permission { .. } => Shut::Permission,
            _ => Shut::Other,
        }
    }
}

/// The sources of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shuts {
    /// Its receiver.
    pub gnss: Shut,
    /// The dpll family.
    pub dpll: Shut,
    /// Its PHC.
    pub phc: Shut,
    /// The kernel's log, which is no source of the card's own and missed by no verdict: a witness more.
    pub log: Shut,
}

impl Shuts {
    /// The card's own, in the order of [`Shuts::NAMES`].
    pub const fn each(&self) -> [Shut; 3] {
        [self.gnss, self.dpll, self.phc]
    }

    /// Names of the sources, as metrics have them.
    pub const NAMES: [&'static str; 3] = ["gnss", "dpll", "phc"];

    /// As a counter's word, a byte each.
    pub const fn word(&self) -> u64 {
        u64::from_le_bytes([
            self.gnss as u8,
            self.dpll as u8,
            self.phc as u8,
            self.log as u8,
            0,
            0,
            0,
            0,
        ])
    }

    /// And back.
    pub fn from_word(word: u64) -> Self {
        let [gnss, dpll, phc, log, ..] = word.to_le_bytes().map(Shut::from_number);
        Shuts { gnss, dpll, phc, log }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_carries_them_all() {
        for gnss in Shut::ALL {
            for dpll in Shut::ALL {
                let shuts = Shuts {
                    gnss,
                    dpll,
                    phc: Shut::Permission,
                    log: gnss,
                };
                assert_eq!(Shuts::from_word(shuts.word()), shuts);
            }
        }
        assert_eq!(Shuts::from_word(0), Shuts::default());
        assert_eq!(Shut::from_number(200), Shut::Other);
    }

    #[test]
    fn what_is_refused_is_told_apart() {
        assert_eq!(Shut::from(&GnssError::PermissionDenied), Shut::Permission);
        assert_eq!(Shut::from(&GnssError::NoDevice), Shut::NoDevice);
        assert_eq!(Shut::from(&PhcError::Permission("/dev/ptp0".into())), Shut::Permission);
        assert_eq!(Shut::from(&PhcError::NotPtp("/dev/null".into())), Shut::Other);
        assert_eq!(Shut::from(&tgm_dpll::Error::FamilyMissing), Shut::NoDevice);
        let refused = tgm_dpll::Error::Permission { what: "a dump" };
        assert_eq!(Shut::from(&refused), Shut::Permission);
    }
}
