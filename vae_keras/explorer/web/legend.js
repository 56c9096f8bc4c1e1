"use strict";
// The classes: a click hides or shows a class, a double click or the key O shows only this class.

class Legend {
  constructor(container, classes, onChange) {
    Object.assign(this, { onChange, hidden: new Set() });
    this.buttons = classes.map(({ name, light, dark }, label) => {
      const button = make("button", { type: "button", className: "class", textContent: name });
      button.style.setProperty("--light", light);
      button.style.setProperty("--dark", dark);
      button.addEventListener("click", () => this.toggle(label));
      button.addEventListener("dblclick", () => this.showOnly(label));
      button.addEventListener("keydown", (event) => {
        if (event.key.toLowerCase() === "o" && !hasModifier(event)) this.showOnly(label);
      });
      return button;
    });
    this.all = make("button", { type: "button", textContent: "Show all" });
    this.all.addEventListener("click", () => {
      this.buttons[0].focus(); // this button disappears
      this.set([]);
    });
    if (classes.length) container.append(...this.buttons, this.all);
    container.hidden = !classes.length;
    this.show();
  }

  toggle(label) {
    const { hidden } = this;
    this.set(hidden.has(label) ? [...hidden].filter((other) => other !== label) : [...hidden, label]);
  }

  // Shows only this class, or all classes if it is the only one already.
  showOnly(label) {
    const others = this.buttons.map((_, other) => other).filter((other) => other !== label);
    const isAlone = !this.hidden.has(label) && others.every((other) => this.hidden.has(other));
    this.set(isAlone ? [] : others);
  }

  set(labels) {
    this.hidden = new Set(labels);
    this.show();
    this.onChange();
  }

  show() {
    this.buttons.forEach((button, label) => button.setAttribute("aria-pressed", String(!this.hidden.has(label))));
    this.all.hidden = !this.hidden.size;
  }
}

function hasModifier({ altKey, ctrlKey, metaKey }) {
  return altKey || ctrlKey || metaKey;
}
