//! The hub on tokio, hyper and tokio-tungstenite.
//!
//! hyper answers the upgrade and gives its socket back bare, so that nothing stands between tungstenite and TCP. One task
//! a connection; whatever waits in a queue goes out in one write.

use futures_util::{SinkExt, StreamExt, TryStreamExt, future};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use roomcast_rivals::calls::{Answer, Purpose, bad, serve};
use roomcast_rivals::event;
use roomcast_rivals::hub::Member;
use roomcast_rivals::listener::listen;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, Utf8Bytes};

const READ_BUFFER_BYTES: usize = 4 << 10;

fn main() -> std::io::Result<()> {
    serve(listen(), upgrade)
}

fn upgrade(mut request: Request<Incoming>, purpose: Purpose<Utf8Bytes>) -> Answer {
    let headers = request.headers();
    let version = headers.get(SEC_WEBSOCKET_VERSION);
    let key = headers.get(SEC_WEBSOCKET_KEY);
    let (Some(key), true) = (key, version.is_some_and(|version| version == "13")) else {
        return bad("an upgrade needs Sec-WebSocket-Key, and Sec-WebSocket-Version: 13");
    };
    let Ok(accept) = HeaderValue::try_from(derive_accept_key(key.as_bytes())) else {
        return bad("Sec-WebSocket-Key: not the text of a header");
    };
    tokio::spawn(talk(hyper::upgrade::on(&mut request), purpose));
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    answer
}

/// A connection from its upgrade to its end, which is told to nobody.
async fn talk(upgraded: OnUpgrade, purpose: Purpose<Utf8Bytes>) {
    let Ok(upgraded) = upgraded.await else {
        return;
    };
    let parts = upgraded
        .downcast::<TokioIo<TcpStream>>()
        .expect("hyper was given this kind of stream, and no other");
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    // A copy, of nothing as a rule: it must not keep hyper's buffer.
    let read = parts.read_buf.to_vec();
    drop(parts.read_buf);
    let socket = WebSocketStream::from_partially_read(
        parts.io.into_inner(),
        read,
        Role::Server,
        Some(config),
    )
    .await;
    let _ = match purpose {
        Purpose::Echo => echo(socket).await,
        Purpose::Member(hub, room) => {
            deliver(socket, hub.join(room, event::greeting().into())).await
        }
    };
}

/// `forward` writes once nothing more can be read.
async fn echo(socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
    let (write, read) = socket.split();
    read.try_filter(|message| future::ready(message.is_text() || message.is_binary()))
        .forward(write)
        .await
}

async fn deliver(
    mut socket: WebSocketStream<TcpStream>,
    mut member: Member<Utf8Bytes>,
) -> Result<(), Error> {
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
            message = socket.next() => match message {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
        }
    }
}
