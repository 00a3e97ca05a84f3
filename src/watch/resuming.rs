//! What is asked for again, and what becomes of it: over all connections of one run.
//!
//! A connection is asked for what came behind all that was heard before it; what the server skips on it is asked for on the
//! same connection. What is lost for good is said to the person, and nothing else is ever lost.

use std::collections::VecDeque;

use super::dialect::{Dialect, NOW};
use super::heard::Heard;
use super::told::Told;

/// What was asked, which is answered in the order of the questions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Only for the position.
    Now,
    /// For what came while there was no connection.
    Missed,
    /// For what was skipped.
    Skipped,
}

/// What is to be done about a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// It has come before, or only answers us: it is no line.
    pub is_hidden: bool,
    /// What the server is asked.
    pub question: Option<Question>,
    /// What a person is told.
    pub words: Vec<String>,
}

/// What the server is asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// For what it skipped behind this position.
    Since(String),
    /// To be subscribed to without a position, because it does not know what that is.
    Anew,
}

/// What was heard, and what is still to be answered.
#[derive(Default)]
pub(super) struct Resuming {
    heard: Heard,
    /// Where to begin, until something was heard.
    first: Option<String>,
    has_begun: bool,
    /// With the round of gaps that each fills.
    asked: VecDeque<(Asked, u64)>,
    /// Whether the first message of this connection has to be an answer.
    is_returning: bool,
    /// Messages that were skipped on this connection and are not accounted for.
    owed: u64,
}

impl Resuming {
    /// Nothing was heard yet; this is where to begin, if that was said.
    pub fn new(first: Option<String>) -> Resuming {
        Resuming {
            first,
            ..Resuming::default()
        }
    }

    /// Since when the next connection is to be asked.
    pub fn since(&self) -> Option<String> {
        let since = self.heard.since().map(|position| position.to_string());
        since.or_else(|| self.first.clone())
    }

    /// A connection is there, and was asked since then; what a person is told.
    pub fn opens(&mut self, dialect: Dialect, since: Option<&str>) -> Option<String> {
        self.heard.returns();
        self.asked.clear();
        self.owed = 0;
        let asked = match since {
            Some(since) if since != NOW => Some(Asked::Missed),
            Some(_) => Some(Asked::Now),
            None if dialect == Dialect::Stream => Some(Asked::Now),
            None => None,
        };
        let round = self.heard.round();
        self.asked.extend(asked.map(|asked| (asked, round)));
        self.is_returning = asked == Some(Asked::Missed);
        let is_back = std::mem::replace(&mut self.has_begun, true);
        let is_unknown = is_back && since.is_none() && dialect.resumes();
        is_unknown.then(|| outcome(0, None))
    }

    /// A message has come.
    pub fn hear(&mut self, dialect: Dialect, text: &str) -> Verdict {
        let told = Told::read(dialect, text);
        let mut verdict = Verdict::default();
        let is_answer = matches!(told, Told::Resumed { .. });
        if std::mem::take(&mut self.is_returning) && !is_answer {
            // Another server than before, and an older one.
            self.heard = Heard::default();
            self.first = None;
            self.asked.clear();
            verdict.words.push(outcome(0, None));
            verdict.question = Some(Question::Anew);
        }
        match told {
            Told::Published(position) => {
                verdict.is_hidden = !self.heard.take(position);
                if verdict.is_hidden {
                    log::debug!("dropping the message of {position}, which came before");
                }
            }
            Told::Begins(position) => self.heard.begins(position),
            Told::Lagged(_, Some(since)) => {
                self.heard.skips(since);
                verdict.question = Some(Question::Since(since.to_string()));
            }
            Told::Lagged(missed, None) => verdict.words.push(outcome(0, missed)),
            Told::Resumed {
                sent,
                missed,
                position,
                is_answer,
            } => {
                let (asked, round) = self.asked.pop_front().unwrap_or((Asked::Missed, 0));
                self.heard.resumes(position, sent, missed, round);
                verdict.is_hidden = is_answer;
                let words = self.settle(dialect, asked, sent, missed);
                verdict.words.extend(words);
            }
            Told::Nothing => {}
        }
        if let Told::Lagged(missed, Some(_)) = told {
            self.owed += missed.unwrap_or(0);
        }
        verdict
    }

    /// A question for what was skipped has been sent.
    pub fn asks(&mut self) {
        self.asked.push_back((Asked::Skipped, self.heard.round()));
    }

