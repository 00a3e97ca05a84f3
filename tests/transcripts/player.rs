//! Plays one scenario on a server of its own, and stops where something else happens than is written.
//!
//! Nothing is timed. Who has said something that is not answered waits until the server has done it, so that the next
//! client finds it done; silence means that nothing came before the answer to a ping.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::exchange::{exchange, values};
use crate::ground::Ground;
use crate::harness::http::{Answer, Http};
use crate::names::Names;
use crate::pattern::compare;
use crate::script::{CONNECT, Deed, Expected, Request, Said, Scenario, Step};
use crate::speech::{Heard, Speech};

struct Player<G: Ground> {
    ground: G,
    names: Names,
    clients: BTreeMap<String, Speech<G::Stream>>,
    is_stopped: bool,
}

/// Plays it; the error says where, what was expected and what came.
pub fn play<G: Ground>(scenario: &Scenario) -> Result<(), String> {
    let mut player = Player {
        ground: G::open(&scenario.flags),
        names: Names::default(),
        clients: BTreeMap::new(),
        is_stopped: false,
    };
    let at = |line: usize, fault: String| {
        format!("{}:{line}: {}\n{fault}", scenario.file, scenario.title)
    };
    for (index, step) in scenario.steps.iter().enumerate() {
        let next = scenario.steps.get(index + 1);
        let goes_on = next.is_some_and(|next| next.client == step.client);
        let played = player.step(step, goes_on);
        played.map_err(|fault| at(step.line, fault))?;
    }
    player.end().map_err(|fault| at(scenario.end, fault))
}

impl<G: Ground> Player<G> {
    fn step(&mut self, step: &Step, goes_on: bool) -> Result<(), String> {
        match &step.deed {
            Deed::Ask(request, expected) => self.ask(&step.client, request, expected),
            Deed::Stop => {
                self.ground.stop();
                self.is_stopped = true;
                Ok(())
            }
            Deed::Say(times, said) => {
                let said = self.filled(said)?;
                let client = self.client(&step.client)?;
                client.say(*times, &said)?;
                if !goes_on {
                    client.settle()?;
                }
                Ok(())
            }
            Deed::Hear(times, said) => (0..*times).try_for_each(|_| self.hear(&step.client, said)),
            Deed::Nothing => match self.client(&step.client)?.settle()? {
                None => Ok(()),
                Some(heard) => Err(differs("nothing", shown(heard), "")),
            },
            Deed::Close(code) => {
                let agreed = self.client(&step.client)?.close(*code)?;
                self.bury(&step.client)?;
                same(
                    format!("(close {code})"),
                    format!("(closed {agreed})"),
                    agreed == *code,
                )
            }
            Deed::Closed(code) => {
                let heard = self.client(&step.client)?.hear()?;
                let is_same = heard == Heard::Closed(*code);
                same(format!("(closed {code})"), shown(&heard), is_same)?;
                self.bury(&step.client)
            }
            Deed::Gone => self.bury(&step.client),
        }
    }

    fn ask(&mut self, name: &str, request: &Request, expected: &Expected) -> Result<(), String> {
        if self.clients.contains_key(name) {
            return Err(format!("{name} is connected already"));
        }
        let fill = |(name, value): &(String, String)| {
            Ok::<_, String>((name.clone(), self.names.fill(value)?))
        };
        let request = Request {
            method: request.method.clone(),
            target: self.names.fill(&request.target)?,
            headers: request.headers.iter().map(fill).collect::<Result<_, _>>()?,
            body: self.names.fill(&request.body)?,
        };
        let mut http = Http::over(self.ground.connect());
        let answer = exchange(&mut http, &self.ground.host(), &request);
        let answer = answer.map_err(|error| format!("no answer: {error}"))?;
        self.compare_answer(expected, &answer)?;
        if answer.status == 101 && request.method == CONNECT {
            self.clients.insert(name.to_owned(), Speech::new(http));
        }
        Ok(())
    }

    fn compare_answer(&mut self, expected: &Expected, answer: &Answer) -> Result<(), String> {
        let got = format!("{} {}", answer.status, answer.text());
        let wanted = format!("{} {}", expected.status, expected.body);
        same(&wanted, &got, answer.status == expected.status)?;
        for (name, value) in &expected.headers {
            let is = values(answer, name);
            let compared = compare(value, &is, &mut self.names);
            compared
                .map_err(|at| differs(format!("{name}: {value}"), format!("{name}: {is}"), &at))?;
        }
        let compared = compare(&expected.body, &answer.text(), &mut self.names);
        compared.map_err(|at| differs(wanted, got, &at))
    }

    fn hear(&mut self, name: &str, expected: &Said) -> Result<(), String> {
        let wanted = shown(&Heard::Said(expected.clone()));
        let heard = self.client(name)?.hear();
        let heard = heard.map_err(|fault| differs(&wanted, &fault, ""))?;
        match (expected, &heard) {
            (Said::Text(expected), Heard::Said(Said::Text(got))) => {
                let compared = compare(expected, got, &mut self.names);
                compared.map_err(|at| differs(wanted, got, &at))
            }
            (expected, Heard::Said(got)) if expected == got => Ok(()),
            _ => Err(differs(wanted, shown(&heard), "")),
        }
    }

    /// At the end everything that came has been looked at.
    fn end(&mut self) -> Result<(), String> {
        for (name, client) in &mut self.clients {
            let heard = if self.is_stopped {
                client.unheard()
            } else {
                client.settle()?
            };
            if let Some(heard) = heard {
                let nothing = format!("nothing more for {name}");
                return Err(differs(nothing, shown(heard), ""));
            }
        }
        Ok(())
    }

    /// The client leaves; nothing that came for it may be left over.
    fn bury(&mut self, name: &str) -> Result<(), String> {
        let client = self.clients.remove(name);
        match client.as_ref().and_then(Speech::unheard) {
            Some(heard) => Err(differs("nothing before the end", shown(heard), "")),
            None => Ok(()),
        }
    }

    fn client(&mut self, name: &str) -> Result<&mut Speech<G::Stream>, String> {
        let client = self.clients.get_mut(name);
        client.ok_or_else(|| format!("{name} is not connected"))
    }

    fn filled(&self, said: &Said) -> Result<Said, String> {
        Ok(match said {
            Said::Text(text) => Said::Text(self.names.fill(text)?),
            other => other.clone(),
        })
    }
}

fn shown(heard: &Heard) -> String {
    match heard {
        Heard::Said(Said::Text(text)) => text.clone(),
        Heard::Said(other) => format!("{other:?}"),
        Heard::Closed(code) => format!("(closed {code})"),
    }
}

fn same(expected: impl Display, got: impl Display, is: bool) -> Result<(), String> {
    is.then_some(()).ok_or_else(|| differs(expected, got, ""))
}

fn differs(expected: impl Display, got: impl Display, at: &str) -> String {
    let at = if at.is_empty() {
        String::new()
    } else {
        format!("\n  at        {at}")
    };
    format!("  expected  {expected}\n  got       {got}{at}")
}
