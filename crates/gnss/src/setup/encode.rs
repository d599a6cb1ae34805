//! The frames that are sent (u-blox interface description, "UBX frame structure"; NMEA 0183; RTCM 10403).

use crate::checksum::{crc24q, fletcher, xor};
use crate::frame::Frame;

/// A UBX frame around `payload`, of which at most 65535 bytes are taken.
pub fn ubx(class: u8, id: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let payload = payload.get(..usize::from(length)).unwrap_or_default();
    let [low, high] = length.to_le_bytes();
    let mut frame = Vec::with_capacity(payload.len() + 8);
    frame.extend([0xb5, 0x62, class, id, low, high]);
    frame.extend(payload);
    let sum = fletcher(frame.get(2..).unwrap_or_default());
    frame.extend(sum);
    frame
}

/// A frame as it stands on the wire, its checksum made anew.
pub fn frame(frame: Frame<'_>) -> Vec<u8> {
    match frame {
        Frame::Ubx(message) => ubx(message.class, message.id, message.payload),
        Frame::Nmea(sentence) => {
            let body = sentence.body();
            let mut line = Vec::with_capacity(body.len() + 6);
            line.push(b'$');
            line.extend(body);
            line.extend(format!("*{:02X}\r\n", xor(body)).into_bytes());
            line
        }
        Frame::Rtcm(payload) => {
            let length = u16::try_from(payload.len()).unwrap_or(1023).min(1023);
            let [high, low] = length.to_be_bytes();
            let mut message = vec![0xd3, high, low];
            message.extend(payload.get(..usize::from(length)).unwrap_or_default());
            let [_, sum @ ..] = crc24q(&message).to_be_bytes();
            message.extend(sum);
            message
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demux::Demux;

    #[test]
    fn a_poll_is_the_known_bytes() {
        assert_eq!(ubx(0x0a, 0x04, &[]), [0xb5, 0x62, 0x0a, 0x04, 0, 0, 0x0e, 0x34]);
    }

    #[test]
    fn every_kind_of_frame_is_written_as_it_was_read() {
        let stream = [
            ubx(6, 1, &[1, 7, 1]),
            b"$PUBX,00*33\r\n".to_vec(),
            vec![0xd3, 0, 0, 0x47, 0xea, 0x4b],
        ];
        let mut written = Vec::new();
        Demux::new().feed(&stream.concat(), |read| written.push(frame(read)));
        assert_eq!(written, stream);
    }
}
