//! The environment: `ROOMCAST_` names, and behind them the names that block explorers already use.
//!
//! The process's own environment is not read here: the variables are an argument. A `ROOMCAST_` name that is not known
//! is a warning, because another program may have left it there; a value that cannot be read is an error.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::id::AppId;
use crate::settings::draft::Given;
use crate::settings::error::{Origin, SettingsError};
use crate::settings::table::{self, PREFIX, Setting};
use crate::settings::text::{parse_size, quote};
use crate::settings::value::Raw;
use crate::settings::{Result, flags};

/// Names the file; not itself a setting.
const CONFIG: &str = "ROOMCAST_CONFIG";
/// Settings of apps, comma-separated.
const SET: &str = "ROOMCAST_SET";
/// Explorers' names, and the settings that they give.
const EXPLORERS: [(&str, Option<AppId>, &str); 4] = [
    ("API_PORT", None, "listen"),
    ("API_CORS_ORIGINS", None, "allow_origins"),
    (
        "WEBSOCKET_MAX_CONNECTIONS",
        Some(AppId::Stream),
        "max_connections",
    ),
    (
        "WEBSOCKET_PING_INTERVAL",
        Some(AppId::Stream),
        "ping_interval",
    ),
];
/// Explorers' names that have no meaning here.
const WITHOUT_EFFECT: [&str; 2] = ["WEBSOCKET_READ_BUFFER_SIZE", "WEBSOCKET_WRITE_BUFFER_SIZE"];

/// The variables, sorted by name so that what is said about them comes in one order.
pub(super) struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Takes the variables as the process has them.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
        Environment(variables.into_iter().collect())
    }

    /// The file that it names, if it does.
    pub fn config(&self) -> Option<(&OsStr, Origin)> {
        let path = self.0.get(OsStr::new(CONFIG))?;
        let text = path.to_str().map(|it| OsStr::new(it.trim()));
        let path = text.unwrap_or(path);
        (!path.is_empty()).then(|| (path, origin(CONFIG)))
    }

    /// What explorers' names give.
    pub fn explorers(&self, warnings: &mut Vec<String>) -> Result<Vec<Given>> {
        let mut givens = Vec::new();
        for (variable, app, name) in EXPLORERS {
            let setting = match app {
                None => Setting::top(name),
                Some(app) => Setting::of_app(app, name),
            };
            let (Some(text), Some(setting)) = (self.text(variable)?, setting) else {
                continue;
            };
            if variable == "API_PORT" && text.starts_with("tcp://") {
                warnings.push(format!(
                    "{variable} is passed over: {} is what Kubernetes sets for a Service called api, and no port",
                    quote(text)
                ));
                continue;
            }
            let raw = match variable {
                "API_PORT" => Raw::Port(text.to_owned()),
                "API_CORS_ORIGINS" => Raw::More(split(text)),
                _ => Raw::One(text.to_owned()),
            };
            givens.push(Given::new(app, setting, raw, origin(variable)));
        }
        for variable in WITHOUT_EFFECT {
            let Some(text) = self.text(variable)? else {
                continue;
            };
            if parse_size(text).is_none() {
                return Err(SettingsError::wrong(format!(
                    "the size {variable} cannot be {} (environment {variable}): expected a size such as 64KiB or plain bytes",
                    quote(text)
                )));
            }
            warnings.push(format!(
                "{variable} has no effect here: all connections share one read buffer and own no write buffer"
            ));
        }
        Ok(givens)
    }

    /// What `ROOMCAST_` names give.
    pub fn own(&self, warnings: &mut Vec<String>) -> Result<Vec<Given>> {
        let mut givens = Vec::new();
        for setting in Setting::tops() {
            let mut texts = Vec::new();
            for variable in setting.variables() {
                texts.extend(self.text(&variable)?.map(|text| (variable, text)));
            }
            let Some((variable, text)) = texts.first() else {
                continue;
            };
            let raw = match setting.is_list() {
                true => Raw::List(texts.iter().flat_map(|(_, text)| split(text)).collect()),
                false => Raw::One((*text).to_owned()),
            };
            givens.push(Given::new(None, setting, raw, origin(variable)));
        }
        for item in self.text(SET)?.map(split).unwrap_or_default() {
            givens.push(flags::one_app(&item, origin(SET))?);
        }
        let names = self.0.keys().map(|name| name.to_string_lossy());
        warnings.extend(names.filter_map(|name| unknown(&name)));
        Ok(givens)
    }

    /// What a variable says: blanks and line ends around it, which a secret's file ends in, are no part of it, and an
    /// empty one, into which an unset one was substituted, is not set.
    fn text(&self, variable: &str) -> Result<Option<&str>> {
        match self.0.get(OsStr::new(variable)).map(|value| value.to_str()) {
            None => Ok(None),
            Some(Some(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Some(None) => Err(SettingsError::wrong(format!(
                "the value of {variable} is not UTF-8 (environment {variable}): expected text"
            ))),
        }
    }
}

/// The warning for a name that starts as ours do and is none of them.
fn unknown(name: &str) -> Option<String> {
    name.strip_prefix(PREFIX)?;
    let known: Vec<String> = Setting::tops()
        .flat_map(Setting::variables)
        .chain([CONFIG.to_owned(), SET.to_owned()])
        .collect();
    if known.iter().any(|known| known == name) {
        return None;
    }
    let perhaps = table::perhaps(name, known.iter().map(String::as_str));
    Some(format!(
        "the environment name {} is unknown and ignored{perhaps}",
        name.escape_debug()
    ))
}

/// The items between commas.
fn split(text: &str) -> Vec<String> {
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

fn origin(variable: &str) -> Origin {
    Origin::Environment(variable.to_owned())
}
