// What goes on is asked for again and again; where it has ended, the page is loaded again. And a button that needs a
// typed sentence waits for it. All pages work without this.
"use strict";

function watch(place) {
  const every = Number(place.dataset.every);
  const isEndless = place.dataset.endless !== undefined;
  async function look() {
    if (document.hidden) return setTimeout(look, every);
    try {
      const answer = await fetch(place.dataset.live);
      if (!answer.ok) throw new Error(answer.statusText);
      const before = document.activeElement && place.contains(document.activeElement);
      if (!before) place.innerHTML = await answer.text();
      if (!isEndless && !before && !place.querySelector("[data-running]")) return location.reload();
    } catch (error) {
      place.textContent = "The console does not answer: " + error.message;
    }
    setTimeout(look, every);
  }
  setTimeout(look, every);
}

function confirm(field) {
  const button = field.form.querySelector("button");
  const compare = () => { button.disabled = field.value.trim() !== field.dataset.wanted; };
  field.addEventListener("input", compare);
  compare();
}

for (const place of document.querySelectorAll("[data-live]")) {
  if (place.dataset.endless !== undefined || place.dataset.running !== undefined) watch(place);
}
for (const field of document.querySelectorAll("[data-wanted]")) confirm(field);
