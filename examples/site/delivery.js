// Shows how the page that loads this script reached the browser.

const list = document.getElementById("delivery");

function size(bytes) {
  return bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(1)} KiB`;
}

function show(facts) {
  list.replaceChildren(...facts.flatMap(([name, value]) => {
    const term = document.createElement("dt");
    const text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  }));
}

const response = await fetch(location.pathname, { method: "HEAD", cache: "no-store" });
const [entry] = performance.getEntriesByType("navigation");
const facts = [["status", `${response.status} ${response.statusText}`.trim()]];
for (const name of ["server", "date", "last-modified", "etag", "vary", "content-type"]) {
  const value = response.headers.get(name);
  if (value) facts.push([name, value]);
}
if (entry) {
  facts.push(["protocol", entry.nextHopProtocol || "unknown"]);
  if (entry.encodedBodySize && entry.encodedBodySize < entry.decodedBodySize) {
    facts.push(["content", `${size(entry.decodedBodySize)}, sent as ${size(entry.encodedBodySize)}`]);
  } else if (entry.decodedBodySize) {
    facts.push(["content", size(entry.decodedBodySize)]);
  }
  facts.push(["first byte", `after ${Math.max(0, entry.responseStart - entry.requestStart).toFixed(1)} ms`]);
}
show(facts);
document.body.dataset.delivered = String(response.status);
