//! managementId (IEEE 1588-2019 table 59), and those that linuxptp has added (its tlv.h, suffix `_NP`).

macro_rules! ids {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)+) => {
        /// What a management TLV is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ManagementId {
            $($(#[$doc])* $variant,)+
            /// An id that this version has no type for.
            Other(u16),
        }

        impl ManagementId {
            /// All that have a type.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant,)+];

            /// The number on the wire.
            pub const fn number(self) -> u16 {
                match self { $(Self::$variant => $number,)+ Self::Other(number) => number }
            }

            /// What the number means.
            pub const fn from_number(number: u16) -> Self {
                match number { $($number => Self::$variant,)+ other => Self::Other(other) }
            }

            /// As pmc(8) spells it; `OTHER` for one without a type.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ Self::Other(_) => "OTHER" }
            }
        }
    };
}

ids! {
    /// The clock itself.
    DefaultDataSet = 0x2000, "DEFAULT_DATA_SET";
    /// Offset and delay to the parent.
    CurrentDataSet = 0x2001, "CURRENT_DATA_SET";
    /// Parent and grandmaster.
    ParentDataSet = 0x2002, "PARENT_DATA_SET";
    /// UTC offset, leap seconds, traceability, as announced.
    TimePropertiesDataSet = 0x2003, "TIME_PROPERTIES_DATA_SET";
    /// One port.
    PortDataSet = 0x2004, "PORT_DATA_SET";
    /// What linuxptp's servo sees.
    TimeStatusNp = 0xc000, "TIME_STATUS_NP";
    /// What ptp4l announces when it is the grandmaster.
    GrandmasterSettingsNp = 0xc001, "GRANDMASTER_SETTINGS_NP";
    /// Which notifications the sender of the request wants.
    SubscribeEventsNp = 0xc003, "SUBSCRIBE_EVENTS_NP";
    /// Interface and time stamping of one port.
    PortPropertiesNp = 0xc004, "PORT_PROPERTIES_NP";
    /// The grandmaster behind another ptp4l, for a boundary clock in several processes; newer than linuxptp 4.4.
    ExternalGrandmasterPropertiesNp = 0xc00d, "EXTERNAL_GRANDMASTER_PROPERTIES_NP";
}

impl ManagementId {
    /// True if a request with all ports as its target is answered once by each port.
    pub const fn is_per_port(self) -> bool {
        matches!(self, ManagementId::PortDataSet | ManagementId::PortPropertiesNp)
    }
}
