//! tgmd is killed, stopped, given another configuration, and its ptp4l killed, in Locked and in Holdover: what is on the wire meanwhile.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tgm_hwtest::report::Report;

use crate::announcing::{Announcing, guardians};

/// How long what is announced is watched after something that must not change it.
const WATCHED: Duration = Duration::from_secs(6);
/// Longest until what must be announced at once is: this machine is emulated, beside others.
const AT_ONCE: Duration = Duration::from_secs(10);
/// A guardian's two seconds, its look, and one interval, on such a machine; the last guardian takes longer.
const TAKES_OVER: Duration = Duration::from_secs(10);
/// What nobody backs is taken back within this time.
const TAKEN_BACK: Duration = Duration::from_secs(15);

/// In Locked: a restart of tgmd, of ptp4l, and a hung hardware thread.
pub fn locked(tgmd: &Path, report: &mut Report) -> Result<(), String> {
    let mut node = Announcing::start(tgmd)?;
    report.equal("two guardians run", &guardians().len(), &2);

    let told = node.events().len();
    let killed = node.kill_tgmd();
    node.start_tgmd()?;
    std::thread::sleep(WATCHED);
    let classes = node.wire.classes(killed);
    println!("  tgmd killed in Locked and started again: {classes:?}");
    // Three good samples within three seconds, or a holdover until there are ten: never Free-Run.
    report.check(
        "tgmd killed in Locked: class 6, or 7 where samples were missing",
        [&[6][..], &[6, 7]].contains(&&classes[..]),
        || format!("{classes:?}"),
    );
    adopted(&mut node, told, report);
    report.equal("two guardians run again", &guardians().len(), &2);

    let back = node.restart_ptp4l(Duration::from_secs(3))?;
    let told = node.wire.wait(6, back, Duration::from_secs(30));
    println!(
        "  ptp4l killed for 3 s: class 6 again {told:?} after its start, {:?}",
        node.wire.classes(back)
    );
    report.check("ptp4l killed for 3 s in Locked: class 6 again", told.is_some(), || {
        node.tails()
    });
    // The first Announce messages of a new ptp4l may still say what its configuration does.
    report.check(
        "from 248, if from anything",
        [&[6][..], &[248, 6], &[7, 6], &[248, 7, 6]].contains(&&node.wire.classes(back)[..]),
        || format!("{:?}", node.wire.classes(back)),
    );

    let stopped = Instant::now();
    node.signal(Signal::SIGSTOP);
    let held = node.wire.wait(7, stopped, TAKEN_BACK);
    println!("  hardware thread hung: class 7 after {held:?}");
    report.check(
        "a hung thread: class 7 when nobody came",
        held.is_some_and(|held| held > Duration::from_secs(9)),
        || format!("{held:?} {:?}\n{}", node.wire.classes(stopped), node.tails()),
    );
    report.equal("and nothing but 6 before", &node.wire.classes(stopped), &vec![6, 7]);
    node.signal(Signal::SIGCONT);
    let again = node.locks(Instant::now())?;
    println!(
        "  turns again: class 6 after {again:?}, {:?}",
        node.wire.classes(stopped)
    );
    std::thread::sleep(Duration::from_secs(2));
    report.equal("it stays there", &node.wire.classes(stopped).last(), &Some(&6));

    let ended = Instant::now();
    node.tgmd.stop();
    let last = node.wire.classes(ended);
    report.check(
        "an orderly end announces 248 before it is over",
        [&[248][..], &[6, 248]].contains(&&last[..]),
        || format!("{last:?}"),
    );
    let told = node.wire.since(ended).iter().filter(|heard| heard.class == 248).count();
    report.check("at least twice", told >= 2, || format!("{told} times"));
    report.equal("the guardians are gone", &guardians().len(), &0);
    Ok(())
}

