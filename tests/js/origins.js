// What a browser makes of URLs, given as a JSON array: prints the origin of each, or null
// where it is no URL, as one JSON array.
'use strict';

const origins = JSON.parse(process.argv[2]).map((text) => {
  try {
    return new URL(text).origin;
  } catch {
    return null;
  }
});
console.log(JSON.stringify(origins));
