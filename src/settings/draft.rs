//! Settings while they are put together: given values, taken in rising order, and the look at the whole afterwards.
//!
//! Where values come from is not known here beyond their origins, which are kept for people to read.

use std::collections::BTreeMap;

use crate::bounds::AppBounds;
use crate::id::AppId;
use crate::settings::error::{Origin, SettingsError};
use crate::settings::table::{self, PREFIX, Scope, Setting};
use crate::settings::value::{AnySlot, Raw};
use crate::settings::{Result, Settings, connections_within};

/// A value for a setting, as a source gave it.
pub(super) struct Given {
    /// The app that it is for; none for the server or every app.
    pub app: Option<AppId>,
    /// Its row.
    pub setting: &'static Setting,
    /// What was given.
    pub raw: Raw,
    /// Who gave it.
    pub origin: Origin,
}

/// Settings while they are put together.
pub(super) struct Draft {
    /// What they are so far.
    pub settings: Settings,
    /// What every app gets that is given nothing of its own.
    pub every_app: AppBounds,
    /// Where the values that are not defaults came from, for a person to read.
    origins: BTreeMap<(Option<AppId>, &'static str), String>,
}

impl Draft {
    /// The defaults.
    pub fn new(descriptor_limit: u64) -> Draft {
        Draft {
            settings: Settings::new(descriptor_limit),
            every_app: AppBounds::of(table::COMMON),
            origins: BTreeMap::new(),
        }
    }

