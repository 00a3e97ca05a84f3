//! How a client is told what there is.

/// One of two ways, the same for all clients of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// By frames (RFC 6455).
    #[default]
    WebSocket,
    /// By a stream of events (HTML Living Standard §9.2), which is asked for with the same path.
    Events,
}

impl Way {
    /// Events if that was asked for.
    pub fn by_events(is_asked: bool) -> Way {
        match is_asked {
            true => Way::Events,
            false => Way::WebSocket,
        }
    }

    /// The scheme of what is asked for, for people.
    pub fn scheme(self) -> &'static str {
        match self {
            Way::WebSocket => "ws",
            Way::Events => "http",
        }
    }
}
