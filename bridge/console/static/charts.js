"use strict";
// Draws what the page tells in tables: each .chart holds its data, colours come from the style sheet.
(() => {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const colours = ["--accent", "--warn", "--bad", "--good", "--dim"].map(colour);
  const drawn = [];

  // Times as the clocks of the site show them, wherever the browser is; days only where there are several.
  const clock = (zone, days) => {
    const parts = { hour: "2-digit", minute: "2-digit", hour12: false };
    if (days) Object.assign(parts, { day: "2-digit", month: "2-digit" });
    const format = new Intl.DateTimeFormat(document.documentElement.lang, { timeZone: zone, ...parts });
    return (seconds) => format.format(new Date(seconds * 1000));
  };

  const draw = (place) => {
    const { names, data } = JSON.parse(place.dataset.chart);
    const { unit, zone, time } = place.dataset;
    if (!data[0].length) return;
    const shown = clock(zone, data[0].at(-1) - data[0][0] > 86400);
    const suffix = unit ? ` ${unit}` : "";
    const value = (_plot, number) => number == null ? "–" : `${Math.round(number * 1000) / 1000}${suffix}`;
    const axis = { stroke: colour("--ink"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    const plot = new uPlot({
      width: place.clientWidth,
      height: 220,
      cursor: { drag: { x: false, y: false } },
      series: [
        { label: time, value: (_plot, seconds) => seconds == null ? "–" : shown(seconds) },
        ...names.map((label, at) => ({ label, value, stroke: colours[at % colours.length], width: 2, spanGaps: true, points: { show: true, size: 5 } })),
      ],
      axes: [
        { ...axis, values: (_plot, ticks) => ticks.map(shown) },
        { ...axis, size: 64, values: (_plot, ticks) => ticks.map((tick) => `${tick}${suffix}`) },
      ],
      scales: { y: { range: (_plot, _low, high) => [0, high || 1] } },
    }, data, place);
    drawn.push([place, plot]);
  };

  document.querySelectorAll("[data-chart]").forEach(draw);
  addEventListener("resize", () => drawn.forEach(([place, plot]) => plot.setSize({ width: place.clientWidth, height: 220 })));
})();
