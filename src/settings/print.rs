//! The settings in force as TOML: what `--print-config` prints and `--config` reads.
//!
//! Every line says what it means and where its value came from. Of keys and secrets a comment says whether there are any,
//! so a file made of this has none: it starts in open mode, where that is allowed, until they are put back.

use std::fmt::Write;

use crate::bounds::AppBounds;
use crate::id::AppId;
use crate::settings::draft::Draft;
use crate::settings::table::{Scope, Setting};
use crate::settings::value::Slot;

const INTRO: &str = "\
# The settings of roomcast that are in force. Each line says what it means and where its value came from.
# Keys and secrets are hidden; put them back here, or give them as ROOMCAST_KEYS and ROOMCAST_SECRET.
";

/// The whole text.
pub(super) fn print(draft: &Draft) -> String {
    let mut text = INTRO.to_owned();
    let mut heading = "";
    for setting in Setting::tops() {
        if heading != setting.heading {
            heading = setting.heading;
            text += &format!("\n# {heading}\n");
        }
        let origin = draft.origin(None, setting);
        line(&mut text, setting, &top_slot(draft, setting), origin);
    }
    for app in AppId::ALL {
        text += &format!("\n[{}]\n", app.name());
        for setting in Setting::all_of_app(app) {
            let (Scope::EveryApp(slot) | Scope::OneApp(_, slot)) = setting.scope else {
                continue;
            };
            let mut bounds: AppBounds = *draft.settings.bounds.app(app);
            let origin = draft.origin(Some(app), setting);
            line(&mut text, setting, &written(&*slot(&mut bounds)), origin);
        }
    }
    text
}

/// A value, and whether it is hidden.
type Written = (String, bool);

fn written(slot: &dyn Slot) -> Written {
    (slot.shown(), slot.is_secret())
}

fn top_slot(draft: &Draft, setting: &Setting) -> Written {
    match setting.scope {
        Scope::Server(slot) => written(&*slot(&mut draft.settings.clone())),
        Scope::EveryApp(slot) | Scope::OneApp(_, slot) => {
            written(&*slot(&mut draft.every_app.clone()))
        }
    }
}

fn line(text: &mut String, setting: &Setting, (value, hidden): &Written, origin: String) {
    let assignment = match hidden {
        true => format!("# {}: {value}", setting.name),
        false => format!("{} = {value}", setting.name),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{assignment:<40} # {}; {origin}", setting.about);
}
