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
      reach();
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

// A slider shows what it stands at while it is moved; `Play` moves it. Without this, its form has a button.
function slide(form) {
  const slider = form.querySelector("[type=range]"), play = form.querySelector("[data-play]");
  const place = document.getElementById(form.dataset.place), cursor = document.getElementById(form.dataset.cursor);
  let wanted = null, timer = null;
  async function show() {
    if (wanted !== null) { wanted = slider.value; return; }
    for (wanted = slider.value; wanted !== null; ) {
      const asked = wanted;
      const answer = await fetch(form.dataset.part + "?" + new URLSearchParams({ [slider.name]: asked }));
      if (answer.ok) place.innerHTML = await answer.text();
      slider.setAttribute("aria-valuetext", place.querySelector("h2").textContent);
      wanted = wanted === asked ? null : wanted;
    }
  }
  function move() {
    const share = (slider.value - slider.min) / (slider.max - slider.min);
    const from = Number(cursor.dataset.from), to = Number(cursor.dataset.to);
    cursor.style.left = from + (to - from) * share + "%";
    show().catch((error) => { wanted = null; place.textContent = "The console does not answer: " + error.message; });
  }
  function stop() { clearInterval(timer); timer = null; play.textContent = "Play"; }
  slider.addEventListener("input", move);
  play.hidden = false;
  play.addEventListener("click", () => {
    if (timer !== null) return stop();
    play.textContent = "Stop";
    timer = setInterval(() => {
      if (Number(slider.value) + Number(slider.step) > Number(slider.max)) return stop();
      slider.stepUp();
      move();
    }, 250);
  });
}

// What is wider than its place can be scrolled by the keyboard.
function reach() {
  for (const each of document.querySelectorAll("main :is(figure, table, .scroll)")) {
    if (each.scrollWidth > each.clientWidth && !each.hasAttribute("tabindex")) each.tabIndex = 0;
  }
}

reach();
addEventListener("resize", reach);
for (const form of document.querySelectorAll("form[data-part]")) slide(form);
for (const place of document.querySelectorAll("[data-live]")) {
  if (place.dataset.endless !== undefined || place.dataset.running !== undefined) watch(place);
}
for (const field of document.querySelectorAll("[data-wanted]")) confirm(field);
