// The source of a service, as it is on the server, from its first class on.
import { make } from './words.js';

const TOKENS = new RegExp([
  /(?<text>"""[^]*?"""|b?"(?:[^"\\\n]|\\.)*")/,
  /(?<note>#.*)/,
  /\b(?<word>class|def|from|import|return|None|self|pass|if|for|in|not)\b/,
].map((each) => each.source).join('|'), 'g');

export function coloured(source) {
  const pieces = [];
  let end = 0;
  for (const match of source.matchAll(TOKENS)) {
    const [kind] = Object.entries(match.groups).find(([, value]) => value !== undefined);
    pieces.push(source.slice(end, match.index), make('span', kind, match[0]));
    end = match.index + match[0].length;
  }
  return [...pieces, source.slice(end)];
}

export async function showSource(code, url) {
  try {
    const response = await fetch(url);
    const source = response.ok ? await response.text() : '# It is not here.';
    code.replaceChildren(...coloured(source.slice(Math.max(0, source.indexOf('class ')))));
  } catch (error) {
    code.textContent = `It did not load: ${error.message}`;
  }
}
