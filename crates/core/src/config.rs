//! What the core is told once: who is judged how, and within which limits.
//!
//! One thing that is chosen here waits: `tgmd` does not renew an Announce for its accuracy alone (`accuracy_from_estimate`).

use tgm_time::{Nanos, Seconds};

use crate::ids::{Instance, MAX_CARDS, MAX_INSTANCES, Port};
use crate::leap::LeapWord;
use crate::process::Downtimes;

/// Limits and times of requirements 1, 3 and 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// |Φ|, |P| and tAcc each, and their root sum of squares. 100 ns for PRTC-A, 40 ns for PRTC-B.
    pub offset: Nanos,
    /// Largest OS clock offset for LOCKED.
    pub os_clock: Nanos,
    /// Lowest one; −`os_clock` where both sides are alike.
    pub os_clock_lowest: Nanos,
    /// Consecutive good samples before Locked.
    pub in_sync_times: u16,
    /// Time that these samples must span at least.
    pub in_sync_span: Nanos,
    /// Losses within this time of each other double what the next lock needs.
    pub flapping_window: Nanos,
    /// Most good samples that they make it need.
    pub flapping_times: u16,
    /// A holdover is in specification up to this offset (`MaxInSpecOffset`).
    pub max_in_spec: Nanos,
    /// A holdover ends at this offset (`LocalMaxHoldoverOffSet`).
    pub max_holdover: Nanos,
    /// A holdover is in specification for this long (`LocalHoldoverTimeout`).
    pub holdover_timeout: Nanos,
    /// No time-bearing message for this long: GNSS is silent.
    pub gnss_stale: Nanos,
    /// No proof of life for this long while locked: the DPLL is unobserved.
    pub dpll_stale: Nanos,
    /// No pulse for this long: the PHC is unseen.
    pub phc_stale: Nanos,
    /// No OS clock measurement for this long.
    pub os_clock_stale: Nanos,
    /// No verdict of another daemon for this long.
    pub verdict_stale: Nanos,
    /// GNSS lost while the DPLL stays locked: for this long it may still be on its way into holdover.
    pub gnss_grace: Nanos,
    /// UNLOCKED within this time after a driver reload is the driver starting, not the DPLL failing.
    pub reload_grace: Nanos,
    /// What the card's DPLL needs to lock, with room.
    pub lock_time: Nanos,
    /// A detached receiver is attached again after it has been good for this long (`gnss_trust_s`).
    pub gnss_trust: Nanos,
    /// A DPLL whose input was detached must report holdover within this time.
    pub detach: Nanos,
    /// For how long each process may be down before anything follows (`processDowntimeThresholds`).
    pub downtimes: Downtimes,
    /// A system clock whose phc2sys is down holds over for this long, if it is seen to be in range (`holdOverTimeout`).
    pub os_clock_holdover: Nanos,
}

impl Limits {
    /// The defaults: PRTC-A, a holdover of 1500 ns in four hours, and the staleness limits of requirements 1.
    pub const DEFAULT: Limits = Limits {
        offset: Nanos(100),
        os_clock: Nanos(100),
        os_clock_lowest: Nanos(-100),
        in_sync_times: 10,
        in_sync_span: Nanos::from_secs(10),
        flapping_window: Nanos::from_secs(600),
        flapping_times: 300,
        max_in_spec: Nanos(1_500),
        max_holdover: Nanos(1_500),
        holdover_timeout: Nanos::from_secs(14_400),
        gnss_stale: Nanos::from_secs(3),
        dpll_stale: Nanos::from_secs(5),
        phc_stale: Nanos::from_secs(3),
        os_clock_stale: Nanos::from_secs(5),
        verdict_stale: Nanos::from_secs(90),
        gnss_grace: Nanos::from_millis(2_500),
        reload_grace: Nanos::from_secs(60),
        lock_time: Nanos::from_secs(42),
        gnss_trust: Nanos::from_secs(60),
        detach: Nanos::from_secs(3),
        downtimes: Downtimes::DEFAULT,
        os_clock_holdover: Nanos::from_secs(5),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}

/// Clock class of a holdover that left its specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutOfSpec {
    /// None: the holdover ends in Free-Run.
    #[default]
    None,
    /// 140: frequency traceable to a category 1 source.
    Category1,
    /// 150: category 2.
    Category2,
    /// 160: category 3.
    Category3,
    /// 140, 150 or 160 by the quality of the clock that the EEC is seen to follow ([`crate::Reading::EecQuality`]), else none.
    /// Without noise that proves it, as on cards that send no phase offset in holdover, no EEC is seen to follow anything.
    Auto,
}

