//! The witness of an app: a client that is told everything, reads it at once, and so tells in which order it was
//! published.

use super::super::accounts::ledger::Ledger;
use super::super::dialects::dialect::Dialect;
use super::super::runs::world::World;
use super::super::wire::frames;
use super::client::{Kind, State};
use super::heard::{Heard, What};
use super::outgoing::Mark;

/// Turns until one has been let in.
const TURNS: usize = 20;

impl World {
    /// Lets somebody in who will tell the order of all that is published in an app.
    pub fn call_witness(&mut self, dialect: Dialect) -> Result<(), String> {
        self.connect(Kind::Listener, u32::MAX);
        let index = self.clients.len() - 1;
        let witness = &mut self.clients[index];
        witness.listen_to(dialect);
        witness.ask_to_open_with("");
        let mut words = usize::from(dialect.welcomes());
        if let Some((text, command)) = dialect.enrol() {
            words += usize::from(command.answer.is_some());
            let frame = frames::frame(true, frames::TEXT, text.as_bytes());
            witness.out.push(&frame, Mark::Command(command));
        }
        for _ in 0..TURNS {
            self.act(index, usize::MAX);
            self.turn()?;
        }
        let witness = &self.clients[index];
        match witness.state == State::Open && witness.heard.len() == words {
            true => Ok(()),
            false => Err(self.blame(index, "the witness has not been let in".into())),
        }
    }
}

/// What a witness hears is the order of all events.
pub fn tell(dialect: Dialect, heard: &[Heard], ledger: &mut Ledger) -> Result<(), String> {
    for heard in heard {
        match &heard.what {
            What::Text(text) => ledger.hear(dialect, text)?,
            What::Lagged(loss) => {
                return Err(format!("it reads everything at once: {loss:?}"));
            }
            What::Welcome(_) | What::Answer(_) | What::Event(..) | What::Status => {}
        }
    }
    Ok(())
}
