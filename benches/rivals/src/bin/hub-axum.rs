//! The hub on tokio and axum, whose WebSocket is tokio-tungstenite underneath.
//!
//! Everything as axum gives it: its server, its extractors, its WebSocket. One task a connection; whatever waits in a
//! queue goes out in one write.

use std::io;
use std::net::TcpListener;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use futures_util::{SinkExt, StreamExt, TryStreamExt, future};
use roomcast_rivals::calls::room;
use roomcast_rivals::event;
use roomcast_rivals::hub::{Hub, Member};
use roomcast_rivals::listener::listen;

const READ_BUFFER_BYTES: usize = 4 << 10;

fn main() -> io::Result<()> {
    let listener = listen();
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?
        .block_on(serve(listener))
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let calls = Router::new()
        .route("/ws", any(enter))
        .route("/echo", any(upgrade_echo))
        .route("/api/v1/events", post(publish))
        .route("/healthz", get(health))
        .with_state(Hub::default());
    axum::serve(tokio::net::TcpListener::from_std(listener)?, calls).await
}

async fn enter(
    State(hub): State<Hub<Utf8Bytes>>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    let room = room(query.as_deref().unwrap_or_default());
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .on_upgrade(move |socket| async move {
            let member = hub.join(room, event::greeting().into());
            // How a connection ends is told to nobody.
            let _ = deliver(socket, member).await;
        })
}

async fn upgrade_echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .on_upgrade(|socket| async move {
            let _ = echo(socket).await;
        })
}

async fn publish(
    State(hub): State<Hub<Utf8Bytes>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> impl IntoResponse {
    let room = room(query.as_deref().unwrap_or_default());
    let published = event::publish(&body, |text| hub.publish(&room, &text.into()));
    match published {
        Ok(answer) => json(StatusCode::ACCEPTED, answer),
        Err(message) => json(
            StatusCode::BAD_REQUEST,
            event::refusal("bad_request", &message),
        ),
    }
}

async fn health() -> impl IntoResponse {
    json(StatusCode::OK, event::health())
}

fn json(status: StatusCode, body: String) -> impl IntoResponse {
    (status, [(CONTENT_TYPE, "application/json")], body)
}

/// `forward` writes once nothing more can be read.
async fn echo(socket: WebSocket) -> Result<(), axum::Error> {
    let (write, read) = socket.split();
    let is_data = |message: &Message| matches!(message, Message::Text(_) | Message::Binary(_));
    read.try_filter(|message| future::ready(is_data(message)))
        .forward(write)
        .await
}

async fn deliver(mut socket: WebSocket, mut member: Member<Utf8Bytes>) -> Result<(), axum::Error> {
    loop {
        tokio::select! {
            Some(text) = member.next() => {
                socket.feed(Message::Text(text)).await?;
                while let Some(text) = member.next_queued() {
                    socket.feed(Message::Text(text)).await?;
                }
                socket.flush().await?;
            }
            // What a client says is ignored.
            message = socket.recv() => match message {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
        }
    }
}