/// Which classes are announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// G.8275.1: 6, 7, 140/150/160, 248.
    #[default]
    G8275,
    /// IEEE 1588-2019 default profile: 6, 7, 52, 248. A holdover always has a class out of specification.
    Default1588,
    /// The same with 187 for 52: the clock may become a slave then.
    Default1588MayFollow,
}

/// Whose rules hold where an incumbent decides otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compat {
    /// Ours.
    #[default]
    None,
    /// A follower that is not LOCKED while its leader is LOCKED makes the node FREERUN.
    Openshift,
}

/// What of an instance is a matter of choice. [`Config::policy`] sets it; the default is what an instance has otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Which classes are announced.
    pub profile: Profile,
    /// Whose rules hold.
    pub compat: Compat,
    /// clockAccuracy in Holdover-In-Spec is that of the estimated offset, not 0xFE.
    pub accuracy_from_estimate: bool,
    /// The instance has SyncE, which is told at this port: E6 and E7.
    pub synce: Option<Port>,
}

/// What a follower that is worse than its leader does to its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFault {
    /// The node is as bad as the follower.
    #[default]
    Node,
    /// It leaves the worst-of, and its own ports announce Free-Run until it is as good as its leader again ([`crate::Desired`]). Only for
    /// a card whose ports a ptp4l of its own serves: one that serves the leader's too would go on to announce the leader's class there.
    Isolate,
}

/// What of a card is a matter of choice. [`Config::card_policy`] sets it; the default is what a card has otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CardPolicy {
    /// What it does to its node as a follower. The leader, the first card of its instance, is never isolated.
    pub on_fault: OnFault,
    /// How far the oscillator may be from the frequency that it can be expected to have against the pulse, ppt (1000 are 1 ns/s), where
    /// the card shows it; beyond, the pulse walks and is not trusted. `None`: not judged.
    pub frequency_limit: Option<i64>,
    /// How uncertain the delay of antenna and cable is, and how asymmetric the ports may be: terms of the time error's bound.
    pub cable: Nanos,
    /// See `cable`.
    pub phy: Nanos,
    /// The pin of its GNSS input is ours to set. Without it there is no holdover on jamming: an untrusted pulse ends in Free-Run.
    pub owns_pins: bool,
    /// The limits of a holdover go by the learned upper bound alone, not by the larger of it and the default model's.
    pub trust_learned: bool,
    /// Holdovers on purpose, to learn from; only where `owns_pins`.
    pub drill: Option<DrillPlan>,
}

/// When a card goes into holdover on purpose, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrillPlan {
    /// From one to the next, and from the start to the first.
    pub every: Nanos,
    /// How long one lasts at most.
    pub length: Nanos,
    /// One ends at this modelled offset.
    pub bound: Nanos,
    /// Also with no other card Locked: the node tells class 7 meanwhile.
    pub alone: bool,
}

/// Who decides about an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Judge {
    /// This core, from the hardware.
    #[default]
    Tgm,
    /// This core, for a clock that follows another by PTP and passes it on (T-BC).
    Tbc,
    /// The same for one that passes nothing on (T-TSC): class 255, whatever its state.
    Slave,
    /// Another daemon, whose verdicts are passed on.
    Relay,
}

/// One instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceConfig {
    /// Its id.
    pub instance: Instance,
    /// Who decides.
    pub judge: Judge,
    /// Its limits.
    pub limits: Limits,
    /// What follows a holdover in specification.
    pub out_of_spec: OutOfSpec,
}

