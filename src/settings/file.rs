//! The TOML file: its keys and tables as given values, each with its line.
//!
//! It is stricter than a map: an unknown key or table is an error. The error for a broken file quotes no text of it,
//! because the broken line may hold a key.

use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::id::AppId;
use crate::settings::Result;
use crate::settings::draft::Given;
use crate::settings::error::{Origin, SettingsError};
use crate::settings::table::{self, Setting};
use crate::settings::value::Raw;

/// Every value of a file, which `named_by` named.
pub(super) fn read(path: &Path, named_by: &Origin) -> Result<Vec<Given>> {
    let shown = path.display().to_string().escape_debug().to_string();
    let unreadable = |why: String| {
        SettingsError::wrong(format!("cannot read the file {shown} ({named_by}): {why}"))
    };
    let bytes = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
    let file = File {
        path: &shown,
        text: &text,
    };
    let document = DeTable::parse(&text).map_err(|error| {
        let at = file.origin(error.span().map_or(0, |span| span.start));
        SettingsError::wrong(format!("the {at}, is not TOML: {}", error.message()))
    })?;
    file.document(document.get_ref())
}

/// A file while it is read.
struct File<'a> {
    /// Fit to be shown.
    path: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn document(&self, document: &DeTable<'_>) -> Result<Vec<Given>> {
        let mut givens = Vec::new();
        for (key, value) in document {
            let (name, at) = (key.get_ref().as_ref(), self.origin(key.span().start));
            if let Some(app) = table::app(name) {
                self.app(app, value, &at, &mut givens)?;
                continue;
            }
            let setting = Setting::top(name).ok_or_else(|| unknown_top(name, value, &at))?;
            givens.push(Given::new(None, setting, raw(value), at));
        }
        Ok(givens)
    }

    fn app(
        &self,
        app: AppId,
        value: &Spanned<DeValue<'_>>,
        at: &Origin,
        givens: &mut Vec<Given>,
    ) -> Result<()> {
        let app_name = app.name();
        let DeValue::Table(keys) = value.get_ref() else {
            let sentence = format!(
                "{app_name} is an app ({at}): expected a table [{app_name}] of its settings"
            );
            return Err(SettingsError::wrong(sentence));
        };
        for (key, value) in keys {
            let (name, origin) = (key.get_ref().as_ref(), self.origin(key.span().start));
            let setting =
                Setting::of_app(app, name).ok_or_else(|| unknown_of_app(app, name, &origin))?;
            givens.push(Given::new(Some(app), setting, raw(value), origin));
        }
        Ok(())
    }

    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        Origin::File {
            path: self.path.to_owned(),
            line: 1 + before.filter(|byte| **byte == b'\n').count(),
        }
    }
}

/// The error for a key that an app does not have, wherever it was given.
pub(super) fn unknown_of_app(app: AppId, name: &str, at: &Origin) -> SettingsError {
    let known: Vec<&str> = Setting::all_of_app(app).map(|it| it.name).collect();
    let others = Setting::of_apps().filter(|setting| setting.name == name);
    let others: Vec<AppId> = others.flat_map(Setting::apps).copied().collect();
    let (app, known_names) = (app.name(), known.join(", "));
    SettingsError::wrong(match others.is_empty() {
        false => {
            let apps = table::names(&others);
            format!(
                "the app {app} has no {name} ({at}), which is for {apps}: expected one of {known_names}"
            )
        }
        true => {
            let perhaps = table::perhaps(name, known.into_iter());
            format!(
                "unknown key {name:?} for the app {app} ({at}){perhaps}: expected one of {known_names}"
            )
        }
    })
}

fn unknown_top(name: &str, value: &Spanned<DeValue<'_>>, at: &Origin) -> SettingsError {
    if matches!(value.get_ref(), DeValue::Table(_)) {
        let perhaps = table::perhaps(name, AppId::ALL.map(AppId::name).into_iter());
        let (name, apps) = (name.escape_debug(), table::apps());
        return SettingsError::wrong(format!(
            "unknown table [{name}] ({at}){perhaps}: expected one of {apps}"
        ));
    }
    let perhaps = table::perhaps(name, Setting::tops().map(|setting| setting.name));
    SettingsError::wrong(format!(
        "unknown key {name:?} ({at}){perhaps}: expected a flag's name with _ for -, as --help lists them"
    ))
}

fn raw(value: &Spanned<DeValue<'_>>) -> Raw {
    match value.get_ref() {
        DeValue::String(text) => Raw::One(text.clone().into_owned()),
        DeValue::Boolean(on) => Raw::One(on.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Raw::One(number.to_string()),
            Err(_) => Raw::Odd("a number that long"),
        },
        DeValue::Array(items) => {
            let text = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
                DeValue::String(text) => Some(text.clone().into_owned()),
                _ => None,
            };
            match items.iter().map(text).collect() {
                Some(items) => Raw::List(items),
                None => Raw::Odd("a list with something else than strings"),
            }
        }
        DeValue::Float(_) => Raw::Odd("a fraction"),
        DeValue::Datetime(_) => Raw::Odd("a date or time"),
        DeValue::Table(_) => Raw::Odd("a table"),
    }
}
