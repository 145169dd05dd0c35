// Words and numbers as people read them, and elements that hold text: never HTML.

export function milliseconds(number) {
  if (number < 0.05) return '< 0.1 ms';
  return `${number >= 100 ? Math.round(number) : number.toFixed(1)} ms`;
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

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

// Appends a line to a list in a box that scrolls: it follows, unless one has scrolled up.
export function append(box, line, most) {
  const list = box.firstElementChild;
  const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  list.append(line);
  while (list.children.length > most) list.firstElementChild.remove();
  if (follows) box.scrollTop = box.scrollHeight;
}
