//! After a publisher's death each consumer is told what differs from what it acknowledged last, and whatever is not known.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // what goes wrong in a test shall end it

mod common;

use common::testing::Scene;
use common::*;
use tgm_core::{ClockState, EventKind};
use tgm_ocloud::Config;

const LOCK: &str = "/sync/ptp-status/lock-state";
const SYNC: &str = "/sync/sync-status/sync-state";

fn kept(folder: &Folder) -> Config {
    Config {
        store: Some(folder.0.clone()),
        ..config()
    }
}

/// Killed: nothing of it runs on, and nothing is put in order.
fn kill(publisher: Publisher) {
    publisher.hub.abandon();
    std::mem::forget(publisher);
}

fn in_state(state: ClockState) -> Scene {
    let mut scene = Scene::locked();
    scene.instances[0].lock_state = Some(state);
    scene
}

async fn acknowledged(publisher: &Publisher) {
    publisher.until(|stats| stats.live.queued == 0).await;
}

/// A change that a consumer is sure to get: what comes before it would have come first.
async fn next_is(publisher: &mut Publisher, consumer: &mut Consumer, kind: EventKind, new: i64) {
    publisher.tell(kind, new);
    let post = consumer.next().await;
    let expected = match kind {
        EventKind::LockState => LOCK,
        _ => SYNC,
    };
    assert_eq!(post.source(), expected);
}

#[tokio::test]
async fn who_has_the_state_is_not_told_it_again() {
    let (folder, mut consumer) = (Folder::new(), Consumer::new().await);
    let mut publisher = Publisher::new(kept(&folder));
    publisher.join("/sync", &mut consumer, 5).await;
    publisher.tell(EventKind::LockState, 2);
    assert_eq!(consumer.next().await.value(), "HOLDOVER");
    acknowledged(&publisher).await;
    kill(publisher);

    let mut publisher = Publisher::of(kept(&folder), in_state(ClockState::Holdover));
    next_is(&mut publisher, &mut consumer, EventKind::SyncState, 0).await;
    acknowledged(&publisher).await;
    kill(publisher);

    // Two states went on meanwhile; one of them back to what it was.
    let publisher = Publisher::of(kept(&folder), in_state(ClockState::Locked));
    let told = [consumer.next().await, consumer.next().await];
    let mut told: Vec<_> = told.iter().map(|post| (post.source(), post.value())).collect();
    told.sort();
    assert_eq!(told, [(LOCK.into(), "LOCKED".into()), (SYNC.into(), "LOCKED".into())]);
    acknowledged(&publisher).await;
    assert!(consumer.is_quiet());
}

#[tokio::test]
async fn what_may_have_arrived_is_told_again_even_if_the_state_went_back() {
    let (folder, mut consumer) = (Folder::new(), Consumer::new().await);
    let mut publisher = Publisher::new(kept(&folder));
    publisher.join(LOCK, &mut consumer, 1).await;
    // It takes the change, and its answer is lost: nobody knows what it believes.
    consumer.behave(&[], Manner::HangUp);
    publisher.tell(EventKind::LockState, 0);
    assert_eq!(consumer.next().await.value(), "FREERUN");
    kill(publisher);
    consumer.behave(&[], Manner::Answer(204));
    let _again = consumer.taken();
    let publisher = Publisher::new(kept(&folder));
    loop {
        let post = consumer.next().await;
        if post.manner == Manner::Answer(204) {
            assert_eq!(post.value(), "LOCKED");
            break;
        }
    }
    acknowledged(&publisher).await;
}

#[tokio::test]
async fn without_the_ledger_everything_is_told() {
    let (folder, mut consumer) = (Folder::new(), Consumer::new().await);
    let publisher = Publisher::new(kept(&folder));
    publisher.join("/sync", &mut consumer, 5).await;
    kill(publisher);
    std::fs::remove_file(folder.0.join("acknowledged")).unwrap();
    let _publisher = Publisher::new(kept(&folder));
    for _ in 0..5 {
        consumer.next().await;
    }
}

#[tokio::test]
async fn two_consumers_have_each_what_it_took() {
    let (folder, mut quick, mut slow) = (Folder::new(), Consumer::new().await, Consumer::new().await);
    let mut publisher = Publisher::new(kept(&folder));
    publisher.join(LOCK, &mut quick, 1).await;
    publisher.join(LOCK, &mut slow, 1).await;
    slow.behave(&[], Manner::Answer(503));
    publisher.tell(EventKind::LockState, 2);
    assert_eq!(quick.next().await.value(), "HOLDOVER");
    slow.next().await;
    publisher.until(|stats| stats.live.queued == 1).await;
    kill(publisher);
    slow.behave(&[], Manner::Answer(204));
    let mut publisher = Publisher::of(kept(&folder), in_state(ClockState::Holdover));
    loop {
        let post = slow.next().await;
        assert_eq!(post.value(), "HOLDOVER");
        if post.manner == Manner::Answer(204) {
            break;
        }
    }
    publisher.tell(EventKind::LockState, 0);
    assert_eq!(quick.next().await.value(), "FREERUN", "it had the holdover");
}

/// A second subscription sends beside what is on its way.
#[tokio::test]
async fn a_second_subscription_of_the_same_endpoint_leaves_no_doubt_behind() {
    let (folder, mut consumer) = (Folder::new(), Consumer::new().await);
    let publisher = Publisher::new(kept(&folder));
    publisher.join(LOCK, &mut consumer, 1).await;
    publisher.join("/sync", &mut consumer, 5).await;
    kill(publisher);
    let mut publisher = Publisher::new(kept(&folder));
    next_is(&mut publisher, &mut consumer, EventKind::LockState, 0).await;
}
