// The trials: each sends real requests to the server that served this script, and shows what came back.

const text = "/data/primes.txt";

/** Sends one request and notes both sides of it. */
async function send(log, path, { method = "GET", headers = {}, body, cache = "no-store" } = {}) {
  const response = await fetch(path, { method, headers, body, cache });
  const content = await response.text();
  const noted = { method, path, headers, response, content, timing: await timing(response.url || path) };
  log.push(noted);
  return noted;
}

/** What the browser measured of the latest fetch of an address. */
async function timing(path) {
  await new Promise((resolve) => setTimeout(resolve, 0));
  return performance.getEntriesByName(new URL(path, location).href).at(-1);
}

function length(content) {
  return new TextEncoder().encode(content).length;
}

const trials = [
  {
    title: "A long text, compressed on its way",
    about: "The primes are 315,048 bytes of digits. The browser says which codings it knows, and the server picks one.",
    async run(log) {
      performance.clearResourceTimings();
      const { response, timing } = await send(log, text);
      const coding = response.headers.get("content-encoding");
      const sizes = timing ? ` ${timing.encodedBodySize} bytes crossed the wire for ${timing.decodedBodySize}.` : "";
      return [response.status === 200 && coding !== null, coding ? `It came as ${coding}.${sizes}` : "It came uncompressed."];
    },
  },
  {
    title: "The first 96 bytes",
    about: "Range asks for a part. The answer is 206, and Content-Range says which part of how much it is.",
    async run(log) {
      const { response, content } = await send(log, text, { headers: { Range: "bytes=0-95" } });
      return [response.status === 206 && length(content) === 96, `${length(content)} bytes came: ${response.headers.get("content-range")}.`];
    },
  },
  {
    title: "The last 70 bytes",
    about: "A range can be counted from the end, which is how one looks at the newest lines of a log.",
    async run(log) {
      const { response, content } = await send(log, text, { headers: { Range: "bytes=-70" } });
      return [response.status === 206 && content.trimEnd().endsWith("545747"), `The last prime here is ${content.trim().split(/\s+/).at(-1)}.`];
    },
  },
  {
    title: "Two parts at once",
    about: "Two ranges in one request come back as multipart/byteranges, each part with its own Content-Range.",
    async run(log) {
      const { response, content } = await send(log, text, { headers: { Range: "bytes=0-45,315000-315047" } });
      const parts = content.match(/content-range:/gi)?.length ?? 0;
      return [response.status === 206 && parts === 2, `${parts} parts came in one response.`];
    },
  },
  {
    title: "A part that does not exist",
    about: "Beyond the end there is nothing: 416, and Content-Range tells how long the text really is.",
    async run(log) {
      const { response } = await send(log, text, { headers: { Range: "bytes=9999999-" } });
      return [response.status === 416, `The server says: ${response.headers.get("content-range")}.`];
    },
  },
  {
    title: "Is my copy still good?",
    about: "First the entity tag is asked for, then the text again with If-None-Match. 304 means: keep what you have.",
    async run(log) {
      const first = await send(log, "/style.css");
      const tag = first.response.headers.get("etag");
      const again = await send(log, "/style.css", { headers: { "If-None-Match": tag } });
      return [again.response.status === 304 && again.content === "", `The tag ${tag} still names the current version.`];
    },
  },
  {
    title: "Only if it is the version I know",
    about: "If-Match with a tag that names nothing here: the precondition fails and nothing is done.",
    async run(log) {
      const { response } = await send(log, text, { headers: { "If-Match": '"some-other-version"' } });
      return [response.status === 412, "No current version has that tag."];
    },
  },
  {
    title: "A part, if nothing has changed",
    about: "If-Range guards a download that is taken up again: with an outdated tag the whole text comes, not a part of something else.",
    async run(log) {
      const { response } = await send(log, text, { headers: { Range: "bytes=100-199", "If-Range": '"outdated"' } });
      return [response.status === 200, "The tag is not the current one, so all of it came."];
    },
  },
  {
    title: "What the browser's own cache does",
    about: "The same picture twice. The second time the browser asks whether its copy is good, and only a head crosses the wire.",
    async run(log) {
      await send(log, "/images/wirelight.svg", { cache: "reload" });
      performance.clearResourceTimings();
      const second = await send(log, "/images/wirelight.svg", { cache: "no-cache" });
      const { timing } = second;
      return [second.response.status === 200 && timing.transferSize < timing.encodedBodySize + 300,
        `The second time ${timing.transferSize} bytes were transferred for a picture of ${timing.decodedBodySize} (a browser counts a head as 300).`];
    },
  },
  {
    title: "En français, s'il vous plaît",
    about: "One address, three languages. Accept-Language says which one is preferred.",
    async run(log) {
      const { response, content } = await send(log, "/about.html", { headers: { "Accept-Language": "fr, en;q=0.5" } });
      return [content.includes('<html lang="fr">'), `The page came in “${response.headers.get("content-language")}”; Vary says ${response.headers.get("vary")}.`];
    },
  },
  {
    title: "Lieber auf Deutsch",
    about: "Swiss German is asked for, and German is the closest there is.",
    async run(log) {
      const { response, content } = await send(log, "/about.html", { headers: { "Accept-Language": "de-CH, de;q=0.9, en;q=0.1" } });
      return [content.includes('<html lang="de">'), `The page came in “${response.headers.get("content-language")}”.`];
    },
  },
  {
    title: "A file that was compressed in advance",
    about: "Next to status-codes.json lie status-codes.json.br and .gz. Whoever accepts br gets that one, ready made.",
    async run(log) {
      const { response, timing } = await send(log, "/data/status-codes.json");
      const coding = response.headers.get("content-encoding");
      return [["br", "gzip"].includes(coding), `It came as ${coding}${timing ? `: ${timing.encodedBodySize} bytes for ${timing.decodedBodySize}` : ""}.`];
    },
  },
  {
    title: "A folder, as JSON",
    about: "The folder /data/ has no index page. Accept decides whether its listing is a page or JSON.",
    async run(log) {
      const { response, content } = await send(log, "/data/", { headers: { Accept: "application/json" } });
      let found = false;
      try { found = JSON.stringify(JSON.parse(content)).includes("primes.txt"); } catch { /* not JSON */ }
      return [response.status === 200 && found, `The listing came as ${response.headers.get("content-type")}.`];
    },
  },
  {
    title: "A folder without its slash",
    about: "The address /data redirects to /data/, so that links inside the folder lead where they should.",
    async run(log) {
      const { response } = await send(log, "/data");
      return [response.redirected && response.url.endsWith("/data/"), `The browser was led to ${new URL(response.url).pathname}.`];
    },
  },
  {
    title: "Only the head",
    about: "HEAD is GET without the content: the same fields, nothing after them.",
    async run(log) {
      const { response, content } = await send(log, "/data/primes.txt", { method: "HEAD" });
      return [response.status === 200 && content === "", "Fields came, and no content."];
    },
  },
  {
    title: "A method that makes no sense here",
    about: "Files can be read, not posted to: 405, and Allow lists what can be done.",
    async run(log) {
      const { response } = await send(log, "/index.html", { method: "POST", body: "hello" });
      return [response.status === 405 && response.headers.get("allow")?.includes("GET"), `Allow: ${response.headers.get("allow")}.`];
    },
  },
  {
    title: "Nothing here",
    about: "An address that names no file.",
    async run(log) {
      const { response } = await send(log, "/nothing-here");
      return [response.status === 404, "There is no such file."];
    },
  },
  {
    title: "A way out?",
    about: "Encoded slashes and dots that would climb out of the folder. They never do.",
    async run(log) {
      const { response, content } = await send(log, "/..%2f..%2f..%2f..%2fetc%2fpasswd");
      return [[400, 403, 404].includes(response.status) && !content.includes("root:x:"), "Refused."];
    },
  },
];

