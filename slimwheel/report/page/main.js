"use strict";

/* The page: what is shown, where in the tree it is, and what keys and switches do. */
slimwheel.Page = class {
  constructor(data) {
    this.data = data;
    this.trees = data.wheels.map((wheel) => new slimwheel.Tree(wheel));
    this.isDiff = this.trees.length > 1;
    this.hasRecipe = Boolean(data.recipe);
    this.measure = "installed";
    this.view = "upstream";
    this.path = "";
    this.at = (id) => document.getElementById(id);
    this.header();
    this.maps = this.trees.map((tree, number) => this.addMap(tree, number));
    this.switches();
    this.search();
    this.legend();
    if (this.hasRecipe) {
      this.at("rules-section").hidden = false;
      slimwheel.tables.rules(this.at("rules"), data.rules, data.recipe);
    }
    document.addEventListener("keydown", (event) => this.pressed(event));
    window.addEventListener("hashchange", () => this.go(this.fromHash(), null, false));
    let width = 0;
    new ResizeObserver(([entry]) => {
      if (Math.abs(entry.contentRect.width - width) < 1) return;
      const isFirst = width === 0;
      width = entry.contentRect.width;
      if (!isFirst) requestAnimationFrame(() => this.draw());
    }).observe(this.at("maps"));
    this.path = this.fromHash();
    this.draw();
  }

  header() {
    const { element, megabytes, share } = slimwheel;
    const names = this.data.wheels.map((wheel) => wheel.file);
    this.at("title").textContent = names.join("  →  ");
    const [first, second] = this.data.wheels;
    const after = this.isDiff ? second : first.left;
    for (const measure of ["installed", "download"]) {
      const before = first[measure];
      const figure = element("b", { text: megabytes(before) });
      if (after) {
        const about = !this.isDiff && measure === "download" ? "about " : "";
        const change = (100 * (after[measure] - before)) / before;
        figure.append(` → ${about}${megabytes(after[measure])} `);
        const text = `${change > 0 ? "+" : "−"}${Math.abs(change).toFixed(0)} %`;
        figure.append(element("em", { class: change > 0 ? "more" : "", text }));
      }
      const text = this.hasRecipe ? `${measure}, with recipe ${this.data.recipe}` : measure;
      this.at("totals").append(element("div", { class: "total" }, figure, element("span", { text })));
    }
    const files = this.trees.map((tree) => tree.wheel.members.length.toLocaleString("en"));
    const count = element("b", { text: files.join(" → ") });
    this.at("totals").append(
      element("div", { class: "total" }, count, element("span", { text: "files" })),
    );
    for (const verdict of this.data.verdicts) {
      const words = verdict.fits ? "fits" : "too large";
      const sizes = `${megabytes(verdict.size)}`;
      const title = `counts ${verdict.counts} bytes; ${verdict.source}`;
      const item = element("li", { class: verdict.fits ? "" : "over", title },
        `${verdict.limit}, ${megabytes(verdict.bytes)}: `, element("b", { text: words }), `, ${sizes}`);
      const after = this.data.verdicts_with_recipe.find((one) => one.limit === verdict.limit);
      if (after) {
        const text = after.fits ? "fits" : "still too large";
        item.append(`; with ${this.data.recipe} `, element("b", { class: after.fits ? "fit" : "", text }));
        item.append(`, ${megabytes(after.size)}`);
      }
      this.at("verdicts").append(item);
    }
    for (const excess of this.data.over_budget ?? []) {
      const sizes = `${megabytes(excess.size)} ${excess.counts} of ${megabytes(excess.budget)}`;
      this.at("verdicts").append(
        element("li", { class: "over" }, "budget: ", element("b", { text: "exceeded" }), `, ${sizes}`),
      );
    }
    const { counted = [], not_counted: missing = [] } = this.data.dependencies ?? {};
    const notes = [];
    if (counted.length) notes.push(`Counted with it: ${counted.join(", ")}.`);
    if (missing.length) notes.push(`Required, and not counted: ${missing.join(", ")}.`);
    this.at("dependencies").textContent = notes.join(" ");
    this.at("dependencies").hidden = !notes.length;
  }

  addMap(tree, number) {
    const { element } = slimwheel;
    const room = element("div", { class: "room" });
    const caption = element("figcaption");
    const figure = element("figure", {}, room);
    if (this.isDiff) figure.prepend(caption);
    this.at("maps").append(figure);
    const map = new slimwheel.Treemap(room, tree, {
      describe: (node) => this.describe(node, tree).join(", "),
      removed: (node) => this.removed(node),
      mark: (node, classes) => {
        // Once, for the whole of what the other wheel does not have.
        if (this.isDiff && !this.other(node, tree) && this.other(node.parent, tree)) {
          classes.push("only");
        }
      },
      enter: (node) => this.enter(node, map),
      choose: (node) => this.tell(node, tree),
      point: (node, event) => this.point(node, tree, event),
    });
    map.caption = caption;
    map.letter = "AB"[number];
    return map;
  }

  switches() {
    const add = (place, name, choices) => {
      for (const [value, text] of choices) {
        const input = slimwheel.element("input", { type: "radio", name, value });
        input.checked = this[name] === value;
        input.addEventListener("change", () => {
          this[name] = value;
          this.draw();
        });
        this.at(place).append(slimwheel.element("label", {}, input, text));
      }
    };
    add("measures", "measure", [["installed", "installed"], ["download", "download"]]);
    add("views", "view", [["upstream", "upstream"], ["remains", "what remains"]]);
    this.at("views").hidden = !this.hasRecipe;
  }

  legend() {
    const { element } = slimwheel;
    const groups = new Map();
    const here = new Set();
    for (const tree of this.trees) {
      for (const kind of slimwheel.Tree.byKind(tree.root, "installed").keys()) here.add(kind);
    }
    this.data.kinds.forEach((kind, number) => {
      if (here.has(number)) groups.set(kind.group, [...(groups.get(kind.group) ?? []), kind]);
    });
    const add = (name, text, title) =>
      this.at("legend").append(element("li", { title }, element("i", { class: name }), text));
    for (const [group, kinds] of groups) {
      const labels = kinds.map((kind) => kind.label).join(", ");
      add(group, labels, kinds.map((kind) => `${kind.label}: ${kind.rule}`).join("\n"));
    }
    if (this.hasRecipe) add("hatch", "the recipe removes this", "as much of a tile as goes");
    if (this.isDiff) add("only", "only in this wheel", "the other wheel has no such file");
  }

  /* How large a node is in what is shown. */
  value(node) {
    return this.view === "remains" ? node.left[this.measure] : node.size[this.measure];
  }

  /* Which share of a node the recipe removes, where that is to be seen. */
  removed(node) {
    if (!this.hasRecipe || this.view === "remains" || !node.size[this.measure]) return 0;
    return Math.max(1 - node.left[this.measure] / node.size[this.measure], 0);
  }

  other(node, tree) {
    return this.trees.find((one) => one !== tree)?.find(node.path) ?? null;
  }

  /* What is said of a node: its name, kind, sizes, and what becomes of it. */
  describe(node, tree) {
    const { megabytes } = slimwheel;
    const kind = this.data.kinds[node.mostly].label;
    const estimated = node.part ? " (estimated)" : "";
    const said = [
      slimwheel.Tree.fullName(node),
      node.children && node.kind === null ? `${node.files.toLocaleString("en")} files, mostly ${kind}` : kind,
      `${megabytes(node.size.installed)} installed`,
      `${megabytes(node.size.download)} to download${estimated}`,
    ];
    if (this.isDiff) {
      const other = this.other(node, tree);
      const change = other && other.size[this.measure] - node.size[this.measure];
      said.push(other === null ? "only in this wheel"
        : change ? `the other wheel has ${slimwheel.signed(change)}` : "the same size in both");
    }
    if (this.hasRecipe) {
      const rules = (node.rules ?? []).map((number) => this.data.rules[number]);
      const names = rules.map((rule) => rule.rule).join(", ");
      if (node.left.installed !== node.size.installed || node.action === "drop") {
        const what = node.left.installed ? `${megabytes(node.left.installed)} remain` : "removed";
        said.push(names ? `${what}, by ${names}` : what);
        for (const rule of rules) said.push(`${rule.rule} loses: ${rule.loses}`);
      }
    }
    return said;
  }

  tell(node, tree) {
    const [name, ...rest] = this.describe(node, tree);
    this.at("status").replaceChildren(slimwheel.element("b", { text: name }), ` — ${rest.join("; ")}`);
  }

  point(node, tree, event) {
    const tip = this.at("tip");
    tip.hidden = node === null;
    if (node === null) return;
    if (this.pointed !== node) {
      this.pointed = node;
      const [name, ...rest] = this.describe(node, tree);
      const lines = rest.map((text) => slimwheel.element("div", { text }));
      tip.replaceChildren(slimwheel.element("b", { text: name }), ...lines);
    }
    const right = event.clientX + 16 + tip.offsetWidth > window.innerWidth;
    const below = event.clientY + 18 + tip.offsetHeight > window.innerHeight;
    tip.style.left = `${Math.max(right ? event.clientX - 12 - tip.offsetWidth : event.clientX + 16, 4)}px`;
    tip.style.top = `${Math.max(below ? event.clientY - 12 - tip.offsetHeight : event.clientY + 18, 4)}px`;
  }

  enter(node, map) {
    if (node.children) this.go(node.path, null, true, map);
    else map.focus(node);
  }

  out() {
    if (!this.path) return;
    const tree = this.trees.find((one) => one.find(this.path)) ?? this.trees[0];
    const here = tree.find(this.path);
    this.go(here?.parent?.path ?? "", here);
  }

  /* Show a place; `focus` is the node there that gets the focus, and is drawn if it is tiny. */
  go(path, focus = null, takesFocus = true, map = this.maps[0]) {
    if (path === this.path && focus === null) return;
    this.path = path;
    this.at("tip").hidden = true;
    this.draw(focus);
    const hash = path ? `#${encodeURI(path)}` : "";
    if (decodeURI(location.hash) !== decodeURI(hash)) location.hash = hash;
    if (!takesFocus) return;
    const holder = this.maps.find((one) => focus && one.tiles.has(focus)) ?? map;
    if (!holder.focus(focus)) this.maps.find((one) => one.focus(null));
  }

  fromHash() {
    let path = "";
    try {
      path = decodeURI(location.hash.slice(1));
    } catch {
      return ""; // Somebody else's.
    }
    const node = this.trees.map((tree) => tree.find(path)).find(Boolean);
    return node?.children ? path : "";
  }

  draw(wanted = null) {
    const start = performance.now();
    const value = (node) => this.value(node);
    const nodes = this.trees.map((tree) => tree.find(this.path));
    const whole = Math.max(...nodes.map((node) => (node ? value(node) : 0)), 1);
    const counts = this.maps.map((map, number) => {
      const node = nodes[number];
      const { clientWidth: width, clientHeight: height } = map.room;
      // One scale for both wheels: the larger one has all of the room.
      const part = node ? value(node) / whole : 0;
      if (this.isDiff) {
        const text = node ? `  ${slimwheel.megabytes(value(node))} ${this.measure}` : "";
        const name = slimwheel.element("b", { text: `${map.letter}  ${map.tree.wheel.file}` });
        map.caption.replaceChildren(name, text);
      }
      return map.draw(node, value, width, Math.max(Math.round(height * part), node ? 24 : 60), wanted);
    });
    this.crumbs();
    this.list(nodes);
    this.kinds(nodes);
    const shown = nodes.findIndex(Boolean);
    this.tell(nodes[shown], this.trees[shown]);
    document.body.dataset.tiles = counts.reduce((a, b) => a + b, 0);
    document.body.dataset.place = this.path;
    performance.measure("slimwheel-draw", { start, end: performance.now() });
  }

  crumbs() {
    const { element } = slimwheel;
    const tree = this.trees.find((one) => one.find(this.path));
    const nodes = [];
    for (let node = tree.find(this.path); node; node = node.parent) nodes.unshift(node);
    const parts = nodes.flatMap((node, number) => {
      const text = number ? node.label : "whole wheel";
      if (number === nodes.length - 1) {
        return [element("span", { "aria-current": "location", text })];
      }
      const button = element("button", { type: "button", text });
      button.addEventListener("click", () => this.go(node.path, nodes[number + 1]));
      return [button, element("span", { class: "sep", "aria-hidden": "true", text: "/" })];
    });
    this.at("crumbs").replaceChildren(...parts);
  }

  list(nodes) {
    const { element, megabytes, share, signed, tables } = slimwheel;
    const names = new Map();
    nodes.forEach((node, number) => {
      for (const child of node?.children ?? []) {
        const row = names.get(child.name) ?? [null, null];
        row[number] = child;
        names.set(child.name, row);
      }
    });
    const weight = ([a, b]) =>
      this.isDiff ? Math.abs((b ? this.value(b) : 0) - (a ? this.value(a) : 0)) : this.value(a);
    const rows = [...names.values()].filter(([a, b]) => this.isDiff || this.value(a) > 0);
    rows.sort((a, b) => weight(b) - weight(a));
    const shown = rows.slice(0, tables.MOST);
    const node = nodes.find(Boolean);
    this.at("table-title").textContent = `${slimwheel.Tree.fullName(node)}: what is in it`;
    const name = (child) => {
      if (!child.children) return child.label;
      const button = element("button", { type: "button", text: child.label + (child.kind === null ? "/" : "") });
      button.addEventListener("click", () => this.go(child.path));
      return button;
    };
    const kind = (child) => tables.swatch(this.data.kinds[child.mostly], this.data.kinds[child.mostly].label);
    const whole = this.value(node);
    const size = (child, measure) => (child ? megabytes(child.size[measure]) : "-");
    let headings;
    let cells;
    if (this.isDiff) {
      headings = ["name", "mostly", "A installed", "B installed", "change", "A download", "B download", "change"];
      cells = ([a, b]) => [
        name(a ?? b), kind(a ?? b),
        ...["installed", "download"].flatMap((measure) => [
          size(a, measure), size(b, measure),
          signed((b?.size[measure] ?? 0) - (a?.size[measure] ?? 0)),
        ]),
      ];
    } else {
      headings = ["name", "mostly", "files", "installed", "download", "share"];
      cells = ([a]) => [
        name(a), kind(a), a.part ? "" : a.files.toLocaleString("en"),
        size(a, "installed"), size(a, "download"), share(this.value(a), whole),
      ];
      if (this.hasRecipe) {
        headings.push("remains", "rules");
        const plain = cells;
        cells = (row) => [...plain(row), megabytes(row[0].left[this.measure]),
          (row[0].rules ?? []).map((number) => this.data.rules[number].rule).join(", ")];
      }
    }
    const more = rows.length - shown.length;
    const foot = more ? [`${more.toLocaleString("en")} more`, ...headings.slice(1).map(() => "")] : null;
    tables.fill(this.at("table"), headings, shown.map(cells), foot, [1, ...(this.hasRecipe ? [7] : [])]);
  }

  kinds(nodes) {
    const { megabytes, share, signed, tables } = slimwheel;
    const found = nodes.map((node) => (node ? slimwheel.Tree.byKind(node, this.measure) : new Map()));
    const all = [...new Set(found.flatMap((map) => [...map.keys()]))];
    const size = (number, side) => found[side]?.get(number)?.[0] ?? 0;
    const left = (number) => found[0].get(number)?.[1] ?? 0;
    const sums = nodes.map((node) => (node ? node.size[this.measure] : 0));
    all.sort((a, b) => size(b, 0) + size(b, 1) - size(a, 0) - size(a, 1));
    const label = (number) => tables.swatch(this.data.kinds[number], this.data.kinds[number].label);
    const rows = all
      .filter((number) => size(number, 0) || size(number, 1) || left(number))
      .map((number) => {
        const a = size(number, 0);
        if (this.isDiff) return [label(number), megabytes(a), megabytes(size(number, 1)), signed(size(number, 1) - a)];
        return [label(number), megabytes(a), share(a, sums[0]), ...(this.hasRecipe ? [megabytes(left(number))] : [])];
      });
    const headings = this.isDiff ? ["kind", "A", "B", "change"] : ["kind", this.measure, "share"];
    if (this.hasRecipe) headings.push("remains");
    tables.fill(this.at("kinds"), headings, rows);
  }

  search() {
    const { element, megabytes } = slimwheel;
    const input = this.at("search");
    const list = this.at("found");
    let results = [];
    let chosen = 0;
    const close = () => {
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    };
    const choose = (number) => {
      chosen = Math.max(0, Math.min(number, results.length - 1));
      [...list.children].forEach((item, place) => item.setAttribute("aria-selected", place === chosen));
      list.children[chosen]?.scrollIntoView({ block: "nearest" });
      if (results.length) input.setAttribute("aria-activedescendant", `found-${chosen}`);
    };
    const open = (node) => {
      close();
      input.value = "";
      this.go(node.parent.path, node);
      const tree = this.trees.find((one) => one.find(node.path) === node);
      this.tell(node, tree);
    };
    const look = () => {
      const text = input.value.trim().toLowerCase();
      const paths = new Map();
      if (text) {
        for (const tree of this.trees) {
          for (const node of tree.matching(text)) if (!paths.has(node.path)) paths.set(node.path, node);
        }
      }
      // Names are asked for more often than the folders that they are in.
      const rank = (node) => (node.name.toLowerCase().includes(text) ? 1e15 : 0) + this.value(node);
      results = [...paths.values()].sort((a, b) => rank(b) - rank(a)).slice(0, 30);
      const items = results.map((node, number) => {
        const size = element("span", { class: "size", text: megabytes(this.value(node)) });
        const item = element("li", { role: "option", id: `found-${number}` }, slimwheel.Tree.fullName(node), size);
        item.addEventListener("mousedown", (event) => {
          event.preventDefault();
          open(node);
        });
        return item;
      });
      list.replaceChildren(...items);
      list.hidden = !text;
      input.setAttribute("aria-expanded", String(Boolean(text)));
      if (text && !results.length) list.append(element("li", { role: "option", text: "nothing found" }));
      choose(0);
    };
    input.addEventListener("input", look);
    input.addEventListener("blur", close);
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") choose(chosen + 1);
      else if (event.key === "ArrowUp") choose(chosen - 1);
      else if (event.key === "Enter" && results[chosen] && !list.hidden) open(results[chosen]);
      else if (event.key === "Escape") {
        input.value = "";
        close();
        if (!this.maps[0].focus(null)) input.blur();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  pressed(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.matches("input[type=search]")) return;
    if (event.key === "/") this.at("search").focus();
    else if (event.key === "Escape" || event.key === "Backspace") this.out();
    else if (event.key === "Home" && this.path) this.go("");
    else return;
    event.preventDefault();
  }
};

slimwheel.data = JSON.parse(document.getElementById("data").textContent);
slimwheel.page = new slimwheel.Page(slimwheel.data);
performance.measure("slimwheel-first-draw", { start: 0, end: performance.now() });
