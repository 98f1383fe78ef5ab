// Seeks in the clip, and says what the browser fetched for it.

const clip = document.getElementById("clip");
const seeks = document.getElementById("seeks");

function buffered() {
  return Array.from({ length: clip.buffered.length }, (_, i) =>
    `${clip.buffered.start(i).toFixed(1)} to ${clip.buffered.end(i).toFixed(1)} s`).join(", ") || "nothing yet";
}

for (const button of document.querySelectorAll("[data-seek]")) {
  button.addEventListener("click", () => { clip.currentTime = Number(button.dataset.seek); });
}
clip.addEventListener("seeked", () => {
  seeks.textContent = `at ${clip.currentTime.toFixed(1)} s; held: ${buffered()}`;
});
clip.addEventListener("loadedmetadata", () => { document.body.dataset.clip = clip.duration.toFixed(1); });
clip.addEventListener("error", () => { document.body.dataset.clip = "failed"; });
await document.fonts.ready;
document.body.dataset.font = String(document.fonts.check('700 16px "JetBrains Mono"'));
