//! O-RAN O-Cloud notification API v2: resources, events, subscriptions, delivery queues, store.
