//! Series of the incumbents' families that others than the core feed: lines of linuxptp, another daemon's messages, a profile's limits.
//!
//! Whoever has something to tell takes a [`Gauge`] for each series once and keeps it; [`Gauge::set`] is one atomic store, so it may be
//! called for every line. The series is on the page from its first value until its gauge is dropped: it goes with its source. A
//! registry holds at most [`MOST`] series; what is more is counted and not shown.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::incumbent::Incumbent;
use crate::page::Page;

/// Most series of one registry. A node of 32 ports with every process has about 600.
pub const MOST: usize = 4096;

/// Cheap to clone; all clones are one registry.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    series: Mutex<Vec<Weak<Series>>>,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Series {
    family: Incumbent,
    labels: Box<[Box<str>]>,
    told: AtomicBool,
    value: AtomicU64,
}

/// One series; it disappears with this.
#[derive(Debug)]
pub struct Gauge(Option<Arc<Series>>);

impl Gauge {
    /// The present value. No allocation, no lock.
    pub fn set(&self, value: f64) {
        if let Some(series) = &self.0 {
            series.value.store(value.to_bits(), Relaxed);
            series.told.store(true, Relaxed);
        }
    }

    /// No value any more, until the next.
    pub fn clear(&self) {
        if let Some(series) = &self.0 {
            series.told.store(false, Relaxed);
        }
    }
}

impl Registry {
    /// A series of `family`. `labels` are the values of [`Incumbent::labels`], in that order; the interface as it shall stand on the
    /// page. Two gauges of the same labels are one series on the page, the older one's.
    pub fn gauge<const N: usize>(&self, family: Incumbent, labels: [&str; N]) -> Gauge {
        debug_assert_eq!(family.labels().len(), N, "{family:?}");
        let mut all = self.series();
        all.retain(|series| series.strong_count() > 0);
        if all.len() >= MOST || family.labels().len() != N {
            self.0.refused.fetch_add(1, Relaxed);
            return Gauge(None);
        }
        let series = Arc::new(Series {
            family,
            labels: labels.map(Box::from).into(),
            told: AtomicBool::new(false),
            value: AtomicU64::new(0),
        });
        all.push(Arc::downgrade(&series));
        Gauge(Some(series))
    }

    /// Series that had no room.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }

    /// Puts every series that has a value onto the page.
    pub(crate) fn write(&self, page: &mut Page, node: &str) {
        let living: Vec<Arc<Series>> = self.series().iter().filter_map(Weak::upgrade).collect();
        for series in living.iter().filter(|series| series.told.load(Relaxed)) {
            let value = f64::from_bits(series.value.load(Relaxed));
            let values = series.labels.iter().map(|text| &**text);
            put(page, series.family, node, values, value);
        }
    }

    fn series(&self) -> MutexGuard<'_, Vec<Weak<Series>>> {
        self.0.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a series of the incumbents' onto the page, with `node` where the alphabet has it.
pub(crate) fn put<'a>(
    page: &mut Page,
    family: Incumbent,
    node: &'a str,
    values: impl Iterator<Item = &'a str>,
    value: f64,
) {
    let mut labels: Vec<(&str, &str)> = family.labels().iter().copied().zip(values).collect();
    labels.push(("node", node));
    labels.sort_unstable();
    page.put(family.head(), "", &labels, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Format;

    fn page(registry: &Registry) -> String {
        let mut page = Page::new(Format::Text);
        registry.write(&mut page, "node1");
        let mut out = Vec::new();
        page.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_series_lives_from_its_first_value_until_its_source_goes() {
        let registry = Registry::default();
        let gauge = registry.gauge(Incumbent::OffsetNs, ["phc", "CLOCK_REALTIME", "phc2sys"]);
        assert_eq!(page(&registry), "");
        gauge.set(-10.0);
        let series = r#"openshift_ptp_offset_ns{from="phc",iface="CLOCK_REALTIME",node="node1",process="phc2sys"} -10"#;
        assert!(page(&registry).contains(series), "{}", page(&registry));
        gauge.clear();
        assert_eq!(page(&registry), "");
        gauge.set(0.0);
        drop(gauge);
        assert_eq!(page(&registry), "");
    }

    #[test]
    fn series_are_bounded_and_make_room_when_they_go() {
        let registry = Registry::default();
        let role = |n: usize| registry.gauge(Incumbent::InterfaceRole, [&format!("ens{n}"), "ptp4l"]);
        let all: Vec<Gauge> = (0..MOST + 3).map(role).collect();
        all.iter().for_each(|gauge| gauge.set(2.0));
        assert_eq!(registry.refused(), 3);
        assert_eq!(page(&registry).lines().count(), MOST + 2);
        drop(all);
        role(1).set(1.0);
        assert_eq!(registry.refused(), 3);
    }

    #[test]
    fn every_family_has_the_labels_of_the_incumbents() {
        let mut gathered = Page::new(Format::Text);
        for family in Incumbent::ALL {
            put(&mut gathered, *family, "node1", family.labels().iter().copied(), 1.0);
        }
        let mut out = Vec::new();
        gathered.write(&mut out);
        let page = String::from_utf8(out).unwrap();
        for series in [
            r#"openshift_ptp_clock_class{config="config",node="node1",process="process"}"#,
            r#"openshift_ptp_clock_state{iface="iface",node="node1",process="process"}"#,
            r#"openshift_ptp_ha_profile_status{node="node1",process="process",profile="profile"}"#,
            r#"openshift_ptp_interface_role{iface="iface",node="node1",process="process"}"#,
            r#"openshift_ptp_max_offset_ns{from="from",iface="iface",node="node1",process="process"}"#,
            r#"openshift_ptp_nmea_status{iface="iface",node="node1",process="process"}"#,
            r#"openshift_ptp_process_restart_count{config="config",node="node1",process="process"}"#,
            r#"openshift_ptp_threshold{node="node1",profile="profile",threshold="threshold"}"#,
            r#"openshift_ptp_synce_clock_quality{device="device",iface="iface",network_option="network_option",node="node1",process="process",profile="profile"}"#,
            r#"openshift_ptp_synce_ssm_ql{device="device",iface="iface",network_option="network_option",node="node1",process="process",profile="profile",ql_type="ql_type"}"#,
        ] {
            assert!(page.contains(series), "{series}\n{page}");
        }
        assert_eq!(page.matches("# TYPE").count(), Incumbent::ALL.len());
    }
}
