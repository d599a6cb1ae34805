//! Virtual clocks on a clock, and what becomes of it meanwhile.

use tgm_hwtest::rig::{Rig, rig};
use tgm_phc::{Edge, PairMeter, Phc, PhcError, Ppt, SysRoot};
use tgm_time::{Nanos, Time};

use crate::owned;

/// Takes the virtual clocks away again.
struct None<'a>(&'a SysRoot, u32);

impl Drop for None<'_> {
    fn drop(&mut self) {
        let _ = self.0.set_vclocks(self.1, 0);
    }
}

#[test]
fn virtual_clocks_come_and_go_and_their_parent_runs_free() {
    let Some(rig) = rig("virtual_clocks_come_and_go_and_their_parent_runs_free", &["writes"]) else {
        return;
    };
    if rig.can("phc offer counter") {
        rig.control("phc offer counter off").unwrap(); // with one the parent goes on: see `counter`
    }
    let (root, index) = (SysRoot::default(), rig.card().phc_index);
    let Some(before) = root.vclocks(index) else {
        println!("this kernel or clock has no virtual clocks");
        return;
    };
    assert_eq!((before.now, before.clocks.len()), (0, 0));
    assert_eq!(
        root.set_vclocks(index, before.max + 1),
        Err(PhcError::VclockRange {
            asked: before.max + 1,
            max: before.max
        })
    );
    let owned = owned(&rig);
    root.set_vclocks(index, 2).unwrap();
    let back = None(&root, index);
    let clocks = root.vclocks(index).unwrap();
    println!("{clocks:?}");
    let [first, second] = clocks.clocks[..] else {
        panic!("{clocks:?}")
    };
    assert_eq!(clocks.now, 2);
    for child in [first, second] {
        assert_eq!(root.vclock_parent(child), Some(index));
        assert_eq!(root.phc_name(child), Some(format!("ptp{index}_virt")));
        assert_eq!(root.card_of_phc(child), root.card_of_phc(index));
        assert_eq!(root.interfaces_of_phc(child), rig.card().interfaces);
    }
    assert_eq!(root.vclock_parent(index), Option::None);
    // They are no cards of their own.
    assert_eq!(root.cards().len(), rig.cards.len());
    runs_free(&owned.phc);
    apart(&root, first, second);
    drop(back);
    assert_eq!(root.vclocks(index).map(|clocks| clocks.now), Some(0));
    assert!(owned.phc.frequency().is_ok() && owned.phc.step(Nanos::ZERO).is_ok());
    still_pulses(&rig);
}

fn runs_free(parent: &Phc) {
    assert_eq!(parent.set_time(Time::ZERO), Err(PhcError::Vclocks));
    assert_eq!(parent.step(Nanos(1)), Err(PhcError::Vclocks));
    assert_eq!(parent.set_frequency(Ppt(1)), Err(PhcError::Vclocks));
    // Kernels that let everybody ask tell it still.
    assert!(matches!(parent.frequency(), Ok(_) | Err(PhcError::Vclocks)));
    assert!(parent.time().is_ok());
}

/// Each is set and steered by itself, and the difference of two is measured as of any two clocks.
fn apart(root: &SysRoot, first: u32, second: u32) {
    let open = |index| Phc::open_writable(root.phc_node(index)).unwrap();
    let (first, second) = (open(first), open(second));
    let shown = first.time().unwrap();
    second.set_time(shown).unwrap();
    let mut meter = PairMeter::new(25);
    let before = meter.measure(&first, &second).unwrap();
    first.step(Nanos(-40_000)).unwrap();
    let after = meter.measure(&first, &second).unwrap();
    println!("{before:?}\n{after:?}");
    let moved = after.offset - before.offset;
    assert!(
        (moved + Nanos(40_000)).abs() <= before.uncertainty + after.uncertainty + Nanos(20),
        "{moved}"
    );
    first.set_frequency(Ppt(1_000_000)).unwrap();
    let set = first.frequency().unwrap();
    assert!((set - Ppt(1_000_000)).abs() <= Ppt(16), "{set}");
    assert_ne!(second.frequency(), Ok(set));
}

fn still_pulses(rig: &Rig) {
    let phc = Phc::open_writable(&rig.card().phc).unwrap();
    assert_eq!(phc.request_extts(0, Edge::Rising), Ok(()));
    assert_eq!(phc.stop_extts(0), Ok(()));
}