/// The node says that it adopted; of the events after the first `told`, none is FREERUN and none a class worse than 7. The first events
/// of a node come before its publisher listens, so what is adopted is not told again; its log names it.
fn adopted(node: &mut Announcing, told: usize, report: &mut Report) {
    let says = node.tgmd.says("adopted, on probation", AT_ONCE);
    report.check("tgmd says that it adopted", says, || node.tgmd.tail(30));
    let log = node.events().split_off(told);
    let named = log.iter().any(|event| event.contains("cause=\"adopted\""));
    report.check("and so does the log of events", named, || format!("{log:?}"));
    let events: Vec<String> = node.events().split_off(told);
    let bad = |event: &&String| event.contains("new=\"FREERUN\"") || event.contains("new=\"248\"");
    let lock = |event: &&String| event.contains("kind=\"lock-state\"") || event.contains("kind=\"clock-class\"");
    let worse: Vec<&String> = events.iter().filter(lock).filter(bad).collect();
    report.equal("nobody is told of FREERUN or 248", &worse, &Vec::<&String>::new());
}

/// In Holdover: a restart, a reload, ptp4l gone for long, and nobody left.
pub fn holdover(tgmd: &Path, report: &mut Report) -> Result<(), String> {
    let mut node = Announcing::start(tgmd)?;
    let off = Instant::now();
    node.card.control("gnss antenna off")?;
    let held = node.wire.wait(7, off, Duration::from_secs(20));
    report.check("antenna off: class 7", held.is_some(), || node.tails());

    let told = node.events().len();
    let killed = node.kill_tgmd();
    node.start_tgmd()?;
    std::thread::sleep(WATCHED);
    report.equal(
        "tgmd killed in Holdover: class 7 all the while",
        &node.wire.classes(killed),
        &vec![7],
    );
    adopted(&mut node, told, report);

    let reloaded = Instant::now();
    node.reload("local_holdover_timeout_s = 7200")?;
    report.check("reload in Holdover", node.tgmd.says("reloaded", AT_ONCE), || {
        node.tgmd.tail(10)
    });
    std::thread::sleep(WATCHED);
    report.equal("class 7 all the while", &node.wire.classes(reloaded), &vec![7]);

    let back = node.restart_ptp4l(Duration::from_secs(30))?;
    let told = node.wire.wait(7, back, Duration::from_secs(30));
    println!(
        "  ptp4l killed for 30 s: class 7 again {told:?} after its start, {:?}",
        node.wire.classes(back)
    );
    report.check(
        "ptp4l killed for 30 s in Holdover: class 7 again",
        told.is_some(),
        || node.tails(),
    );

    let exceeded = Instant::now();
    node.reload("local_holdover_timeout_s = 1")?;
    let over = node.wire.wait(248, exceeded, AT_ONCE);
    println!("  a limit that is exceeded already: 248 after {over:?}");
    report.check("a new limit that is exceeded acts at once", over.is_some(), || {
        node.tails()
    });
    node.reload("")?;

    let on = Instant::now();
    node.card.control("gnss antenna on")?;
    node.locks(on)?;
    let off = Instant::now();
    node.card.control("gnss antenna off")?;
    report.check(
        "in Holdover again",
        node.wire.wait(7, off, Duration::from_secs(20)).is_some(),
        || node.tails(),
    );
    let killed = node.kill_tgmd();
    let back = node.wire.wait(248, killed, TAKES_OVER);
    println!("  tgmd killed in Holdover, nobody comes: 248 after {back:?}");
    report.check(
        "tgmd dead without GNSS: 248 as soon as a guardian acts",
        back.is_some(),
        || node.tails(),
    );
    Ok(())
}

/// In Locked: tgmd and the first guardian killed together.
pub fn deadman(tgmd: &Path, report: &mut Report) -> Result<(), String> {
    let mut node = Announcing::start(tgmd)?;
    let killed = node.kill_tgmd();
    report.equal("the first guardian is killed as well", &node.kill_first_guardian(), &1);
    let back = node.wire.wait(248, killed, TAKEN_BACK);
    println!("  both killed: 248 after {back:?}");
    report.check("248 within 15 s", back.is_some_and(|back| back < TAKEN_BACK), || {
        format!("{back:?} {:?}\n{}", node.wire.classes(killed), node.tails())
    });
    std::thread::sleep(WATCHED);
    report.equal("and nothing better after it", &node.wire.classes(killed), &vec![6, 248]);

    // A node that comes later begins anew, and the old guardian leaves.
    let begun = Instant::now();
    node.start_tgmd()?;
    report.check(
        "what is too old is not adopted",
        node.tgmd.log().contains("nothing adopted"),
        || node.tgmd.tail(30),
    );
    node.locks(begun)?;
    report.equal("its own two guardians run", &guardians().len(), &2);
    Ok(())
}
