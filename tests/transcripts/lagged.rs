//! How each app tells a client that it missed messages, to the byte. No transcript shows it, because it takes a client
//! that does not read, and how much the system then keeps for it differs from one to another.

use super::network::EPOCH;
use roomcast::apps::Gap;
use roomcast::apps::all::{self, Options};
use roomcast::bounds::Bounds;
use roomcast::id::AppId;
use roomcast::position::Position;
use roomcast::wire::frame::{Encoder, Frame};

#[test]
fn each_app_says_in_its_own_words_how_many_messages_were_missed() {
    let options = Options {
        echo: true,
        pages: true,
        secret: b"secret",
    };
    for (id, app) in all::enabled(&options, &Bounds::default()) {
        let words = match id {
            AppId::Events => {
                r#"{"type":"connection:lagged","payload":{"missed":3,"since":"000000ff-7"},"timestamp":"2026-01-01T00:00:00.000Z"}"#
            }
            AppId::Ops | AppId::Sessions => {
                r#"{"type":"lagged","missed":3,"timestamp":"2026-01-01T00:00:00.000Z"}"#
            }
            AppId::Tasks => {
                r#"{"type":"lagged","timestamp":"2026-01-01T00:00:00.000Z","data":{"missed":3,"since":"000000ff-7"}}"#
            }
            AppId::Stream => r#"{"type":"lagged","data":{"missed":3,"since":"000000ff-7"}}"#,
            AppId::Rooms => {
                r#"{"type":"state","event":"lagged","payload":{"missed":3,"since":"000000ff-7"}}"#
            }
        };
        let (epoch, number) = (255, 7);
        let gap = Gap {
            missed: 3,
            since: Some(Position { epoch, number }),
        };
        let told = app.lagged(gap, EPOCH, &mut Encoder::new());
        assert_eq!(told.bytes(), Frame::text(words).bytes(), "{id:?}");
    }
}
