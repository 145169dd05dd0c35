// Numbers as people read them, and elements that hold text: never HTML.

export function whole(value) {
  return Math.round(value).toLocaleString('en').replace(/,/g, ' ');
}

export function rate(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
  return value >= 10 || value === 0 ? whole(value) : value.toFixed(1);
}

export function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 100 || !unit ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function milliseconds(value) {
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return `${value >= 10 ? Math.round(value) : value.toFixed(1)} ms`;
}

export function age(seconds) {
  const total = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [86400, 3600, 60].map((size) => Math.floor(total / size));
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} m`;
  return minutes ? `${minutes} m ${total % 60} s` : `${total} s`;
}

// An element with text or elements in it.
export function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

// Sets a text where it differs.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Has a parent hold one child for each entry: those that are there are used again.
export function fill(parent, entries, create, update) {
  entries.forEach((entry, index) => {
    let child = parent.children[index];
    if (!child) {
      child = create();
      parent.append(child);
    }
    update(child, entry);
  });
  while (parent.children.length > entries.length) parent.lastElementChild.remove();
}
