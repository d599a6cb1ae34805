//! The demultiplexer on whole, damaged and hostile streams.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

mod common;

use common::{nmea, rtcm, ubx};
use proptest::prelude::*;
use tgm_gnss::{Counters, Demux, Frame, Receiver};

/// A frame that can be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kept {
    Ubx(u8, u8, Vec<u8>),
    Nmea(Vec<u8>),
    Rtcm(Vec<u8>),
}

fn keep(frame: Frame<'_>) -> Kept {
    match frame {
        Frame::Ubx(frame) => Kept::Ubx(frame.class, frame.id, frame.payload.to_vec()),
        Frame::Nmea(sentence) => Kept::Nmea(sentence.body().to_vec()),
        Frame::Rtcm(payload) => Kept::Rtcm(payload.to_vec()),
    }
}

fn demux<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Kept>, Counters) {
    let mut demux = Demux::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        demux.feed(chunk, |frame| frames.push(keep(frame)));
    }
    demux.finish(|frame| frames.push(keep(frame)));
    (frames, demux.counters())
}

fn whole(bytes: &[u8]) -> (Vec<Kept>, Counters) {
    demux([bytes])
}

#[test]
fn a_mixed_stream_is_cut_into_its_frames() {
    let stream = [
        ubx(1, 3, &[1; 16]),
        nmea("GNZDA,120000.00,22,11,2026,00,00"),
        rtcm(b"rtcm"),
        ubx(5, 1, &[6, 1]),
    ]
    .concat();
    let (frames, counters) = whole(&stream);
    assert_eq!(frames.len(), 4);
    assert_eq!(frames[2], Kept::Rtcm(b"rtcm".to_vec()));
    assert_eq!(
        (counters.ubx, counters.nmea, counters.rtcm, counters.skipped),
        (2, 1, 1, 0)
    );
}

#[test]
fn a_false_header_costs_nothing_behind_it() {
    // NAV-PVT that lost bytes: its header claims what follows.
    let cut = &ubx(1, 7, &[7; 92])[..40];
    let good = ubx(1, 3, &[3; 16]);
    let (frames, counters) = whole(&[cut, &good, &good, &good, &nmea("GPZDA,,,,,,")].concat());
    assert_eq!(frames.len(), 4);
    assert_eq!((counters.skipped, counters.checksum_errors), (40, 1));
}

#[test]
fn a_header_with_an_impossible_length_is_given_up_at_once() {
    let mut demux = Demux::new();
    let mut frames = 0;
    demux.feed(&[0xb5, 0x62, 1, 3, 0xff, 0x1f], |_| frames += 1); // NAV-STATUS of 8191 bytes
    demux.feed(&ubx(1, 3, &[3; 16]), |_| frames += 1);
    assert_eq!(
        (frames, demux.counters().oversize),
        (1, 1),
        "the good frame came at once"
    );
    demux.feed(&[0xb5, 0x62, 0x77, 3, 0xff, 0x0f], |_| frames += 1); // no such class
    demux.feed(&ubx(1, 3, &[3; 16]), |_| frames += 1);
    assert_eq!(frames, 2);
}

#[test]
fn a_false_header_of_a_large_message_delays_and_does_not_lose() {
    let mut stream = vec![0xb5, 0x62, 0x02, 0x15, 0x00, 0x20]; // RXM-RAWX of 8192 bytes
    let good = ubx(1, 3, &[3; 16]);
    for _ in 0..400 {
        stream.extend(&good);
    }
    let (frames, counters) = whole(&stream);
    assert_eq!((frames.len(), counters.skipped), (400, 6));
}

#[test]
fn a_ubx_length_at_the_bound_is_a_frame() {
    let (frames, _) = whole(&ubx(2, 0x15, &[0; 8192]));
    assert_eq!(frames.len(), 1);
}

#[test]
fn sentences_are_bounded_and_their_line_end_is_needed() {
    let long = nmea(&format!("GNTXT,{}", "x".repeat(300)));
    let good = nmea("GNZDA,,,,,,");
    let (frames, counters) = whole(&[long, good.clone()].concat());
    assert_eq!((frames.len(), counters.oversize), (1, 1));
    let no_cr = good.iter().copied().filter(|byte| *byte != b'\r').collect::<Vec<_>>();
    assert_eq!(whole(&no_cr).0.len(), 1);
    let no_end = [&good[..good.len() - 2], b"x\r\n".as_slice()].concat();
    assert_eq!(whole(&no_end).0.len(), 0);
}

