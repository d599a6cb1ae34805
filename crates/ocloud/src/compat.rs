//! Whose habits the API keeps where O-RAN's text and what OpenShift ships differ.
//!
//! | | `none`: O-RAN v04.00 | `openshift`: cloud-event-proxy |
//! |---|---|---|
//! | `value_type` of a clock class | `metric` | `decimal64.3` |
//! | the initial notification is taken by | any 2xx | 204 and nothing else |
//! | a subscription to what nobody has told | 404 | 201 after a notification of FREERUN (a class: 0) at `…/ptp-not-set` |
//! | a consumer that cannot be reached for ten events in a row | keeps its subscriptions, suspended | its subscriptions end, in the store too |
//!
//! What both do is not switched: `source` is the short address, the content type `application/json`, every value a string, and
//! CurrentState of what nobody has told is 404.

use hyper::StatusCode;

use crate::resource::Resource;

/// Whose habits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compat {
    /// O-RAN.WG6.O-Cloud Notification API v04.00.
    #[default]
    None,
    /// redhat-cne/cloud-event-proxy, as its consumers know it.
    Openshift,
}

impl Compat {
    /// The `value_type` of a number (v04.00, table of event values).
    pub(crate) const fn number_type(self, resource: Resource) -> &'static str {
        match (self, resource) {
            (Compat::None, Resource::ClockClass | Resource::SynceQuality) => "metric",
            _ => "decimal64.3",
        }
    }

    /// Whether a consumer that answered its initial notification so has taken it. Asked of 2xx only.
    pub(crate) fn takes(self, status: StatusCode) -> bool {
        self == Compat::None || status == StatusCode::NO_CONTENT
    }
}
