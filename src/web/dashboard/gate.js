// The key, if the server has any: asked for on the page, kept in this tab's session storage and nowhere else.
//
// A browser tells a page nothing about a refused upgrade, so the key is tried on a plain request first.

/** Where the hub is, under whichever prefix a proxy takes off. */
export const HOME = new URL("../", import.meta.url);
/** Another hub of the same origin has another key. */
const STORED = `roomcast.key ${HOME.pathname}`;
const at = (id) => document.getElementById(id);

/** The key that this tab knows, if any. */
export const key = () => sessionStorage.getItem(STORED) ?? undefined;

const WRONG = "That is not one of this server's keys.";

/** Why the server does not take this key, in a sentence: `""` if it does, or takes anybody. */
async function objection(shown) {
  const headers = shown === undefined ? {} : { Authorization: `Bearer ${shown}` };
  try {
    const answer = await fetch(new URL("metrics", HOME), { method: "HEAD", headers, cache: "no-store" });
    if (answer.ok) return "";
    if (answer.status === 401) return WRONG;
    const wait = answer.headers.get("Retry-After");
    if (answer.status === 429) return `Too many wrong keys came from this address. Try again in ${wait} s.`;
    return `The server answers ${answer.status}. Try again.`;
  } catch {
    return "The server cannot be reached. Try again.";
  }
}

/** Whether the server says that this key is not one of its own. */
export const isWrong = async (shown) => (await objection(shown)) === WRONG;

/** Asks for a key until one is right, and gives it. `said` is what is wrong already. */
export function ask(said = "") {
  sessionStorage.removeItem(STORED);
  refuse(said);
  shut(true);
  at("key").focus();
  return new Promise((resolve) => {
    at("gate").onsubmit = async (event) => {
      event.preventDefault();
      const shown = at("key").value.trim();
      // A header takes no other characters, and so no key has any.
      const why = /^[\x21-\x7e]+$/.test(shown) ? await objection(shown) : WRONG;
      if (why) {
        refuse(why);
        at("key").select();
        return;
      }
      sessionStorage.setItem(STORED, shown);
      at("key").value = "";
      shut(false);
      resolve(shown);
    };
  });
}

function shut(isShut) {
  at("gate").hidden = !isShut;
  for (const id of ["about", "board", "foot"]) at(id).hidden = isShut;
}

function refuse(why) {
  at("refusal").textContent = why;
  at("refusal").hidden = !why;
  at("key").setAttribute("aria-invalid", String(Boolean(why)));
}