#[test]
fn a_sentence_cut_by_the_next_is_dropped_alone() {
    let good = nmea("GPGLL,,,,,120000.00,V,N");
    let (frames, counters) = whole(&[&good[..11], &good[..]].concat());
    assert_eq!((frames.len(), counters.skipped), (1, 11));
    let mut wrong = good.clone();
    wrong[12] ^= 1;
    let (frames, counters) = whole(&[wrong, good].concat());
    assert_eq!((frames.len(), counters.checksum_errors), (1, 1));
}

#[test]
fn what_is_left_at_the_end_is_searched_too() {
    // A false header at the very end of a recording hides a good frame.
    let stream = [vec![0xb5, 0x62, 0x02, 0x15, 0x00, 0x10], ubx(1, 3, &[3; 16])].concat();
    let mut demux = Demux::new();
    let mut frames = 0;
    demux.feed(&stream, |_| frames += 1);
    assert_eq!(frames, 0);
    demux.finish(|_| frames += 1);
    assert_eq!((frames, demux.counters().skipped), (1, 6));
}

/// Pieces of a stream: good frames, damaged frames, and noise that likes to look like a header.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::collection::vec(any::<u8>(), 0..120);
    let body = "[A-Z]{5}(,[0-9A-Z.]{0,8}){0,12}";
    let likely = prop::sample::select(vec![0xb5, 0x62, b'$', 0xd3, 1, 3, 0, 0x15, b'*', b'\r', b'\n', b'A']);
    prop_oneof![
        4 => (any::<u8>(), any::<u8>(), payload.clone()).prop_map(|(class, id, payload)| ubx(class, id, &payload)),
        4 => body.prop_map(|body| nmea(&body)),
        2 => payload.clone().prop_map(|payload| rtcm(&payload)),
        2 => prop::collection::vec(any::<u8>(), 0..60),
        2 => prop::collection::vec(likely, 0..40),
        2 => (1u8..0x30, any::<u8>(), payload, any::<prop::sample::Index>()).prop_map(|(class, id, payload, cut)| {
            let frame = ubx(class, id, &payload);
            frame[..cut.index(frame.len())].to_vec()
        }),
    ]
}

fn chunks<'a>(bytes: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = bytes;
    let mut sizes = sizes.iter().cycle();
    std::iter::from_fn(move || {
        let (chunk, tail) = rest.split_at((*sizes.next()?).min(rest.len()));
        rest = tail;
        (!chunk.is_empty()).then_some(chunk)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_cut_does_not_depend_on_the_reads(pieces in prop::collection::vec(piece(), 0..40), sizes in prop::collection::vec(1usize..200, 1..20)) {
        let stream = pieces.concat();
        let at_once = whole(&stream);
        prop_assert_eq!(&at_once, &demux(stream.chunks(1)));
        prop_assert_eq!(&at_once, &demux(chunks(&stream, &sizes)));
        let lengths = at_once.0.iter().map(|frame| match frame {
            Kept::Ubx(_, _, payload) => payload.len() + 8,
            Kept::Nmea(body) => body.len() + 6,
            Kept::Rtcm(payload) => payload.len() + 6,
        });
        prop_assert_eq!(lengths.sum::<usize>() as u64 + at_once.1.skipped, stream.len() as u64, "every byte is accounted for");
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..4096)) {
        let (mut demux, mut receiver) = (Demux::new(), Receiver::default());
        demux.feed(&noise, |frame| { receiver.apply(frame, |_| ()); });
        demux.finish(|frame| { receiver.apply(frame, |_| ()); });
    }

    #[test]
    fn any_payload_and_any_field_can_be_taken(
        class in prop::sample::select(vec![1u8, 5, 10, 13, 0x27]), id in any::<u8>(), payload in prop::collection::vec(any::<u8>(), 0..300),
        address in "G[PNLAB](RMC|ZDA|GGA|GNS|GSA|GSV|GLL|VTG|TXT)", fields in "(,[0-9A-Z.=]{0,9}){0,24}",
    ) {
        let stream = [ubx(class, id, &payload), nmea(&format!("{address}{fields}"))].concat();
        let (mut demux, mut receiver) = (Demux::new(), Receiver::default());
        for _ in 0..2 {
            demux.feed(&stream, |frame| { receiver.apply(frame, |_| ()); });
        }
        let _ = receiver.finish();
    }

    #[test]
    fn good_frames_survive_any_noise_before_them(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let good = [ubx(1, 3, &[0; 16]), nmea("GNZDA,,,,,,")].concat();
        // Enough of them that every false header in the noise is refuted.
        let stream = [noise.clone(), good.repeat(250)].concat();
        let (frames, _) = whole(&stream);
        let survivors = frames.iter().filter(|frame| **frame == Kept::Ubx(1, 3, vec![0; 16])).count();
        prop_assert!(survivors >= 250);
    }
}
