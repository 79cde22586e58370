"use strict";

/* Draws one place of a tree as a treemap. d3-hierarchy lays it out; what is too small to be seen is
   neither laid out nor drawn, so that 13,000 files take some hundred elements. */
slimwheel.Treemap = class {
  // Areas in square pixels: what is opened to show what is in it, and what is drawn at all.
  static OPEN = 1600;
  static SEEN = 24;
  // Of more children than these the smallest are one tile together.
  static MOST = 1000;
  static HEAD = 17;

  constructor(room, tree, hooks) {
    this.room = room;
    this.tree = tree;
    this.hooks = hooks;
    this.map = slimwheel.element("div", { class: "map", role: "tree" });
    room.append(this.map);
    this.nodes = new WeakMap();
    this.tiles = new Map();
    const over = (event) => this.nodes.get(event.target.closest(".tile"));
    this.map.addEventListener("mousemove", (event) => hooks.point(over(event) ?? null, event));
    this.map.addEventListener("mouseleave", (event) => hooks.point(null, event));
    this.map.addEventListener("click", (event) => this.clicked(over(event)));
    this.map.addEventListener("keydown", (event) => this.pressed(event));
    this.map.addEventListener("focusin", (event) => this.focused(event.target));
  }

  /* Draw a node, or that it is not there.

     value says how large a node is; width and height are those of the map; wanted is a node that
     is drawn however small it is. */
  draw(node, value, width, height, wanted = null) {
    this.node = node;
    this.value = value;
    this.tiles.clear();
    this.map.replaceChildren();
    this.map.style.height = `${height}px`;
    this.map.style.width = `${width}px`;
    if (node === null || !value(node)) {
      const text = node === null ? "Not in this wheel." : "Nothing of it remains.";
      this.map.append(slimwheel.element("p", { class: "absent", text }));
      this.map.removeAttribute("aria-label");
      return 0;
    }
    this.map.setAttribute("aria-label", `What is in ${node.label}, by size`);
    const scale = (width * height) / value(node);
    const opens = (one) =>
      one === node || this.isWorthOpening(one, scale) ? this.shown(one, wanted) : null;
    const top = d3
      .hierarchy(node, opens)
      .sum((one) => 0)
      .each((one) => (one.value = value(one.data)))
      .sort((a, b) => Boolean(a.data.isCrumbs) - Boolean(b.data.isCrumbs) || b.value - a.value);
    const frames = (one) => one.depth > 0 && this.isFrame(one);
    d3
      .treemap()
      .tile(d3.treemapSquarify.ratio(1.2))
      .size([width, height])
      .round(true)
      .paddingTop((one) => (frames(one) ? slimwheel.Treemap.HEAD : one.depth ? 1 : 0))
      .paddingRight((one) => (one.depth ? 3 : 0))
      .paddingBottom((one) => (one.depth ? 3 : 0))
      .paddingLeft((one) => (one.depth ? 3 : 0))(top);
    const drawn = document.createDocumentFragment();
    let count = 0;
    for (const one of top.children ?? []) count += this.tile(one, drawn, 0, 0, wanted);
    this.map.append(drawn);
    return count;
  }

  /* The children of a node that get tiles of their own, and one tile for the crumbs. */
  shown(node, wanted) {
    const children = node.children.filter((child) => this.value(child) > 0);
    if (children.length <= slimwheel.Treemap.MOST) return children;
    children.sort((a, b) => this.value(b) - this.value(a));
    const isShown = (child, place) => place < slimwheel.Treemap.MOST || child === wanted;
    const crumbs = children.filter((child, place) => !isShown(child, place));
    const sum = (key) => {
      const sums = { installed: 0, download: 0 };
      for (const child of crumbs) for (const measure in sums) sums[measure] += child[key][measure];
      return sums;
    };
    return children.filter(isShown).concat({
      label: `${crumbs.length.toLocaleString("en")} smaller`,
      path: node.path, parent: node, children: null, files: crumbs.length,
      kind: crumbs[0].mostly, mostly: crumbs[0].mostly, size: sum("size"), left: sum("left"),
      isCrumbs: true,
    });
  }

  /* Whether something of what is in a node would be seen: thousands of crumbs are one tile. */
  isWorthOpening(node, scale) {
    if (!node.children || this.value(node) * scale < slimwheel.Treemap.OPEN) return false;
    const seen = 4 * slimwheel.Treemap.SEEN / scale;
    let shown = 0;
    for (const child of node.children) {
      const size = this.value(child);
      if (size >= seen) shown += size;
    }
    return shown > 0.3 * this.value(node);
  }

  isFrame(one) {
    return one.children && one.x1 - one.x0 > 46 && one.y1 - one.y0 > 34;
  }

  tile(one, into, left, top, wanted) {
    const node = one.data;
    const isWanted = node === wanted;
    let width = one.x1 - one.x0;
    let height = one.y1 - one.y0;
    if (isWanted) [width, height] = [Math.max(width, 8), Math.max(height, 8)];
    if (width < 3 || height < 3 || width * height < slimwheel.Treemap.SEEN) return 0;
    const isOpen = Boolean(one.children) && width > 12 && height > 12;
    const group = this.tree.kinds[node.mostly].group;
    const classes = ["tile", isOpen ? "frame" : group, node.children ? "" : "leaf"];
    const element = slimwheel.element("div");
    const style = `left:${one.x0 - left}px;top:${one.y0 - top}px;width:${width}px;height:${height}px`;
    element.style.cssText = style;
    this.nodes.set(element, node);
    this.hooks.mark(node, classes);
    if (one.depth === 1) this.reachable(element, node);
    if (!isOpen) {
      const gone = this.hooks.removed(node);
      if (gone > 0.001) element.append(slimwheel.element("i", { style: `width:${100 * gone}%` }));
    }
    element.className = classes.filter(Boolean).join(" ");
    this.label(element, node, isOpen && this.isFrame(one), isOpen, width, height);
    into.append(element);
    let count = 1;
    if (isOpen) {
      // Children are placed from within the border, which page.css makes one pixel wide, or three.
      const border = classes.includes("only") ? 3 : 1;
      for (const child of one.children) {
        count += this.tile(child, element, one.x0 + border, one.y0 + border, wanted);
      }
    }
    return count;
  }

  label(element, node, hasHead, isOpen, width, height) {
    const size = slimwheel.megabytes(this.value(node));
    if (isOpen) {
      if (!hasHead) return;
      const head = slimwheel.element("span", { text: node.label });
      if (width > 110) head.append(slimwheel.element("small", { text: size }));
      element.append(head);
    } else if (width > 38 && height > 16) {
      // A directory whose files are too small to be drawn.
      const folder = node.children && node.kind === null ? "/" : "";
      element.append(slimwheel.element("span", { text: node.label + folder }));
      if (height > 32 && width > 50) element.append(slimwheel.element("span", { text: size }));
    }
  }

  /* Make a tile one that the keyboard reaches: only the first level is, the first tile by Tab. */
  reachable(element, node) {
    element.setAttribute("role", "treeitem");
    element.setAttribute("aria-label", this.hooks.describe(node));
    element.setAttribute("tabindex", this.tiles.size ? "-1" : "0");
    this.tiles.set(node, element);
  }

  focus(node) {
    const element = this.tiles.get(node) ?? this.tiles.values().next().value;
    element?.focus();
    return Boolean(element);
  }

  focused(element) {
    for (const other of this.tiles.values()) other.setAttribute("tabindex", "-1");
    element.setAttribute("tabindex", "0");
    const node = this.nodes.get(element);
    if (node) this.hooks.choose(node);
  }

  clicked(node) {
    if (!node) return;
    let at = node;
    while (at.parent !== this.node) at = at.parent;
    this.hooks.enter(at);
  }

  pressed(event) {
    const node = this.nodes.get(event.target);
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!node || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") {
      this.hooks.enter(node);
    } else if (way[event.key]) {
      this.neighbour(event.target, ...way[event.key])?.focus();
    } else {
      return;
    }
    event.preventDefault();
  }

  /* The nearest tile in a direction: those in the same row or column are nearer than others. */
  neighbour(from, x, y) {
    const middle = (box) => [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    const here = from.getBoundingClientRect();
    const [fromX, fromY] = middle(here);
    let best = null;
    let least = Infinity;
    for (const element of this.tiles.values()) {
      const box = element.getBoundingClientRect();
      const edge = x ? (x > 0 ? box.left - here.right : here.left - box.right)
        : y > 0 ? box.top - here.bottom : here.top - box.bottom;
      if (element === from || edge < -2) continue;
      const [toX, toY] = middle(box);
      const apart = x
        ? Math.max(box.top - here.bottom, here.top - box.bottom, 0)
        : Math.max(box.left - here.right, here.left - box.right, 0);
      const distance = edge + 8 * apart + 0.01 * Math.abs(x ? toY - fromY : toX - fromX);
      if (distance < least) [least, best] = [distance, element];
    }
    return best;
  }
};
