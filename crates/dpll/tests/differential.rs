//! Two decoders, one truth: on generated messages, good and broken, ours and the one of `second` reject or accept together and agree.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod second;

use proptest::prelude::*;
use tgm_dpll::encode::AttrWriter;
use tgm_dpll::frame::Frames;
use tgm_dpll::{DeviceMsg, PinMsg};

/// An attribute to write: a type, and a value or a nest.
#[derive(Debug, Clone)]
enum Item {
    Value(u16, Vec<u8>),
    Nest(u16, Vec<Item>),
}

fn write(items: &[Item], w: &mut AttrWriter<'_>) {
    for item in items {
        match item {
            Item::Value(kind, value) => w.bytes(*kind, value),
            Item::Nest(kind, inside) => w.nest(*kind, |w| write(inside, w)),
        }
    }
}

fn bytes_of(items: &[Item]) -> Vec<u8> {
    let mut buffer = vec![0; 16 * 1024];
    let mut w = AttrWriter::new(&mut buffer);
    write(items, &mut w);
    w.finish().unwrap().to_vec()
}

/// Values mostly of the lengths that occur, and small numbers often.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0u32..12).prop_map(|n| n.to_ne_bytes().to_vec()),
        3 => any::<u32>().prop_map(|n| n.to_ne_bytes().to_vec()),
        4 => any::<i64>().prop_map(|n| n.to_ne_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

/// Every attribute with the length it should have, and in any number.
fn right(kind: u16, pin: bool) -> BoxedStrategy<Item> {
    let long = if pin {
        &[5, 11, 13, 14, 23, 25, 31][..]
    } else {
        &[4][..]
    };
    let nests = if pin { &[12, 18, 19, 26, 28][..] } else { &[][..] };
    let sints = if pin { &[24, 30][..] } else { &[][..] };
    if nests.contains(&kind) {
        let inside = [1u16, 2, 10, 13, 14, 15, 16, 23, 24, 30, 32, 40];
        let inside = prop::sample::select(inside.to_vec()).prop_flat_map(move |kind| right(kind, true));
        return prop::collection::vec(inside, 0..9)
            .prop_map(move |items| Item::Nest(kind, items))
            .boxed();
    }
    let value = if sints.contains(&kind) {
        prop_oneof![
            any::<i32>().prop_map(|n| n.to_ne_bytes().to_vec()),
            any::<i64>().prop_map(|n| n.to_ne_bytes().to_vec())
        ]
        .boxed()
    } else if long.contains(&kind) {
        any::<u64>().prop_map(|n| n.to_ne_bytes().to_vec()).boxed()
    } else if (if pin { &[3, 6, 7, 8][..] } else { &[2][..] }).contains(&kind) {
        prop::collection::vec(any::<u8>(), 0..20).boxed()
    } else {
        (0u32..12).prop_map(|n| n.to_ne_bytes().to_vec()).boxed()
    };
    value.prop_map(move |value| Item::Value(kind, value)).boxed()
}

fn wild() -> impl Strategy<Value = Item> {
    let leaf = (0u16..70, value()).prop_map(|(kind, value)| Item::Value(kind, value));
    leaf.prop_recursive(2, 24, 6, |inner| {
        (
            prop::sample::select(vec![12u16, 18, 18, 18, 19, 26, 28]),
            prop::collection::vec(inner, 0..6),
        )
            .prop_map(|(kind, items)| Item::Nest(kind, items))
    })
}

fn agree(bytes: &[u8]) {
    assert_eq!(DeviceMsg::decode(bytes).ok(), second::device(bytes), "device");
    assert_eq!(second::apart(bytes), second::pin(bytes), "pin");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn well_formed_messages_are_accepted_and_equal(
        device in prop::collection::vec((1u16..20).prop_flat_map(|kind| right(kind, false)), 0..20),
        pin in prop::collection::vec((1u16..40).prop_flat_map(|kind| right(kind, true)), 0..30),
    ) {
        let bytes = bytes_of(&device);
        prop_assert!(DeviceMsg::decode(&bytes).is_ok());
        prop_assert_eq!(DeviceMsg::decode(&bytes).ok(), second::device(&bytes));
        let bytes = bytes_of(&pin);
        prop_assert!(PinMsg::decode(&bytes).is_ok());
        prop_assert_eq!(second::apart(&bytes), second::pin(&bytes));
    }

    #[test]
    fn odd_messages_are_judged_alike(items in prop::collection::vec(wild(), 0..12)) {
        agree(&bytes_of(&items));
    }

    #[test]
    fn a_cut_is_judged_alike(items in prop::collection::vec(wild(), 1..8), cut in any::<prop::sample::Index>()) {
        let bytes = bytes_of(&items);
        agree(&bytes[..cut.index(bytes.len() + 1)]);
    }

    #[test]
    fn a_flipped_bit_is_judged_alike(
        items in prop::collection::vec((1u16..40).prop_flat_map(|kind| right(kind, true)), 1..12),
        bit in any::<prop::sample::Index>(),
    ) {
        let mut bytes = bytes_of(&items);
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        agree(&bytes);
    }

    /// What is written is read: a device and a parent of every combination of present and absent.
    #[test]
    fn what_is_written_is_read(
        numbers in prop::collection::vec(prop::option::of(any::<u32>()), 9),
        clock in prop::option::of(any::<u64>()),
        longs in prop::collection::vec(prop::option::of(any::<i64>()), 3),
        modes in prop::collection::vec(any::<u32>(), 0..4),
    ) {
        let mut buffer = [0; 1024];
        let mut w = AttrWriter::new(&mut buffer);
        let kinds = [1u16, 5, 7, 9, 10, 12, 13, 14];
        for (kind, number) in kinds.iter().zip(&numbers) {
            number.iter().for_each(|number| w.u32(*kind, *number));
        }
        clock.iter().for_each(|clock| w.u64(4, *clock));
        modes.iter().for_each(|mode| w.u32(6, *mode));
        let device = DeviceMsg::decode(w.finish().unwrap()).unwrap();
        let read = [
            device.id,
            device.mode.map(|mode| mode.number()),
            device.lock_status.map(|status| status.number()),
            device.dpll_type.map(|kind| kind.number()),
            device.lock_status_error.map(|error| error.number()),
            device.phase_offset_monitor.map(|state| state.number()),
            device.phase_offset_avg_factor,
            device.frequency_monitor.map(|state| state.number()),
        ];
        prop_assert_eq!(&read[..], &numbers[..8]);
        prop_assert_eq!(device.clock_id, clock);
        prop_assert_eq!(device.mode_supported.iter().map(|mode| mode.number()).collect::<Vec<_>>(), modes);

        let mut w = AttrWriter::new(&mut buffer);
        w.nest(18, |w| {
            for (kind, number) in [2u16, 10, 15, 16, 32].iter().zip(&numbers) {
                number.iter().for_each(|number| w.u32(*kind, *number));
            }
            longs[0].iter().for_each(|phase| w.i64(23, *phase));
            longs[1].iter().for_each(|ffo| w.sint(24, *ffo));
            longs[2].iter().for_each(|ffo| w.sint(30, *ffo));
        });
        let pin = PinMsg::decode(w.finish().unwrap()).unwrap();
        let parent = pin.parent_devices.iter().next().unwrap();
        let read = [
            parent.parent_id,
            parent.direction.map(|direction| direction.number()),
            parent.prio,
            parent.state.map(|state| state.number()),
            parent.operstate.map(|state| state.number()),
        ];
        prop_assert_eq!(&read[..], &numbers[..5]);
        prop_assert_eq!([parent.phase_offset.map(|phase| phase.0), parent.ffo, parent.ffo_ppt].to_vec(), longs);
    }

    /// Whatever a datagram holds, the walk over its messages ends and covers no byte twice.
    #[test]
    fn a_datagram_of_noise_ends(bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(16), Just(20), any::<u8>()], 0..300)) {
        let frames = Frames::new(&bytes).count();
        prop_assert!(frames <= bytes.len() / 16 + 1);
    }

    #[test]
    fn noise_is_judged_alike(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        agree(&bytes);
    }
}
