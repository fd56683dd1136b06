// Charts as SVG paths, one for each line, drawn in a box of as many units as there are values and 100 units of height.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 100;

function path(svg, name) {
  let found = svg.querySelector(`.${name}`);
  if (!found) {
    found = document.createElementNS(SVG, "path");
    found.setAttribute("class", name);
    svg.append(found);
  }
  return found;
}

function point(value, index, top) {
  return `${index},${(HEIGHT - (value / top) * (HEIGHT - 4)).toFixed(1)}`;
}

// A line that is interrupted where there is no value; a value alone is a short stroke.
function trace(values, top) {
  let drawn = "";
  let open = false;
  values.forEach((value, index) => {
    if (value === null) {
      open = false;
      return;
    }
    drawn += `${open ? "L" : "M"}${point(value, index, top)}`;
    if (!open && (values[index + 1] ?? null) === null) drawn += "h0.4";
    open = true;
  });
  return drawn;
}

// Draw `values`, and above them `tops` if there are any; return the highest value.
export function draw(svg, values, tops = []) {
  const top = Math.max(0, ...values, ...tops) || 1;
  svg.setAttribute("viewBox", `0 0 ${values.length - 1} ${HEIGHT}`);
  const line = trace(values, top);
  const whole = values.every((value) => value !== null);
  path(svg, "area").setAttribute("d", whole ? `${line}V${HEIGHT}H0Z` : "");
  path(svg, "line").setAttribute("d", line);
  path(svg, "top").setAttribute("d", trace(tops, top));
  return Math.max(0, ...values, ...tops);
}

export function make() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "chart");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  return svg;
}
