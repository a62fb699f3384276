//! Notifications: Argo CD's two objects on a real API server, and what Argo CD's engine makes of them.

mod engine;