/// One card of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardConfig {
    /// The instance it belongs to.
    pub instance: Instance,
    /// Its leading interface.
    pub port: Port,
    /// The PHC is clocked by the card's DPLL (E810: yes), so it drifts no faster than the DPLL when nobody sees it.
    pub phc_on_dpll: bool,
    /// A receiver is fed to this card by us. Without one, G is judged by nobody and the card follows a leader's pulse.
    pub has_gnss: bool,
    /// Its DPLLs are watched. Without, whether there is a pulse is told by its external timestamps.
    pub has_dpll: bool,
    /// Its signals are simulated.
    pub simulated: bool,
}

/// What the core is told once. At most [`MAX_INSTANCES`] instances and [`MAX_CARDS`] cards.
#[derive(Debug, Clone, Copy, Default)]
pub struct Config {
    instances: [Option<InstanceConfig>; MAX_INSTANCES],
    cards: [Option<CardConfig>; MAX_CARDS],
    policies: [Policy; MAX_INSTANCES],
    card_policies: [CardPolicy; MAX_CARDS],
    /// TAI − UTC to use while no receiver tells a trustworthy one: from a leap-second file that somebody chose.
    pub fallback_utc_offset: Option<Seconds>,
    /// What that file says of leap seconds to come, as far as it reaches.
    pub leap_list: LeapWord,
    /// Up to when that file knows, POSIX seconds of UTC.
    pub leap_list_until: i64,
}

/// The configuration holds more than the core has room for, or names an instance twice or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoesNotFit;

impl Config {
    /// Adds an instance.
    pub fn instance(&mut self, new: InstanceConfig) -> Result<(), DoesNotFit> {
        if self.instances().any(|known| known.instance == new.instance) {
            return Err(DoesNotFit);
        }
        let slot = self
            .instances
            .iter_mut()
            .find(|slot| slot.is_none())
            .ok_or(DoesNotFit)?;
        *slot = Some(new);
        Ok(())
    }

    /// Changes how an instance that was added before is judged.
    pub fn judge_by(&mut self, new: InstanceConfig) -> Result<(), DoesNotFit> {
        let mut slots = self.instances.iter_mut().flatten();
        let slot = slots.find(|known| known.instance == new.instance).ok_or(DoesNotFit)?;
        *slot = new;
        Ok(())
    }

    /// Adds a card to an instance added before.
    pub fn card(&mut self, new: CardConfig) -> Result<(), DoesNotFit> {
        let known = |card: &CardConfig| (card.instance, card.port) == (new.instance, new.port);
        if self.cards().any(known) || !self.instances().any(|instance| instance.instance == new.instance) {
            return Err(DoesNotFit);
        }
        let slot = self.cards.iter_mut().find(|slot| slot.is_none()).ok_or(DoesNotFit)?;
        *slot = Some(new);
        Ok(())
    }

    /// Sets the choices of an instance added before.
    pub fn policy(&mut self, instance: Instance, policy: Policy) -> Result<(), DoesNotFit> {
        let place = self.instances().position(|known| known.instance == instance);
        let slot = self.policies.get_mut(place.ok_or(DoesNotFit)?).ok_or(DoesNotFit)?;
        *slot = policy;
        Ok(())
    }

    /// Sets the choices of a card added before.
    pub fn card_policy(&mut self, instance: Instance, port: Port, policy: CardPolicy) -> Result<(), DoesNotFit> {
        let place = self
            .cards()
            .position(|card| (card.instance, card.port) == (instance, port));
        let slot = self.card_policies.get_mut(place.ok_or(DoesNotFit)?).ok_or(DoesNotFit)?;
        *slot = policy;
        Ok(())
    }

    /// The choices of the instances, in the order these were added.
    pub(crate) fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.iter()
    }

    /// The choices of the cards, in the order these were added.
    pub(crate) fn card_policies(&self) -> impl Iterator<Item = &CardPolicy> {
        self.card_policies.iter()
    }

    /// The instances, in the order they were added.
    pub fn instances(&self) -> impl Iterator<Item = &InstanceConfig> {
        self.instances.iter().flatten()
    }

    /// The cards, in the order they were added.
    pub fn cards(&self) -> impl Iterator<Item = &CardConfig> {
        self.cards.iter().flatten()
    }
}
