"use strict";

/* The same numbers as words, for those who cannot see the picture or want to copy them. */
slimwheel.tables = {
  MOST: 100,

  /* Fill a table. Cells are texts or elements; the first column and those in `words` are words. */
  fill(table, headings, rows, foot = null, words = []) {
    const { element } = slimwheel;
    const cell = (tag) => (content, column) => {
      const made = element(tag, words.includes(column) ? { class: "words" } : {});
      if (tag === "th") made.setAttribute("scope", "col");
      made.append(content);
      return made;
    };
    const head = element("thead", {}, element("tr", {}, ...headings.map(cell("th"))));
    const line = (row) => element("tr", {}, ...row.map(cell("td")));
    table.replaceChildren(head, element("tbody", {}, ...rows.map(line)));
    if (foot) table.append(element("tfoot", {}, line(foot)));
  },

  swatch(kind, text) {
    const { element } = slimwheel;
    return element("span", {}, element("i", { class: kind.group }), text);
  },

  rules(table, rules, recipe) {
    document.getElementById("rules-title").textContent =
      `What recipe ${recipe} removes, and what is lost`;
    this.fill(
      table,
      ["rule", "why", "what is lost"],
      rules.map((rule) => [rule.rule, rule.reason, rule.loses]),
      null,
      [1, 2],
    );
  },
};
