//! Subprotocols (RFC 6455 §1.9): the one that is ours, and the key or token that a page shows beside it, because a browser
//! lets it set no other header, and addresses are logged by every proxy on the way.

use std::borrow::Cow;

use data_encoding::BASE64URL_NOPAD;

use super::request::Head;

/// The only one that is ever agreed on.
pub const OURS: &str = "roomcast";
/// What a key or token is offered behind.
const BEARER: &str = "bearer.";

impl<'a> Head<'a> {
    /// Whether the client offers our subprotocol, and so waits for an answer that names it.
    pub fn offers_ours(&self) -> bool {
        self.subprotocols().any(|offer| offer == OURS)
    }

    /// The key or token of an offer `bearer.TEXT`: what TEXT is in unpadded base64url, and then TEXT as it is, for
    /// clients that know of no such form.
    pub fn shown_bearers(&self) -> impl Iterator<Item = Cow<'a, str>> {
        let mut offers = self.subprotocols();
        let shown = offers.find_map(|offer| offer.strip_prefix(BEARER));
        let shown = shown.filter(|text| !text.is_empty());
        let decoded = shown.and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let texts = [text.map(Cow::Owned), shown.map(Cow::Borrowed)];
        texts.into_iter().flatten()
    }

    fn subprotocols(&self) -> impl Iterator<Item = &'a str> + '_ {
        let values = self.all("sec-websocket-protocol");
        let texts = values.filter_map(|value| std::str::from_utf8(value).ok());
        texts.flat_map(|text| text.split(',').map(str::trim))
    }
}
