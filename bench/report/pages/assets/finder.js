// The measured problems nearest to the shape in the form. All of them stand in the page, with every
// number already written: here they are only ordered, shown and hidden.
const NEAREST = 3;

function find(box) {
  const form = box.querySelector("form");
  const said = box.querySelector("output");
  const list = box.querySelector(".nearest");
  const call = box.querySelector(".call");
  const axes = [...form.querySelectorAll("input")];
  const options = [...form.querySelectorAll("select")];
  const problems = [...list.children];
  const apply = () => {
    const found = form.checkValidity() ? nearest(problems, axes, options) : [];
    for (const problem of problems) problem.hidden = !found.includes(problem);
    for (const problem of found) problem.querySelector(".distance").textContent = apart(problem, axes);
    list.append(...found);
    call.textContent = found.length ? call.dataset.call.replace("{}", argumentsOf(axes, options)) : "";
    call.parentElement.hidden = !found.length;
    said.textContent = form.checkValidity() ? summary(found) : complaint(axes);
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  box.hidden = false;
  apply();
}

function nearest(problems, axes, options) {
  const same = (problem) => options.every(({ name, value }) => problem.dataset[name] === value);
  return problems.filter(same).sort((a, b) => distance(a, axes) - distance(b, axes)).slice(0, NEAREST);
}

function distance(problem, axes) {
  return Math.hypot(...axes.map((axis) => Math.log(times(problem, axis))));
}

// Its size over the one that was typed.
function times(problem, axis) {
  return Number(problem.dataset[axis.name.toLowerCase()]) / axis.valueAsNumber;
}

function apart(problem, axes) {
  const other = axes.filter((axis) => times(problem, axis) !== 1);
  const words = other.map((axis) => `${axis.name} is ${inWords(times(problem, axis))}`);
  return words.length ? words.join(", ") : "The same T, B and H";
}

function inWords(factor) {
  if (factor === 2) return "twice yours";
  if (factor === 0.5) return "half of yours";
  if (Math.abs(Math.log(factor)) < 0.05) return `a little ${factor > 1 ? "more" : "less"} than yours`;
  const digits = factor.toLocaleString("en", { maximumSignificantDigits: 2 });
  return `${digits} ${factor > 1 ? "times" : "of"} yours`;
}

function summary(found) {
  if (!found.length) return "Nothing was measured with these.";
  const part = (name) => found[0].querySelector(name).textContent;
  return `Nearest: ${part("h3")}. ${part(".distance")}. ${part(".remark")}`;
}

function complaint(axes) {
  const names = axes.filter((axis) => !axis.checkValidity()).map((axis) => axis.name);
  return `${names.join(", ")}: expected a whole number of at least 1.`;
}

function argumentsOf(axes, options) {
  const sizes = axes.map((axis) => `${axis.name}=${axis.valueAsNumber}`);
  const others = options.map((select) => select.selectedOptions[0].dataset.argument);
  return [...sizes, ...others].filter((argument) => argument).join(", ");
}

document.querySelectorAll(".finder").forEach(find);
