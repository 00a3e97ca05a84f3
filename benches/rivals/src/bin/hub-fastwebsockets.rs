//! The hub on tokio, hyper and fastwebsockets.
//!
//! hyper's socket is taken back bare. A read of fastwebsockets must not be given up half-way, so reading and writing are
//! two halves of one task, and neither is cancelled by the other. Small frames gather in a buffer of 4 KiB until the
//! queue is empty; the library has no such buffer of its own, and none may be chosen for its reading (8 KiB).

use std::convert::Infallible;

use bytes::Bytes;
use fastwebsockets::upgrade::{UpgradeFut, upgrade};
use fastwebsockets::{
    FragmentCollector, FragmentCollectorRead, Frame, OpCode, Payload, Role, WebSocket,
    WebSocketError, after_handshake_split,
};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use roomcast_rivals::calls::{Answer, Purpose, bad, serve};
use roomcast_rivals::event;
use roomcast_rivals::hub::Member;
use roomcast_rivals::listener::listen;
use tokio::io::BufWriter;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Four times as much was not faster, for a backlog of 64 messages of 190 bytes, and it is a buffer for each connection.
const WRITE_BUFFER_BYTES: usize = 4 << 10;
/// Pongs that wait for a client that asks for more of them than it reads.
const PONGS_MAX: usize = 16;

fn main() -> std::io::Result<()> {
    serve(listen(), answer)
}

fn answer(mut request: Request<Incoming>, purpose: Purpose<Bytes>) -> Answer {
    match upgrade(&mut request) {
        Ok((answer, upgraded)) => {
            tokio::spawn(talk(upgraded, purpose));
            answer.map(|_| Full::default())
        }
        Err(error) => bad(&error.to_string()),
    }
}

/// A connection from its upgrade to its end, which is told to nobody.
async fn talk(upgraded: UpgradeFut, purpose: Purpose<Bytes>) {
    let Ok(socket) = upgraded.await else {
        return;
    };
    let parts = socket
        .into_inner()
        .into_inner()
        .downcast::<TokioIo<TcpStream>>()
        .expect("hyper was given this kind of stream, and no other");
    // A client speaks only once it is answered (RFC 6455 §4.1).
    if !parts.read_buf.is_empty() {
        return;
    }
    // Empty as it is, it would keep hyper's buffer for as long as the connection lives.
    drop(parts.read_buf);
    let socket = parts.io.into_inner();
    let _ = match purpose {
        Purpose::Echo => echo(socket).await,
        Purpose::Member(hub, room) => {
            deliver(socket, hub.join(room, event::greeting().into())).await
        }
    };
}

async fn echo(socket: TcpStream) -> Result<(), WebSocketError> {
    let socket = WebSocket::after_handshake(socket, Role::Server);
    let mut socket = FragmentCollector::new(socket);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

async fn deliver(socket: TcpStream, mut member: Member<Bytes>) -> Result<(), WebSocketError> {
    let (read, write) = socket.into_split();
    let write = BufWriter::with_capacity(WRITE_BUFFER_BYTES, write);
    let (read, mut write) = after_handshake_split(read, write, Role::Server);
    let mut read = FragmentCollectorRead::new(read);
    let (pongs, mut owed) = mpsc::channel::<Frame<'static>>(PONGS_MAX);

    let reading = async {
        loop {
            let mut answer = |frame| {
                // What a client says is ignored, and so is how often it asks whether we live.
                let _ = pongs.try_send(frame);
                async { Ok::<(), Infallible>(()) }
            };
            let frame = read.read_frame(&mut answer).await?;
            if frame.opcode == OpCode::Close {
                // The writing ends it, once the answer to it has gone out.
                return std::future::pending().await;
            }
        }
    };
    let writing = async {
        loop {
            tokio::select! {
                Some(text) = member.next() => {
                    write.write_frame(Frame::text(Payload::Borrowed(&text))).await?;
                    while let Some(text) = member.next_queued() {
                        write.write_frame(Frame::text(Payload::Borrowed(&text))).await?;
                    }
                    write.flush().await?;
                }
                Some(frame) = owed.recv() => {
                    let is_close = frame.opcode == OpCode::Close;
                    write.write_frame(frame).await?;
                    write.flush().await?;
                    if is_close {
                        return Ok(());
                    }
                }
            }
        }
    };
    tokio::select! {
        ended = reading => ended,
        ended = writing => ended,
    }
}
