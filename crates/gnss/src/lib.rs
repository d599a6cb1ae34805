//! GNSS receivers: sources, NMEA and UBX demultiplexer, receiver state.
