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

/** Whether the server takes this key, or takes anybody; `undefined` if it cannot be asked. */
export async function passes(shown) {
  const headers = shown === undefined ? {} : { Authorization: `Bearer ${shown}` };
  try {
    const answer = await fetch(new URL("metrics", HOME), { method: "HEAD", headers, cache: "no-store" });
    return answer.status !== 401;
  } catch {
    return undefined;
  }
}

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
      const result = /^[\x21-\x7e]+$/.test(shown) ? await passes(shown) : false;
      if (!result) {
        refuse(result === false ? "That is not one of this server's keys." : "The server cannot be reached. Try again.");
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