const meanings = new Map();
try {
  for (const entry of await (await fetch("/data/status-codes.json")).json()) meanings.set(entry.code, entry);
} catch { /* the trials work without the meanings */ }

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function request({ method, path, headers }) {
  return [`${method} ${path}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)].join("\n");
}

function answer({ response, content }) {
  const fields = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  const start = content.length > 360 ? `${content.slice(0, 360)}\n[and ${length(content) - length(content.slice(0, 360))} bytes more]` : content;
  return [`${response.status} ${response.statusText}`.trim(), ...fields, "", start].join("\n").trimEnd();
}

function meaning(status) {
  const known = meanings.get(status);
  return known ? ` ${status} means: ${known.means} (${known.section})` : "";
}

async function perform(trial) {
  const { card, mark, button } = trial;
  button.disabled = true;
  const log = [];
  let good = false;
  let said;
  try {
    [good, said] = await trial.run(log);
  } catch (error) {
    said = `It failed: ${error.message}`;
  }
  trial.good = good;
  mark.textContent = good ? "✓ as it should be" : "✗ unexpected";
  mark.className = `mark ${good ? "good" : "odd"}`;
  const result = element("div", { className: "result" }, element("p", { textContent: said + (log.length ? meaning(log.at(-1).response.status) : "") }));
  for (const noted of log) {
    result.append(element("pre", { className: "out", textContent: request(noted) }), element("pre", { className: "in", textContent: answer(noted) }));
  }
  card.querySelector(".result")?.remove();
  card.append(result);
  button.disabled = false;
  count();
}

function count() {
  const run = trials.filter((trial) => trial.good !== undefined);
  const good = run.filter((trial) => trial.good).length;
  document.getElementById("score").textContent = run.length ? `${good} of ${run.length} as they should be` : `${trials.length} trials`;
  document.body.dataset.run = String(run.length);
  document.body.dataset.good = String(good);
}

const place = document.getElementById("trials");
for (const [index, trial] of trials.entries()) {
  trial.button = element("button", { type: "button", textContent: "Run" });
  trial.mark = element("span", { className: "mark" });
  trial.card = element("article", { className: "card trial", id: `trial-${index + 1}` },
    element("header", {}, element("div", {}, element("h3", { textContent: trial.title }), element("p", { textContent: trial.about })), trial.mark, trial.button));
  trial.button.addEventListener("click", () => perform(trial));
  place.append(trial.card);
}
count();

async function performAll() {
  const all = document.getElementById("all");
  all.disabled = true;
  for (const trial of trials) await perform(trial);
  all.disabled = false;
  document.body.dataset.done = "true";
}

document.getElementById("all").addEventListener("click", performAll);
if (new URLSearchParams(location.search).has("run")) await performAll();
