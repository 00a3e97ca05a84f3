//! What is said in a room, by a player or the game's own back-end: to everybody, or to some.

use serde_json::value::{RawValue, to_raw_value};

use super::calls::heard;
use super::change::{Change, Speech};
use super::records::{self, Absent};
use super::refusal::Refusal;
use super::said::{Said, Saying, Text, Wrong};
use super::store::{PlayerKey, RoomKey};
use super::told::{ChatMessage, ErrorText, Outcome, Told};
use super::{FORGOTTEN_AT_ONCE, Rooms, history};
use crate::apps::change::decide;
use crate::apps::context::{Context, Origin, Resumed};
use crate::apps::{Got, Wanted};
use crate::id::{ConnId, Topic};
use crate::wire::response::Response;

impl Rooms {
    /// Does what a client asks for.
    pub(super) fn relay<'a>(
        &mut self,
        sender: PlayerKey,
        said: Said<'a>,
        cx: &mut Context<'_>,
    ) -> Result<(), Wrong<'a>> {
        let room = self.store.player(sender).room;
        let bad = |sentence: String| Wrong::bad(said.correlation_id, sentence);
        let to = said.to.map(|to| self.players(room, &to.0)).transpose();
        let to = to.map_err(bad)?;
        if !matches!(said.kind, Saying::Token(_) | Saying::Resume(_))
            && (self.store.player(sender).is_leaving || self.store.room(room).is_ending)
        {
            return Err(Wrong::unkept(said.correlation_id));
        }
        match said.kind {
            Saying::Game(event, payload) => {
                let speech = Speech {
                    room,
                    by: Some(sender),
                    event: event.into(),
                    payload: payload.to_owned(),
                    message_id: None,
                    to,
                    correlation_id: said.correlation_id.map(ToOwned::to_owned),
                };
                self.say(speech, cx);
            }
            Saying::Chat(message) => {
                let (message_id, payload) = self.chat_message(sender, &message, cx);
                let speech = Speech {
                    room,
                    by: Some(sender),
                    event: "chat".into(),
                    payload,
                    message_id: Some(message_id),
                    to,
                    correlation_id: said.correlation_id.map(ToOwned::to_owned),
                };
                self.say(speech, cx);
            }
            Saying::Token(token) => {
                let wrong = |refusal: Refusal| bad(format!("token: {}", refusal.sentence()));
                let claims = self.verify(&token, cx).map_err(wrong)?;
                let shown = self.owner(room, &claims).map_err(wrong)?;
                if shown != sender {
                    return Err(wrong(Refusal::OtherPlayer));
                }
                self.store.show(sender, claims.ends());
                self.settle(cx);
            }
            Saying::Resume(since) => {
                let log = self.store.room(room).log;
                let planned = cx.resume(log, Some(since), &Wanted::All, &Got::All);
                let outcome = Outcome {
                    resumed: Resumed::from(&planned),
                    position: planned.position,
                };
                let told = Told::state("resumed", outcome);
                let outcome = cx.json(&told.answering(said.correlation_id));
                cx.send(cx.conn(), outcome.exempt());
                cx.replay(planned);
            }
        }
        Ok(())
    }

    /// A chat message as it is told and kept, encoded once for both.
    pub(super) fn chat_message(
        &self,
        sender: PlayerKey,
        message: &str,
        cx: &mut Context<'_>,
    ) -> (String, Box<RawValue>) {
        let player = self.store.player(sender);
        let number = self.store.next_message(player.room);
        let message_id = history::fresh_id(number, cx.chance());
        let message = to_raw_value(&ChatMessage {
            message_id: &message_id,
            player_id: &player.id,
            display_name: player.name.as_str(),
            message,
            sent_at: cx.now().unix,
        })
        .expect("strings and a time are JSON");
        (message_id, message)
    }

    /// Decides what a player says; if it cannot be kept, the player has been told.
    pub(super) fn say(&mut self, speech: Speech, cx: &mut Context<'_>) {
        let (origin, change) = (Origin::Said(cx.conn()), Change::Spoken(speech));
        let _ = decide(self, origin, None, change, cx);
    }

    /// Something is said: everybody hears it, or those whom it is for, and the game's back-end is answered.
    pub(super) fn speak(&mut self, speech: Speech, cx: &mut Context<'_>) -> Option<Response> {
        let by = speech.by.filter(|_| speech.message_id.is_none());
        let by = by.map(|player| &*self.store.player(player).id);
        let told = Told::event(&speech.event, &*speech.payload).by(by);
        let receivers = self.tell(&speech, told, cx);
        if speech.message_id.is_some() && speech.is_public() {
            self.remember(speech.room, speech.payload, cx);
        }
        speech.by.is_none().then(|| heard(receivers))
    }

    /// Keeps a chat message, and forgets what has no place beside it.
    pub(super) fn remember(&mut self, room: RoomKey, message: Box<RawValue>, cx: &mut Context<'_>) {
        let before = self.store.room(room).history.oldest();
        self.store.remember(room, message, cx.bounds());
        let found = self.store.room(room);
        let oldest = found.history.oldest();
        if before / FORGOTTEN_AT_ONCE != oldest / FORGOTTEN_AT_ONCE {
            cx.write_behind(vec![records::forgotten(&found.id, oldest)]);
        }
    }

    /// Tells everybody, or those whom it is for, what is said; the own copy of the player who says it answers it. Says how
    /// many get it.
    pub(super) fn tell(
        &self,
        speech: &Speech,
        told: Told<'_, &RawValue>,
        cx: &mut Context<'_>,
    ) -> u32 {
        let sender = cx.conn();
        let room = self.store.room(speech.room);
        let correlation_id = speech.correlation_id.as_deref();
        let is_there = speech.by.is_some() && cx.is_open(sender);
        let has_own = correlation_id.is_some() && is_there;
        match &speech.to {
            None => {
                let told = told.at(cx.next_position(room.log));
                let frame = cx.json(&told);
                let except = has_own.then_some(sender);
                let numbered = (room.log, Topic::default());
                let receivers = cx.publish_in(numbered, &room.hub_name, except, frame);
                if has_own {
                    let own = cx.json(&told.answering(correlation_id));
                    cx.send_own(room.log, own);
                }
                receivers
            }
            Some(players) => {
                let frame = cx.json(&told);
                let conns = players.iter().filter_map(|to| self.store.conn_of(to));
                let mut conns: Vec<ConnId> = conns.filter(|conn| *conn != sender).collect();
                conns.extend(Some(sender).filter(|_| is_there && !has_own));
                let receivers = cx.send_each(&conns, frame);
                if has_own {
                    let own = cx.json(&told.answering(correlation_id));
                    cx.send(sender, own);
                }
                receivers
            }
        }
    }

    /// Tells the player who said something that it could not be kept.
    pub(super) fn tell_unkept(&self, correlation_id: Option<&RawValue>, cx: &mut Context<'_>) {
        tell_wrong(&Wrong::unkept(correlation_id), cx);
    }

    /// These players, each once and on its topic; or a sentence about the first that is no player of the room.
    pub(super) fn players(&self, room: RoomKey, ids: &[Text<'_>]) -> Result<Vec<Absent>, String> {
        let mut players = Vec::new();
        for (index, Text(id)) in ids.iter().enumerate() {
            let player = self.store.find_player(room, id).ok_or_else(|| {
                format!("to[{index}]: no player of this room has this identifier")
            })?;
            players.push((player, self.store.player(player).topic));
        }
        players.sort_unstable();
        players.dedup();
        Ok(players)
    }
}

/// Answers a message that is wrong.
pub(super) fn tell_wrong(wrong: &Wrong<'_>, cx: &mut Context<'_>) {
    let message = &wrong.sentence;
    let told = Told::error(wrong.event, ErrorText { message });
    let error = cx.json(&told.answering(wrong.correlation_id));
    cx.send(cx.conn(), error);
}
