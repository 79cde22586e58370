"use strict";

/* From rows of members to a tree of directories, files, and what is in ELF files.

   A node has: name, path, parent, children (none in leaves), kind (a place in the data's kinds,
   of leaves and files), files, and for each measure ("installed", "download") what there is and
   what a recipe leaves: size[measure] and left[measure]. */
slimwheel.Tree = class {
  constructor(wheel) {
    this.wheel = wheel;
    this.root = this.node(null, "", null);
    this.root.label = wheel.file;
    for (const row of wheel.members) this.addMember(row, false);
    for (const row of wheel.added) this.addMember(row, true);
    // The archive's own bytes are downloaded, and never installed.
    const rest = this.kinds.findIndex((kind) => kind.id === "padding");
    this.leaf(this.root, "(the archive's own)", rest, [0, wheel.overhead], [0, wheel.overhead]);
    this.sum(this.root);
  }

  get kinds() {
    return slimwheel.data.kinds;
  }

  node(parent, name, kind) {
    const path = parent === null || parent.parent === null ? name : `${parent.path}/${name}`;
    const made = { name, path, label: name, parent, kind, children: null, files: 0, by: null };
    made.size = { installed: 0, download: 0 };
    made.left = { installed: 0, download: 0 };
    if (parent !== null) {
      parent.by ??= new Map();
      parent.children ??= [];
      parent.by.set(name, made);
      parent.children.push(made);
    }
    return made;
  }

  leaf(parent, name, kind, size, left) {
    const made = this.node(parent, name, kind);
    [made.size.installed, made.size.download] = size;
    [made.left.installed, made.left.download] = left;
    return made;
  }

  addMember([name, kind, installed, download, parts, remainder], added) {
    const folders = name.split("/");
    const base = folders.pop();
    let place = this.root;
    folders.forEach((folder, depth) => {
      // So that two wheels' dist-info is told apart by nothing but the wheels.
      const key = depth === 0 && folder.endsWith(".dist-info") ? "*.dist-info" : folder;
      const known = place.by?.get(key);
      place = known ?? this.node(place, key, null);
      if (!known) place.label = folder;
    });
    const left = remainder ? remainder.slice(0, 2) : [installed, download];
    const size = added ? [0, 0] : [installed, download];
    const file = this.leaf(place, base, kind, size, left);
    file.files = added ? 0 : 1;
    file.action = added ? "add" : (remainder?.[2] ?? "keep");
    file.rules = remainder?.[3] ?? [];
    if (parts) this.addParts(file, parts, left);
  }

  addParts(file, parts, [left, leftDownload]) {
    let kept = 0;
    for (const [name, kind, installed, download, stays, rules] of parts) {
      const rest = file.action === "drop" ? 0 : (stays ?? installed);
      const packed = installed ? Math.round((download * rest) / installed) : 0;
      const made = this.leaf(file, name, kind, [installed, download], [rest, packed]);
      Object.assign(made, { action: file.action, rules: rules ?? file.rules, part: true });
      kept += rest;
    }
    // What stands in the new file and was not in the old one: changed headers, a stand-in.
    if (left > kept) {
      const rest = this.kinds.findIndex((kind) => kind.id === "padding");
      const made = this.leaf(file, "(written anew)", rest, [0, 0], [left - kept, 0]);
      Object.assign(made, { action: "add", rules: file.rules, part: true });
    }
    // Of a file that is written anew the whole is better known than its parts.
    const packed = file.children.reduce((sum, part) => sum + part.left.download, 0);
    for (const part of file.children) {
      if (packed) part.left.download *= leftDownload / packed;
      else part.left.download = left ? (leftDownload * part.left.installed) / left : 0;
    }
  }

  /* Add up what is in directories and files, and find which kind each has most of. */
  sum(node) {
    if (node.children === null) {
      node.mostly = node.kind;
      return;
    }
    const kinds = new Map();
    for (const measure of ["installed", "download"]) node.size[measure] = node.left[measure] = 0;
    for (const child of node.children) {
      this.sum(child);
      for (const measure of ["installed", "download"]) {
        node.size[measure] += child.size[measure];
        node.left[measure] += child.left[measure];
      }
      if (!child.part) node.files += child.files;
      const most = child.size.installed || child.left.installed;
      kinds.set(child.mostly, (kinds.get(child.mostly) ?? 0) + most);
    }
    node.mostly = node.kind ?? [...kinds].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
  }

  /* The name of a node as the wheel has it; paths are the same in every version of a wheel. */
  static fullName(node) {
    const names = [];
    for (let one = node; one.parent; one = one.parent) names.unshift(one.label);
    return names.join("/") || node.label;
  }

  /* Find a node by its path, null where there is none. */
  find(path) {
    let node = this.root;
    // A section's name may have a slash in it, but none has a child.
    for (let rest = path; rest; ) {
      if (!node.by) return null;
      const whole = node.by.get(rest);
      if (whole) return whole;
      const name = rest.split("/", 1)[0];
      if (!node.by.has(name)) return null;
      node = node.by.get(name);
      rest = rest.slice(name.length + 1);
    }
    return node;
  }

  /* The bytes under a node by kind: a map from places in kinds to [size, left]. */
  static byKind(node, measure, found = new Map()) {
    if (node.children === null) {
      const row = found.get(node.kind) ?? [0, 0];
      found.set(node.kind, [row[0] + node.size[measure], row[1] + node.left[measure]]);
    } else {
      for (const child of node.children) slimwheel.Tree.byKind(child, measure, found);
    }
    return found;
  }

  /* Yield all nodes whose path has some text in it, whatever its case. */
  *matching(text, node = this.root) {
    for (const child of node.children ?? []) {
      if (child.path.toLowerCase().includes(text)) yield child;
      yield* this.matching(text, child);
    }
  }
};
