//! Every app that a server has, made from plain values: for the binary, and for tests that run it on other ground.

use super::App;
use super::events::Events;
use super::ops::Ops;
use super::rooms::Rooms;
use super::sessions::Sessions;
use super::stream::Stream;
use super::tasks::Tasks;
use crate::bounds::Bounds;
use crate::id::AppId;

/// What apps are told that is no bound.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Whether there is an echo.
    pub echo: bool,
    /// Whether there are pages.
    pub pages: bool,
    /// What signs room tokens.
    pub secret: &'a [u8],
}

/// The apps whose bounds say that they are enabled.
pub fn enabled(options: &Options<'_>, bounds: &Bounds) -> Vec<(AppId, Box<dyn App>)> {
    let all: [(AppId, Box<dyn App>); 6] = [
        (AppId::Ops, Box::new(Ops::new(options.echo, options.pages))),
        (AppId::Events, Box::new(Events)),
        (AppId::Sessions, Box::<Sessions>::default()),
        (AppId::Tasks, Box::<Tasks>::default()),
        (AppId::Stream, Box::new(Stream)),
        (AppId::Rooms, Box::new(Rooms::new(options.secret))),
    ];
    all.into_iter()
        .filter(|(id, _)| bounds.app(*id).enabled)
        .collect()
}
