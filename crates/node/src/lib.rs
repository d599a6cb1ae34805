//! The hardware thread: one epoll loop from sources through the core to shared memory.
