//! The command line: the definition that clap parses and the help is made of, and its flags as given values.
//!
//! The flags come from the table, so that none can be forgotten; only those that are no settings are written out here.
//! A wrong flag is told in one sentence of ours, which shows no stray word beside a key, as that may be one, too.

use std::ffi::{OsStr, OsString};

use clap::builder::StyledStr;
use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::id::AppId;
use crate::settings::Result;
use crate::settings::draft::Given;
use crate::settings::error::{Origin, SettingsError};
use crate::settings::file::unknown_of_app;
use crate::settings::table::{self, Setting, heading};
use crate::settings::text::quote;
use crate::settings::value::Raw;

/// The flags that are no rows of the table.
const CONFIG: &str = "config";
const PRINT_CONFIG: &str = "print-config";
const NEW_EPOCHS: &str = "new-epochs";
const SET: &str = "set";

const INTRO: &str = "\
A WebSocket hub that holds very many connections on a single core.

A setting comes from, in rising order: its default, the TOML file that --config names, the environment, the flag. \
The file's key is the flag with _ for -; the variable is the same in capitals behind ROOMCAST_, so --queue-bytes is \
also queue_bytes and ROOMCAST_QUEUE_BYTES; an empty variable is not set. A list replaces the list below it. Durations are \
written 500ms, 30s, 5m; sizes 512KiB, 1MiB, or plain bytes. Where a limit may be any, which is none, 0 says the same.

RUST_LOG says what is logged: error, warn, info (the default), debug or off, or filters such as roomcast=debug,info.";

const EXAMPLES: &str = "\
Examples:
  Try it on this machine, with the page at http://127.0.0.1:8080/, nobody's key needed and nothing kept:
      roomcast --echo --data off

  Serve others: keys from the environment, one web origin, and a place of its own for what stays:
      ROOMCAST_KEYS=KEY roomcast --listen 0.0.0.0:8080 --allow-origin https://app.example \\
          --data /var/lib/roomcast/roomcast.db

  Keep today's settings in a file, with a larger stream app and no rooms, and run from it:
      roomcast --set stream.max_connections=50000 --set rooms.enabled=off \\
          --print-config > roomcast.toml
      roomcast --config roomcast.toml

  Print what it sends, as lines, until Ctrl-C (roomcast watch --help says more):
      roomcast watch ws://127.0.0.1:8080/ws";

const USAGE: &str = "roomcast [OPTIONS]\n       roomcast watch [OPTIONS] URL\n       roomcast backup [OPTIONS] URL FILE";

const AFTER: &str = "\
roomcast watch prints what an app sends, as lines: see roomcast watch --help. roomcast backup writes a copy of what a hub \
keeps to a file: see roomcast backup --help.

--help says more of each flag, and gives examples.";

/// What the command line said.
pub(super) struct Flags {
    matches: ArgMatches,
}

/// The whole command line of the server. `roomcast watch` and `roomcast backup` have one of their own, and are told apart before this is read.
pub fn command() -> Command {
    Command::new("roomcast")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A WebSocket hub that holds very many connections on a single core.")
        .long_about(INTRO)
        .override_usage(USAGE)
        .after_help(AFTER)
        .after_long_help(EXAMPLES)
        .max_term_width(100)
        .args_override_self(true)
        .args(Setting::tops().map(flag))
        .arg(
            Arg::new(CONFIG)
                .long(CONFIG)
                .value_name("FILE")
                .value_parser(clap::value_parser!(OsString))
                .help_heading(heading::TOOLS)
                .help("Read settings from this TOML file"),
        )
        .arg(
            Arg::new(PRINT_CONFIG)
                .long(PRINT_CONFIG)
                .action(ArgAction::SetTrue)
                .help_heading(heading::TOOLS)
                .help("Print the settings in force as TOML, secrets hidden, and exit"),
        )
        .arg(
            Arg::new(NEW_EPOCHS)
                .long(NEW_EPOCHS)
                .action(ArgAction::SetTrue)
                .help_heading(heading::STORE)
                .help("Take the file up in epochs of its own, once, as it was put back from a copy")
                .long_help(
                    "Take the file of --data up in epochs of its own. It is for the one start after a file was put back \
                     from a copy made by other means than `roomcast backup`: clients that heard what the copy has not got \
                     are told so, instead of taking other messages for those. It is a flag only, because it is meant once.",
                ),
        )
        .arg(
            Arg::new(SET)
                .long(SET)
                .value_name("APP.KEY=VALUE")
                .action(ArgAction::Append)
                .value_parser(clap::value_parser!(OsString))
                .help_heading(heading::APPS)
                .help(
                    "Give one app a setting of its own, which beats the flag for all (repeatable)",
                )
                .long_help(set_help()),
        )
}

