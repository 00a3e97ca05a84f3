//! The description of a server that the flood can drive, read from TOML: `scripts/targets/README.md` says what each
//! field means.
//!
//! Only what can be known without the server is checked here.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::Error;
use crate::target::template::Template;

/// What is driven if no file is named.
const BUILT_IN: &str = include_str!("../../../../scripts/targets/roomcast.toml");

/// A server, whatever its address.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// What it is called in reports.
    pub name: String,
    /// Everybody in one room.
    pub room: Option<Scene>,
    /// Many rooms.
    pub rooms: Option<Scene>,
    /// Every message comes back.
    pub echo: Option<Scene>,
}

/// One way to use the server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// What the server is called in reports.
    #[serde(skip)]
    pub name: String,
    /// The path of the upgrade.
    pub upgrade: Template,
    /// What a client sends first.
    pub subscribe: Option<Template>,
    /// What it sends to hear nothing more; it is answered like the first.
    pub unsubscribe: Option<String>,
    /// Text in the message that comes before all others.
    pub greeting: Option<String>,
    /// How a client is told of drops.
    pub notice: Option<Notice>,
    /// How a client that comes back is told what follows.
    pub resume: Option<Resume>,
    /// The line of `/metrics` that counts drops.
    pub dropped: Option<String>,
    /// Where the server counts as roomcast does: the app whose label its metrics have.
    pub app: Option<String>,
    /// How to publish to a room.
    pub publish: Option<Call>,
    /// What to call once for each room.
    #[serde(default)]
    pub each_room: Vec<Call>,
    /// What to call once for each member, after all that.
    #[serde(default)]
    pub each_member: Vec<Call>,
}

/// The message that tells a client of drops.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Text that only this message has.
    pub mark: String,
    /// A JSON pointer to the number of messages dropped.
    pub missed: String,
}

/// Where the outcome of a resume stands: JSON pointers. The position is what a message says last.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The number of messages that follow, in the greeting.
    pub sent: String,
    /// The number of messages that are lost for good, in the greeting.
    pub missed: String,
    /// The position before a gap, in a notice.
    pub since: String,
}

/// An HTTP request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Its method.
    #[serde(default = "post")]
    pub method: String,
    /// Its path, with the query.
    pub path: Template,
    /// The `Content-Type` of its body.
    #[serde(default = "json")]
    pub content_type: String,
    /// Its body.
    #[serde(default)]
    pub body: Template,
    /// Which answers are good.
    pub status: Vec<u16>,
    /// Names for values of the answer, found by JSON pointers.
    #[serde(default)]
    pub capture: BTreeMap<String, String>,
    /// A JSON pointer to the number of receivers in the answer.
    pub receivers: Option<String>,
}

fn post() -> String {
    "POST".to_owned()
}

fn json() -> String {
    "application/json".to_owned()
}

impl Description {
    /// What `file` says, or the description of roomcast.
    pub fn load(file: Option<&Path>) -> Result<Description, Error> {
        let Some(file) = file else {
            return Ok(Description::parse(BUILT_IN).expect("a test reads the one that is built in"));
        };
        let name = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| Error::Usage(format!("the target file {name}: {error}")))?;
        Description::parse(&text)
            .map_err(|sentence| Error::Usage(format!("the target file {name}: {sentence}")))
    }

    /// One way to use the server, if it knows it.
    pub fn scene(self, part: &str) -> Result<Scene, Error> {
        let scene = match part {
            "room" => self.room,
            "rooms" => self.rooms,
            _ => self.echo,
        };
        let missing = || format!("the target file has no [{part}], which this run needs");
        let scene = scene.ok_or_else(|| Error::Usage(missing()))?;
        Ok(Scene {
            name: self.name,
            ..scene
        })
    }

    fn parse(text: &str) -> Result<Description, String> {
        let description: Description = toml::from_str(text).map_err(|error| error.to_string())?;
        let scenes = [
            ("room", &description.room),
            ("rooms", &description.rooms),
            ("echo", &description.echo),
        ];
        for (name, scene) in scenes {
            let Some(publish) = scene.as_ref().and_then(|scene| scene.publish.as_ref()) else {
                continue;
            };
            if publish.body.around_mark().is_none() {
                return Err(format!("[{name}.publish] body must hold {{mark}}, once"));
            }
        }
        Ok(description)
    }
}

impl Scene {
    /// What `file` says of that part, or the description of roomcast.
    pub fn of(file: Option<&Path>, part: &str) -> Result<Scene, Error> {
        Description::load(file)?.scene(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptions_that_come_along_are_sound() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/targets");
        for (file, has_echo) in [
            ("roomcast.toml", true),
            ("roomcast-tasks.toml", false),
            ("rival.toml", true),
            ("nchan.toml", false),
        ] {
            let description = Description::load(Some(&folder.join(file))).unwrap();
            assert!(description.rooms.is_some(), "{file}");
            assert_eq!(description.echo.is_some(), has_echo, "{file}");
            assert_eq!(format!("{}.toml", description.name), file);
        }
        assert_eq!(Description::load(None).unwrap().name, "roomcast");
    }

    #[test]
    fn a_field_that_nobody_knows_is_named() {
        let wrong = |text: &str| Description::parse(text).unwrap_err();
        let said = wrong("name = \"x\"\n[room]\nupgrade = \"/\"\nspeed = 9");
        assert!(said.contains("speed"), "{said}");
        let said = wrong(
            "name = \"x\"\n[room]\nupgrade = \"/\"\n[room.publish]\npath = \"/\"\nstatus = [200]",
        );
        assert!(said.contains("[room.publish] body"), "{said}");
    }

    #[test]
    fn a_file_that_is_not_there_is_the_users_mistake() {
        let error = Description::load(Some(Path::new("/nowhere.toml"))).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("/nowhere.toml"), "{error}");
    }
}
