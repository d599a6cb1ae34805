//! The data of a management TLV by its id.

use super::datasets::{CurrentDataSet, DefaultDataSet, ParentDataSet, PortDataSet, TimePropertiesDataSet};
use super::events::Subscription;
use super::id::ManagementId;
use super::linuxptp::{ExternalGrandmaster, GrandmasterSettings, PortProperties, TimeStatus};
use crate::bytes::{Reader, Writer};
use crate::error::Malformed;

/// What a management TLV carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data<'a> {
    /// Nothing: a GET asks without data.
    Empty,
    /// DEFAULT_DATA_SET.
    Default(DefaultDataSet),
    /// CURRENT_DATA_SET.
    Current(CurrentDataSet),
    /// PARENT_DATA_SET.
    Parent(ParentDataSet),
    /// TIME_PROPERTIES_DATA_SET.
    TimeProperties(TimePropertiesDataSet),
    /// PORT_DATA_SET.
    Port(PortDataSet),
    /// TIME_STATUS_NP.
    TimeStatus(TimeStatus),
    /// GRANDMASTER_SETTINGS_NP.
    GrandmasterSettings(GrandmasterSettings),
    /// SUBSCRIBE_EVENTS_NP.
    Subscription(Subscription),
    /// PORT_PROPERTIES_NP.
    PortProperties(PortProperties<'a>),
    /// EXTERNAL_GRANDMASTER_PROPERTIES_NP.
    ExternalGrandmaster(ExternalGrandmaster),
    /// Data of an id without a type.
    Other(&'a [u8]),
}

impl<'a> Data<'a> {
    /// Reads the data of `id`. More bytes than this version knows are passed over, fewer are malformed.
    pub(crate) fn read(id: ManagementId, from: &mut Reader<'a>) -> Result<Self, Malformed> {
        if from.rest().is_empty() {
            return Ok(Data::Empty);
        }
        Ok(match id {
            ManagementId::DefaultDataSet => Data::Default(DefaultDataSet::read(from)?),
            ManagementId::CurrentDataSet => Data::Current(CurrentDataSet::read(from)?),
            ManagementId::ParentDataSet => Data::Parent(ParentDataSet::read(from)?),
            ManagementId::TimePropertiesDataSet => Data::TimeProperties(TimePropertiesDataSet::read(from)?),
            ManagementId::PortDataSet => Data::Port(PortDataSet::read(from)?),
            ManagementId::TimeStatusNp => Data::TimeStatus(TimeStatus::read(from)?),
            ManagementId::GrandmasterSettingsNp => Data::GrandmasterSettings(GrandmasterSettings::read(from)?),
            ManagementId::SubscribeEventsNp => Data::Subscription(Subscription::read(from)?),
            ManagementId::PortPropertiesNp => Data::PortProperties(PortProperties::read(from)?),
            ManagementId::ExternalGrandmasterPropertiesNp => {
                Data::ExternalGrandmaster(ExternalGrandmaster::read(from)?)
            }
            ManagementId::Other(_) => Data::Other(from.rest()),
        })
    }

    /// Writes the data as its id has it.
    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        match self {
            Data::Empty => {}
            Data::Default(data) => data.write(to),
            Data::Current(data) => data.write(to),
            Data::Parent(data) => data.write(to),
            Data::TimeProperties(data) => data.write(to),
            Data::Port(data) => data.write(to),
            Data::TimeStatus(data) => data.write(to),
            Data::GrandmasterSettings(data) => data.write(to),
            Data::Subscription(data) => data.write(to),
            Data::PortProperties(data) => data.write(to),
            Data::ExternalGrandmaster(data) => data.write(to),
            Data::Other(data) => to.put(data),
        }
    }
}