impl Flags {
    /// Parses the arguments, the first of which is the program's name.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Flags> {
        let args: Vec<OsString> = args.into_iter().collect();
        match command().try_get_matches_from(&args) {
            Ok(matches) => Ok(Flags { matches }),
            Err(error) => Err(explain(error, &args)),
        }
    }

    /// The file that they name, if they do.
    pub fn config(&self) -> Option<(&OsStr, Origin)> {
        let path = self.matches.get_one::<OsString>(CONFIG)?;
        Some((path, Origin::Flag(CONFIG)))
    }

    /// Whether the settings are to be printed.
    pub fn print_config(&self) -> bool {
        self.matches.get_flag(PRINT_CONFIG)
    }

    /// Whether the file is put back from a copy.
    pub fn new_epochs(&self) -> bool {
        self.matches.get_flag(NEW_EPOCHS)
    }

    /// What they give.
    pub fn givens(&self) -> Result<Vec<Given>> {
        let mut givens = Vec::new();
        for setting in Setting::tops() {
            let texts = self.texts(setting.flag)?;
            let raw = match texts.as_slice() {
                [] => continue,
                _ if setting.is_list() => Raw::List(texts),
                [text] => Raw::One(text.clone()),
                _ => {
                    let flag = setting.flag;
                    return Err(SettingsError::wrong(format!(
                        "the flag --{flag} was given more than once: expected one, because only one is served"
                    )));
                }
            };
            let origin = Origin::Flag(setting.flag);
            givens.push(Given::new(None, setting, raw, origin));
        }
        for item in self.texts(SET)? {
            givens.push(one_app(&item, Origin::Flag(SET))?);
        }
        Ok(givens)
    }

    fn texts(&self, flag: &'static str) -> Result<Vec<String>> {
        let values = self.matches.get_many::<OsString>(flag).unwrap_or_default();
        let texts: Option<Vec<String>> = values
            .map(|value| value.to_str().map(str::to_owned))
            .collect();
        texts.ok_or_else(|| {
            SettingsError::wrong(format!(
                "the value of --{flag} is not UTF-8 (flag --{flag}): expected text"
            ))
        })
    }
}

/// A setting of one app, from `APP.KEY=VALUE`.
pub(super) fn one_app(item: &str, origin: Origin) -> Result<Given> {
    // What stands behind `=` is not shown: the operator may have tried to give a key in this way.
    let (name, value) = item.split_once('=').unwrap_or((item, ""));
    let Some((app_name, key)) = name.split_once('.').filter(|_| item.contains('=')) else {
        let name = quote(name);
        let sentence = format!(
            "cannot read {name} ({origin}): expected APP.KEY=VALUE, such as stream.max_message=2MiB"
        );
        return Err(SettingsError::wrong(sentence));
    };
    let Some(app) = table::app(app_name) else {
        let perhaps = table::perhaps(app_name, AppId::ALL.map(AppId::name).into_iter());
        let (app_name, apps) = (quote(app_name), table::apps());
        let sentence =
            format!("unknown app {app_name} ({origin}){perhaps}: expected one of {apps}");
        return Err(SettingsError::wrong(sentence));
    };
    let setting = Setting::of_app(app, key).ok_or_else(|| unknown_of_app(app, key, &origin))?;
    let raw = Raw::One(value.to_owned());
    Ok(Given::new(Some(app), setting, raw, origin))
}

/// The flag of one setting, with its help.
fn flag(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.flag)
        .long(setting.flag)
        .help_heading(setting.heading)
        .value_parser(clap::value_parser!(OsString))
        .allow_negative_numbers(true)
        .help(short_help(setting))
        .long_help(long_help(setting));
    setting.by_default(|slot| {
        let arg = arg.value_name(slot.placeholder());
        if slot.is_bare() {
            arg.num_args(0..=1)
                .require_equals(true)
                .default_missing_value("on")
        } else if slot.is_repeated() {
            // Of any other flag the last one counts; of two listeners none may vanish without a word.
            arg.action(ArgAction::Append)
        } else {
            arg
        }
    })
}

