"""Style and script of the page: no file beside it, nothing from the network."""

CSS = """
:root { --ink: #20262e; --faint: #68717c; --line: #dde1e6; --bad: #b3261e; --warn: #8a5a00;
        --good: #1a7f4b; --paper: #fff; --field: #f6f7f9; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1220px; padding: 28px 24px 60px; color: var(--ink);
       background: var(--paper); font: 14px/1.45 system-ui, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 24px; margin: 0 0 2px; }
h2 { font-size: 18px; margin: 34px 0 8px; padding-top: 10px; border-top: 2px solid var(--ink); }
h3 { font-size: 14px; margin: 0 0 4px; }
p { margin: 4px 0; }
a { color: inherit; }
.faint { color: var(--faint); }
.verdict { display: inline-block; margin: 12px 0 4px; padding: 5px 12px; border-radius: 4px;
           color: #fff; font-weight: 600; background: var(--good); }
.verdict.bad { background: var(--bad); }
.tiles { display: flex; flex-wrap: wrap; gap: 10px; margin: 10px 0; }
.tile { border: 1px solid var(--line); border-radius: 6px; padding: 7px 14px; min-width: 104px; }
.tile b { display: block; font-size: 20px; font-weight: 600; }
.tile span { color: var(--faint); font-size: 12px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: 4px 6px; border-bottom: 1px solid var(--line);
         vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th { border-bottom: 2px solid var(--ink); background: var(--paper); white-space: nowrap; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid #3c6e9f; }
th[aria-sort=ascending] button::after { content: " \\25B2"; font-size: 9px; }
th[aria-sort=descending] button::after { content: " \\25BC"; font-size: 9px; }
tbody tr:hover { background: var(--field); }
td.place { white-space: nowrap; }
.error { color: var(--bad); font-weight: 600; }
.warning { color: var(--warn); font-weight: 600; }
.success { color: var(--good); }
.failure { color: var(--bad); }
td.over { color: var(--bad); font-weight: 600; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(370px, 1fr));
         gap: 14px 20px; margin: 12px 0; }
.plots > div { display: flex; flex-direction: column; justify-content: flex-end; }
.plots svg { width: 100%; height: auto; }
svg text { font: 10px system-ui, sans-serif; fill: var(--faint); }
svg polyline { fill: none; stroke-width: 1.2; }
.coverage { width: 100%; max-width: 820px; border: 1px solid var(--line); }
.episode { border-top: 1px solid var(--line); padding: 12px 0; break-inside: avoid;
           content-visibility: auto; contain-intrinsic-size: auto 300px; }
.episode .film { width: 100%; display: block; margin: 6px 0; border-radius: 3px; }
.arms { display: grid; grid-template-columns: 1fr 1fr; gap: 16px; }
.arms svg { width: 100%; height: auto; }
.episode ul { margin: 4px 0; padding-left: 18px; }
.key i { display: inline-block; width: 14px; height: 3px; margin: 0 4px 3px 12px; }
:target { scroll-margin-top: 8px; background: #fff8e1; }
@media print {
  @page { size: A4 landscape; margin: 11mm; }
  body { max-width: none; padding: 0; font-size: 11px; }
  table { font-size: 10px; }
  h2 { break-after: avoid; margin-top: 18px; }
  .coverage { max-width: 125mm; }
  .plots { grid-template-columns: repeat(3, 1fr); gap: 8px 14px; }
  .plots > div, .tile, tr { break-inside: avoid; }
  .episode { content-visibility: visible; }
  thead { display: table-header-group; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""

SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const rising = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const key = row => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    const body = table.tBodies[0];
    [...body.rows].map(row => [key(row), row]).sort(([a], [b]) => {
      const difference = a - b;
      const order = Number.isNaN(difference) ? a.localeCompare(b) : difference;
      return rising ? order : -order;
    }).forEach(([, row]) => body.append(row));
  }));
}
"""
