// Comfort only: what the page says is in its markup. It runs from a file, without a network.
(() => {
  "use strict";

  const root = document.documentElement;
  const results = JSON.parse(document.getElementById("results").textContent);
  const names = results.models.map((model) => model.name);

  // A browser may forbid a file to remember anything.
  const remembered = (name) => {
    try { return localStorage.getItem(name); } catch { return null; }
  };
  const remember = (name, value) => {
    try { localStorage.setItem(name, value); } catch { /* then not */ }
  };

  const themeButton = document.getElementById("theme");
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
  const nameTheme = () => { themeButton.textContent = isDark() ? "Light" : "Dark"; };
  const theme = remembered("unblock-theme");
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  themeButton.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember("unblock-theme", root.dataset.theme);
    nameTheme();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
  nameTheme();

  // One model stands out in every plot and table. `chosen` is the place in the run, or null.
  const select = document.getElementById("highlight");
  const light = (chosen) => {
    root.classList.toggle("lit", chosen !== null);
    for (const element of document.querySelectorAll("[data-model]")) {
      element.classList.toggle("on", Number(element.dataset.model) === chosen);
    }
    select.value = chosen === null ? "" : String(chosen);
  };
  names.forEach((name, index) => {
    const option = document.createElement("option");
    option.value = String(index);
    option.textContent = name;
    select.append(option);
  });
  select.addEventListener("change", () => light(select.value === "" ? null : Number(select.value)));
  for (const element of document.querySelectorAll("svg [data-model], tr[data-model] th")) {
    const index = element.closest("[data-model]").dataset.model;
    element.style.cursor = "pointer";
    element.addEventListener("click", () => light(select.value === index ? null : Number(index)));
  }
  addEventListener("keydown", (event) => { if (event.key === "Escape") light(null); });

  const copyButton = document.getElementById("copy");
  const copied = document.getElementById("copied");
  copyButton.hidden = false;
  copyButton.addEventListener("click", async () => {
    const command = document.getElementById("command");
    try {
      await navigator.clipboard.writeText(command.textContent);
      copied.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(command);
      copied.textContent = "selected: copy it with Ctrl-C";
    }
  });

  // Reads the latencies where the pointer is. The main percentiles are in the table for everybody.
  const latencyAt = (points, share) => {
    let found = null;
    for (const [at, microseconds] of points) {
      found = microseconds;
      if (at >= share) break;
    }
    return found;
  };
  const showReading = (plot, event, reading, line) => {
    const { left, right, top, bottom, places, latency } = plot.dataset;
    const box = plot.getBoundingClientRect();
    const scale = plot.viewBox.baseVal.width / box.width;
    const x = Math.min(Math.max((event.clientX - box.left) * scale, Number(left)), Number(right));
    const beyond = 10 ** (-(x - left) / (right - left) * places);
    line.setAttribute("d", `M${x} ${top}V${bottom}`);
    const rows = results.loads[latency].entries
      .filter((entry) => !entry.problem && entry.latency_us.count * beyond >= 1)
      .map((entry) => [entry.model, latencyAt(entry.latency_us.points, 1 - beyond)])
      .filter((row) => row[1] !== null)
      .sort((one, other) => one[1] - other[1]);
    const table = document.createElement("table");
    const behind = Math.max(0, Math.ceil(-Math.log10(beyond) - 1));
    table.createCaption().textContent = `${(100 * (1 - beyond)).toFixed(behind)} % took no longer (µs)`;
    for (const [name, microseconds] of rows) {
      const row = table.insertRow();
      row.insertCell().textContent = name;
      row.insertCell().textContent = Math.round(microseconds).toLocaleString("en");
    }
    reading.replaceChildren(table);
    reading.hidden = false;
    const figure = plot.parentElement.getBoundingClientRect();
    const at = event.clientX - figure.left;
    const isRight = at > figure.width / 2;
    reading.style.left = isRight ? "" : `${at + 20}px`;
    reading.style.right = isRight ? `${figure.width - at + 20}px` : "";
    reading.style.top = `${Number(top) / scale + 40}px`;
  };
  for (const plot of document.querySelectorAll("svg[data-latency]")) {
    const reading = document.createElement("div");
    reading.className = "reading";
    reading.hidden = true;
    reading.setAttribute("aria-hidden", "true");
    plot.after(reading);
    const line = document.createElementNS(plot.namespaceURI, "path");
    line.setAttribute("class", "crosshair");
    plot.append(line);
    plot.addEventListener("pointermove", (event) => showReading(plot, event, reading, line));
    plot.addEventListener("pointerleave", () => {
      reading.hidden = true;
      line.removeAttribute("d");
    });
  }

  document.getElementById("tools").hidden = false;
  root.dataset.script = "done";
})();
