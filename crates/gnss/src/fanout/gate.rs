//! What programs write to the receiver: whole frames only, and only those that are allowed.

use crate::demux::Demux;
use crate::frame::Frame;
use crate::setup::encode;
use crate::ubx::UbxFrame;

/// What may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WritePolicy {
    /// Nothing.
    #[default]
    None,
    /// Questions: UBX messages that change nothing on any receiver.
    UbxPoll,
    /// Every whole UBX, NMEA or RTCM 3 frame.
    All,
}

impl WritePolicy {
    /// `frame` may be written.
    pub fn allows(self, frame: Frame<'_>) -> bool {
        match (self, frame) {
            (WritePolicy::None, _) => false,
            (WritePolicy::UbxPoll, Frame::Ubx(message)) => is_poll(message),
            (WritePolicy::UbxPoll, _) => false,
            (WritePolicy::All, _) => true,
        }
    }
}

/// A poll has no payload, or what selects one of several. Other classes have commands without a payload (LOG-ERASE, UPD-SOS).
fn is_poll(message: UbxFrame<'_>) -> bool {
    match (message.class, message.id, message.payload) {
        (0x01 | 0x0a | 0x0d | 0x27, _, []) => true, // NAV MON TIM SEC
        (0x06, 0x04 | 0x09 | 0x57, _) => false,     // CFG-RST, CFG-CFG, CFG-PWR: never a question
        (0x06, _, []) => true,                      // any other of CFG
        (0x06, 0x00 | 0x02 | 0x31, [_]) | (0x06, 0x01, [_, _]) => true, // CFG-PRT CFG-INF CFG-TP5 of one, CFG-MSG of one
        (0x06, 0x8b, [0, ..]) => true,                                  // CFG-VALGET
        _ => false,
    }
}

/// One program's way to the receiver.
#[derive(Debug)]
pub struct Gate {
    policy: WritePolicy,
    demux: Box<Demux>,
    refused: u64,
}

impl Gate {
    /// With `policy`.
    pub fn new(policy: WritePolicy) -> Self {
        Gate {
            policy,
            demux: Box::new(Demux::new()),
            refused: 0,
        }
    }

    /// Takes what the program wrote and hands on the frames that it completed and that are allowed.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(Vec<u8>)) {
        let Gate { policy, demux, refused } = self;
        demux.feed(bytes, |frame| {
            if policy.allows(frame) {
                sink(encode::frame(frame));
            } else {
                *refused = refused.saturating_add(1);
            }
        });
    }

    /// The program went, with its unfinished frame.
    pub fn clear(&mut self) {
        *self.demux = Demux::new();
    }

    /// Whole frames that were not allowed.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::encode::ubx;

    fn passed(policy: WritePolicy, writes: &[&[u8]]) -> (Vec<Vec<u8>>, u64) {
        let (mut gate, mut out) = (Gate::new(policy), Vec::new());
        for bytes in writes {
            gate.feed(bytes, |frame| out.push(frame));
        }
        (out, gate.refused())
    }

    #[test]
    fn each_policy_lets_through_what_it_says() {
        let (poll, set) = (ubx(0x0a, 4, &[]), ubx(6, 0x8a, &[0, 1, 0, 0, 0x2e, 0, 0xa3, 0x10, 1]));
        let sentence = b"$PUBX,00*33\r\n".as_slice();
        let writes = [poll.as_slice(), &set, sentence];
        assert_eq!(passed(WritePolicy::None, &writes), (vec![], 3));
        assert_eq!(passed(WritePolicy::UbxPoll, &writes), (vec![poll.clone()], 2));
        assert_eq!(
            passed(WritePolicy::All, &writes),
            (vec![poll.clone(), set.clone(), sentence.to_vec()], 0)
        );
    }

    #[test]
    fn commands_without_a_payload_are_no_questions() {
        for (class, id) in [(0x21, 3), (0x09, 0x14), (6, 4), (6, 9), (2, 0x41)] {
            assert_eq!(
                passed(WritePolicy::UbxPoll, &[&ubx(class, id, &[])]),
                (vec![], 1),
                "{class:x} {id:x}"
            );
        }
        for (id, payload) in [
            (0x8b, [0, 0, 0, 0].as_slice()),
            (0x31, &[1]),
            (0x01, &[1, 7]),
            (0x3e, &[]),
        ] {
            assert_eq!(
                passed(WritePolicy::UbxPoll, &[&ubx(6, id, payload)]).0.len(),
                1,
                "{id:x}"
            );
        }
    }

    #[test]
    fn a_frame_comes_out_whole_or_not_at_all() {
        let frame = ubx(6, 1, &[1, 7, 1]);
        let (half, rest) = frame.split_at(5);
        assert_eq!(passed(WritePolicy::All, &[half]), (vec![], 0));
        assert_eq!(
            passed(WritePolicy::All, &[b"rubbish", half, rest]),
            (vec![frame.clone()], 0)
        );
        let mut damaged = frame.clone();
        damaged[8] ^= 1;
        assert_eq!(passed(WritePolicy::All, &[&damaged, &frame]), (vec![frame.clone()], 0));
    }
}
