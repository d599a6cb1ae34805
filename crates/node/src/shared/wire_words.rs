//! What is known of a port that is listened to, as words and back. Each word is true by itself; they need no lock.

use tgm_core::{Instance, OnWire, Port};
use tgm_linuxptp::Differences;

use super::layout::WIRE_WORDS;
use super::pack::{bytes, unbytes};

/// What is known of a port that is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WireRead {
    /// Which one; `None`: there is no such.
    pub port: Option<(Instance, Port)>,
    /// It is listened to.
    pub listens: bool,
    /// Why it is not.
    pub errno: i32,
    /// What it sends against what is meant.
    pub state: OnWire,
    /// In what it differs, while it does.
    pub differences: Differences,
    /// Class and accuracy of the last Announce; `None` before the first.
    pub sent: Option<(u8, u8)>,
    /// Its flags (leap61, leap59, UTC offset valid, PTP timescale, time and frequency traceable, from bit 0).
    pub flags: u8,
    /// Its currentUtcOffset.
    pub utc_offset: i16,
    /// Announces.
    pub announces: u64,
    /// Announces that differed from what was meant.
    pub differing: u64,
    /// Syncs.
    pub syncs: u64,
    /// Messages of other domains.
    pub foreign: u64,
    /// Frames that could not be read.
    pub malformed: u64,
}

impl WireRead {
    /// As words.
    pub(super) fn pack(&self) -> [u64; WIRE_WORDS] {
        let (class, accuracy) = self.sent.unwrap_or_default();
        let (instance, port) = self.port.unwrap_or_default();
        let known = u8::from(self.port.is_some()) | u8::from(self.listens) << 1 | u8::from(self.sent.is_some()) << 2;
        let [low, high] = port.0.to_le_bytes();
        let [offset_low, offset_high] = self.utc_offset.to_le_bytes();
        let errno = u16::try_from(self.errno).unwrap_or(u16::MAX).to_le_bytes();
        [
            bytes([
                known,
                instance.0,
                low,
                high,
                self.state as u8,
                self.differences.bits(),
                class,
                accuracy,
            ]),
            bytes([self.flags, offset_low, offset_high, errno[0], errno[1], 0, 0, 0]),
            self.announces,
            self.differing,
            self.syncs,
            self.foreign,
            self.malformed,
        ]
    }

    /// And back.
    pub(super) fn unpack(words: &[u64; WIRE_WORDS]) -> Self {
        let [first, second, announces, differing, syncs, foreign, malformed] = *words;
        let [known, instance, low, high, state, differences, class, accuracy] = unbytes(first);
        let [flags, offset_low, offset_high, errno_low, errno_high, ..] = unbytes(second);
        let port = Port(u16::from_le_bytes([low, high]));
        WireRead {
            port: (known & 1 != 0).then_some((Instance(instance), port)),
            listens: known & 2 != 0,
            errno: u16::from_le_bytes([errno_low, errno_high]).into(),
            state: OnWire::from_number(state).unwrap_or_default(),
            differences: Differences::from_bits_retain(differences),
            sent: (known & 4 != 0).then_some((class, accuracy)),
            flags,
            utc_offset: i16::from_le_bytes([offset_low, offset_high]),
            announces,
            differing,
            syncs,
            foreign,
            malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_went() {
        let full = WireRead {
            port: Some((Instance(15), Port(0x1234))),
            listens: true,
            errno: 19,
            state: OnWire::NoSync,
            differences: Differences::all(),
            sent: Some((248, 0xfe)),
            flags: 0x3d,
            utc_offset: -37,
            announces: 1,
            differing: 2,
            syncs: 3,
            foreign: 4,
            malformed: u64::MAX,
        };
        for read in [full, WireRead::default(), WireRead { sent: None, ..full }] {
            assert_eq!(WireRead::unpack(&read.pack()), read);
        }
        assert_eq!(WireRead::unpack(&[0; WIRE_WORDS]), WireRead::default());
    }
}
