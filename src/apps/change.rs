//! Deciding and applying: an app decides what shall be so from what it knows, and its state changes only when that is applied.
//!
//! Where nothing is kept a change is applied in the same call. Where it is, it goes to the engine as rows, and is applied
//! when those are kept: there is one place where an app's state changes, whoever waits for it.

use std::any::Any;

use super::context::{Context, Origin, Unkept};
use super::refusal::unkept;
use super::{Answer, Reply};
use crate::bounds::Durability;
use crate::engine::Row;
use crate::wire::response::Response;

/// An app whose state is changed in this way.
pub trait Decides {
    /// What it may decide. It names what it is about by names that nobody else gets while it waits.
    type Change: 'static;

    /// The change as it is kept.
    fn rows(&self, change: &Self::Change, cx: &Context<'_>) -> Vec<Row>;

    /// The change is so: the state becomes what it says, whoever is to hear of it does, and its request is answered.
    fn apply(&mut self, change: Self::Change, cx: &mut Context<'_>) -> Option<Response>;

    /// The change is not so: whoever said it is told.
    fn give_up(&mut self, _: Self::Change, _: &mut Context<'_>) {}

    /// Nobody knows yet whether it will be so: what it needs is reserved.
    fn reserve(&mut self, _: &Self::Change) {}

    /// That is known now: what was reserved for it is free.
    fn release(&mut self, _: &Self::Change) {}
}

/// What has become of a change.
pub enum Decided {
    /// It is so, and this is the answer.
    Applied(Option<Response>),
    /// It will be so or not, and its app is told.
    Waits,
}

/// Decides a change to what the app numbers so.
pub fn decide<A: Decides>(
    app: &mut A,
    origin: Origin,
    about: Option<u64>,
    change: A::Change,
    cx: &mut Context<'_>,
) -> Result<Decided, Unkept> {
    match cx.durability() {
        Durability::None => {}
        Durability::Lazy if cx.health().stopped => {
            app.give_up(change, cx);
            return Err(Unkept);
        }
        Durability::Lazy => {
            let rows = app.rows(&change, cx);
            cx.write_behind(rows);
        }
        Durability::Commit => {
            let rows = app.rows(&change, cx);
            app.reserve(&change);
            let change: Box<dyn Any> = Box::new(change);
            return cx.submit(origin, about, rows, change).map_or_else(
                |(unkept, change)| {
                    failed(app, change, cx);
                    Err(unkept)
                },
                |()| Ok(Decided::Waits),
            );
        }
    }
    Ok(Decided::Applied(app.apply(change, cx)))
}

/// The same for a request, and its answer if there is one already.
pub fn answer<A: Decides>(
    app: &mut A,
    about: Option<u64>,
    change: A::Change,
    cx: &mut Context<'_>,
) -> Answer {
    let origin = Origin::Request(cx.conn());
    match decide(app, origin, about, change, cx) {
        Ok(Decided::Applied(response)) => Ok(response
            .expect("a change that a request asks for has an answer")
            .into()),
        Ok(Decided::Waits) => Ok(Reply::Undecided),
        Err(Unkept) => Err(unkept(cx)),
    }
}

/// Applies a change of an app's that is so, and answers its request.
pub fn committed<A: Decides>(
    app: &mut A,
    change: Box<dyn Any>,
    cx: &mut Context<'_>,
) -> Option<Response> {
    let change = known::<A>(change);
    app.release(&change);
    app.apply(change, cx)
}

/// Gives a change of an app's up that is not so.
pub fn failed<A: Decides>(app: &mut A, change: Box<dyn Any>, cx: &mut Context<'_>) {
    let change = known::<A>(change);
    app.release(&change);
    app.give_up(change, cx);
}

/// What an app gave away.
///
/// # Panics
/// If it is another app's: each is given back its own.
fn known<A: Decides>(change: Box<dyn Any>) -> A::Change {
    *change
        .downcast()
        .expect("an app is given back the changes that it has decided")
}
