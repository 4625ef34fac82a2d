"use strict";
// Draws what the page tells in tables: each .chart holds its data, colours come from the style sheet.
(() => {
  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    return ["--accent", "--warn", "--bad", "--good", "--dim", "--ink"].map((name) => style.getPropertyValue(name).trim());
  };
  const line = () => getComputedStyle(document.documentElement).getPropertyValue("--line").trim();
  const drawn = [];

  const draw = (place) => {
    const { names, data } = JSON.parse(place.dataset.chart);
    if (!data[0].length) return;
    const unit = place.dataset.unit;
    const [ink, ...rest] = [colours()[5], ...colours()];
    const axis = { stroke: ink, grid: { stroke: line(), width: 1 }, ticks: { stroke: line(), width: 1 } };
    const value = (_plot, number) => number == null ? "–" : `${Math.round(number * 1000) / 1000}${unit && ` ${unit}`}`;
    const plot = new uPlot({
      width: place.clientWidth,
      height: 220,
      cursor: { drag: { x: false, y: false } },
      series: [{}, ...names.map((label, at) => ({ label, value, stroke: rest[at % 5], width: 2, spanGaps: true, points: { size: 4 } }))],
      axes: [axis, { ...axis, size: 60, values: (_plot, ticks) => ticks.map((tick) => `${tick}${unit && ` ${unit}`}`) }],
      scales: { y: { range: (_plot, _low, high) => [0, high || 1] } },
    }, data, place);
    drawn.push([place, plot]);
  };

  document.querySelectorAll("[data-chart]").forEach(draw);
  addEventListener("resize", () => drawn.forEach(([place, plot]) => plot.setSize({ width: place.clientWidth, height: 220 })));
})();