    /// Takes values in rising order. What is for one app comes after what is for all, whatever their sources, and what
    /// is added to a list after what replaces it.
    pub fn take_all(&mut self, mut givens: Vec<Given>) -> Result<()> {
        givens.sort_by_key(|given| (given.app.is_some(), matches!(given.raw, Raw::More(_))));
        // An explorer's name for one app stands behind ours for every app, too; it is checked all the same.
        let ours: Vec<&str> = givens
            .iter()
            .filter(|given| given.is_ours_for_every_app())
            .map(|given| given.setting.name)
            .collect();
        for given in givens {
            if given.is_explorers() && given.app.is_some() && ours.contains(&given.setting.name) {
                Draft::new(0).take(&given)?;
            } else {
                self.take(&given)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, given: &Given) -> Result<()> {
        let apps = &mut self.settings.bounds.apps;
        match (&given.setting.scope, given.app) {
            (Scope::Server(slot), None) => given.put(slot(&mut self.settings))?,
            (Scope::EveryApp(slot), None) => {
                given.put(slot(&mut self.every_app))?;
                apps.iter_mut().try_for_each(|app| given.put(slot(app)))?;
            }
            (Scope::EveryApp(slot) | Scope::OneApp(_, slot), Some(app)) => {
                given.put(slot(self.settings.bounds.app_mut(app)))?;
            }
            (Scope::Server(_), Some(_)) | (Scope::OneApp(..), None) => {
                debug_assert!(
                    false,
                    "a source looks its rows up by scope, so {} fits",
                    given.setting.name
                );
            }
        }
        let origin = self
            .origins
            .entry((given.app, given.setting.name))
            .or_default();
        let adds = matches!(given.raw, Raw::More(_) | Raw::Port(_)) && !origin.is_empty();
        *origin = match adds {
            true => format!("{origin} and {}", given.origin),
            false => given.origin.to_string(),
        };
        Ok(())
    }

    /// Where a value came from.
    pub fn origin(&self, app: Option<AppId>, setting: &Setting) -> String {
        let own = self.origins.get(&(app, setting.name));
        let shared = match (&setting.scope, app) {
            (Scope::EveryApp(_), Some(_)) => self.origins.get(&(None, setting.name)),
            _ => None,
        };
        own.or(shared).map_or("default", String::as_str).to_owned()
    }

    /// Open mode is for this machine alone, unless the operator says that it is meant.
    pub fn check_open_mode(&self) -> Result<()> {
        let origin = self.origins.get(&(None, "listen"));
        let origin = origin.map_or("default", String::as_str);
        self.settings.check_open_mode(self.settings.listen, origin)
    }

    /// Epochs are a file's.
    pub fn check_new_epochs(&self) -> Result<()> {
        if !self.settings.new_epochs || self.settings.data.is_some() {
            return Ok(());
        }
        let origin = self.origins.get(&(None, "data"));
        let origin = origin.map_or("default", String::as_str);
        Err(SettingsError::wrong(format!(
            "there is no file to take up (flag --new-epochs), as data is off ({origin}): expected the --data that was put back"
        )))
    }

    /// What is allowed, and yet should be said.
    pub fn warn(&self, descriptor_limit: u64, warnings: &mut Vec<String>) {
        let Settings {
            keys,
            secret,
            data,
            bounds,
            ..
        } = &self.settings;
        if keys.is_empty() {
            warnings.push(
                "open mode: there is no key, so whoever reaches the listener may publish and administer"
                    .to_owned(),
            );
        }
        let in_quotes =
            |text: &String| text.starts_with(['"', '\'']) || text.ends_with(['"', '\'']);
        for (name, is_quoted) in [
            ("keys", keys.iter().any(in_quotes)),
            ("secret", secret.iter().any(in_quotes)),
        ] {
            let origin = self.origins.get(&(None, name)).filter(|_| is_quoted);
            warnings.extend(origin.map(|origin| {
                format!("{name} has quotes at an end ({origin}), which are taken as a part of it: leave them out if they are not meant")
            }));
        }
        match secret {
            None if data.is_none() => warnings.push(
                "no secret is set and data is off, so a random secret signs room tokens, and they end with this process"
                    .to_owned(),
            ),
            None => {}
            Some(secret) if secret.len() < 32 => {
                warnings.push("the secret is shorter than the 32 bytes that signing with HS256 asks for".to_owned());
            }
            Some(_) => {}
        }
        let room = connections_within(descriptor_limit);
        if bounds.connections_max > room {
            warnings.push(format!(
                "max_connections is {}, but the descriptor limit of {descriptor_limit} has room for {room}: raise it with ulimit -n",
                bounds.connections_max
            ));
        }
        let is_late = |app: &AppId| {
            let app = bounds.app(*app);
            app.enabled && app.ping_interval >= bounds.pong_timeout
        };
        let late = AppId::ALL.into_iter().filter(is_late).map(AppId::name);
        let late: Vec<&str> = late.collect();
        if !late.is_empty() {
            warnings.push(format!(
                "pong_timeout is not longer than ping_interval, so a silent connection is closed before its ping can help (apps: {})",
                late.join(", ")
            ));
        }
    }
}

impl Given {
    /// A value for the server or every app, or for one.
    pub fn new(app: Option<AppId>, setting: &'static Setting, raw: Raw, origin: Origin) -> Given {
        Given {
            app,
            setting,
            raw,
            origin,
        }
    }

    fn put(&self, mut slot: AnySlot<'_>) -> Result<()> {
        slot.take(&self.raw).map_err(|refused| {
            let app = self
                .app
                .map_or_else(String::new, |it| format!("{}.", it.name()));
            let value = refused.value.as_deref();
            let value = value.unwrap_or("the value given, which is not shown");
            let (name, origin, expected) = (self.setting.name, &self.origin, refused.expected);
            SettingsError::wrong(format!(
                "{app}{name} cannot be {value} ({origin}): expected {expected}"
            ))
        })
    }

    fn is_ours_for_every_app(&self) -> bool {
        let above_the_file = !matches!(self.origin, Origin::File { .. });
        let every_app = matches!(self.setting.scope, Scope::EveryApp(_));
        above_the_file && every_app && self.app.is_none()
    }

    fn is_explorers(&self) -> bool {
        matches!(&self.origin, Origin::Environment(name) if !name.starts_with(PREFIX))
    }
}
