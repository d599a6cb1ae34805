//! Series that another daemon's lines tell, as they come out of the memory shared with the node process.

use crate::incumbent::Incumbent;
use crate::page::Page;
use crate::registry::put;

/// One series with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    family: Incumbent,
    labels: Vec<String>,
    value: f64,
}

impl Told {
    /// `family`: its place in [`Incumbent::ALL`]; `labels`: the values of [`Incumbent::labels`], in that order. `None`: these are no
    /// series of ours, as of a node of another version.
    pub fn new(family: u8, labels: &[&str], value: f64) -> Option<Self> {
        let family = *Incumbent::ALL.get(usize::from(family))?;
        (family.labels().len() == labels.len()).then(|| Told {
            family,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            value,
        })
    }
}

/// Puts them onto the page.
pub(crate) fn write(page: &mut Page, told: &[Told], node: &str) {
    for series in told {
        let labels = series.labels.iter().map(String::as_str);
        put(page, series.family, node, labels, series.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scrape, render};

    #[test]
    fn what_lines_tell_stands_on_the_page_and_what_is_no_series_does_not() {
        let place = Incumbent::ALL.iter().position(|family| *family == Incumbent::OffsetNs);
        let family = u8::try_from(place.unwrap()).unwrap();
        let told = [
            Told::new(family, &["master", "ens1fx", "ptp4l"], -7.0),
            Told::new(family, &["ens1fx", "ptp4l"], 1.0),
            Told::new(255, &["master", "ens1fx", "ptp4l"], 1.0),
        ];
        let told: Vec<Told> = told.into_iter().flatten().collect();
        let scrape = Scrape {
            node: "node1",
            told: &told,
            ..Scrape::default()
        };
        let mut out = Vec::new();
        render(&scrape, &mut out);
        let page = String::from_utf8(out).unwrap();
        let line = r#"openshift_ptp_offset_ns{from="master",iface="ens1fx",node="node1",process="ptp4l"} -7"#;
        assert!(page.contains(line), "{page}");
        assert_eq!(page.matches("openshift_ptp_offset_ns{").count(), 1);
    }
}
