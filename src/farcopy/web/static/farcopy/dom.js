// Makes elements. Text only ever goes in as text: there is no way to hand in markup.

const SVG = "http://www.w3.org/2000/svg";

// h("button", { class: "quiet", onclick: work }, "Save"): attributes, listeners, children.
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...flat(children));
  return element;
}

// Children: strings, numbers, elements, lists of them; nothing for null and false.
function flat(children) {
  return children.flat(Infinity).filter((child) => child != null && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

export function fill(element, ...children) {
  element.replaceChildren(...flat(children));
  return element;
}

// Rewrites a text only when it differs: a screen reader is not told the same again and again.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const SHAPES = {
  good: ["M20 6 9 17l-5-5"],
  busy: ["M21 12a9 9 0 1 1-9-9"],
  idle: ["M12 7v5l3 2", "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18"],
  warn: ["M12 9v4", "M12 17h.01", "M10.3 3.9 1.8 18a2 2 0 0 0 1.7 3h17a2 2 0 0 0 1.7-3L13.7 3.9a2 2 0 0 0-3.4 0z"],
  bad: ["M18 6 6 18", "M6 6l12 12"],
  later: ["M5 12h14"],
  caution: ["M12 7v6", "M12 17h.01"],
};

// Decoration beside a word that says the same.
export function icon(name, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = {
    viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": "2.4",
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", class: className,
  };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  for (const shape of SHAPES[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", shape);
    svg.append(path);
  }
  return svg;
}
