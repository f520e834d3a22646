
"use strict";
(() => {
  const make = (tag, text) => {
    const one = document.createElement(tag);
    if (text !== undefined) one.textContent = text;
    return one;
  };

  for (const pre of document.querySelectorAll("pre.copy")) {
    const button = make("button", "copy");
    button.type = "button";
    const code = pre.querySelector("code");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "selected";
      }
    });
    pre.append(button);
  }

  const key = (row, at) => row.cells[at].dataset.by ?? row.cells[at].textContent;
  const order = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const difference = Number(a) - Number(b);
    return Number.isNaN(difference) ? a.localeCompare(b, "en", { numeric: true }) : difference;
  };
  for (const table of document.querySelectorAll(".scroll > table")) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 2) continue;
    [...table.tHead.rows[0].cells].forEach((cell, at) => {
      const button = make("button", cell.textContent);
      if (!cell.textContent) return;
      button.type = "button";
      cell.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = cell.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        rows.sort((one, other) => order(key(one, at), key(other, at)) * (down ? -1 : 1));
        table.tBodies[0].append(...rows);
      });
    });
    if (rows.length > 10) {
      const filter = make("input");
      filter.type = "search";
      filter.placeholder = "filter";
      filter.setAttribute("aria-label", "filter " + (table.caption?.textContent ?? "rows"));
      filter.addEventListener("input", () => {
        const words = filter.value.toLowerCase().split(/\s+/);
        for (const row of rows) {
          const text = row.textContent.toLowerCase();
          row.hidden = !words.every((word) => text.includes(word));
        }
      });
      table.parentElement.before(filter);
    }
  }

  const shown = (value) => value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
  for (const part of document.querySelectorAll(".compare")) {
    const data = JSON.parse(part.querySelector("script").textContent);
    const names = Object.keys(data.versions);
    const [old, now] = part.querySelectorAll("select");
    for (const select of [old, now]) select.append(...names.map((name) => new Option(name, name)));
    old.value = names[1];
    now.value = names[0];
    const result = part.querySelector(".result");
    const show = () => {
      const rows = [];
      const [before, after] = [data.versions[old.value], data.versions[now.value]];
      data.keys.forEach((name, at) => {
        if (before[at] !== after[at]) rows.push(["metadata", name, shown(before[at]), shown(after[at])]);
      });
      const [was, is] = [data.files[old.value], data.files[now.value]];
      for (const name of new Set([...Object.keys(was), ...Object.keys(is)])) {
        if (was[name] !== is[name]) rows.push(["file", name, shown(was[name]), shown(is[name])]);
      }
      const table = make("table");
      const head = table.createTHead().insertRow();
      for (const heading of ["", "what", old.value, now.value]) {
        const cell = make("th", heading);
        cell.scope = "col";
        head.append(cell);
      }
      const body = table.createTBody();
      for (const row of rows) {
        const line = body.insertRow();
        for (const cell of row) line.insertCell().textContent = cell;
      }
      const difference = rows.length ? table : make("p", "metadata and files are the same");
      const box = make("div");
      box.className = "scroll";
      box.append(difference);
      const command = make("pre");
      command.append(make("code", `mreg diff ${part.dataset.name}:${old.value} ${part.dataset.name}:${now.value} --tensors`));
      result.replaceChildren(box, command);
    };
    for (const select of [old, now]) select.addEventListener("change", show);
    part.hidden = false;
    show();
  }

  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
    target?.scrollIntoView();
  };
  addEventListener("hashchange", open);
  if (location.hash) open();
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));
})();
