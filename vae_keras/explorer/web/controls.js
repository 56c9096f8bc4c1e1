"use strict";
// The controls above the planes: image, samples, layers and the link between runs.

function makeControls(actions) {
  const count = labels.length;
  const number = element("image-number");
  number.max = count;
  element("image-count").textContent = `of ${count.toLocaleString("en")}`;
  number.addEventListener("change", () => {
    number.value = Math.min(Math.max(Math.round(Number(number.value)) || 1, 1), count);
    actions.choose(number.value - 1);
  });
  element("image-previous").addEventListener("click", () => actions.stepImage(-1));
  element("image-next").addEventListener("click", () => actions.stepImage(1));
  element("image-random").addEventListener("click", () => actions.choose(Math.floor(Math.random() * count)));
  for (const input of document.getElementsByName("subject")) {
    input.addEventListener("change", () =>
      input.value === "chosen" ? actions.toggleChosen() : actions.setSubject(input.value),
    );
  }
  element("sample-again").addEventListener("click", actions.sampleAgain);
  element("sample-prior").addEventListener("click", actions.samplePrior);
  for (const input of document.getElementsByName("layer")) {
    input.checked = state.layers[input.value];
    input.addEventListener("change", () => actions.setLayer(input.value, input.checked));
  }
  for (const input of document.getElementsByName("link")) {
    input.addEventListener("change", () => actions.setLink(input.value));
  }
  element("link").hidden = panels.length < 2;
  const hasPrior = panels.some(({ run }) => run.hasPrior);
  for (const name of ["sampling", "prior", "posterior"]) element(name).hidden = !hasPrior;
}

// Shows the state in the controls.
function showControls() {
  for (const name of ["subject", "link"]) {
    for (const input of document.getElementsByName(name)) input.checked = input.value === state[name];
  }
  for (const input of document.getElementsByName("layer")) input.checked = state.layers[input.value];
  element("subject-drawn").disabled = !state.drawing;
  const number = element("image-number");
  const index = state.subject === "chosen" ? state.chosen : state.nearest;
  if (document.activeElement !== number) number.value = index < 0 ? "" : index + 1;
}
