// Keys, the theme, and which suggestion is shown. Everything else is links and forms, which work without this file.
"use strict";

const root = document.documentElement;
const kept = {
  get(name) { try { return localStorage.getItem(name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(name, value); } catch { /* the choice lasts as long as the page */ } },
};
if (kept.get("theme")) root.dataset.theme = kept.get("theme");  // before anything is painted
if (kept.get("patches")) root.dataset.patches = kept.get("patches");
root.dataset.scripted = "yes";
let keysAreOn = kept.get("keys") !== "off";
let isBusy = false;  // a key pressed twice must not decide on the finding that comes next

const isDark = () => root.dataset.theme === "dark" ||
  (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);

function showChosen() {
  const chosen = document.querySelector("[name=suggestion]:checked");
  if (!chosen) return;
  const proposals = [...document.querySelectorAll("[data-proposal]")];
  const shown = proposals.find((one) => one.dataset.proposal === chosen.value);
  for (const one of proposals) one.hidden = one !== shown;
}

function showSwitches() {
  for (const one of document.querySelectorAll("[data-theme-switch]")) one.textContent = isDark() ? "Light" : "Dark";
  for (const one of document.querySelectorAll("[data-patches]")) one.setAttribute("aria-pressed", root.dataset.patches !== "off");
  for (const one of document.querySelectorAll("[data-keys-switch]")) one.checked = keysAreOn;
}

function start() {
  isBusy = false;
  showChosen();
  showSwitches();
}

document.addEventListener("DOMContentLoaded", start);
document.addEventListener("htmx:beforeRequest", () => { isBusy = true; });
document.addEventListener("htmx:afterRequest", (event) => { if (!event.detail.successful && !event.detail.xhr.status) isBusy = false; });
document.addEventListener("htmx:afterSettle", () => {
  start();
  document.querySelector("h1")?.focus({ preventScroll: true });
});

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("button");
  if (!pressed) return;
  if (pressed.matches("[data-theme-switch]")) {
    root.dataset.theme = isDark() ? "light" : "dark";
    kept.set("theme", root.dataset.theme);
    showSwitches();
  } else if (pressed.matches("[data-patches]")) {
    root.dataset.patches = root.dataset.patches === "off" ? "on" : "off";
    kept.set("patches", root.dataset.patches);
    showSwitches();
  } else if (pressed.matches("[data-help]")) {
    document.getElementById("help").showModal();
  } else if (pressed.matches("[data-edit]")) {
    document.querySelector("[data-typed]")?.select();
  }
});

document.addEventListener("change", (event) => {
  const changed = event.target;
  if (changed.matches("[name=suggestion]")) showChosen();
  if (changed.matches("[data-submits]")) changed.form.requestSubmit();
  if (changed.matches("[name=keep_open]")) {
    const left = document.querySelector("[data-left]");
    const out = document.querySelectorAll("[name=keep_open]:checked").length;
    left.textContent = (Number(left.dataset.left) - out).toLocaleString("en");
  }
  if (changed.matches("[data-keys-switch]")) {
    keysAreOn = changed.checked;
    kept.set("keys", keysAreOn ? "on" : "off");
  }
});

document.addEventListener("error", (event) => {
  if (event.target.tagName !== "IMG") return;
  event.target.classList.add("broken");
  if (!event.target.alt) event.target.alt = "cannot be shown";
}, true);

document.addEventListener("keydown", (event) => {
  const at = event.target;
  const isTyping = at.matches("textarea, select, input:not([type=radio], [type=checkbox])");
  if (event.key === "Escape" && isTyping) at.blur();
  if (!keysAreOn || isBusy || isTyping || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && at.closest("a, button, input, label")) return;
  const asked = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!asked || asked.disabled) return;
  event.preventDefault();
  asked.click();
});
