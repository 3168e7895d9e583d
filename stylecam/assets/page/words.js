// The words of the page in the language that the server has chosen; the English text is the key.

const table = JSON.parse(document.getElementById("words").textContent);
export const language = document.documentElement.lang;
const formats = new Map();

// The text in the page's language, with the values in place of their names: say("Recorded: {file}", { file }).
export const say = (text, values = {}) => (table[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => values[name]);

function format(value, options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(language, options));
  return formats.get(key).format(value);
}

export const percent = share => format(share, { style: "percent" });
export const decimal = (value, digits = 0) => format(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
