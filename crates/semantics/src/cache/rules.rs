//! What RFC 9111 and its relatives say, as the decisions of a cache cite it.

use crate::decision::Rule;

macro_rules! rules {
    ($($name:ident = $short:literal, $section:literal, $says:literal;)*) => {$(
        pub(super) static $name: Rule = Rule { name: $short, section: $section, says: $says };
    )*};
}

rules! {
    LOOKING = "cache-lookup", "RFC 9111, section 4",
        "A cache answers requests that ask for no more than to get something, and leaves all others to the origin.";
    KEY = "cache-key", "RFC 9111, section 2",
        "A response is stored for the whole URI of its request, with every byte of its query.";
    LIMITED = "cache-limit", "RFC 9111, section 3",
        "A cache has room for so much, and need not store anything.";
    STORING = "storing", "RFC 9111, section 3",
        "A response is stored if its method, status and fields allow it, and something says how long it is fresh.";
    INCOMPLETE = "incomplete", "RFC 9111, section 3.3",
        "A cache that does not combine parts does not store them.";
    NO_STORE = "no-store", "RFC 9111, section 5.2.2.5",
        "With no-store, nothing of a request or its response is stored.";
    PRIVATE = "private", "RFC 9111, section 5.2.2.7",
        "With private, a shared cache does not store the response.";
    AUTHORIZED = "authorized", "RFC 9111, section 3.5",
        "A shared cache stores the answer to an authorized request only if a directive says that it may.";
    UNDERSTAND = "must-understand", "RFC 9111, section 5.2.2.3",
        "With must-understand, only caches that know the requirements of the status store the response.";
    COOKIES = "set-cookie", "RFC 9111, section 7.3",
        "Set-Cookie does not keep a response from being stored, so a shared cache has to care for it.";
    VARYING = "vary", "RFC 9111, section 4.1",
        "A stored response is used only if the fields that its Vary names are the same in both requests.";
    FRESHNESS = "freshness", "RFC 9111, section 4.2",
        "A response is fresh while its age is less than its freshness lifetime.";
    HEURISTIC = "heuristic-freshness", "RFC 9111, section 4.2.2",
        "Where no lifetime is given, a cache may take a fraction of the time since the last modification.";
    REUSE = "reuse", "RFC 9111, section 4",
        "A stored response is used if it is fresh, may be used stale, or was validated.";
    NO_CACHE = "no-cache", "RFC 9111, section 5.2.2.4",
        "With no-cache, a stored response is not used without validation.";
    STALE = "stale-responses", "RFC 9111, section 4.2.4",
        "A stale response is not used if a directive forbids it, and otherwise only where that is allowed.";
    ASKED_FRESH = "request-directives", "RFC 9111, section 5.2.1",
        "A request says how old or how stale a response it takes.";
    ONLY_IF_CACHED = "only-if-cached", "RFC 9111, section 5.2.1.7",
        "With only-if-cached, the answer is a stored response or 504 (Gateway Timeout).";
    IMMUTABLE = "immutable", "RFC 8246, section 2",
        "An immutable response does not change while it is fresh, so that a reload need not validate it.";
    WHILE_REVALIDATING = "stale-while-revalidate", "RFC 5861, section 3",
        "For a while after its end, a response may be used at once while it is validated.";
    IF_ERROR = "stale-if-error", "RFC 5861, section 4",
        "For a while after its end, a response may be used when an error comes instead of a newer one.";
    VALIDATION = "validation", "RFC 9111, section 4.3.3",
        "An answer to a conditional request freshens the stored response, replaces it, or is an error.";
    FRESHENING = "freshening", "RFC 9111, section 4.3.4",
        "A 304 freshens the stored responses whose validator it names.";
    INVALIDATION = "invalidation", "RFC 9111, section 4.4",
        "When an unsafe method succeeds, what is stored for its target is no longer used.";
}
