"use strict";

/* What all scripts of the page share, and numbers as people read them: MB is 10^6 bytes. */
const slimwheel = {};

slimwheel.megabytes = (count) => {
  const size = Math.abs(count);
  if (size < 1000) return count ? `${Math.round(count)} B` : "0";
  if (size >= 1e10) return `${(count / 1e9).toFixed(1)} GB`;
  return size < 100000 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(1)} MB`;
};

slimwheel.signed = (count) => (count ? (count > 0 ? "+" : "") + slimwheel.megabytes(count) : "-");

slimwheel.share = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : "-");

/* Make an element. Text is only ever set as text: names come from wheels that nobody vouches for. */
slimwheel.element = (tag, options = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "class") made.className = value;
    else if (name === "text") made.textContent = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};