    /// What a person is told of an answer.
    fn settle(
        &mut self,
        dialect: Dialect,
        asked: Asked,
        sent: u64,
        missed: Option<u64>,
    ) -> Option<String> {
        match asked {
            Asked::Now => return None,
            Asked::Missed => return Some(outcome(sent, missed)),
            Asked::Skipped => {}
        }
        let Some(lost) = missed else {
            self.owed = 0;
            return Some(outcome(sent, missed));
        };
        self.owed = self.owed.saturating_sub(sent + lost);
        if self.asked.iter().any(|(asked, _)| *asked == Asked::Skipped) {
            return Some(outcome(sent, missed));
        }
        // What a room kept to some players is kept nowhere.
        let whispers = std::mem::take(&mut self.owed);
        let whispers = if dialect == Dialect::Room {
            whispers
        } else {
            0
        };
        Some(outcome(sent, Some(lost + whispers)))
    }
}

fn outcome(sent: u64, missed: Option<u64>) -> String {
    match missed {
        Some(missed) => format!("resumed: {sent} messages, {missed} missed"),
        None => "resumed: nobody can tell what was missed: the state must be read anew".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: &str = "resumed: nobody can tell what was missed: the state must be read anew";

    fn event(number: u64) -> String {
        format!(r#"{{"type":"a:b","payload":{{}},"timestamp":"","position":"0000000a-{number}"}}"#)
    }

    fn hear(resuming: &mut Resuming, text: &str) -> Verdict {
        resuming.hear(Dialect::Events, text)
    }

    #[test]
    fn a_second_connection_is_asked_for_what_is_behind_the_first() {
        let mut resuming = Resuming::new(None);
        assert_eq!(resuming.opens(Dialect::Events, None), None);
        assert_eq!(hear(&mut resuming, &event(4)), Verdict::default());
        let since = resuming.since().unwrap();
        assert_eq!(since, "0000000a-4");
        assert_eq!(resuming.opens(Dialect::Events, Some(&since)), None);
        let status = r#"{"type":"connection:status","payload":{"resumed":{"sent":1,"missed":2}},"position":"0000000a-6"}"#;
        let verdict = hear(&mut resuming, status);
        assert_eq!(verdict.words, ["resumed: 1 messages, 2 missed"]);
        assert!(!verdict.is_hidden);
    }

    #[test]
    fn a_server_without_positions_is_never_asked_and_an_older_one_is_found_out() {
        let mut resuming = Resuming::new(None);
        let old = r#"{"type":"a:b","payload":{},"timestamp":""}"#;
        resuming.opens(Dialect::Events, None);
        assert_eq!(hear(&mut resuming, old), Verdict::default());
        assert_eq!(resuming.since(), None);
        let words = resuming.opens(Dialect::Events, None);
        assert_eq!(words.as_deref(), Some(UNKNOWN));
        hear(&mut resuming, &event(4));
        resuming.opens(Dialect::Events, Some("0000000a-4"));
        let verdict = hear(&mut resuming, old);
        assert_eq!(verdict.question, Some(Question::Anew));
        assert_eq!(verdict.words, [UNKNOWN]);
        assert_eq!(resuming.since(), None);
    }

    #[test]
    fn what_is_skipped_is_asked_for_and_whispers_are_lost() {
        let mut resuming = Resuming::new(None);
        resuming.opens(Dialect::Room, None);
        let lagged =
            r#"{"type":"state","event":"lagged","payload":{"missed":5,"since":"0000000a-1"}}"#;
        let verdict = resuming.hear(Dialect::Room, lagged);
        let since = "0000000a-1".to_owned();
        assert_eq!(verdict.question, Some(Question::Since(since)));
        assert!(!verdict.is_hidden);
        resuming.asks();
        let answer = r#"{"type":"state","event":"resumed","payload":{"sent":3,"missed":1,"position":"0000000a-1"}}"#;
        let verdict = resuming.hear(Dialect::Room, answer);
        assert_eq!(verdict.words, ["resumed: 3 messages, 2 missed"]);
        assert!(verdict.is_hidden);
    }

    #[test]
    fn a_message_that_comes_twice_is_shown_once() {
        let mut resuming = Resuming::new(None);
        resuming.opens(Dialect::Events, None);
        let hidden = [4, 5, 4, 5, 6].map(|number| hear(&mut resuming, &event(number)).is_hidden);
        assert_eq!(hidden, [false, false, true, true, false]);
    }

    #[test]
    fn only_the_position_is_asked_for_without_a_word() {
        let mut resuming = Resuming::new(Some(NOW.to_owned()));
        let since = resuming.since();
        resuming.opens(Dialect::Stream, since.as_deref());
        let answer = r#"{"type":"resumed","data":{"sent":0,"missed":0,"position":"0000000a-4"}}"#;
        let verdict = resuming.hear(Dialect::Stream, answer);
        assert!(verdict.is_hidden && verdict.words.is_empty());
        assert_eq!(resuming.since().unwrap(), "0000000a-4");
    }
}