fn short_help(setting: &Setting) -> StyledStr {
    let about = about(setting);
    if setting.by_default(|slot| slot.is_bare()) {
        return about.into();
    }
    let default = setting.default_words();
    let default = default.split(", ").next().unwrap_or_default();
    let default = default.split(": ").next().unwrap_or_default();
    format!("{about} [default: {default}]").into()
}

fn long_help(setting: &Setting) -> StyledStr {
    let mut text = format!("{}. {}", about(setting), setting.more)
        .trim_end()
        .to_owned();
    text += &format!("\n\n[default: {}]", setting.default_words());
    if let Some(limits) = setting.by_default(|slot| slot.limits()) {
        text += &format!(" [{limits}]");
    }
    text.into()
}

fn about(setting: &Setting) -> String {
    let about = capital(setting.about);
    match setting.is_list() {
        true => about + " (repeatable)",
        false => about,
    }
}

/// What `--set` takes, from the table.
fn set_help() -> StyledStr {
    let mut text = format!(
        "Give one app a setting of its own, which beats the flag for all (repeatable). In the file it is a table [APP]; \
         in the environment ROOMCAST_SET, comma-separated. APP is one of {}. Example: --set stream.max_message=2MiB\n\n\
         KEY is one of:",
        table::apps()
    );
    for setting in Setting::of_apps() {
        let (name, about) = (setting.name, setting.about);
        text += &match setting.flag {
            "" if setting.apps().len() == AppId::ALL.len() => {
                format!("\n  {name:<23} {about} [{}]", setting.default_words())
            }
            "" => {
                let (apps, default) = (table::names(setting.apps()), setting.default_words());
                format!("\n  {name:<23} {about} (of {apps}) [{default}]")
            }
            flag => format!("\n  {name:<23} as --{flag}"),
        };
    }
    text.into()
}

fn capital(words: &str) -> String {
    let (first, rest) = words.split_at(words.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest
}

/// One sentence for what clap found wrong.
fn explain(error: clap::Error, args: &[OsString]) -> SettingsError {
    let about = |kind: ContextKind| error.get(kind).map(ToString::to_string);
    let given = about(ContextKind::InvalidArg).unwrap_or_default();
    let given = given.split_whitespace().next().unwrap_or_default();
    SettingsError::wrong(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return SettingsError::Shown(error),
        ErrorKind::UnknownArgument if follows_secret(given, args) => {
            "the flag --key or --secret came without a value: expected one, after = where it begins with a dash".to_owned()
        }
        ErrorKind::UnknownArgument if given.starts_with('-') => {
            let near = about(ContextKind::SuggestedArg);
            let perhaps = near.map_or_else(String::new, |near| format!(", perhaps {near} was meant"));
            format!("unknown flag {}{perhaps}: --help lists them all", given.escape_debug())
        }
        ErrorKind::UnknownArgument if args.iter().any(|arg| takes_secret(arg)) => {
            "an argument is neither a flag nor a flag's value (not shown, as it may be a key): expected flags, or watch or backup as the first word".to_owned()
        }
        ErrorKind::UnknownArgument => {
            let given = quote(given);
            format!("the argument {given} is neither a flag nor a flag's value: expected flags, or watch or backup as the first word")
        }
        ErrorKind::InvalidValue | ErrorKind::NoEquals => {
            format!("the flag {given} came without a value: expected one, see --help")
        }
        _ => format!("the command line cannot be read ({}): see --help", error.kind()),
    })
}

/// Whether what looks like an unknown flag stands where a key belongs, and so may be one that begins with a dash.
fn follows_secret(given: &str, args: &[OsString]) -> bool {
    let pairs = args.iter().zip(args.iter().skip(1));
    let mut after = pairs
        .filter(|(flag, _)| takes_secret(flag))
        .map(|(_, value)| value);
    given.starts_with('-') && after.any(|value| value.to_string_lossy().starts_with(given))
}

fn takes_secret(arg: &OsStr) -> bool {
    let arg = arg.to_string_lossy();
    let flag = arg.split('=').next().unwrap_or_default();
    Setting::tops()
        .any(|setting| setting.is_secret() && flag.strip_prefix("--") == Some(setting.flag))
}
