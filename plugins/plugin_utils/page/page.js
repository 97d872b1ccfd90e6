"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const rows = all("tbody tr");
  const details = all("details.gateway");
  const filter = document.getElementById("filter");
  const counts = all(".count");

  // Of each row what is searched, once: a thousand gateways are filtered at each key.
  const words = rows.map((row) => row.textContent.toLowerCase());

  const show = () => {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const statuses = counts.filter((one) => one.getAttribute("aria-pressed") === "true").map((one) => one.dataset.status);
    let shown = 0;
    rows.forEach((row, at) => {
      const fits = wanted.every((word) => words[at].includes(word)) && (!statuses.length || statuses.includes(row.dataset.status));
      row.hidden = !fits;
      document.getElementById(row.querySelector("a").hash.slice(1)).hidden = !fits;
      shown += fits;
    });
    document.getElementById("shown").textContent = shown === rows.length ? "" : `${shown} of ${rows.length}`;
  };

  filter.addEventListener("input", show);
  counts.forEach((one) => one.addEventListener("click", () => {
    one.setAttribute("aria-pressed", String(one.getAttribute("aria-pressed") !== "true"));
    show();
  }));

  const key = (row, column) => {
    const cell = row.cells[column];
    return "sort" in cell.dataset ? cell.dataset.sort : cell.textContent.trim().toLowerCase();
  };
  all("thead th").forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    all("thead th").forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const order = [...rows].sort((one, other) => key(one, column).localeCompare(key(other, column), undefined, { numeric: true }) * (down ? -1 : 1));
    document.querySelector("tbody").append(...order);
  }));

  // What a link leads to is opened before it is looked at.
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", open);
  open();
  addEventListener("beforeprint", () => details.forEach((one) => { one.open = true; }));

  all(".copy").forEach((button) => button.addEventListener("click", async () => {
    const code = button.previousElementSibling.textContent;
    try {
      await navigator.clipboard.writeText(code);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.previousElementSibling);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }));

  const span = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
    if (days) return `${days} d ${hours} h`;
    return hours ? `${hours} h ${minutes} min` : `${minutes}:${String(whole % 60).padStart(2, "0")} min`;
  };
  const tick = () => {
    all("time.countdown").forEach((one) => {
      const left = (Date.parse(one.dateTime) - Date.now()) / 1000;
      one.textContent = left > 0 ? `in ${span(left)}` : `over, ${span(-left)} ago`;
    });
    all("time.since").forEach((one) => { one.textContent = `${span((Date.now() - Date.parse(one.dateTime)) / 1000)} ago`; one.title = one.dateTime; });
    const age = document.getElementById("age");
    age.textContent = `(${span((Date.now() - Date.parse(document.querySelector("header time").dateTime)) / 1000)} ago)`;
    age.hidden = false;
  };
  tick();
  setInterval(tick, 1000);
})();
