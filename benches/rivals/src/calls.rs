//! The calls of a rival on hyper: what is asked for, and the answers that need no WebSocket.

use std::convert::Infallible;
use std::net::TcpListener;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use crate::event;
use crate::hub::Hub;

/// An answer in JSON, or to an upgrade.
pub type Answer = Response<Full<Bytes>>;

/// What a client is upgraded to.
pub enum Purpose<M> {
    /// Every message comes back.
    Echo,
    /// A member of the room with this name.
    Member(Hub<M>, String),
}

/// Answers an upgrade and hands the socket on to a task of its own.
pub type Upgrade<M> = fn(Request<Incoming>, Purpose<M>) -> Answer;

/// Serves the calls on one thread, forever; `upgrade` does what differs from rival to rival.
pub fn serve<M>(listener: TcpListener, upgrade: Upgrade<M>) -> std::io::Result<()>
where
    M: Clone + From<String> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(accept(listener, upgrade))
}

async fn accept<M>(listener: TcpListener, upgrade: Upgrade<M>) -> std::io::Result<()>
where
    M: Clone + From<String> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let hub = Hub::<M>::default();
    loop {
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            // A client that left while it waited, or no descriptor for now: the next one may do better.
            Err(_) => {
                tokio::task::yield_now().await;
                continue;
            }
        };
        let hub = hub.clone();
        let service = service_fn(move |request| answer(request, hub.clone(), upgrade));
        let connection = http1::Builder::new()
            .pipeline_flush(true)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::spawn(connection);
    }
}

async fn answer<M>(
    request: Request<Incoming>,
    hub: Hub<M>,
    upgrade: Upgrade<M>,
) -> Result<Answer, Infallible>
where
    M: Clone + From<String> + Send + 'static,
{
    let room = room(request.uri().query().unwrap_or_default());
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/ws") => upgrade(request, Purpose::Member(hub, room)),
        (&Method::GET, "/echo") => upgrade(request, Purpose::Echo),
        (&Method::GET, "/healthz") => json(StatusCode::OK, event::health()),
        (&Method::POST, "/api/v1/events") => match request.into_body().collect().await {
            Ok(body) => publish(&body.to_bytes(), &hub, &room),
            Err(_) => bad("the body broke off"),
        },
        (_, "/ws" | "/echo" | "/healthz" | "/api/v1/events") => {
            let refusal = event::refusal("method_not_allowed", "this path takes another method");
            let mut answer = json(StatusCode::METHOD_NOT_ALLOWED, refusal);
            let headers = answer.headers_mut();
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
            answer
        }
        _ => json(
            StatusCode::NOT_FOUND,
            event::refusal("not_found", "there is no such path"),
        ),
    })
}

fn publish<M>(body: &[u8], hub: &Hub<M>, room: &str) -> Answer
where
    M: Clone + From<String>,
{
    let published = event::publish(body, |text| hub.publish(room, &M::from(text)));
    match published {
        Ok(answer) => json(StatusCode::ACCEPTED, answer),
        Err(message) => bad(&message),
    }
}

/// The room that a query names; without one, the room of everybody.
pub fn room(query: &str) -> String {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "room")
        .map(|(_, room)| room.into_owned())
        .unwrap_or_default()
}

/// The answer to a request that is wrong.
pub fn bad(message: &str) -> Answer {
    json(
        StatusCode::BAD_REQUEST,
        event::refusal("bad_request", message),
    )
}

fn json(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_a_room_or_that_of_everybody() {
        assert_eq!(room("room=a%20b"), "a b");
        assert_eq!(room("x=1&room=c"), "c");
        assert_eq!(room("x=1"), "");
    }
}
