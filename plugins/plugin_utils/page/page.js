"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const collator = new Intl.Collator(undefined, { numeric: true });
  const target = (hash) => document.getElementById(hash.slice(1));

  // A table, what narrows it, and the sections that its rows lead to.
  const list = (section) => {
    const rows = all(":scope > table > tbody > tr", section);
    if (!rows.length) return;
    const heads = all(":scope > table > thead th", section);
    const choices = all("[data-only]", section);
    const filter = section.querySelector("input");
    const told = section.querySelector(".told");
    const details = rows.map((row) => target(row.querySelector("a").hash));
    let words;

    const tell = () => {
      const shown = rows.filter((row) => !row.hidden).length;
      const sorted = heads.find((head) => head.ariaSort !== "none");
      const by = sorted ? `, by ${sorted.textContent.toLowerCase()}, ${sorted.ariaSort}` : "";
      told.textContent = shown ? `${shown === rows.length ? "All" : `${shown} of`} ${rows.length}${by}` : `None of ${rows.length} fits`;
    };
    const show = () => {
      const only = choices.filter((one) => one.ariaPressed === "true").map((one) => one.dataset.only);
      // What is searched of each row, once: a thousand gateways are filtered at each key.
      words ??= rows.map((row, at) => [row, ...all(".searched", details[at])].map((one) => one.textContent).join(" ").toLowerCase());
      const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      rows.forEach((row, at) => {
        const is = row.dataset.is.split(" ");
        const fits = wanted.every((word) => words[at].includes(word)) && (!only.length || only.some((word) => is.includes(word)));
        row.hidden = details[at].hidden = !fits;
      });
      tell();
    };
    filter.addEventListener("input", show);
    choices.forEach((one) => one.addEventListener("click", () => {
      one.ariaPressed = String(one.ariaPressed !== "true");
      show();
    }));
    if (choices.some((one) => one.ariaPressed === "true")) show();

    const key = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
    heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
      const way = head.ariaSort === "ascending" ? -1 : 1;
      heads.forEach((other) => { other.ariaSort = "none"; });
      head.ariaSort = way > 0 ? "ascending" : "descending";
      const keyed = rows.map((row) => [key(row, column), row]);
      // What has none comes last, whichever way.
      keyed.sort(([one], [other]) => (!one - !other) || way * collator.compare(one, other));
      keyed[0][1].parentNode.append(...keyed.map(([, row]) => row));
      tell();
    }));
  };
  all(".list").forEach(list);

  // What a link leads to is opened before it is looked at.
  const open = () => {
    const found = location.hash && target(location.hash);
    if (!(found instanceof HTMLDetailsElement)) return;
    found.hidden = false;
    found.open = true;
    found.scrollIntoView();
    found.firstElementChild.focus();
  };
  addEventListener("hashchange", open);
  open();

  document.addEventListener("click", async ({ target: button }) => {
    if (!button.matches(".copy")) return;
    const code = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch { // a page that came over plain HTTP may not
      getSelection().selectAllChildren(code);
      button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });

  const span = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
    if (days) return `${days} d ${hours} h`;
    return hours ? `${hours} h ${minutes} min` : `${minutes}:${String(whole % 60).padStart(2, "0")} min`;
  };
  const said = {
    since: (seconds) => `${span(-seconds)} ago`,
    until: (seconds) => (seconds > 0 ? `in ${span(seconds)}` : `over, ${span(-seconds)} ago`),
  };
  const ticking = all("time[data-ticks]").map((time) => {
    const off = document.createElement("span");
    off.className = "off";
    time.before(off);
    return { off, at: Date.parse(time.dateTime), say: said[time.dataset.ticks], ends: time.dataset.ticks === "until" };
  });
  const made = Date.parse(document.getElementById("made").dateTime);
  const age = document.getElementById("age");
  const tick = () => {
    const now = Date.now();
    for (const { off, at, say, ends } of ticking) {
      const seconds = (at - now) / 1000;
      const words = say(seconds);
      if (off.textContent === words) continue;
      off.textContent = words;
      off.classList.toggle("soon", ends && seconds < 300);
    }
    age.textContent = ` (${span((now - made) / 1000)} ago)`;
    age.classList.toggle("old", now - made > 900000);
  };
  tick();
  setInterval(tick, 1000);
})();
