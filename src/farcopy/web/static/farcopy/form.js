// Fields with labels, hints, units and the errors the API names. Checks nothing itself.

import { h, setText } from "./dom.js";
import { explain } from "./failure.js";
import { capital } from "./format.js";
import { withLabels } from "./settings_fields.js";

// specs: { name, label, type, hint, unit, choices, value, … }; type: text, password, number,
// checkbox, select or lines (a list, one entry a line). button: { text, work(input, label) },
// beside the field.
export class Form {
  constructor(specs, onChange = () => {}) {
    this.fields = new Map(specs.map((spec) => [spec.name, new Field(spec, onChange)]));
  }

  get elements() {
    return [...this.fields.values()].map((field) => field.element);
  }

  element(name) {
    return this.fields.get(name).element;
  }

  field(name) {
    return this.fields.get(name).input;
  }

  values() {
    return Object.fromEntries([...this.fields].map(([name, field]) => [name, field.value]));
  }

  // Only what differs from what was there at first: the API changes what is named, nothing else.
  changes() {
    return Object.fromEntries([...this.fields].filter(([, field]) => field.isChanged)
      .map(([name, field]) => [name, field.value]));
  }

  set(values) {
    for (const [name, field] of this.fields) if (name in values) field.set(values[name]);
  }

  // As if somebody had typed it: what was there at first stays what it was.
  edit(values) {
    for (const [name, field] of this.fields) if (name in values) field.show(values[name]);
  }

  // Other values are stored now: what was typed stays on top of them.
  rebase(values) {
    const typed = this.changes();
    this.set(values);
    this.edit(typed);
  }

  clearErrors() {
    for (const field of this.fields.values()) field.tell("");
  }

  // The answer's data; null when it was refused: then what is wrong is shown, here or by `handled`.
  async send(request, handled = async () => false) {
    this.clearErrors();
    try {
      return (await request()).data;
    } catch (error) {
      if (!(await handled(error)) && !this.showErrors(error)) explain(error);
      return null;
    }
  }

  // Whether all that is wrong could be shown beside a field; the first one gets the focus.
  showErrors(error) {
    const named = Object.entries(error.fields || {}).filter(([name]) => this.fields.has(name));
    for (const [name, problem] of named) this.fields.get(name).tell(`${capital(withLabels(problem))}.`);
    const first = [...this.fields.values()].find((field) => field.hasError);
    first?.input.focus();
    return named.length > 0 && named.length === Object.keys(error.fields).length;
  }
}

class Field {
  constructor(spec, onChange) {
    this.spec = spec;
    this.error = h("p", { class: "error", id: `${spec.name}-error` });
    const described = `${spec.name}-error${spec.hint ? ` ${spec.name}-hint` : ""}`;
    const common = { id: spec.name, name: spec.name, "aria-describedby": described, oninput: onChange };
    this.input = spec.type === "select"
      ? h("select", common, spec.choices.map(([value, text]) => h("option", { value }, text)))
      : spec.type === "lines"
      ? h("textarea", { ...common, rows: 3, placeholder: spec.placeholder, spellcheck: "false", autocapitalize: "none" })
      : h("input", {
        ...common, type: spec.type || "text", autocomplete: spec.autocomplete || "off",
        inputmode: spec.type === "number" ? "numeric" : null, placeholder: spec.placeholder,
        min: spec.min, max: spec.max, spellcheck: "false", autocapitalize: "none",
      });
    const hint = spec.hint && h("p", { class: "hint", id: `${spec.name}-hint` }, spec.hint);
    const label = h("label", { class: "label", for: spec.name }, spec.label);
    this.element = spec.type === "checkbox"
      ? h("div", { class: "field choice" }, this.input, h("div", {}, label, hint, this.error))
      : h("div", { class: "field" }, label, this.beside(spec), hint, this.error);
    this.set(spec.value ?? "");
  }

  // The input, with its unit or its button.
  beside({ unit, button, label }) {
    if (unit) return h("div", { class: "with-unit" }, this.input, h("span", { class: "unit" }, unit));
    if (!button) return this.input;
    return h("div", { class: "with-button" }, this.input,
      h("button", { type: "button", class: "plain", "aria-label": `${button.text} ${label}`, onclick: () => button.work(this.input, label) }, button.text));
  }

  get value() {
    if (this.spec.type === "checkbox") return this.input.checked;
    if (this.spec.type === "number") return asInteger(this.input);
    if (this.spec.type === "lines") return this.input.value.split("\n").filter((line) => line.trim());
    return this.input.value;
  }

  get isChanged() {
    return JSON.stringify(this.value) !== JSON.stringify(this.first);
  }

  get hasError() {
    return this.error.textContent !== "";
  }

  show(value) {
    if (this.spec.type === "checkbox") this.input.checked = value === true;
    else this.input.value = Array.isArray(value) ? value.join("\n") : value ?? "";
  }

  set(value) {
    this.show(value);
    this.first = this.value;
  }

  tell(problem) {
    setText(this.error, problem);
    if (problem) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }
}

// What is no whole number goes to the API as it is: it says what is wrong with it.
function asInteger(input) {
  const text = input.value.trim();
  return /^-?\d+$/.test(text) ? Number(text) : text;
}
